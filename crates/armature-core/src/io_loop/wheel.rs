//! A hashed timer wheel: one per loop, for every deadline of connections, bodies and handlers.
//!
//! Timers are nodes of a slab, linked into the slot of the tick they are due in; insertion, removal and moving a
//! deadline take constant time and no allocation once the slab has grown. A timer further away than one turn of the
//! wheel stays in its slot and is looked at once per turn. Moving a deadline later leaves the node where it is until
//! its old slot comes up, which is the common case: a connection pushes its deadline at every request.
//!
//! Whoever drives the loop asks when to come back before it waits, so the wheel wakes nobody but those whose time has come.

use std::cell::{Cell, RefCell};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::Clock;

/// Resolution of all deadlines.
pub const TICK: Duration = Duration::from_millis(10);

const SLOTS: usize = 1024;
const NONE: u32 = u32::MAX;

/// Ticks that cover `duration`, rounded up, at least one.
pub fn ticks(duration: Duration) -> u64 {
    const TICK_NANOS: u64 = TICK.as_nanos() as u64;
    let whole = duration.as_secs().saturating_mul(1_000_000_000 / TICK_NANOS);
    let rest = u64::from(duration.subsec_nanos()).div_ceil(TICK_NANOS);
    whole.saturating_add(rest).max(1)
}

pub(crate) struct Wheel {
    clock: Clock,
    state: RefCell<State>,
    /// Nothing is due before this tick; `u64::MAX` when nothing is. Timers that go leave it where it is, which costs a look in
    /// vain at most.
    next: Cell<u64>,
}

struct State {
    nodes: Vec<Node>,
    free: u32,
    slots: Box<[u32; SLOTS]>,
    /// One bit per slot that has nodes.
    occupied: [u64; SLOTS / 64],
    /// Every tick up to and including this one has been processed.
    processed: u64,
}

struct Node {
    deadline: u64,
    /// Tick of the slot that the node is linked into; only meaningful while linked.
    queued: u64,
    linked: bool,
    fired: bool,
    waker: Option<Waker>,
    prev: u32,
    /// Next in the slot, or in the free list.
    next: u32,
}

impl Wheel {
    pub(super) fn new(clock: Clock) -> Self {
        let processed = clock.now();
        Self {
            clock,
            state: RefCell::new(State {
                nodes: Vec::new(),
                free: NONE,
                slots: Box::new([NONE; SLOTS]),
                occupied: [0; SLOTS / 64],
                processed,
            }),
            next: Cell::new(u64::MAX),
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.clock.now()
    }

    pub(super) fn add(&self) -> u32 {
        self.state.borrow_mut().allocate()
    }

    pub(super) fn remove(&self, key: u32) {
        // The waker is dropped after the borrow ends: dropping a task may drop other timers.
        let _waker = self.state.borrow_mut().release(key);
    }

    /// A timer that is set already, for a task that waits already: one look at the wheel instead of three.
    pub(super) fn start(&self, deadline: u64, waker: &Waker) -> u32 {
        let mut state = self.state.borrow_mut();
        let key = state.allocate();
        let deadline = deadline.max(state.processed + 1);
        let node = &mut state.nodes[key as usize];
        node.deadline = deadline;
        node.waker = Some(waker.clone());
        state.link(key, deadline);
        self.next.set(self.next.get().min(deadline));
        key
    }

    /// Moves the deadline of `key`; it has not fired afterwards.
    pub(super) fn set(&self, key: u32, deadline: u64) {
        let mut state = self.state.borrow_mut();
        // A deadline in a tick that has been processed fires in the next one.
        let deadline = deadline.max(state.processed + 1);
        let node = &mut state.nodes[key as usize];
        node.deadline = deadline;
        node.fired = false;
        if !node.linked || node.queued > deadline {
            state.unlink(key);
            state.link(key, deadline);
            self.next.set(self.next.get().min(deadline));
        }
    }

    /// Turns the timer off.
    pub(super) fn clear(&self, key: u32) {
        let mut state = self.state.borrow_mut();
        state.unlink(key);
        state.nodes[key as usize].fired = false;
    }

    /// Whether `key` has fired; registers `waker` otherwise.
    pub(super) fn poll(&self, key: u32, waker: &Waker) -> bool {
        let mut state = self.state.borrow_mut();
        let node = &mut state.nodes[key as usize];
        if node.fired {
            return true;
        }
        let previous = if node.waker.as_ref().is_some_and(|w| w.will_wake(waker)) {
            None
        } else {
            node.waker.replace(waker.clone())
        };
        drop(state);
        drop(previous);
        false
    }

    /// Fires everything due up to now.
    pub(super) fn turn(&self) {
        let now = self.clock.now();
        if now < self.next.get() {
            return;
        }
        let mut due = Vec::new();
        let mut state = self.state.borrow_mut();
        state.advance(now, &mut due);
        self.next.set(state.next_occupied().unwrap_or(u64::MAX));
        drop(state);
        for waker in due {
            waker.wake();
        }
    }

    /// When something may be due.
    pub(super) fn next(&self) -> Option<Instant> {
        let next = self.next.get();
        (next != u64::MAX).then(|| self.clock.instant(next))
    }
}

impl State {
    fn allocate(&mut self) -> u32 {
        if self.free != NONE {
            let key = self.free;
            self.free = self.nodes[key as usize].next;
            return key;
        }
        let key = self.nodes.len() as u32;
        self.nodes.push(Node {
            deadline: 0,
            queued: 0,
            linked: false,
            fired: false,
            waker: None,
            prev: NONE,
            next: NONE,
        });
        key
    }

