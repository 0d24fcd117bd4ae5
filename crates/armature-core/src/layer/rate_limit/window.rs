//! The sliding window: of each key two numbers are kept, what was taken in this window and in the one before, which counts by as
//! much of it as still lies within a window's length. It is exact when the requests of the window before came evenly.

use super::Verdict;
use super::policy::{Cell, seconds};

/// `limit` in any span of the window's length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub limit: u32,
    /// Its length in microseconds: products of it and a limit have 64 bits.
    pub length: u64,
}

/// What is known of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// In this window.
    pub now: u32,
    /// In the one before.
    pub before: u32,
    /// Microseconds since this one began.
    pub elapsed: u64,
}

impl Window {
    pub fn new(limit: u32, window_nanos: u64) -> Self {
        Self { limit, length: window_nanos / 1000 }
    }

    /// Takes `cost` at `now`, in nanoseconds, if that is within the limit.
    pub fn take(&self, cell: &mut Cell, now: u64, cost: u32) -> Verdict {
        let (number, mut taken) = self.taken(cell, now);
        let allowed =
            self.used(&taken) + u64::from(cost) * self.length <= u64::from(self.limit) * self.length;
        if allowed {
            taken.now += cost;
        }
        *cell = Cell { first: number, second: u64::from(taken.now) << 32 | u64::from(taken.before) };
        self.judge(allowed, &taken, cost)
    }

    /// How much of the limit is used, times the length of the window.
    pub fn used(&self, taken: &Taken) -> u64 {
        u64::from(taken.before) * (self.length - taken.elapsed) + u64::from(taken.now) * self.length
    }

    /// The window that `now` is in, and what was taken.
    pub fn taken(&self, cell: &Cell, now: u64) -> (u64, Taken) {
        let (number, elapsed) = (now / 1000 / self.length, now / 1000 % self.length);
        let (of_cell, before) = ((cell.second >> 32) as u32, cell.second as u32);
        match number.checked_sub(cell.first) {
            Some(0) => (number, Taken { now: of_cell, before, elapsed }),
            Some(1) => (number, Taken { now: 0, before: of_cell, elapsed }),
            Some(_) => (number, Taken { now: 0, before: 0, elapsed }),
            // Another thread has read the time after this one, and was here first.
            None => (cell.first, Taken { now: of_cell, before, elapsed: 0 }),
        }
    }

    /// What becomes of a request for `cost`, when `taken` is what there is now: with it, if it was allowed.
    pub fn judge(&self, allowed: bool, taken: &Taken, cost: u32) -> Verdict {
        let all = u64::from(self.limit) * self.length;
        let remaining = (all.saturating_sub(self.used(taken)) / self.length) as u32;
        let forgotten = match (taken.now, taken.before) {
            (0, 0) => 0,
            (0, _) => self.length - taken.elapsed,
            (_, _) => 2 * self.length - taken.elapsed,
        };
        let retry = if allowed { 0 } else { seconds(self.wait(taken, cost) * 1000).max(1) };
        Verdict { allowed, remaining, reset: seconds(forgotten * 1000), retry }
    }

    /// Microseconds until `cost` would be within the limit, if nothing else is taken.
    fn wait(&self, taken: &Taken, cost: u32) -> u64 {
        let room = u64::from(self.limit.saturating_sub(cost));
        // When as much of `count` has left the window as must.
        let leaves = |count: u32, room: u64| match u64::from(count) {
            0 => 0,
            count => self.length.saturating_sub(room * self.length / count),
        };
        match room.checked_sub(u64::from(taken.now)) {
            Some(room) => leaves(taken.before, room).saturating_sub(taken.elapsed),
            None => self.length - taken.elapsed + leaves(taken.now, room),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn slides() {
        let window = Window::new(10, 10 * SECOND);
        let mut cell = Cell::default();
        let mut take = |at: f64, cost| {
            let now = 1000 * SECOND + (at * 1e9) as u64;
            let Verdict { allowed, remaining, reset, retry } = window.take(&mut cell, now, cost);
            (allowed, remaining, reset, retry)
        };
        assert_eq!(take(0.0, 10), (true, 0, 20, 0));
        // All of it is forgotten evenly in the next window.
        assert_eq!(take(0.0, 1), (false, 0, 20, 11));
        assert_eq!(take(9.0, 1), (false, 0, 11, 2));
        assert_eq!(take(10.0, 1), (false, 0, 10, 1));
        assert_eq!(take(11.0, 1), (true, 0, 19, 0));
        assert_eq!(take(11.0, 1), (false, 0, 19, 1));
        assert_eq!(take(15.0, 4), (true, 0, 15, 0));
        assert_eq!(take(15.0, 2), (false, 0, 15, 2));
        assert_eq!(take(40.0, 10), (true, 0, 20, 0));
    }

    #[test]
    fn a_time_that_was_read_earlier_changes_nothing() {
        let window = Window::new(2, SECOND);
        let mut cell = Cell::default();
        assert!(window.take(&mut cell, 10 * SECOND, 1).allowed);
        assert!(window.take(&mut cell, 10 * SECOND - 1, 1).allowed);
        assert!(!window.take(&mut cell, 10 * SECOND - 1, 1).allowed);
    }

    proptest! {
        /// Never more than the limit in a window, nor more than it allows by the definition, computed with fractions; and what
        /// is refused is allowed after `retry`, and not a second earlier.
        #[test]
        fn is_what_it_says(
            limit in 1u32..50,
            length in 1u64..20,
            steps in prop::collection::vec((0u64..3000, 1u32..10), 1..200),
        ) {
            let window = Window::new(limit, length * SECOND);
            let (mut cell, mut now) = (Cell::default(), 5000 * SECOND);
            let mut counts = std::collections::HashMap::<u64, u32>::new();
            for (millis, cost) in steps {
                now += millis * 1_000_000;
                let cost = cost.min(limit);
                let (number, within) = (now / (length * SECOND), now % (length * SECOND));
                let share = 1.0 - within as f64 / (length * SECOND) as f64;
                let count = |number| f64::from(counts.get(&number).copied().unwrap_or(0));
                let used = count(number - 1) * share + count(number);
                let before = cell;
                let verdict = window.take(&mut cell, now, cost);
                let margin = used + f64::from(cost) - f64::from(limit);
                if margin.abs() > 1e-6 {
                    prop_assert_eq!(verdict.allowed, margin <= 0.0);
                }
                if verdict.allowed {
                    *counts.entry(number).or_default() += cost;
                } else {
                    let mut later = before;
                    prop_assert!(window.take(&mut later, now + verdict.retry * SECOND, cost).allowed);
                    let mut earlier = before;
                    let short = now + verdict.retry.saturating_sub(1) * SECOND;
                    prop_assert!(!window.take(&mut earlier, short, cost).allowed);
                }
                prop_assert!(counts.values().all(|count| *count <= limit));
            }
        }
    }
}
