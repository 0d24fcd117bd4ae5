//! What a cache counts. Each loop counts hits by itself, so that a hit touches nothing that others touch.

use std::sync::{Arc, Mutex, PoisonError};

use crate::metrics::{Counter, Gauge, Tally};

/// Numbers of one store.
#[derive(Debug, Default)]
pub(super) struct Counters {
    loops: Mutex<Vec<Arc<LoopCounters>>>,
    entries: Gauge,
    /// Answers that were found in Redis.
    pub shared: Counter,
    /// Answers that were found on disk.
    pub from_disk: Counter,
    evicted: Counter,
    purged: Counter,
}

/// What one loop counts.
#[derive(Debug, Default)]
pub(super) struct LoopCounters {
    pub hits: Tally,
    pub stale: Tally,
    pub misses: Tally,
    pub validated: Tally,
    pub errors: Tally,
    pub collapsed: Tally,
    pub bypassed: Tally,
    pub stored: Tally,
}

/// The numbers of a cache, or of several together: counters since the start, but for `entries` and `bytes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Requests answered from the store, with fresh answers.
    pub hits: u64,
    /// Requests answered with stale ones: while a new one was fetched, or because the client allowed it.
    pub stale: u64,
    /// Requests that might have been answered from the store, and went to the handler.
    pub misses: u64,
    /// Answers of those that were a 304, after which the stored one was given.
    pub validated: u64,
    /// Errors in whose place a stored answer was given.
    pub errors: u64,
    /// Requests that waited for another one and got its answer.
    pub collapsed: u64,
    /// Requests that a cache has nothing to do with.
    pub bypassed: u64,
    /// Answers that were stored.
    pub stored: u64,
    /// Answers that were taken out because others needed the room.
    pub evicted: u64,
    /// Answers that were taken out because they were no longer true.
    pub purged: u64,
    /// Answers that came from Redis.
    pub shared: u64,
    /// Answers that came from disk.
    pub from_disk: u64,
    /// Answers that could not be looked for in Redis, or not be written, because it is gone, too slow or too busy.
    pub unavailable: u64,
    /// Answers in the store.
    pub entries: u64,
    /// Memory that they take.
    pub bytes: u64,
}

impl Counters {
    pub fn attach(&self) -> Arc<LoopCounters> {
        let counters: Arc<LoopCounters> = Arc::default();
        self.loops.lock().unwrap_or_else(PoisonError::into_inner).push(counters.clone());
        counters
    }

    pub fn entered(&self) {
        self.entries.enter();
    }

    pub fn left(&self, evicted: bool) {
        self.entries.leave();
        self.evicted.add(evicted.into());
    }

    pub fn purged(&self, count: u64) {
        self.purged.add(count);
    }

    pub fn entries(&self) -> u64 {
        self.entries.get().max(0) as u64
    }

    pub fn stats(&self, bytes: u64) -> CacheStats {
        let mut stats = CacheStats {
            evicted: self.evicted.get(),
            purged: self.purged.get(),
            shared: self.shared.get(),
            from_disk: self.from_disk.get(),
            entries: self.entries(),
            bytes,
            ..CacheStats::default()
        };
        for counters in self.loops.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            stats.hits += counters.hits.get();
            stats.stale += counters.stale.get();
            stats.misses += counters.misses.get();
            stats.validated += counters.validated.get();
            stats.errors += counters.errors.get();
            stats.collapsed += counters.collapsed.get();
            stats.bypassed += counters.bypassed.get();
            stats.stored += counters.stored.get();
        }
        stats
    }
}

impl std::ops::AddAssign for CacheStats {
    fn add_assign(&mut self, other: Self) {
        self.hits += other.hits;
        self.stale += other.stale;
        self.misses += other.misses;
        self.validated += other.validated;
        self.errors += other.errors;
        self.collapsed += other.collapsed;
        self.bypassed += other.bypassed;
        self.stored += other.stored;
        self.evicted += other.evicted;
        self.purged += other.purged;
        self.shared += other.shared;
        self.from_disk += other.from_disk;
        self.unavailable += other.unavailable;
        self.entries += other.entries;
        self.bytes += other.bytes;
    }
}
