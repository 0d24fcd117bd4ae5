//! The token bucket, as the generic cell rate algorithm: of each key one number is kept, the time at which its bucket will be
//! full again.

use super::Verdict;
use super::policy::{Cell, seconds};

/// `limit` tokens come back in each window, evenly; at most `burst` are there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    /// Nanoseconds in which one token comes back.
    pub interval: u64,
    pub burst: u32,
}

impl Bucket {
    pub fn new(limit: u32, window_nanos: u64, burst: u32) -> Self {
        Self { interval: (window_nanos / u64::from(limit)).max(1), burst }
    }

    /// Nanoseconds in which an empty bucket is full.
    pub fn full_after(&self) -> u64 {
        self.interval * u64::from(self.burst)
    }

    /// Takes `cost` tokens at `now`, in nanoseconds, if they are there.
    pub fn take(&self, cell: &mut Cell, now: u64, cost: u32) -> Verdict {
        let missing = self.missing(cell, now);
        let after = missing + self.interval * u64::from(cost);
        let allowed = after <= self.full_after();
        if allowed {
            cell.first = now + after;
        }
        self.judge(allowed, missing, cost)
    }

    /// For how many nanoseconds the bucket will not be full, which is how much was taken.
    pub fn missing(&self, cell: &Cell, now: u64) -> u64 {
        cell.first.saturating_sub(now).min(self.full_after())
    }

    /// What becomes of a request for `cost` tokens, when the bucket would have been full after `missing` without it.
    pub fn judge(&self, allowed: bool, missing: u64, cost: u32) -> Verdict {
        let after = missing + self.interval * u64::from(cost);
        let missing = if allowed { after } else { missing };
        let remaining = (self.full_after().saturating_sub(missing) / self.interval) as u32;
        let retry = if allowed { 0 } else { seconds(after.saturating_sub(self.full_after())).max(1) };
        Verdict { allowed, remaining, reset: seconds(missing), retry }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;
    use governor::{Quota, RateLimiter};
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn empties_and_fills() {
        let bucket = Bucket::new(10, 10 * SECOND, 3);
        let mut cell = Cell::default();
        let mut take = |at: u64, cost| {
            let Verdict { allowed, remaining, reset, retry } = bucket.take(&mut cell, at, cost);
            (allowed, remaining, reset, retry)
        };
        let start = 100 * SECOND;
        assert_eq!(take(start, 1), (true, 2, 1, 0));
        assert_eq!(take(start, 2), (true, 0, 3, 0));
        assert_eq!(take(start, 1), (false, 0, 3, 1));
        assert_eq!(take(start + SECOND / 2, 2), (false, 0, 3, 2));
        // What was refused has taken nothing.
        assert_eq!(take(start + SECOND, 1), (true, 0, 3, 0));
        assert_eq!(take(start + 2 * SECOND, 2), (false, 1, 2, 1));
        assert_eq!(take(start + 100 * SECOND, 3), (true, 0, 3, 0));
    }

    proptest! {
        /// governor decides the same, for any times and costs.
        #[test]
        fn agrees_with_governor(
            limit in 1u32..1000,
            window in 1u64..100,
            burst in 1u32..1000,
            steps in prop::collection::vec((0u64..5 * SECOND, 1u32..20), 1..200),
        ) {
            let bucket = Bucket::new(limit, window * SECOND, burst);
            let clock = FakeRelativeClock::default();
            let quota = Quota::with_period(Duration::from_nanos(bucket.interval)).unwrap();
            let quota = quota.allow_burst(NonZeroU32::new(burst).unwrap());
            let oracle = RateLimiter::direct_with_clock(quota, clock.clone());
            let (mut cell, mut now) = (Cell::default(), SECOND);
            for (pause, cost) in steps {
                clock.advance(Duration::from_nanos(pause));
                now += pause;
                let cost = cost.min(burst);
                let expected = oracle.check_n(NonZeroU32::new(cost).unwrap());
                let verdict = bucket.take(&mut cell, now, cost);
                let is_allowed = matches!(expected, Ok(Ok(())));
                prop_assert_eq!(verdict.allowed, is_allowed, "{} at {}", cost, now);
                if let Ok(Err(refusal)) = expected {
                    use governor::clock::Clock;
                    let wait = refusal.wait_time_from(clock.now());
                    prop_assert_eq!(verdict.retry, seconds(wait.as_nanos() as u64).max(1));
                }
            }
        }
    }
}
