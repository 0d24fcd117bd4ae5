//! How much is allowed.

use super::bucket::Bucket;
use super::window::Window;

/// What is kept of a key.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    pub first: u64,
    pub second: u64,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub allowed: bool,
    /// What is left.
    pub remaining: u32,
    /// Seconds until everything is allowed again, if nothing is taken meanwhile.
    pub reset: u64,
    /// Seconds until the request would be allowed, when it is not.
    pub retry: u64,
}

/// An algorithm with its numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Policy {
    Bucket(Bucket),
    Window(Window),
}

impl Policy {
    /// Takes `cost` from the key of `cell` at `now`, in nanoseconds, if it is there.
    pub fn take(&self, cell: &mut Cell, now: u64, cost: u32) -> Verdict {
        match self {
            Self::Bucket(bucket) => bucket.take(cell, now, cost),
            Self::Window(window) => window.take(cell, now, cost),
        }
    }

    /// How much of what is allowed the key of `cell` has taken, in a unit of its own; 0 when it is as if never seen.
    pub fn taken(&self, cell: &Cell, now: u64) -> u64 {
        match self {
            Self::Bucket(bucket) => bucket.missing(cell, now),
            Self::Window(window) => window.used(&window.taken(cell, now).1),
        }
    }

    /// What says in Redis what is counted: other numbers are other counters. `window` in seconds.
    pub fn describe(&self, window: u64) -> String {
        match self {
            Self::Bucket(Bucket { interval, burst }) => format!("bucket-{interval}-{burst}"),
            Self::Window(Window { limit, .. }) => format!("window-{limit}-{window}"),
        }
    }

    /// The most that can be there at once.
    pub fn most(&self) -> u32 {
        match self {
            Self::Bucket(bucket) => bucket.burst,
            Self::Window(window) => window.limit,
        }
    }
}

/// Whole seconds, rounded up: who waits for as long has waited long enough.
pub(super) fn seconds(nanos: u64) -> u64 {
    nanos.div_ceil(1_000_000_000)
}
