//! Values in memory, shared by all threads: bounded by bytes, keeping what is asked for often (W-TinyLFU).

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moka::notification::RemovalCause;
use moka::sync::Cache;

use super::below::{self, Below};
use super::claims::Claims;
use super::options::Settings;
use super::purges::{Purges, Target};
use super::tags::{Key, Tags};
use super::value::Value;
use crate::error::Result;
use crate::metrics::{Counter, Gauge};

/// The part of the bound by which memory may be beyond it for a moment.
const UNSETTLED: u64 = 64;

/// What all who open the same have in common.
pub(super) struct Store {
    cache: Cache<Key, Slot>,
    index: Arc<Mutex<Index>>,
    /// Held by whoever stores something, so that what comes later stands in the end.
    writing: Mutex<()>,
    next: AtomicU64,
    pub(super) below: Option<Below>,
    pub(super) claims: Arc<Claims>,
    pub(super) counters: Arc<Counters>,
    pub(super) settings: Settings,
    /// Bytes that were stored since what is over the bound went.
    unsettled: AtomicU64,
}

/// What is known of keys beside their values.
#[derive(Default)]
struct Index {
    tags: Tags,
    purges: Purges,
}

/// What a key leads to.
#[derive(Clone)]
struct Slot {
    id: u64,
    value: Arc<Value>,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub hits: Counter,
    pub stale: Counter,
    pub misses: Counter,
    pub shared: Counter,
    pub stored: Counter,
    pub evicted: Counter,
    pub purged: Counter,
    pub unavailable: Counter,
    entries: Gauge,
}

/// The numbers of a store: counters since it was opened, but for `entries` and `bytes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyValueStats {
    /// Values given from memory, fresh.
    pub hits: u64,
    /// Values given from memory that were stale.
    pub stale: u64,
    /// Keys that were looked for everywhere and have no value.
    pub misses: u64,
    /// Values that came from Redis.
    pub shared: u64,
    /// Values that were stored.
    pub stored: u64,
    /// Values that were taken out because others needed the room.
    pub evicted: u64,
    /// Values that were taken out because they were no longer true.
    pub purged: u64,
    /// Values that could not be looked for in Redis, or not be written, because it is gone, too slow or too busy.
    pub unavailable: u64,
    /// Values in memory.
    pub entries: u64,
    /// Memory that they take.
    pub bytes: u64,
}

/// What was known before a value was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The number of the newest purge in this process.
    pub purges: u64,
    /// That of the newest purge in Redis, as far as it is known.
    pub position: Option<u64>,
}

impl Store {
    /// # Errors
    /// `ARMATURE_IO` when there can be no thread for Redis.
    pub fn open(settings: Settings) -> Result<Arc<Self>> {
        let (index, counters): (Arc<Mutex<Index>>, Arc<Counters>) = Default::default();
        let (gone, counted) = (index.clone(), counters.clone());
        let weigh = |key: &Key, slot: &Slot| u32::try_from(slot.value.weight(key.len())).unwrap_or(u32::MAX);
        let cache = Cache::builder()
            .max_capacity(settings.size)
            .weigher(weigh)
            .eviction_listener(move |key: Arc<Key>, slot: Slot, cause| {
                if !slot.value.tags.is_empty() {
                    lock(&gone).tags.remove(&key, &slot.value.tags, slot.id);
                }
                counted.entries.leave();
                counted.evicted.add((cause == RemovalCause::Size).into());
            })
            .build();
        let mut failed = None;
        let store = Arc::new_cyclic(|store| Self {
            cache,
            index,
            writing: Mutex::default(),
            next: AtomicU64::new(0),
            below: below::open(&settings, store).unwrap_or_else(|error| {
                failed = Some(error);
                None
            }),
            claims: Arc::default(),
            counters,
            settings,
            unsettled: AtomicU64::new(0),
        });
        failed.map_or(Ok(store), Err)
    }

    /// What memory has for `key`: fresh, or also stale.
    pub fn peek(&self, key: &[u8], stale: bool, now: u64) -> Option<Arc<Value>> {
        let slot = self.cache.get(key)?;
        if slot.value.is_usable(false, now) {
            self.counters.hits.add(1);
            return Some(slot.value);
        }
        if slot.value.end <= now {
            self.cache.invalidate(key);
            return None;
        }
        let value = stale.then_some(slot.value)?;
        self.counters.stale.add(1);
        Some(value)
    }

    /// What is known now, before a value is made.
    pub fn moment(&self) -> Moment {
        // In this order: what another process purges meanwhile is among the purges when it is not in the position.
        let position = self.below.as_ref().and_then(Below::position);
        Moment { purges: lock(&self.index).purges.last(), position }
    }

