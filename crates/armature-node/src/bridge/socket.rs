//! WebSockets: messages cross in the batches that requests cross in, as fast as JavaScript and the peer take them.
//!
//! A socket keeps the slot of its request. What JavaScript has not handled is bounded by credit that it grants, what the peer
//! has not taken by credit that it gets back.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use armature_bridge::SlotId;
use armature_bridge::record::{
    self, Kind, MESSAGE_ASCII, MESSAGE_BINARY, MESSAGE_CREDIT, MESSAGE_MORE, MESSAGE_REST,
};
use armature_core::config::WebSocketSettings;
use armature_core::http::{CancelReason, Headers, Response};
use armature_core::protocol::ws::{self, Agreement, Farewell, Handshake, Link, Outbox, Room, Text};

use super::lanes::LaneEnd;
use super::loop_side::LoopSide;
use super::socket_end::{Over, Place, Revival, SocketEnd};

/// Largest piece in one record; a record must fit JavaScript's buffer.
const PIECE: usize = 64 * 1024;
/// What a message costs besides its bytes: it becomes an object.
pub(super) const MESSAGE: u64 = 64;
/// Bytes that may wait in a lane before sockets pause.
const LANE_BYTES: usize = 4 << 20;
/// The most credit that fits beside the flags of a message.
const MOST_CREDIT: usize = (1 << (32 - MESSAGE_CREDIT)) - 1;

/// A request that JavaScript may make a WebSocket of.
pub struct Opening {
    pub handshake: Handshake,
    /// What was agreed on about compression.
    pub deflate: Option<Agreement>,
    pub settings: Rc<WebSocketSettings>,
    /// What the route is called, in this generation and the next.
    pub route: Arc<str>,
}

impl Opening {
    /// The socket and the 101 that leads to it. `state` is what another lane would have to know, as JavaScript says.
    pub fn open(
        self,
        side: Rc<LoopSide>,
        lane: Rc<LaneEnd>,
        slot: SlotId,
        headers: Headers,
        state: &[u8],
    ) -> (Rc<SocketEnd>, Response) {
        let Self { handshake, deflate, settings, route } = self;
        let survives = side.revivals.is_some();
        let revival = survives.then(|| Revival::new(&route, state, settings.state)).flatten();
        let outbox = Outbox::deflating(&side.io_loop, deflate);
        let end = SocketEnd::new(outbox.clone(), settings, lane, side.sockets.clone(), revival);
        let link = JsLink {
            side,
            slot,
            end: end.clone(),
            untold: Cell::new(0),
            is_open: Cell::new(false),
            is_over: Cell::new(false),
        };
        let response = handshake.accept(headers, move |io| {
            let (settings, io_loop) = (Rc::new(link.end.settings().ws.clone()), link.side.io_loop.clone());
            ws::serve(io, settings, outbox, link, &io_loop)
        });
        (end, response)
    }
}

/// From the connection to JavaScript.
struct JsLink {
    side: Rc<LoopSide>,
    slot: SlotId,
    end: Rc<SocketEnd>,
    /// Credit that did not fit into a message.
    untold: Cell<usize>,
    is_open: Cell<bool>,
    is_over: Cell<bool>,
}

impl Link for JsLink {
    fn opened(&self) {
        self.is_open.set(true);
        self.side.sockets.open.enter();
        if let Some(revival) = self.end.revival() {
            revival.is_open.set(true);
            if revival.place.get() == Place::Nowhere {
                // Its lane has gone before.
                return self.side.rebind(self.slot, &self.end, revival);
            }
        }
        let limits = self.end.limits();
        let opened = self.end.lane().lane.push(|out| record::socket_open(out, self.slot, limits));
        // A lane that has closed says so to the loop, and another one takes the socket up.
        if opened.is_err() && self.end.revival().is_none() {
            self.end.lane_leaves();
        }
    }

    fn room(&self) -> Room {
        if self.end.available() == 0 || !self.end.has_lane() {
            Room::Wait
        } else if self.end.lane().lane.depth().1 > LANE_BYTES {
            Room::Later
        } else {
            Room::Now
        }
    }

