//! Time in coarse ticks, read once for each task that runs.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::wheel::TICK;

const TICK_NANOS: u64 = TICK.as_nanos() as u64;

/// Counts ticks since the loop started. Clones are the same clock.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    inner: Rc<Inner>,
}

#[derive(Debug)]
struct Inner {
    origin: Instant,
    /// When it was read last.
    now: Cell<u64>,
}

impl Clock {
    /// A clock that shows 0.
    pub fn start() -> Self {
        Self { inner: Rc::new(Inner { origin: Instant::now(), now: Cell::new(0) }) }
    }

    /// Whole ticks since the start, as of the last [`Clock::read`].
    pub fn now(&self) -> u64 {
        self.inner.now.get()
    }

    /// Reads the time.
    pub fn read(&self) -> Instant {
        let time = Instant::now();
        // Nanoseconds of 584 years.
        let nanos = time.saturating_duration_since(self.inner.origin).as_nanos() as u64;
        self.inner.now.set(nanos / TICK_NANOS);
        time
    }

    /// It is `tick`.
    #[cfg(test)]
    pub fn set(&self, tick: u64) {
        self.inner.now.set(tick);
    }

    /// When `tick` begins.
    pub fn instant(&self, tick: u64) -> Instant {
        self.inner.origin + Duration::from_nanos(tick.saturating_mul(TICK_NANOS))
    }
}
