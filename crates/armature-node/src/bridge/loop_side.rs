//! The loop's end of the bridge: slots of requests in flight, and the mailbox through which JavaScript answers them.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll, ready};

use armature_bridge::{Generations, Mailbox, SlotId, SlotUsage, Slots, record};
use armature_core::handler::FileSender;
use armature_core::http::{Body, CancelReason, Problem, RequestContext, RequestId, Response};
use armature_core::io_loop::LoopHandle;
use armature_core::pipeline::Keeper;
use armature_core::protocol::ws::topics::LoopTopics;

use super::lane::LoopAddress;
use super::lanes::{LaneEnd, LaneSet};
use super::patience::{Patience, Watch};
use super::rebind::Revivals;
use super::slot::{Reply, Slot, Streams};
use super::socket::Opening;
use super::topics::{Post, Topics};
use crate::census::{self, Live};
use crate::stats::SocketCounts;

/// What may be on its way from JavaScript, in bytes.
#[derive(Clone, Copy)]
pub struct Windows {
    /// Of a streamed response, before `write()` reports false.
    pub response: usize,
    /// Of all answers to one loop, before JavaScript gets no further requests.
    pub answers: usize,
}

/// One loop's end of the bridge.
pub struct LoopSide {
    pub io_loop: LoopHandle,
    /// The lanes of each generation that has some.
    pub(super) lanes: RefCell<Vec<(u32, Rc<LaneSet>)>>,
    pub(super) slots: RefCell<Slots<Slot>>,
    mailbox: Arc<Mailbox<Post>>,
    /// Bytes on their way through the mailbox to those who are answered.
    crossing: Arc<AtomicUsize>,
    generations: Arc<Generations>,
    pub(super) windows: Windows,
    pub(super) watch: Watch,
    pub(super) files: Rc<FileSender>,
    /// The topics of the server, and who subscribes to them on this loop.
    pub(super) topics: Arc<Topics>,
    pub(super) subscribers: Rc<LoopTopics>,
    pub(super) sockets: Arc<SocketCounts>,
    /// `None` when the loop ends with the thread of its lane.
    pub(super) revivals: Option<Arc<Revivals>>,
    /// Sockets that are over, and whose lanes may not have heard of that.
    pub(super) told: RefCell<Vec<SlotId>>,
    /// Streams of events end when they begin: the server closes.
    pub(super) ends_events: Cell<bool>,
    _live: Live,
}

impl Drop for LoopSide {
    fn drop(&mut self) {
        // The loop has ended: what JavaScript still says must not pile up.
        self.mailbox.close();
        // A loop that takes its place may have been quicker.
        self.topics.unroute(self.io_loop.index() as u8, &self.mailbox);
    }
}

impl LoopSide {
    pub fn start(
        io_loop: &LoopHandle,
        max_slots: usize,
        windows: Windows,
        patience: Patience,
        files: Rc<FileSender>,
        (topics, sockets, revivals): (Arc<Topics>, Arc<SocketCounts>, Option<Arc<Revivals>>),
    ) -> Rc<Self> {
        let slots = Slots::new(io_loop.index() as u8, max_slots);
        let side = Rc::new(Self {
            io_loop: io_loop.clone(),
            lanes: RefCell::default(),
            generations: slots.generations(),
            slots: RefCell::new(slots),
            mailbox: Arc::default(),
            crossing: Arc::default(),
            windows,
            watch: Watch::new(patience),
            files,
            topics,
            subscribers: Rc::default(),
            sockets,
            revivals,
            told: RefCell::default(),
            ends_events: Cell::default(),
            _live: Live::one_of(&census::LOOPS),
        });
        side.topics.route(side.index(), side.mailbox.clone());
        let reader = side.clone();
        io_loop.spawn(async move {
            loop {
                let posts = poll_fn(|cx| reader.mailbox.poll_receive(cx)).await;
                let mut crossing = Vec::new();
                for post in posts {
                    crossing.extend(reader.receive(post).await);
                }
                if !crossing.is_empty() {
                    // Those who were answered have their turn before this task has it again.
                    pass().await;
                }
            }
        });
        side
    }

    pub fn address(&self) -> LoopAddress {
        LoopAddress {
            mailbox: self.mailbox.clone(),
            generations: self.generations.clone(),
            crossing: self.crossing.clone(),
            window: self.windows.answers,
        }
    }

    /// How many of its slots are taken.
    pub fn slot_usage(&self) -> Arc<SlotUsage> {
        self.slots.borrow().usage()
    }

