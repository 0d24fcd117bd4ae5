//! Places for requests that all loops share, and the line of those who wait for one.
//!
//! Taking and giving back a place that nobody waits for is one atomic operation. The line has a lock, which is held for as
//! long as it takes to enter or leave it and never while anybody is woken or polled.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::task::Waker;

use super::sync::Ordering::{Acquire, Relaxed, Release};
use super::sync::{AtomicU64, Mutex, MutexGuard};

/// Set in [`Limiter::state`] while somebody stands in line, so that nobody gets past.
const LINE: u64 = 1 << 63;

/// Lets at most `max` in, and at most `queue` wait.
#[derive(Debug)]
pub(super) struct Limiter {
    max: u64,
    queue: usize,
    /// How many places are taken, and [`LINE`]. It is set and cleared under the lock of the line, and as long as it is set all
    /// places are taken: who leaves gives his to the first in line.
    state: AtomicU64,
    line: Mutex<Line>,
}

#[derive(Debug, Default)]
struct Line {
    next: u64,
    /// By ticket: the first came first.
    waiting: BTreeMap<u64, Waker>,
}

/// What came of entering.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A place is taken, which has to be given back with [`Limiter::leave`].
    Place,
    /// A ticket, which has to be used up by [`Limiter::is_granted`] or given back with [`Limiter::give_up`].
    Ticket(u64),
    /// As many wait as may.
    Full,
}

impl Limiter {
    pub fn new(max: u32, queue: usize) -> Self {
        let line = Mutex::new(Line::default());
        Self { max: u64::from(max), queue, state: AtomicU64::new(0), line }
    }

    /// Whether anybody may wait at all.
    pub fn has_queue(&self) -> bool {
        self.queue > 0
    }

    /// Takes a place if one is free and nobody waits for one.
    pub fn try_enter(&self) -> bool {
        let free = |state: u64| (state < self.max).then_some(state + 1);
        self.state.fetch_update(Acquire, Relaxed, free).is_ok()
    }

    /// Takes a place, or stands in line for one; `waker` is woken when it is there.
    pub fn enter(&self, waker: &Waker) -> Entry {
        let mut line = self.lock();
        loop {
            if self.try_enter() {
                return Entry::Place;
            }
            if line.waiting.len() >= self.queue {
                return Entry::Full;
            }
            let state = self.state.load(Relaxed);
            let is_open = state & LINE == 0;
            // A place may have been given back in between.
            if is_open
                && (state < self.max
                    || self.state.compare_exchange(state, state | LINE, Relaxed, Relaxed).is_err())
            {
                continue;
            }
            let ticket = line.next;
            line.next += 1;
            line.waiting.insert(ticket, waker.clone());
            return Entry::Ticket(ticket);
        }
    }

    /// Whether the place for `ticket` is there, which is the caller's then. Else `waker` is woken when it is.
    pub fn is_granted(&self, ticket: u64, waker: &Waker) -> bool {
        let mut line = self.lock();
        let Some(known) = line.waiting.get_mut(&ticket) else { return true };
        let previous = (!known.will_wake(waker)).then(|| std::mem::replace(known, waker.clone()));
        drop(line);
        drop(previous);
        false
    }

    /// Leaves the line.
    pub fn give_up(&self, ticket: u64) {
        let mut line = self.lock();
        let waker = line.waiting.remove(&ticket);
        if waker.is_some() && line.waiting.is_empty() {
            self.state.fetch_and(!LINE, Relaxed);
        }
        drop(line);
        if waker.is_none() {
            // The place came at the same time.
            self.leave();
        }
    }

    /// Gives a place back, to the first in line if there is one.
    pub fn leave(&self) {
        loop {
            let empty = |state: u64| (state & LINE == 0).then(|| state - 1);
            if self.state.fetch_update(Release, Relaxed, empty).is_ok() {
                return;
            }
            let mut line = self.lock();
            let first = line.waiting.pop_first();
            if first.is_some() && line.waiting.is_empty() {
                self.state.fetch_and(!LINE, Relaxed);
            }
            drop(line);
            if let Some((_, waker)) = first {
                return waker.wake();
            }
            // The last one in line has left it in between.
        }
    }

    /// Places that are taken.
    pub fn taken(&self) -> u64 {
        self.state.load(Relaxed) & !LINE
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        // Nothing panics while the lock is held, so a poisoned state is still whole.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