    fn release(&mut self, key: u32) -> Option<Waker> {
        self.unlink(key);
        let free = self.free;
        let node = &mut self.nodes[key as usize];
        node.fired = false;
        node.next = free;
        let waker = node.waker.take();
        self.free = key;
        waker
    }

    fn link(&mut self, key: u32, tick: u64) {
        let slot = tick as usize % SLOTS;
        let head = std::mem::replace(&mut self.slots[slot], key);
        let node = &mut self.nodes[key as usize];
        (node.linked, node.queued, node.prev, node.next) = (true, tick, NONE, head);
        if head != NONE {
            self.nodes[head as usize].prev = key;
        }
        self.occupied[slot / 64] |= 1 << (slot % 64);
    }

    fn unlink(&mut self, key: u32) {
        let node = &mut self.nodes[key as usize];
        if !std::mem::take(&mut node.linked) {
            return;
        }
        let (slot, prev, next) = (node.queued as usize % SLOTS, node.prev, node.next);
        if next != NONE {
            self.nodes[next as usize].prev = prev;
        }
        if prev != NONE {
            self.nodes[prev as usize].next = next;
        } else {
            self.slots[slot] = next;
            if next == NONE {
                self.occupied[slot / 64] &= !(1 << (slot % 64));
            }
        }
    }

    fn advance(&mut self, now: u64, due: &mut Vec<Waker>) {
        // After a long pause one full turn visits every slot.
        let from = (self.processed + 1).max(now.saturating_sub(SLOTS as u64 - 1));
        for tick in from..=now {
            let mut key = self.slots[tick as usize % SLOTS];
            while key != NONE {
                let node = &self.nodes[key as usize];
                let (next, deadline, queued) = (node.next, node.deadline, node.queued);
                if deadline <= now {
                    self.unlink(key);
                    let node = &mut self.nodes[key as usize];
                    node.fired = true;
                    due.extend(node.waker.take());
                } else if queued <= now {
                    self.unlink(key);
                    self.link(key, deadline);
                }
                key = next;
            }
        }
        self.processed = self.processed.max(now);
    }

