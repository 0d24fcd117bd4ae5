//! The loop's end of the bridge: slots of requests in flight, and the mailbox through which JavaScript answers them.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use armature_bridge::command::{Action, Command, Commands, FLAG_NATIVE, FLAG_STREAM};
use armature_bridge::{Generations, Mailbox, SlotId, SlotUsage, Slots, record};
use armature_core::http::{Body, CancelReason, Headers, RequestContext, Response, StatusCode};
use armature_core::io_loop::LoopHandle;
use bytes::Bytes;

use super::body;
use super::flow::Flow;
use super::headers::{self, HeaderChange, HeaderSets, SetCache};
use super::lane::{JsLane, LoopEnd};
use super::stream::{StreamBody, StreamState};
use crate::census::{self, Live};

/// Bodies up to this size are copied out of their batch, so that a slow reader keeps its own bytes alive and not those of
/// everybody who was answered with it.
const SHARE_BYTES: usize = 16 * 1024;

/// One lane as a loop sees it.
pub struct LaneEnd {
    pub lane: Arc<JsLane>,
    header_sets: Arc<HeaderSets>,
    cache: SetCache,
}

/// Windows of the bridge's streams, in bytes.
#[derive(Clone, Copy)]
pub struct Windows {
    /// Of a streamed response, before `write()` reports false.
    pub response: usize,
}

/// One loop's end of the bridge.
pub struct LoopSide {
    pub io_loop: LoopHandle,
    lanes: Vec<Rc<LaneEnd>>,
    slots: RefCell<Slots<Slot>>,
    mailbox: Arc<Mailbox>,
    generations: Arc<Generations>,
    windows: Windows,
    _live: Live,
}

impl Drop for LoopSide {
    fn drop(&mut self) {
        // The loop has ended: what JavaScript still says must not pile up.
        self.mailbox.close();
    }
}

/// A request that JavaScript has, or will have.
pub struct Slot {
    pub lane: Rc<LaneEnd>,
    context: Rc<RequestContext>,
    reply: Option<Reply>,
    waker: Option<Waker>,
    stream: Option<Rc<StreamState>>,
    /// JavaScript has said everything; the slot only waits for its reply to be taken.
    complete: bool,
    pump: Option<Rc<Flow>>,
    /// The body that JavaScript has not asked for yet.
    body: Option<Body>,
}

/// What a handler answered.
pub enum Reply {
    /// A response.
    Response(Response),
    /// The native handler answers, and this is done to its headers.
    Native(HeaderChange),
    /// The bytes that came made no sense.
    Broken,
    /// The JavaScript thread is gone.
    Lost,
}

impl LoopSide {
    pub fn start(
        io_loop: &LoopHandle,
        lanes: &[(Arc<JsLane>, Arc<HeaderSets>)],
        max_slots: usize,
        windows: Windows,
    ) -> Rc<Self> {
        let slots = Slots::new(io_loop.index() as u8, max_slots);
        let side = Rc::new(Self {
            io_loop: io_loop.clone(),
            lanes: lanes
                .iter()
                .map(|(lane, header_sets)| {
                    Rc::new(LaneEnd {
                        lane: lane.clone(),
                        header_sets: header_sets.clone(),
                        cache: SetCache::default(),
                    })
                })
                .collect(),
            generations: slots.generations(),
            slots: RefCell::new(slots),
            mailbox: Arc::default(),
            windows,
            _live: Live::one_of(&census::LOOPS),
        });
        let reader = side.clone();
        io_loop.spawn(async move {
            loop {
                for batch in poll_fn(|cx| reader.mailbox.poll_receive(cx)).await {
                    reader.commit(batch);
                }
            }
        });
        side
    }

    pub fn end(&self) -> LoopEnd {
        LoopEnd::new(self.mailbox.clone(), self.generations.clone())
    }

    /// How many of its slots are taken.
    pub fn slot_usage(&self) -> Arc<SlotUsage> {
        self.slots.borrow().usage()
    }

    /// The lane with the least to do.
    pub fn choose_lane(&self) -> Option<Rc<LaneEnd>> {
        match self.lanes.as_slice() {
            [only] => Some(only.clone()),
            lanes => lanes.iter().min_by_key(|end| end.lane.load()).cloned(),
        }
    }

    /// Takes a slot for a request; `None` when all are taken.
    pub fn enter(
        &self,
        lane: Rc<LaneEnd>,
        context: Rc<RequestContext>,
        body: Option<Body>,
    ) -> Option<SlotId> {
        let slot =
            Slot { lane, context, reply: None, waker: None, stream: None, complete: false, pump: None, body };
        self.slots.borrow_mut().insert(slot)
    }

    /// The reply to `slot`, or registers `waker` for it.
    pub fn poll_reply(&self, slot: SlotId, waker: &Waker) -> Option<Reply> {
        let mut slots = self.slots.borrow_mut();
        let Some(entry) = slots.get_mut(slot) else { return Some(Reply::Broken) };
        if entry.reply.is_none() && !entry.waker.as_ref().is_some_and(|w| w.will_wake(waker)) {
            entry.waker = Some(waker.clone());
        }
        entry.reply.take()
    }

    /// Whether JavaScript has more to say about `slot` after its reply.
    pub fn is_streaming(&self, slot: SlotId) -> bool {
        self.slots.borrow_mut().get_mut(slot).is_some_and(|entry| entry.stream.is_some() && !entry.complete)
    }

    /// The request is over; JavaScript has said everything it had to say.
    pub fn release(&self, slot: SlotId) -> Option<Rc<LaneEnd>> {
        // Dropped after the borrow: bodies and wakers run code of others.
        let entry = self.slots.borrow_mut().remove(slot)?;
        entry.lane.lane.settle();
        if let Some(pump) = &entry.pump {
            pump.cancel();
        }
        Some(entry.lane)
    }