    /// Takes a slot for a request; `None` when all are taken. One that is bound stays in its lane for as long as that is there.
    pub fn enter(
        &self,
        lane: Rc<LaneEnd>,
        context: Rc<RequestContext>,
        (id, is_bound): (RequestId, bool),
        body: Option<Body>,
        opening: Option<Opening>,
    ) -> Option<SlotId> {
        let streams = (body.is_some() || opening.is_some())
            .then(|| Box::new(Streams { body, opening: opening.map(Box::new), ..Streams::default() }));
        let end = lane.clone();
        let (number, reply, waker, announced) = (u64::MAX, None, None, false);
        let due = u64::MAX;
        let slot = Slot { lane, context, id, number, due, is_bound, reply, waker, announced, streams };
        let slot = self.slots.borrow_mut().insert(slot)?;
        end.begin();
        Some(slot)
    }

    /// The reply to `slot`, whose task is woken when there is one. JavaScript hears when the request is given up.
    pub fn poll_reply(&self, slot: SlotId, cx: &mut Context<'_>) -> Poll<(Reply, RequestId)> {
        let mut slots = self.slots.borrow_mut();
        let Some(entry) = slots.get_mut(slot) else {
            return Poll::Ready((Reply::Broken, RequestId::Sequence(0)));
        };
        if let Some(reply) = entry.reply.take() {
            let id = entry.id.clone();
            let is_over = !entry.is_streaming();
            if let Some(socket) = entry.socket() {
                // It is no request any more, neither for those who choose a lane nor for those who count.
                socket.settle(&entry.lane);
            }
            drop(slots);
            match reply {
                // JavaScript may have taken it in the same moment.
                Reply::Shed => self.abandon(slot, CancelReason::Deadline),
                _ if is_over => drop(self.release(slot)),
                _ => {}
            }
            return Poll::Ready((reply, id));
        }
        if !entry.waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            entry.waker = Some(cx.waker().clone());
        }
        match entry.context.cancelled() {
            Some(reason) if !entry.announced => {
                entry.announced = true;
                // The slot is kept: the answer is still welcome.
                let lane = entry.lane.clone();
                drop(slots);
                let _ = lane.lane.push(|out| record::event(out, record::Kind::Abort, slot, reason as u32));
            }
            Some(_) => {}
            None => entry.context.on_cancel(cx.waker()),
        }
        Poll::Pending
    }

    /// Nobody waits for the reply to `slot` any more.
    pub fn give_up(&self, slot: SlotId) {
        let reason = self.slots.borrow_mut().get_mut(slot).and_then(|entry| entry.context.cancelled());
        self.abandon(slot, reason.unwrap_or(CancelReason::ClientGone));
    }

    /// The request is over; JavaScript has said everything it had to say.
    pub fn release(&self, slot: SlotId) -> Option<Rc<LaneEnd>> {
        // Dropped after the borrow: bodies and wakers run code of others.
        let entry = self.slots.borrow_mut().remove(slot)?;
        match entry.socket() {
            Some(socket) => socket.settle(&entry.lane),
            None => entry.lane.lane.settle(),
        }
        entry.lane.finish();
        if let Some(pump) = entry.streams.as_ref().and_then(|streams| streams.pump.as_ref()) {
            pump.cancel();
        }
        Some(entry.lane)
    }

    /// The request never reached its lane.
    pub fn withdraw(&self, slot: SlotId) {
        let entry = self.slots.borrow_mut().remove(slot);
        if let Some(entry) = entry {
            entry.lane.finish();
        }
    }

    /// The request is over and JavaScript does not know: whatever it still says is ignored.
    pub fn abandon(&self, slot: SlotId, reason: CancelReason) {
        if let Some(lane) = self.release(slot) {
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
        let ended =
            self.slots.borrow_mut().get_mut(slot).and_then(|entry| entry.streams.as_mut()?.pump.take());
        drop(ended);
    }
}

/// Ready when every task that is ready now has had its turn.
fn pass() -> impl Future<Output = ()> {
    let mut passed = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut passed, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

impl Keeper<Response> for LoopSide {
    fn poll(&self, key: u64, cx: &mut Context<'_>) -> Poll<Response> {
        let (reply, id) = ready!(self.poll_reply(SlotId::from_bits(key), cx));
        Poll::Ready(match reply {
            Reply::Response(response) => response,
            Reply::Lost(problem) => problem.response(Some(&id)),
            Reply::Shed => Problem::OVERLOADED.response(Some(&id)),
            // The native handler of a route is asked by an `Answer`, which such a route has.
            Reply::Native(_) | Reply::Broken => Problem::INTERNAL.response(Some(&id)),
        })
    }

    fn drop_future(&self, key: u64) {
        self.give_up(SlotId::from_bits(key));
    }
}
