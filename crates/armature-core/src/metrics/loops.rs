//! What one loop counts by itself: nobody else writes it, so writing is no more than a store.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that one thread writes and anybody reads.
#[derive(Debug, Default)]
pub struct Tally(AtomicU64);

impl Tally {
    /// Adds `n`; on the loop's thread.
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Takes `n` away that was added before; on the loop's thread.
    pub(crate) fn subtract(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(n), Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What the connections of one loop have, and come to.
#[derive(Debug, Default)]
pub struct LoopMetrics {
    /// Connections on which a request is being answered, or an answer is being written.
    pub busy: Tally,
    /// Bytes that the buffers of connections take, with those that are kept for the next ones.
    pub buffered: Tally,
    /// Request bodies of more bytes than `limits.body` allows, or what stands in for it.
    pub large_bodies: Tally,
    /// Request bodies of which nothing came for `timeouts.body`.
    pub body_timeouts: Tally,
    /// Connections closed because no request began: for `timeouts.idle`, or within `timeouts.header` of a new one.
    pub idle_timeouts: Tally,
    /// Connections, or streams of one, reset because the peer took nothing for `timeouts.write`.
    pub write_timeouts: Tally,
}

impl LoopMetrics {
    /// Adds what happened on a loop that has ended. What it had is no more.
    pub(super) fn inherit(&self, ended: &Self) {
        self.large_bodies.add(ended.large_bodies.get());
        self.body_timeouts.add(ended.body_timeouts.get());
        self.idle_timeouts.add(ended.idle_timeouts.get());
        self.write_timeouts.add(ended.write_timeouts.get());
    }
}
