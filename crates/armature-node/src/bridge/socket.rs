//! WebSockets: messages cross in the batches that requests cross in, as fast as JavaScript and the peer take them.
//!
//! A socket keeps the slot of its request. What JavaScript has not handled is bounded by credit that it grants, what the peer
//! has not taken by credit that it gets back.

use std::cell::Cell;
use std::rc::Rc;

use armature_bridge::record::{self, Kind, MESSAGE_ASCII, MESSAGE_BINARY, MESSAGE_CREDIT, MESSAGE_MORE};
use armature_bridge::{Credit, SlotId};
use armature_core::config::WebSocketSettings;
use armature_core::http::{CancelReason, Headers, Response};
use armature_core::protocol::ws::{
    self, Agreement, CloseCode, Farewell, Handshake, Link, Outbox, Room, Text,
};

use super::lanes::LaneEnd;
use super::loop_side::LoopSide;

/// Largest piece in one record; a record must fit JavaScript's buffer.
const PIECE: usize = 64 * 1024;
/// What a message costs besides its bytes: it becomes an object.
const MESSAGE: u64 = 64;
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
}

/// The loop's end of a socket, for what JavaScript says.
pub struct SocketEnd {
    outbox: Rc<Outbox>,
    credit: Cell<Credit>,
    /// Whether it still counts as a request of its lane.
    pending: Cell<bool>,
}

impl Opening {
    /// The socket and the 101 that leads to it.
    pub fn open(
        self,
        side: Rc<LoopSide>,
        lane: Rc<LaneEnd>,
        slot: SlotId,
        headers: Headers,
    ) -> (Rc<SocketEnd>, Response) {
        let Self { handshake, deflate, settings } = self;
        let end = Rc::new(SocketEnd {
            outbox: Outbox::deflating(&side.io_loop, deflate),
            credit: Cell::new(Credit::new(settings.receive_buffer as u64)),
            pending: Cell::new(true),
        });
        let link = JsLink {
            side,
            lane,
            slot,
            end: end.clone(),
            settings,
            untold: Cell::new(0),
            is_over: Cell::new(false),
        };
        let outbox = end.outbox.clone();
        let response = handshake.accept(headers, move |io| {
            let (settings, io_loop) = (Rc::new(link.settings.ws.clone()), link.side.io_loop.clone());
            ws::serve(io, settings, outbox, link, &io_loop)
        });
        (end, response)
    }
}

impl SocketEnd {
    pub fn send(&self, is_binary: bool, content: &[u8]) {
        self.outbox.send(is_binary, content);
    }

    /// JavaScript has checked the code; one that may not be sent becomes none.
    pub fn close(&self, code: u16, reason: &str) {
        self.outbox.close(CloseCode(code), reason);
    }

    pub fn cut(&self) {
        self.outbox.cut();
    }

    /// The handlers of the socket go away.
    pub fn lane_leaves(&self) {
        self.outbox.close(CloseCode::RESTART, "the server restarts");
    }

    /// JavaScript has handled so much.
    pub fn grant(&self, bytes: u32) {
        let mut credit = self.credit.get();
        let had = credit.available();
        credit.grant(u64::from(bytes));
        self.credit.set(credit);
        if had == 0 {
            self.outbox.wake();
        }
    }

    /// The request is answered; `lane` counts it no more.
    pub fn settle(&self, lane: &LaneEnd) {
        if self.pending.replace(false) {
            lane.lane.settle();
        }
    }
}

/// From the connection to JavaScript.
struct JsLink {
    side: Rc<LoopSide>,
    lane: Rc<LaneEnd>,
    slot: SlotId,
    end: Rc<SocketEnd>,
    settings: Rc<WebSocketSettings>,
    /// Credit that did not fit into a message.
    untold: Cell<usize>,
    is_over: Cell<bool>,
}

impl Link for JsLink {
    fn opened(&self) {
        let WebSocketSettings { send_buffer, backlog, receive_buffer, .. } = *self.settings;
        let [send_buffer, backlog, receive_buffer] =
            [send_buffer, backlog, receive_buffer].map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX));
        let encode =
            |out: &mut Vec<u8>| record::socket_open(out, self.slot, send_buffer, backlog, receive_buffer);
        if self.lane.lane.push(encode).is_err() {
            self.end.lane_leaves();
        }
    }

    fn room(&self) -> Room {
        if self.end.credit.get().available() == 0 {
            Room::Wait
        } else if self.lane.lane.depth().1 > LANE_BYTES {
            Room::Later
        } else {
            Room::Now
        }
    }

    fn message(&self, text: Text, content: &[u8], taken: usize) {
        let mut credit = self.end.credit.get();
        credit.spend(content.len() as u64 + MESSAGE);
        self.end.credit.set(credit);
        let kind = match text {
            Text::Not => MESSAGE_BINARY,
            Text::Utf8 => 0,
            Text::Ascii => MESSAGE_ASCII,
        };
        let taken = taken + self.untold.take();
        let told = taken.min(MOST_CREDIT);
        self.untold.set(taken - told);
        let mut value = kind | (told as u32) << MESSAGE_CREDIT;
        let mut rest = content;
        loop {
            let (piece, behind) = rest.split_at(rest.len().min(PIECE));
            rest = behind;
            let more = if rest.is_empty() { 0 } else { MESSAGE_MORE };
            let encode =
                |out: &mut Vec<u8>| record::data(out, Kind::SocketMessage, self.slot, value | more, piece);
            // Nobody takes it when the lane has closed; the socket hears of that.
            let _ = self.lane.lane.push(encode);
            if rest.is_empty() {
                return;
            }
            value = kind;
        }
    }

    fn taken(&self, bytes: usize) {
        let bytes = bytes + self.untold.take();
        let told = bytes.min(u32::MAX as usize);
        self.untold.set(bytes - told);
        let _ = self.lane.lane.push(|out| record::event(out, Kind::Credit, self.slot, told as u32));
    }

    fn quota(&self) -> usize {
        self.settings.send_buffer / 2
    }

    fn closing(&self, farewell: &Farewell) {
        if !self.tell(Kind::SocketClosing, farewell) {
            self.end.lane_leaves();
        }
    }

    fn closed(&self, farewell: Farewell) {
        self.is_over.set(true);
        self.tell(Kind::SocketClosed, &farewell);
        drop(self.side.release(self.slot));
    }
}

impl JsLink {
    /// False when nobody is there to hear it.
    fn tell(&self, kind: Kind, Farewell { code, reason }: &Farewell) -> bool {
        let encode =
            |out: &mut Vec<u8>| record::data(out, kind, self.slot, u32::from(code.0), reason.as_bytes());
        self.lane.lane.push(encode).is_ok()
    }
}

impl Drop for JsLink {
    fn drop(&mut self) {
        if !self.is_over.get() {
            // Cut off, or the answer never led to it. JavaScript knows which: it has an open socket, or a request.
            self.side.abandon(self.slot, CancelReason::ClientGone);
        }
    }
}
