//! Time in coarse ticks.

use std::time::Instant;

use super::wheel::TICK;

/// Counts ticks since the loop started.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that shows 0 now.
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Whole ticks since the start.
    pub fn now(&self) -> u64 {
        (self.origin.elapsed().as_millis() / TICK.as_millis()) as u64
    }

    /// When `tick` begins.
    pub(super) fn instant(&self, tick: u64) -> Instant {
        self.origin + TICK * u32::try_from(tick).unwrap_or(u32::MAX)
    }
}
