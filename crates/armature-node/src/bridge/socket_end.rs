//! The loop's end of a socket, for what JavaScript says, and what of it outlives the lane of its handlers.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use armature_bridge::record::{self, Kind, SocketLimits};
use armature_bridge::{Credit, Messages, SlotId};
use armature_core::config::WebSocketSettings;
use armature_core::protocol::ws::topics::{Consumer, LoopTopics, Subscriber, Subscription};
use armature_core::protocol::ws::{CloseCode, Farewell, Outbox};

use super::lanes::LaneEnd;
use super::socket::MESSAGE;
use crate::stats::SocketCounts;

/// The loop's end of a socket.
pub struct SocketEnd {
    pub(super) outbox: Rc<Outbox>,
    settings: Rc<WebSocketSettings>,
    lane: RefCell<Rc<LaneEnd>>,
    counts: Arc<SocketCounts>,
    credit: Cell<Credit>,
    /// Whether it still counts as a request of its lane.
    pending: Cell<bool>,
    /// What it subscribes to, from the first time on.
    subscriber: OnceCell<Box<Subscriber>>,
    /// `None` when it ends with its lane.
    revival: Option<Box<Revival>>,
}

/// Where the handlers of a socket are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In its lane.
    Lane,
    /// Still there; the lane has been asked to let it go.
    Leaving,
    /// It waits for a lane.
    Nowhere,
}

/// What the next lane of a socket needs.
pub struct Revival {
    /// The route that its handlers are of.
    pub route: Arc<str>,
    /// What JavaScript has said to keep.
    pub saved: RefCell<Vec<u8>>,
    pub place: Cell<Place>,
    /// Messages that no lane has.
    pub held: RefCell<Messages>,
    /// The peer says goodbye, and has no answer.
    pub closing: RefCell<Option<Farewell>>,
    /// Bytes of messages that JavaScript has sent and not been told to be taken.
    pub owed: Cell<usize>,
    /// No handler has heard of it.
    pub is_fresh: Cell<bool>,
    /// The 101 has left.
    pub is_open: Cell<bool>,
    /// How the connection has ended, when no handler has heard of it.
    pub over: RefCell<Option<Over>>,
    waits: Cell<u32>,
}

/// The end of a connection that no handler has heard of.
#[derive(Clone)]
pub struct Over {
    pub farewell: Farewell,
    /// What it subscribed to, as a JSON array.
    pub topics: Vec<u8>,
    /// Its lane was told, and may not have heard it.
    pub was_told: bool,
}

impl Revival {
    /// One with what JavaScript says to keep; `None` when that is too much, or nothing.
    pub fn new(route: &Arc<str>, state: &[u8], limit: usize) -> Option<Box<Self>> {
        let is_kept = !state.is_empty() && state.len() <= limit;
        is_kept.then(|| {
            Box::new(Self {
                route: route.clone(),
                saved: RefCell::new(state.to_vec()),
                place: Cell::new(Place::Lane),
                held: RefCell::default(),
                closing: RefCell::default(),
                owed: Cell::new(0),
                is_fresh: Cell::new(true),
                is_open: Cell::new(false),
                over: RefCell::default(),
                waits: Cell::new(0),
            })
        })
    }

    /// Keeps `state` in place of what was kept, if it is no more than `limit`.
    pub fn keep(&self, state: &[u8], limit: usize) {
        if state.len() <= limit {
            let mut saved = self.saved.borrow_mut();
            saved.clear();
            saved.extend_from_slice(state);
        }
    }

    /// A wait for a lane begins; returns its number.
    pub fn begin_wait(&self) -> u32 {
        self.waits.set(self.waits.get().wrapping_add(1));
        self.waits.get()
    }

    /// Whether that wait goes on.
    pub fn still_waits(&self, wait: u32) -> bool {
        self.place.get() == Place::Nowhere && self.waits.get() == wait
    }
}

impl SocketEnd {
    pub fn new(
        outbox: Rc<Outbox>,
        settings: Rc<WebSocketSettings>,
        lane: Rc<LaneEnd>,
        counts: Arc<SocketCounts>,
        revival: Option<Box<Revival>>,
    ) -> Rc<Self> {
        Rc::new(Self {
            outbox,
            lane: RefCell::new(lane),
            counts,
            credit: Cell::new(Credit::new(settings.receive_buffer as u64)),
            settings,
            pending: Cell::new(true),
            subscriber: OnceCell::new(),
            revival,
        })
    }

    pub fn settings(&self) -> &WebSocketSettings {
        &self.settings
    }

    pub fn revival(&self) -> Option<&Revival> {
        self.revival.as_deref()
    }

    /// Where its handlers are, or were last.
    pub fn lane(&self) -> Rc<LaneEnd> {
        self.lane.borrow().clone()
    }

    /// What JavaScript has to know.
    pub fn limits(&self) -> SocketLimits {
        let WebSocketSettings { send_buffer, backlog, receive_buffer, topics, .. } = *self.settings;
        let [send_buffer, backlog, receive_buffer, topics] = [send_buffer, backlog, receive_buffer, topics]
            .map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        SocketLimits { send_buffer, backlog, receive_buffer, topics }
    }