    /// The next tick whose slot has nodes, which may be some turns early for far deadlines.
    fn next_occupied(&self) -> Option<u64> {
        let start = self.processed + 1;
        let first = start as usize % SLOTS;
        let words = self.occupied.len();
        for i in 0..=words {
            let word = (first / 64 + i) % words;
            let mut bits = self.occupied[word];
            if i == 0 {
                bits &= !0 << (first % 64);
            } else if i == words {
                bits &= !(!0 << (first % 64));
            }
            if bits != 0 {
                let slot = word * 64 + bits.trailing_zeros() as usize;
                return Some(start + ((slot + SLOTS - first) % SLOTS) as u64);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn state() -> State {
        State {
            nodes: Vec::new(),
            free: NONE,
            slots: Box::new([NONE; SLOTS]),
            occupied: [0; SLOTS / 64],
            processed: 0,
        }
    }

    fn arm(state: &mut State, deadline: u64) -> u32 {
        let key = state.allocate();
        state.nodes[key as usize].deadline = deadline;
        state.link(key, deadline);
        key
    }

    fn fired(state: &State, key: u32) -> bool {
        state.nodes[key as usize].fired
    }

    #[test]
    fn fires_in_its_tick_and_not_before() {
        let mut s = state();
        let keys: Vec<_> = [1, 5, 1024, 1025, 7500].map(|t| arm(&mut s, t)).into();
        let mut due = Vec::new();
        for now in 1..=7500 {
            s.advance(now, &mut due);
            for (key, deadline) in keys.iter().zip([1, 5, 1024, 1025, 7500]) {
                assert_eq!(fired(&s, *key), deadline <= now, "deadline {deadline} at {now}");
            }
        }
        assert_eq!(s.next_occupied(), None);
    }

    #[test]
    fn a_long_pause_fires_everything_due() {
        let mut s = state();
        let keys: Vec<_> = (1..3000).map(|t| arm(&mut s, t)).collect();
        s.advance(10_000, &mut Vec::new());
        assert!(keys.iter().all(|k| fired(&s, *k)));
    }

    #[test]
    fn next_occupied_never_skips_a_deadline() {
        let mut s = state();
        s.advance(777, &mut Vec::new());
        assert_eq!(s.next_occupied(), None);
        let far = arm(&mut s, 777 + 5000);
        let mut now = 777;
        let mut wakes = 0;
        while let Some(next) = s.next_occupied() {
            assert!(next > now && next <= 777 + 5000);
            now = next;
            wakes += 1;
            s.advance(now, &mut Vec::new());
        }
        assert!(fired(&s, far));
        assert!(wakes <= 6, "{wakes} wakes for five turns of the wheel");
        assert_eq!(now, 777 + 5000);
    }

    #[test]
    fn a_later_deadline_is_lazy_and_an_earlier_one_moves() {
        let clock = Clock::start();
        let wheel = Wheel::new(clock.clone());
        let later = |ticks: u32| {
            std::thread::sleep(TICK * ticks);
            clock.read();
            wheel.turn();
        };
        let count = Arc::new(Count::default());
        let waker = count.clone().into();
        let key = wheel.add();
        assert_eq!(wheel.next(), None);
        wheel.set(key, wheel.now() + 3);
        let first = wheel.next().unwrap();
        wheel.set(key, wheel.now() + 100_000);
        assert_eq!(wheel.next(), Some(first), "a look in vain is cheaper than a search");
        assert!(!wheel.poll(key, &waker));
        later(5);
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        assert!(wheel.next().unwrap() > first);
        wheel.set(key, wheel.now() + 1);
        assert!(wheel.next().unwrap() <= Instant::now() + TICK);
        later(3);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert_eq!(wheel.next(), None);
        assert!(wheel.poll(key, &waker));
        wheel.clear(key);
        assert!(!wheel.poll(key, &waker));
        wheel.remove(key);
    }

    #[test]
    fn what_is_set_after_a_long_rest_is_neither_early_nor_late() {
        let clock = Clock::start();
        let wheel = Wheel::new(clock.clone());
        let count = Arc::new(Count::default());
        let waker = count.clone().into();
        // Nothing was due, so nothing was looked at.
        clock.set(50_000);
        wheel.turn();
        for (after, key) in [(1, wheel.add()), (5_000, wheel.add())] {
            wheel.set(key, 50_000 + after);
            assert!(!wheel.poll(key, &waker));
        }
        for (now, fired) in [(50_000, 0), (50_001, 1), (54_999, 1), (55_000, 2)] {
            clock.set(now);
            assert!(wheel.next().is_some());
            wheel.turn();
            assert_eq!(count.0.load(Ordering::Relaxed), fired, "at {now}");
        }
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn removed_timers_are_reused_and_never_fire() {
        let mut s = state();
        let a = arm(&mut s, 4);
        let b = arm(&mut s, 4);
        let c = arm(&mut s, 4);
        s.release(b);
        s.advance(4, &mut Vec::new());
        assert!(fired(&s, a) && fired(&s, c) && !fired(&s, b));
        assert_eq!(s.allocate(), b);
    }
}
