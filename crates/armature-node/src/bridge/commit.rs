//! What JavaScript says, done on the loop: answers, pieces of streams, credit.

use std::ops::Range;
use std::rc::Rc;

use armature_bridge::SlotId;
use armature_bridge::command::{
    Action, Command, Commands, FLAG_EVENTS, FLAG_FILE, FLAG_NATIVE, FLAG_SOCKET, FLAG_STREAM,
};
use armature_core::http::{Body, Response, StatusCode};
use bytes::Bytes;

use super::body;
use super::events::Events;
use super::file;
use super::flow::Flow;
use super::headers::{self, HeaderChange};
use super::loop_side::LoopSide;
use super::slot::Reply;
use super::socket_end::SocketEnd;
use super::stream::{StreamBody, StreamState};
use super::topics::Message;

/// Bodies up to this size are copied out of their batch, so that a slow reader keeps its own bytes alive and not those of
/// everybody who was answered with it.
pub(super) const SHARE_BYTES: usize = 16 * 1024;

/// Commands on their way to a loop.
#[derive(Clone, Copy)]
pub enum Batch<'a> {
    /// They came from another thread, in memory of their own.
    Owned(&'a Bytes),
    /// They are still where JavaScript wrote them.
    Borrowed(&'a [u8]),
}

impl Batch<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Borrowed(bytes) => bytes,
        }
    }

    /// A part of them that outlives the batch.
    fn keep(&self, range: Range<usize>) -> Bytes {
        match self {
            Self::Owned(bytes) if range.len() >= SHARE_BYTES => bytes.slice(range),
            _ => Bytes::copy_from_slice(&self.bytes()[range]),
        }
    }
}

impl LoopSide {
    /// Does what JavaScript says.
    pub fn commit(self: &Rc<Self>, batch: Batch<'_>) {
        for Command { slot, action } in Commands::new(batch.bytes()) {
            match action {
                Action::Respond { status, flags, header_set, headers, body } => {
                    let headers = (header_set, &batch.bytes()[headers]);
                    self.respond(slot, batch, status, flags, headers, body);
                }
                Action::Data(range) => {
                    let stream = self.stream_of(slot);
                    if let Some(stream) = stream {
                        stream.push(batch.keep(range));
                    }
                }
                Action::End => self.finish_stream(slot, true),
                Action::Fail => self.finish_stream(slot, false),
                Action::Grant(bytes) => self.grant(slot, bytes),
                Action::Cancel => self.cancel_body(slot),
                Action::Send { is_binary, content } => {
                    if let Some(socket) = self.socket_of(slot) {
                        socket.send(is_binary, &batch.bytes()[content]);
                    }
                }
                Action::Close { code, reason } => {
                    if let Some(socket) = self.socket_of(slot) {
                        socket.close(code, &String::from_utf8_lossy(&batch.bytes()[reason]));
                    }
                }
                Action::Cut => {
                    if let Some(socket) = self.socket_of(slot) {
                        socket.cut();
                    }
                }
                Action::Keep { leaves, state } => self.keep(slot, leaves, &batch.bytes()[state]),
                Action::Publish { is_binary, has_publisher, topic, content } => {
                    let (publisher, bytes) = (has_publisher.then_some(slot), batch.bytes());
                    let message = Message { topic: &bytes[topic], is_binary, content: &bytes[content] };
                    self.topics.publish(publisher, message, Some(self));
                }
            }
        }
    }

