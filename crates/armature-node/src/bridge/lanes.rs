//! The lanes of one generation, as one loop sees them: the loop alone changes and reads the list, so choosing takes no lock.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use armature_bridge::{Ages, SlotId, record};

use super::headers::{HeaderSets, SetCache};
use super::lane::JsLane;

/// Ticks after which a thread that was woken and did not come is thought to be busy for longer.
const STALLED: u64 = 2;

/// What a loop needs to use a lane.
#[derive(Clone)]
pub struct LaneSeed {
    /// Unique in the process.
    pub id: u32,
    /// Generation of the routes that its handlers are for.
    pub generation: u32,
    pub lane: Arc<JsLane>,
    pub header_sets: Arc<HeaderSets>,
}

impl LaneSeed {
    pub fn new(generation: u32, lane: Arc<JsLane>, header_sets: Arc<HeaderSets>) -> Self {
        // 0 is nobody's.
        static LAST: AtomicU32 = AtomicU32::new(0);
        let id = LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        Self { id, generation, lane, header_sets }
    }
}

/// One lane as a loop sees it.
pub struct LaneEnd {
    pub id: u32,
    pub lane: Arc<JsLane>,
    pub(super) header_sets: Arc<HeaderSets>,
    pub(super) cache: SetCache,
    /// Of the requests in the lane, as far as this loop has looked.
    pub(super) ages: RefCell<Ages>,
    /// Requests of this loop that the lane has, or will have.
    in_flight: Cell<usize>,
    retiring: RefCell<Option<Arc<Retiring>>>,
    /// Its streams of events end when they begin: it gets nothing new.
    pub(super) ends_events: Cell<bool>,
    /// How often the reader had looked when this loop last asked, and since when it has not looked again.
    looks: Cell<usize>,
    silent_since: Cell<u64>,
}

impl LaneEnd {
    pub fn new(seed: &LaneSeed, ages: Ages) -> Rc<Self> {
        Rc::new(Self {
            id: seed.id,
            lane: seed.lane.clone(),
            header_sets: seed.header_sets.clone(),
            cache: SetCache::default(),
            ages: RefCell::new(ages),
            in_flight: Cell::new(0),
            retiring: RefCell::default(),
            ends_events: Cell::default(),
            looks: Cell::new(0),
            silent_since: Cell::new(u64::MAX),
        })
    }

    /// One more request is the lane's.
    pub(super) fn begin(&self) {
        self.in_flight.set(self.in_flight.get() + 1);
    }

    /// One is no longer.
    pub(super) fn finish(&self) {
        let left = self.in_flight.get() - 1;
        self.in_flight.set(left);
        if left == 0 {
            self.retired();
        }
    }

    /// Whether the lane has nothing of this loop.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.get() == 0
    }

    /// Tells `retiring` when no request of this loop is left.
    pub(super) fn retire(&self, retiring: Arc<Retiring>) {
        *self.retiring.borrow_mut() = Some(retiring);
        if self.in_flight.get() == 0 {
            self.retired();
        }
    }

    fn retired(&self) {
        let retiring = self.retiring.borrow_mut().take();
        if let Some(retiring) = retiring {
            retiring.done();
        }
    }

    /// Whether the thread was woken some time ago and has not come: it computes, or has stopped.
    pub(super) fn is_stalled(&self, now: &mut impl FnMut() -> u64) -> bool {
        let looks = self.lane.looks();
        if looks != self.looks.replace(looks) || !self.lane.is_armed() {
            self.silent_since.set(u64::MAX);
            return false;
        }
        let now = now();
        let since = self.silent_since.get().min(now);
        self.silent_since.set(since);
        now - since >= STALLED
    }
}

/// A lane that gets nothing new and waits for what it has, on every loop.
pub struct Retiring {
    lane: Arc<JsLane>,
    loops: AtomicUsize,
}

impl Retiring {
    /// Waits for so many loops, then says so in the lane.
    pub fn new(lane: Arc<JsLane>, loops: usize) -> Arc<Self> {
        Arc::new(Self { lane, loops: AtomicUsize::new(loops) })
    }

    /// One loop has nothing of the lane any more.
    pub fn done(&self) {
        if self.loops.fetch_sub(1, Ordering::AcqRel) == 1 {
            let slot = SlotId { slot: 0, generation: 0 };
            let _ = self.lane.push(|out| record::event(out, record::Kind::Closed, slot, 0));
        }
    }
}

