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
        const TICK_NANOS: u32 = TICK.as_nanos() as u32;
        let elapsed = self.origin.elapsed();
        elapsed.as_secs() * u64::from(1_000_000_000 / TICK_NANOS)
            + u64::from(elapsed.subsec_nanos() / TICK_NANOS)
    }

    /// When `tick` begins.
    pub(super) fn instant(&self, tick: u64) -> Instant {
        self.origin + TICK * u32::try_from(tick).unwrap_or(u32::MAX)
    }
}