    pub fn send(&self, is_binary: bool, content: &[u8]) {
        if let Some(revival) = self.revival() {
            revival.owed.set(revival.owed.get() + content.len());
        }
        self.outbox.send(is_binary, content);
    }

    /// JavaScript has checked the code; one that may not be sent becomes none.
    pub fn close(&self, code: u16, reason: &str) {
        self.outbox.close(CloseCode(code), reason);
    }

    pub fn cut(&self) {
        self.outbox.cut();
    }

    pub fn is_closing(&self) -> bool {
        self.outbox.is_closing()
    }

    /// It gets what is published from now on; `slot` is its own.
    pub fn subscribe(&self, slot: SlotId, subscription: Subscription, topics: &Rc<LoopTopics>) {
        let subscriber = self.subscriber.get_or_init(|| {
            let WebSocketSettings { backlog, slow, .. } = *self.settings;
            let consumer = Consumer { outbox: self.outbox.clone(), backlog, slow };
            Box::new(Subscriber::new(slot.to_bits(), consumer, topics.clone()))
        });
        subscriber.add(subscription);
    }

    /// It gets nothing of `topic` any more.
    pub fn unsubscribe(&self, topic: &str) {
        if let Some(subscriber) = self.subscriber.get() {
            subscriber.remove(topic);
        }
    }

    pub fn unsubscribe_all(&self) {
        if let Some(subscriber) = self.subscriber.get() {
            subscriber.clear();
        }
    }

    /// The topics that it subscribes to, or did when it was over, as a JSON array.
    pub fn topics_json(&self) -> Vec<u8> {
        if let Some(over) = self.revival().and_then(|revival| revival.over.borrow().clone()) {
            return over.topics;
        }
        let topics = self.subscriber.get().map(|subscriber| subscriber.topics()).unwrap_or_default();
        let topics: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
        serde_json::json!(topics).to_string().into_bytes()
    }

    /// The handlers of the socket go away, and nobody takes their place.
    pub fn lane_leaves(&self) {
        if self.outbox.close(CloseCode::RESTART, "the server restarts") {
            self.counts.restarted.add(1);
        }
    }

    /// JavaScript may get so much more; 0 when it has to handle what it has.
    pub fn available(&self) -> u64 {
        self.credit.get().available()
    }

    /// Whether the connection has ended and the handlers have still to hear of it.
    pub fn is_over(&self) -> bool {
        self.revival().is_some_and(|revival| revival.over.borrow().is_some())
    }

    /// Whether that is so, and its lane was told.
    pub fn was_told(&self) -> bool {
        self.revival().is_some_and(|revival| revival.over.borrow().as_ref().is_some_and(|over| over.was_told))
    }

    /// The lane that was told has closed before it heard of that.
    pub fn untell(&self) {
        let Some(revival) = self.revival() else { return };
        if let Some(over) = &mut *revival.over.borrow_mut() {
            over.was_told = false;
        }
    }

    /// Whether its lane takes messages.
    pub fn has_lane(&self) -> bool {
        self.revival().is_none_or(|revival| revival.place.get() == Place::Lane)
    }

    pub fn spend(&self, bytes: u64) {
        let mut credit = self.credit.get();
        credit.spend(bytes);
        self.credit.set(credit);
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

    /// JavaScript has nothing but these messages, or will have.
    pub fn restart_credit(&self, messages: &Messages) {
        let mut credit = Credit::new(self.settings.receive_buffer as u64);
        credit.spend(messages.cost(MESSAGE));
        self.credit.set(credit);
    }

    /// JavaScript is told that the peer has taken so much.
    pub fn told(&self, bytes: usize) {
        if let Some(revival) = self.revival() {
            revival.owed.set(revival.owed.get().saturating_sub(bytes));
        }
    }

    /// The request is answered; `lane` counts it no more.
    pub fn settle(&self, lane: &LaneEnd) {
        if self.pending.replace(false) {
            lane.lane.settle();
        }
    }

    /// `lane` has heard of the socket: it gets what waits for it.
    pub fn take_up(&self, lane: &Rc<LaneEnd>, slot: SlotId) {
        let Some(revival) = self.revival() else { return };
        *self.lane.borrow_mut() = lane.clone();
        revival.place.set(Place::Lane);
        let held = revival.held.take();
        self.restart_credit(&held);
        for record in held.records() {
            let _ = lane.lane.push(|out| out.extend_from_slice(record));
        }
        let (closing, over) = (revival.closing.borrow(), revival.over.borrow());
        let closed = over.as_ref().map(|over| (Kind::SocketClosed, &over.farewell));
        let last = closed.or_else(|| closing.as_ref().map(|farewell| (Kind::SocketClosing, farewell)));
        if let Some((kind, Farewell { code, reason })) = last {
            let code = u32::from(code.0);
            let _ = lane.lane.push(|out| record::data(out, kind, slot, code, reason.as_bytes()));
        }
        self.outbox.wake();
    }
}
