//! A request in flight, as its loop keeps it while JavaScript works on it.

use std::rc::Rc;
use std::task::Waker;

use armature_core::http::{Body, Problem, RequestContext, RequestId, Response};

use super::flow::Flow;
use super::headers::HeaderChange;
use super::lanes::LaneEnd;
use super::socket::Opening;
use super::socket_end::SocketEnd;
use super::stream::StreamState;

/// A request that JavaScript has, or will have.
pub struct Slot {
    pub lane: Rc<LaneEnd>,
    pub context: Rc<RequestContext>,
    pub id: RequestId,
    /// Of the request in its lane; beyond all of them until it is there.
    pub number: u64,
    /// When it has waited too long, by the clock of the lanes, if it has moved: its number does not tell any more.
    pub due: u64,
    /// It is for the thread of this lane and no other: it was injected there.
    pub is_bound: bool,
    pub reply: Option<Reply>,
    pub waker: Option<Waker>,
    /// JavaScript has been told that the client left.
    pub announced: bool,
    /// What only some requests have.
    pub streams: Option<Box<Streams>>,
}

/// Bodies that are not in one piece.
#[derive(Default)]
pub struct Streams {
    /// Of the response.
    pub response: Option<Rc<StreamState>>,
    /// JavaScript has said everything; the slot only waits for its reply to be taken.
    pub complete: bool,
    pub pump: Option<Rc<Flow>>,
    /// The body that JavaScript has not asked for yet.
    pub body: Option<Body>,
    /// What is needed to become a WebSocket.
    pub opening: Option<Box<Opening>>,
    /// The WebSocket that it has become.
    pub socket: Option<Rc<SocketEnd>>,
}

impl Slot {
    pub fn streams(&mut self) -> &mut Streams {
        self.streams.get_or_insert_default()
    }

    pub fn response(&self) -> Option<&Rc<StreamState>> {
        self.streams.as_ref()?.response.as_ref()
    }

    /// Whether JavaScript has more to say after its reply.
    pub fn is_streaming(&self) -> bool {
        self.streams.as_ref().is_some_and(|streams| {
            streams.socket.is_some() || streams.response.is_some() && !streams.complete
        })
    }

    pub fn socket(&self) -> Option<&Rc<SocketEnd>> {
        self.streams.as_ref()?.socket.as_ref()
    }
}

/// What a handler answered.
pub enum Reply {
    /// A response.
    Response(Response),
    /// The native handler answers, and this is done to its headers.
    Native(HeaderChange),
    /// The bytes that came made no sense.
    Broken,
    /// The JavaScript thread is gone; this is said instead.
    Lost(Problem),
    /// It waited for JavaScript too long.
    Shed,
}