/// The lanes of a generation, as its handlers have them. When the last handler goes, which has no request in progress then,
/// nobody chooses among them any more.
pub struct LaneUse(Rc<LaneSet>);

impl Deref for LaneUse {
    type Target = LaneSet;

    fn deref(&self) -> &LaneSet {
        &self.0
    }
}

impl Drop for LaneUse {
    fn drop(&mut self) {
        self.0.unused();
    }
}

/// Those that take requests.
#[derive(Default)]
pub struct LaneSet {
    lanes: RefCell<Vec<Rc<LaneEnd>>>,
    /// The handlers that choose among them.
    handlers: RefCell<Weak<LaneUse>>,
    /// Lanes that go when there are none of these any more.
    leaving: RefCell<Vec<(u32, Arc<Retiring>)>>,
    /// Where the next search begins, so that lanes with equally much to do take turns.
    next: Cell<usize>,
}

impl LaneSet {
    /// For a handler.
    pub fn for_handler(self: &Rc<Self>) -> Rc<LaneUse> {
        let shared = self.handlers.borrow().upgrade();
        shared.unwrap_or_else(|| {
            let shared = Rc::new(LaneUse(self.clone()));
            *self.handlers.borrow_mut() = Rc::downgrade(&shared);
            shared
        })
    }

    /// Whether a handler may still choose among them.
    pub fn is_used(&self) -> bool {
        self.handlers.borrow().strong_count() > 0
    }

    /// Takes lane `id` out when no handler may choose it any more.
    pub fn retire_later(&self, id: u32, retiring: Arc<Retiring>) {
        self.leaving.borrow_mut().push((id, retiring));
    }

    fn unused(&self) {
        for (id, retiring) in self.leaving.take() {
            match self.remove(id) {
                Some(end) => end.retire(retiring),
                None => retiring.done(),
            }
        }
    }

    pub fn add(&self, lane: Rc<LaneEnd>) {
        self.lanes.borrow_mut().push(lane);
    }

    /// Takes the lane `id` out: it gets nothing new.
    pub fn remove(&self, id: u32) -> Option<Rc<LaneEnd>> {
        let mut lanes = self.lanes.borrow_mut();
        let at = lanes.iter().position(|end| end.id == id)?;
        Some(lanes.remove(at))
    }

    pub fn find(&self, id: u32) -> Option<Rc<LaneEnd>> {
        self.lanes.borrow().iter().find(|end| end.id == id).cloned()
    }

    /// Whether a request that one lane does not take has another one.
    pub fn has_choice(&self) -> bool {
        self.lanes.borrow().len() > 1
    }

    pub fn is_empty(&self) -> bool {
        self.lanes.borrow().is_empty()
    }

    pub fn any(&self, is_such: impl FnMut(&Rc<LaneEnd>) -> bool) -> bool {
        self.lanes.borrow().iter().any(is_such)
    }

    /// All of them.
    pub fn all(&self) -> Vec<Rc<LaneEnd>> {
        self.lanes.borrow().clone()
    }

    /// All of them, those with the least to do first.
    pub fn by_load(&self) -> Vec<Rc<LaneEnd>> {
        let mut lanes = self.all();
        lanes.sort_by_key(|end| end.lane.load());
        lanes
    }

    /// The lane with the least to do whose thread is not known to be busy. `now` in ticks of the loop.
    pub fn choose(&self, now: impl FnOnce() -> u64) -> Option<Rc<LaneEnd>> {
        match self.lanes.borrow().as_slice() {
            [only] => Some(only.clone()),
            [] => None,
            lanes => self.least_loaded(lanes, now),
        }
    }

    fn least_loaded(&self, lanes: &[Rc<LaneEnd>], now: impl FnOnce() -> u64) -> Option<Rc<LaneEnd>> {
        let (mut clock, mut read) = (Some(now), 0);
        // Read once, and only when a lane has been silent since the last request.
        let mut now = || {
            if let Some(clock) = clock.take() {
                read = clock();
            }
            read
        };
        let first = self.next.get();
        self.next.set((first + 1) % lanes.len());
        let (after, before) = lanes.split_at(first.min(lanes.len()));
        let turn = before.iter().chain(after);
        turn.min_by_key(|end| (end.is_stalled(&mut now), end.lane.load())).cloned()
    }
}