    fn respond(
        self: &Rc<Self>,
        slot: SlotId,
        batch: Batch<'_>,
        status: u16,
        flags: u8,
        (header_set, headers): (u32, &[u8]),
        body: Range<usize>,
    ) {
        let mut slots = self.slots.borrow_mut();
        let Some(entry) = slots.get_mut(slot) else { return };
        if entry.reply.is_some() || entry.response().is_some() || entry.socket().is_some() {
            return;
        }
        let list = entry.lane.cache.begin(&entry.lane.header_sets, header_set);
        let list = list.and_then(|mut list| headers::decode(headers, &mut list).then_some(list));
        let events = flags & FLAG_STREAM != 0 && flags & FLAG_EVENTS != 0;
        let named = usize::from(status);
        let status = StatusCode::from_u16(status).ok().filter(|s| (200..600).contains(&s.as_u16()));
        if let (Some(list), Some(status), true) = (&list, status, flags & FLAG_FILE != 0)
            && let Some(named) = file::read(&batch.bytes()[body.clone()], status, list, entry.id.clone())
        {
            // JavaScript has said all it had to say: it need not hear of a client that leaves.
            entry.announced = true;
            drop(slots);
            return file::send(self, slot, named);
        }
        let reply = match (list, status) {
            (Some(_), _) if flags & FLAG_FILE != 0 => Reply::Broken,
            (Some(list), _) if flags & FLAG_NATIVE != 0 => Reply::Native(HeaderChange::new(list, named)),
            (Some(headers), _) if flags & FLAG_SOCKET != 0 => {
                match entry.streams.as_mut().and_then(|streams| streams.opening.take()) {
                    Some(opening) => {
                        let (socket, response) = opening.open(
                            self.clone(),
                            entry.lane.clone(),
                            slot,
                            headers,
                            &batch.bytes()[body],
                        );
                        entry.streams().socket = Some(socket);
                        Reply::Response(response)
                    }
                    None => Reply::Broken,
                }
            }
            (Some(headers), Some(status)) => {
                let body = if flags & FLAG_STREAM != 0 {
                    let stream = StreamState::new(self.windows.response, events);
                    entry.streams().response = Some(stream.clone());
                    let events = events.then(|| Events::new(&batch.bytes()[body], &self.io_loop));
                    let (context, events) = (entry.context.clone(), events.map(Box::new));
                    Body::stream(StreamBody::new(stream, slot, self.clone(), context, events))
                } else {
                    // What the socket takes late does not keep everybody's answers of the batch alive.
                    batch.keep(body).into()
                };
                Reply::Response(Response { status, headers, body })
            }
            _ => Reply::Broken,
        };
        entry.reply = Some(reply);
        let waker = entry.waker.take();
        let is_late = events && (self.ends_events.get() || entry.lane.ends_events.get());
        drop(slots);
        if is_late {
            self.stop_stream(slot);
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn finish_stream(&self, slot: SlotId, complete: bool) {
        let Some(stream) = self.stream_of(slot) else { return };
        if complete {
            stream.end();
        } else {
            stream.fail();
        }
        // The head may still wait to be taken when a short stream ends in the batch that began it.
        let taken = self.slots.borrow_mut().get_mut(slot).is_some_and(|entry| {
            entry.streams().complete = true;
            entry.reply.is_none()
        });
        if taken {
            self.release(slot);
        }
    }

    fn stream_of(&self, slot: SlotId) -> Option<Rc<StreamState>> {
        self.slots.borrow_mut().get_mut(slot)?.response().cloned()
    }

    pub(super) fn socket_of(&self, slot: SlotId) -> Option<Rc<SocketEnd>> {
        self.slots.borrow_mut().get_mut(slot)?.socket().cloned()
    }

    fn grant(self: &Rc<Self>, slot: SlotId, bytes: u32) {
        let mut slots = self.slots.borrow_mut();
        let Some(entry) = slots.get_mut(slot) else { return };
        let lane = entry.lane.clone();
        let Some(streams) = &mut entry.streams else { return };
        if let Some(socket) = &streams.socket {
            return socket.grant(bytes);
        }
        match &streams.pump {
            Some(pump) => pump.grant(bytes),
            None => {
                let Some(body) = streams.body.take() else { return };
                let flow = Flow::new(bytes as usize);
                streams.pump = Some(flow.clone());
                drop(slots);
                self.io_loop.spawn(body::run(flow, self.clone(), lane, slot, body));
            }
        }
    }

    /// Nobody reads the request body any more.
    fn cancel_body(&self, slot: SlotId) {
        let dropped = self.slots.borrow_mut().get_mut(slot).and_then(|entry| {
            let streams = entry.streams.as_mut()?;
            Some((streams.body.take(), streams.pump.take()))
        });
        if let Some((_, Some(pump))) = &dropped {
            pump.cancel();
        }
    }
}