    /// Stores a value in the place of any other, also of those that are being made. `done` is called when Redis has it too, or
    /// cannot have it; true when it will be.
    pub fn replace(&self, key: Key, value: Value, done: impl FnOnce() + Send + 'static) -> bool {
        let (value, writing) = (Arc::new(value), held(&self.writing));
        let purges = {
            let mut index = lock(&self.index);
            index.purges.note(Target::Key(&key));
            index.purges.last()
        };
        // Behind the same lock, so that memory and Redis agree on which is the last one.
        let waits = self.below.as_ref().map(|below| below.replace(&key, &value, done));
        self.insert(key, value, purges);
        self.counters.stored.add(1);
        drop(writing);
        waits.is_some()
    }

    /// Stores a value that was made when `moment` was now. False when it has been purged or replaced since then.
    pub fn fill(&self, key: Key, value: Value, moment: Moment) -> bool {
        let (value, writing) = (Arc::new(value), held(&self.writing));
        if self.was_purged(&key, &value, moment.purges) {
            return false;
        }
        if let Some(below) = &self.below {
            // Redis refuses what was purged meanwhile.
            below.put(&key, &value, moment.position);
        }
        let stored = self.insert(key.clone(), value, moment.purges);
        drop(writing);
        if self.below.as_ref().is_some_and(|below| below.is_unsure(moment)) {
            self.cache.invalidate(&key[..]);
            return false;
        }
        self.counters.stored.add(stored.into());
        stored
    }

    /// Keeps what was found below memory. False when it has been purged or replaced since `purges`.
    pub fn keep(&self, key: Key, value: Arc<Value>, purges: u64) -> bool {
        let _writing = held(&self.writing);
        !self.was_purged(&key, &value, purges) && self.insert(key, value, purges)
    }

    fn was_purged(&self, key: &[u8], value: &Value, since: u64) -> bool {
        lock(&self.index).purges.was_purged(since, key, &value.tags)
    }

    fn insert(&self, key: Key, value: Arc<Value>, purges: u64) -> bool {
        if self.settings.memory {
            let (slot, weight) =
                (Slot { id: self.next.fetch_add(1, Relaxed), value: value.clone() }, value.weight(key.len()));
            // Before it can be found, so that a purge that comes from now on finds it; one that came before is seen afterwards.
            if !value.tags.is_empty() {
                lock(&self.index).tags.add(&key, &value.tags, slot.id);
            }
            self.counters.entries.enter();
            self.cache.insert(key.clone(), slot);
            self.settle(weight as u64);
        }
        let purged = self.was_purged(&key, &value, purges);
        if purged {
            self.cache.invalidate(&key[..]);
        }
        !purged
    }

    /// Takes out what `target` is about: here at once, and in other processes when they have heard of it. Returns how many values
    /// memory had.
    pub fn purge(&self, target: Target<'_>) -> u64 {
        // Before it is done, so that nothing of it comes back from below.
        if let Some(below) = &self.below {
            below.purge(target);
        }
        self.purge_memory(target)
    }

    pub fn purge_memory(&self, target: Target<'_>) -> u64 {
        let keys = {
            let mut index = lock(&self.index);
            index.purges.note(target);
            match target {
                Target::Key(_) => Vec::new(),
                Target::Tag(tag) => index.tags.keys(tag),
                Target::All => {
                    index.tags.clear();
                    Vec::new()
                }
            }
        };
        let purged = match target {
            Target::Key(key) => u64::from(self.cache.remove(key).is_some()),
            Target::Tag(_) => keys.iter().filter(|key| self.cache.remove(&***key).is_some()).count() as u64,
            Target::All => {
                let before = self.entries();
                self.cache.invalidate_all();
                before
            }
        };
        self.cache.run_pending_tasks();
        self.counters.purged.add(purged);
        purged
    }

    pub fn entries(&self) -> u64 {
        self.counters.entries.get().max(0) as u64
    }

    pub fn stats(&self) -> KeyValueStats {
        self.cache.run_pending_tasks();
        let counters = &self.counters;
        let failed = self.below.as_ref().map_or(0, Below::failed);
        KeyValueStats {
            hits: counters.hits.get(),
            stale: counters.stale.get(),
            misses: counters.misses.get(),
            shared: counters.shared.get(),
            stored: counters.stored.get(),
            evicted: counters.evicted.get(),
            purged: counters.purged.get(),
            unavailable: counters.unavailable.get() + failed,
            entries: self.entries(),
            bytes: self.cache.weighted_size(),
        }
    }

    /// Takes out what is over the bound when that may be much: small values leave it to the cache, which does it now and then.
    fn settle(&self, weight: u64) {
        let unsettled = self.unsettled.fetch_add(weight, Relaxed) + weight;
        if unsettled > self.settings.size / UNSETTLED {
            self.unsettled.store(0, Relaxed);
            self.cache.run_pending_tasks();
        }
    }

    #[cfg(test)]
    pub fn has_tags(&self) -> bool {
        !lock(&self.index).tags.is_empty()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn lock(index: &Mutex<Index>) -> MutexGuard<'_, Index> {
    // Nothing panics while the lock is held, so a poisoned index is still whole.
    index.lock().unwrap_or_else(PoisonError::into_inner)
}

fn held(writing: &Mutex<()>) -> MutexGuard<'_, ()> {
    writing.lock().unwrap_or_else(PoisonError::into_inner)
}