    /// The request never reached its lane.
    pub fn withdraw(&self, slot: SlotId) {
        let entry = self.slots.borrow_mut().remove(slot);
        drop(entry);
    }

    /// The lane of a closed environment will answer nothing any more: everything it was handed is answered here.
    pub fn lane_closed(&self, lane: &Arc<JsLane>) {
        let mut wakers = Vec::new();
        self.slots.borrow_mut().for_each(|entry| {
            if Arc::ptr_eq(&entry.lane.lane, lane) {
                match &entry.stream {
                    Some(stream) => stream.fail(),
                    None if entry.reply.is_none() => entry.reply = Some(Reply::Lost),
                    None => {}
                }
                wakers.extend(entry.waker.take());
            }
        });
        for waker in wakers {
            waker.wake();
        }
    }

    /// The request is over and JavaScript does not know: whatever it still says is ignored.
    pub fn abandon(&self, slot: SlotId, reason: CancelReason) {
        if let Some(lane) = self.release(slot) {
            let _ = lane.lane.push(|out| record::event(out, record::Kind::Abort, slot, reason as u32));
        }
    }

    /// Tells JavaScript that nobody waits, and keeps the slot: the answer is still welcome.
    pub fn announce_abort(&self, slot: SlotId, reason: CancelReason) {
        let lane = self.slots.borrow_mut().get_mut(slot).map(|entry| entry.lane.clone());
        if let Some(lane) = lane {
            let _ = lane.lane.push(|out| record::event(out, record::Kind::Abort, slot, reason as u32));
        }
    }

    /// Returns credit for a streamed response.
    pub fn give_credit(&self, slot: SlotId, bytes: usize) {
        let lane = self.slots.borrow_mut().get_mut(slot).map(|entry| entry.lane.clone());
        if let Some(lane) = lane {
            let _ = lane.lane.push(|out| record::event(out, record::Kind::Credit, slot, bytes as u32));
        }
    }

    /// The body pump of `slot` has ended.
    pub fn pump_ended(&self, slot: SlotId) {
        let ended = self.slots.borrow_mut().get_mut(slot).and_then(|entry| entry.pump.take());
        drop(ended);
    }

    fn commit(self: &Rc<Self>, batch: Vec<u8>) {
        let batch = Bytes::from(batch);
        for Command { slot, action } in Commands::new(&batch) {
            match action {
                Action::Respond { status, flags, header_set, headers, body } => {
                    self.respond(slot, &batch, status, flags, header_set, headers, body);
                }
                Action::Data(range) => {
                    let stream = self.stream_of(slot);
                    if let Some(stream) = stream {
                        stream.push(batch.slice(range));
                    }
                }
                Action::End => self.finish_stream(slot, true),
                Action::Fail => self.finish_stream(slot, false),
                Action::Grant(bytes) => self.grant(slot, bytes),
                Action::Cancel => {
                    let dropped = self
                        .slots
                        .borrow_mut()
                        .get_mut(slot)
                        .map(|entry| (entry.body.take(), entry.pump.take()));
                    if let Some((_, Some(pump))) = &dropped {
                        pump.cancel();
                    }
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the fields of one command, taken apart once")]
    fn respond(
        self: &Rc<Self>,
        slot: SlotId,
        batch: &Bytes,
        status: u16,
        flags: u8,
        header_set: u32,
        headers: std::ops::Range<usize>,
        body: std::ops::Range<usize>,
    ) {
        let mut slots = self.slots.borrow_mut();
        let Some(entry) = slots.get_mut(slot) else { return };
        if entry.reply.is_some() || entry.stream.is_some() {
            return;
        }
        let mut list = Headers::new();
        list.reserve(4);
        let valid = entry.lane.cache.extend(&entry.lane.header_sets, header_set, &mut list)
            && headers::decode(batch, headers, &mut list);
        let named = usize::from(status);
        let status = StatusCode::from_u16(status).ok().filter(|s| (200..600).contains(&s.as_u16()));
        let reply = match status {
            _ if flags & FLAG_NATIVE != 0 && valid => Reply::Native(HeaderChange::new(list, named)),
            Some(status) if valid => {
                let body = if flags & FLAG_STREAM != 0 {
                    let stream = StreamState::new(self.windows.response);
                    entry.stream = Some(stream.clone());
                    Body::stream(StreamBody::new(stream, slot, self.clone(), entry.context.clone()))
                } else if body.len() >= SHARE_BYTES {
                    batch.slice(body).into()
                } else {
                    Bytes::copy_from_slice(&batch[body]).into()
                };
                Reply::Response(Response { status, headers: list, body })
            }
            _ => Reply::Broken,
        };
        entry.reply = Some(reply);
        let waker = entry.waker.take();
        drop(slots);
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
            entry.complete = true;
            entry.reply.is_none()
        });
        if taken {
            self.release(slot);
        }
    }

    fn stream_of(&self, slot: SlotId) -> Option<Rc<StreamState>> {
        self.slots.borrow_mut().get_mut(slot)?.stream.clone()
    }

    fn grant(self: &Rc<Self>, slot: SlotId, bytes: u32) {
        let mut slots = self.slots.borrow_mut();
        let Some(entry) = slots.get_mut(slot) else { return };
        match &entry.pump {
            Some(pump) => pump.grant(bytes),
            None => {
                let Some(body) = entry.body.take() else { return };
                let flow = Flow::new(bytes as usize);
                entry.pump = Some(flow.clone());
                let lane = entry.lane.clone();
                drop(slots);
                self.io_loop.spawn(body::run(flow, self.clone(), lane, slot, body));
            }
        }
    }
}
