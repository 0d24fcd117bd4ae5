//! Counts what must be gone once a server has closed, so that a test can see it at once and not by the memory it takes.

use std::sync::atomic::{AtomicI32, Ordering};

use napi_derive::napi;

/// Loops with an end of the bridge.
pub static LOOPS: AtomicI32 = AtomicI32::new(0);
/// Cleanup hooks of environments, one for each lane that is open.
pub static HOOKS: AtomicI32 = AtomicI32::new(0);
/// Ends of loops that lanes hold: mailboxes and generations.
pub static ENDS: AtomicI32 = AtomicI32::new(0);

/// Counts as one of its kind until it is dropped.
pub struct Live(&'static AtomicI32);

impl Live {
    pub fn one_of(kind: &'static AtomicI32) -> Self {
        kind.fetch_add(1, Ordering::Relaxed);
        Self(kind)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Live loops, cleanup hooks and ends of loops, of all environments of the process.
#[napi]
pub fn census() -> Vec<i32> {
    [&LOOPS, &HOOKS, &ENDS].iter().map(|kind| kind.load(Ordering::Relaxed)).collect()
}
