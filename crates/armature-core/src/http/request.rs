//! A request on its way from the protocol through the layers to a handler.

use std::cell::{Cell, OnceCell, RefCell};
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::task::Waker;

use super::{Body, Head, Method, Peer, Problem, RequestId};
use crate::router::{Allow, Params, RouteId};

/// One request: a handle, so that the rooms it passes through do not copy it. Its [`RequestParts`] are its fields.
#[derive(Debug)]
pub struct Request(pub(super) Box<RequestParts>);

/// The fields of a [`Request`].
#[derive(Debug)]
pub struct RequestParts {
    /// Method, target, fields.
    pub head: Head,
    /// Content.
    pub body: Body,
    /// The connection's other end.
    pub peer: Rc<Peer>,
    /// Identifies the request in logs and answers.
    pub id: RequestId,
    /// What the router found; set before the first layer runs.
    pub matched: Matched,
    /// Shared by the protocol, the server and the handler while the request is in flight.
    pub context: Rc<RequestContext>,
}

/// What the router found for a request.
#[derive(Clone, Debug, Default)]
pub struct Matched {
    /// The route, `None` for fallbacks and answers that the server gives by itself.
    pub route: Option<RouteId>,
    /// Path parameters in the order of the pattern; for fallbacks those of the prefix of the scope that the path
    /// belongs to.
    pub params: Params,
    /// Bytes that the body may have.
    pub body_limit: u64,
    /// Set when no handler is asked: what the server answers by itself, inside the scope's layers.
    pub automatic: Option<Automatic>,
}

/// Answers that need no handler.
#[derive(Clone, Debug)]
pub enum Automatic {
    /// A refusal.
    Refuse(Problem),
    /// 405 with the methods that the path accepts.
    MethodNotAllowed(Allow),
    /// 204 with the methods that the path accepts.
    Options(Option<Allow>),
    /// 308 to another path, as sent (still escaped), query included.
    Redirect(String),
}

/// Why nobody waits for an answer any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CancelReason {
    /// The client closed its side of the connection or reset the stream.
    ClientGone = 1,
    /// `timeouts.handler` passed.
    Deadline = 2,
    /// The server is closing and the drain period is over.
    Shutdown = 3,
}

/// State of one request in flight that more than one room has to see.
#[derive(Debug, Default)]
pub struct RequestContext {
    cancelled: Cell<Option<CancelReason>>,
    cancel_waker: RefCell<Option<Waker>>,
    /// Ticks of the loop's clock spent waiting for the client's body; the handler's deadline moves by as much.
    body_waited: Cell<u64>,
    body_wait_started: Cell<Option<u64>>,
    /// Others of its connection that were in progress when it began.
    beside: Cell<u32>,
    /// Set when the request may leave HTTP: the protocols that it lists, separated by commas.
    pub(super) upgrade: OnceCell<Box<[u8]>>,
}

impl Deref for Request {
    type Target = RequestParts;

    fn deref(&self) -> &RequestParts {
        &self.0
    }
}

impl DerefMut for Request {
    fn deref_mut(&mut self) -> &mut RequestParts {
        &mut self.0
    }
}

impl RequestContext {
    /// Makes it ready for another request; nobody else may hold it.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Tells whoever waits in [`RequestContext::on_cancel`]; the first reason stays.
    pub fn cancel(&self, reason: CancelReason) {
        if self.cancelled.get().is_none() {
            self.cancelled.set(Some(reason));
            if let Some(waker) = self.cancel_waker.borrow_mut().take() {
                waker.wake();
            }
        }
    }

    /// So many others of its connection are in progress.
    pub(crate) fn begin_beside(&self, others: usize) {
        self.beside.set(others.try_into().unwrap_or(u32::MAX));
    }

    /// How many others of its connection were in progress when it began.
    pub fn beside(&self) -> u32 {
        self.beside.get()
    }

    /// Why the request was given up, if it was.
    pub fn cancelled(&self) -> Option<CancelReason> {
        self.cancelled.get()
    }

    /// Has `waker` woken when the request is cancelled. One waiter: the handler.
    pub fn on_cancel(&self, waker: &Waker) {
        let mut slot = self.cancel_waker.borrow_mut();
        if !slot.as_ref().is_some_and(|w| w.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }

    /// The body has nothing to give until the client sends more. `now` in ticks.
    pub fn body_wait_begins(&self, now: u64) {
        if self.body_wait_started.get().is_none() {
            self.body_wait_started.set(Some(now));
        }
    }

    /// The client sent something. `now` in ticks.
    pub fn body_wait_ends(&self, now: u64) {
        if let Some(started) = self.body_wait_started.take() {
            self.body_waited.set(self.body_waited.get() + now.saturating_sub(started));
        }
    }

    /// Ticks that the client kept the handler waiting so far.
    pub fn body_waited(&self, now: u64) -> u64 {
        self.body_waited.get() + self.body_wait_started.get().map_or(0, |started| now.saturating_sub(started))
    }
}

impl Request {
    /// A request that no router has seen yet.
    pub fn new(head: Head, body: Body, peer: Rc<Peer>, id: RequestId) -> Self {
        Self::of(RequestParts { head, body, peer, id, matched: Matched::default(), context: Rc::default() })
    }

    /// Another one for the same thing: without content, and with nobody yet who waits for its answer.
    pub(crate) fn twin(&self, id: RequestId) -> Self {
        let mut twin = Self::new(self.head.clone(), Body::Empty, self.peer.clone(), id);
        twin.matched = self.matched.clone();
        twin
    }

    /// Its content.
    pub fn into_body(self) -> Body {
        self.0.body
    }

    pub(super) fn of(parts: RequestParts) -> Self {
        Self(Box::new(parts))
    }

    /// Request method.
    pub fn method(&self) -> &Method {
        self.head.method()
    }

    /// Path as sent, still escaped.
    pub fn path(&self) -> &str {
        self.head.path()
    }

    /// Decoded value of the n-th parameter of the route's pattern.
    pub fn param(&self, index: usize) -> Option<&str> {
        self.matched.params.get(index, self.head.path())
    }
}