    fn message(&self, text: Text, content: &[u8], taken: usize) {
        self.end.spend(content.len() as u64 + MESSAGE);
        let kind = match text {
            Text::Not => MESSAGE_BINARY,
            Text::Utf8 => 0,
            Text::Ascii => MESSAGE_ASCII,
        };
        let taken = taken + self.untold.take();
        // Whoever takes it up is told what is owed then.
        let told = if self.end.has_lane() { taken.min(MOST_CREDIT) } else { 0 };
        self.untold.set(taken - told);
        self.end.told(told);
        let mut value = kind | (told as u32) << MESSAGE_CREDIT;
        let mut rest = content;
        loop {
            let (piece, behind) = rest.split_at(rest.len().min(PIECE));
            rest = behind;
            let more = if rest.is_empty() { 0 } else { MESSAGE_MORE };
            self.push(|out| record::data(out, Kind::SocketMessage, self.slot, value | more, piece));
            if rest.is_empty() {
                return;
            }
            value = kind | MESSAGE_REST;
        }
    }

    fn taken(&self, bytes: usize) {
        let bytes = bytes + self.untold.take();
        let told = if self.end.has_lane() { bytes.min(u32::MAX as usize) } else { 0 };
        self.untold.set(bytes - told);
        self.end.told(told);
        let lane = self.end.lane();
        let _ = lane.lane.push(|out| record::event(out, Kind::Credit, self.slot, told as u32));
    }

    fn quota(&self) -> usize {
        self.end.settings().send_buffer / 2
    }

    fn closing(&self, farewell: &Farewell) {
        if let Some(revival) = self.end.revival() {
            // Whoever has the socket answers; who takes it up is told again.
            *revival.closing.borrow_mut() = Some(farewell.clone());
            if revival.place.get() == Place::Nowhere {
                self.end.outbox.close(farewell.code, &farewell.reason);
                return;
            }
        }
        if !self.tell(Kind::SocketClosing, farewell) && self.end.revival().is_none() {
            self.end.lane_leaves();
        }
    }

    fn closed(&self, farewell: Farewell) {
        self.end_with(farewell);
    }
}

impl JsLink {
    /// Queues a record of a message, or a piece of one, for the lane, or for the next one.
    fn push(&self, encode: impl Fn(&mut Vec<u8>)) {
        let has_lane = self.end.has_lane();
        if has_lane && self.end.lane().lane.push(&encode).is_ok() {
            return;
        }
        // Nobody takes it when the lane has closed; the socket hears of that.
        if let Some(revival) = self.end.revival() {
            revival.held.borrow_mut().push(encode);
        }
    }

    /// The connection is over. Whoever has the handlers hears it; if nobody has, whoever has them next.
    fn end_with(&self, farewell: Farewell) {
        self.is_over.set(true);
        let topics = self.end.revival().map(|_| self.end.topics_json()).unwrap_or_default();
        // Who hears that it is over does not find it among the subscribers.
        self.end.unsubscribe_all();
        let waits = self.end.revival().is_some_and(|revival| revival.place.get() == Place::Nowhere);
        let was_told = !waits && self.tell(Kind::SocketClosed, &farewell);
        self.side.end_socket(self.slot, &self.end, Over { farewell, topics, was_told });
    }

    /// False when nobody is there to hear it.
    fn tell(&self, kind: Kind, Farewell { code, reason }: &Farewell) -> bool {
        let encode =
            |out: &mut Vec<u8>| record::data(out, kind, self.slot, u32::from(code.0), reason.as_bytes());
        self.end.lane().lane.push(encode).is_ok()
    }
}

impl Drop for JsLink {
    fn drop(&mut self) {
        if !self.is_open.get() {
            // The answer never led to it: what JavaScript has is a request.
            self.end.unsubscribe_all();
            return self.side.abandon(self.slot, CancelReason::ClientGone);
        }
        self.side.sockets.open.leave();
        if !self.is_over.get() {
            self.end_with(Farewell::cut());
        }
    }
}
