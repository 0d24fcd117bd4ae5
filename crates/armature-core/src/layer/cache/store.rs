//! Answers in memory, shared by all loops: a cache bounded by bytes that keeps what is asked for often (W-TinyLFU).

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use moka::notification::RemovalCause;
use moka::sync::Cache;

use super::below;
use super::counters::{CacheStats, Counters, LoopCounters};
use super::entry::Entry;
use super::flights::Flights;
use super::index::{Index, Key};
use super::key::write_field;
use super::options::Checked;
use super::purge::Purge;
use crate::error::Result;
use crate::http::Head;
use crate::store::levels::Levels;

/// For how long requests do not wait for each other when it was in vain once.
const NO_WAITING: u64 = 120_000;
/// Names of fields that the variants of one address may have between them.
const MAX_VARY: usize = 32;
/// The part of the bound by which memory may be beyond it for a moment.
const UNSETTLED: u64 = 64;
/// What a slot takes that has no answer, beside its key.
const SMALL: usize = 256;

/// The answers that the layers of one `Cache` share.
pub struct Store {
    cache: Cache<Key, Slot>,
    pub(super) levels: Option<Levels>,
    index: Arc<Mutex<Index>>,
    next: AtomicU64,
    pub(super) counters: Arc<Counters>,
    pub(super) flights: Arc<Flights>,
    pub(super) options: Checked,
    /// Bytes of answers that are on their way.
    pub(super) collecting: AtomicU64,
    /// Bytes that were stored since what is over the bound went.
    unsettled: AtomicU64,
}

/// What was known before an answer was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment {
    /// Purges in this process.
    pub purges: u64,
    /// The number of the newest purge in Redis, or else in the folder, as far as it is known.
    pub position: Option<u64>,
}

/// What a key leads to.
#[derive(Clone, Debug)]
struct Slot {
    id: u64,
    what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Answer(Arc<Entry>),
    /// Answers are under longer keys, which these fields are part of (RFC 9111 section 4.1).
    Varies(Arc<[Box<str>]>),
    /// Until then nobody waits for the answer of somebody else.
    NoWaiting(u64),
}

/// What there is for a request.
#[derive(Debug)]
pub(super) enum Found {
    Answer(Arc<Entry>),
    /// Nothing for the address.
    Nothing,
    /// Nothing for what the request says besides it.
    NoVariant,
    /// Nothing, and waiting is in vain.
    NoWaiting,
}

impl Store {
    /// # Errors
    /// `ARMATURE_IO` when there can be no thread, `ARMATURE_OPTION_INVALID` when a folder cannot be used.
    pub(super) fn open(options: Checked) -> Result<Arc<Self>> {
        let index: Arc<Mutex<Index>> = Arc::default();
        let counters: Arc<Counters> = Arc::default();
        let (gone, counted) = (index.clone(), counters.clone());
        let cache = Cache::builder()
            .max_capacity(options.size)
            .weigher(|key: &Key, slot: &Slot| {
                u32::try_from(key.len() * 3 + slot.weight()).unwrap_or(u32::MAX)
            })
            .eviction_listener(move |key: Arc<Key>, slot: Slot, cause| {
                lock(&gone).remove(&key, slot.tags(), slot.id);
                if let What::Answer(_) = slot.what {
                    counted.left(cause == RemovalCause::Size);
                }
            })
            .build();
        let mut failed = None;
        let store = Arc::new_cyclic(|store| Self {
            cache,
            levels: below::open(&options, store).unwrap_or_else(|error| {
                failed = Some(error);
                None
            }),
            index,
            next: AtomicU64::new(0),
            counters,
            flights: Arc::default(),
            options,
            collecting: AtomicU64::new(0),
            unsettled: AtomicU64::new(0),
        });
        failed.map_or(Ok(store), Err)
    }

    /// Looks for an answer to the request `head`, whose key is `key`; that becomes the key of the variant.
    pub(super) fn find(&self, key: &mut Vec<u8>, head: &Head, now: u64) -> Found {
        match self.cache.get(&key[..]).map(|slot| slot.what) {
            None => Found::Nothing,
            Some(What::Answer(entry)) => Found::Answer(entry),
            Some(What::NoWaiting(until)) => no_waiting(until, now, Found::Nothing),
            Some(What::Varies(names)) => {
                names.iter().for_each(|name| write_field(head, name, key));
                match self.cache.get(&key[..]).map(|slot| slot.what) {
                    Some(What::Answer(entry)) => Found::Answer(entry),
                    Some(What::NoWaiting(until)) => no_waiting(until, now, Found::NoVariant),
                    None | Some(What::Varies(_)) => Found::NoVariant,
                }
            }
        }
    }

    /// What is known now, before something is asked for that may be stored.
    pub(super) fn moment(&self) -> Moment {
        // In this order: what another process purges meanwhile is among the purges when it is not in the position.
        let position = self.levels.as_ref().and_then(Levels::position);
        Moment { purges: lock(&self.index).count(), position }
    }

    /// Stores the answer to the request `head`, which varies by the fields `vary`. `key` is its key without them, `moment` what
    /// [`Store::moment`] said before. False when it was purged since then.
    pub(super) fn put(
        &self,
        key: &[u8],
        head: &Head,
        vary: &[Box<str>],
        entry: Arc<Entry>,
        moment: Moment,
    ) -> bool {
        let known = match self.cache.get(key).map(|slot| slot.what) {
            Some(What::Varies(names)) => names,
            _ => Arc::default(),
        };
        let mut names: Vec<Box<str>> = known.iter().chain(vary).cloned().collect();
        names.sort_unstable();
        names.dedup();
        if names.len() > MAX_VARY {
            // Whoever names other fields each time begins anew.
            names = vary.to_vec();
        }
        let mut variant = key.to_vec();
        if !names.is_empty() {
            names.iter().for_each(|name| write_field(head, name, &mut variant));
            if *names != *known && !self.insert(key.into(), What::Varies(names.into()), moment, true) {
                return false;
            }
        }
        self.insert(variant.into(), What::Answer(entry), moment, true)
    }

    /// Requests for `key` have waited for an answer that was not for them.
    pub(super) fn stop_waiting(&self, key: &[u8], now: u64) {
        let moment = self.moment();
        self.insert(key.into(), What::NoWaiting(now + NO_WAITING), moment, false);
    }

    /// Forgets what is stored under `key`.
    pub(super) fn forget(&self, key: &[u8]) {
        self.cache.invalidate(key);
        if let Some(levels) = &self.levels {
            levels.forget(&levels.name(key));
        }
    }

    /// Takes out what `purge` is about: here at once, and in other processes when they have heard of it. Returns how many answers that
    /// were here.
    pub fn purge(&self, purge: Purge) -> u64 {
        // Before it is done, so that nothing of it comes back from below.
        self.purge_below(&purge);
        self.purge_memory(purge)
    }

    pub(super) fn purge_memory(&self, purge: Purge) -> u64 {
        let before = self.counters.entries();
        let is_all = purge == Purge::All;
        let keys = lock(&self.index).purge(purge, &self.options.keys);
        if is_all {
            self.cache.invalidate_all();
        }
        for key in &keys {
            self.cache.invalidate(&**key);
        }
        self.cache.run_pending_tasks();
        // Everything goes bit by bit, although nothing of it is found any more.
        let left = if is_all { 0 } else { self.counters.entries() };
        let purged = before.saturating_sub(left);
        self.counters.purged(purged);
        purged
    }

    /// The numbers now.
    pub fn stats(&self) -> CacheStats {
        self.cache.run_pending_tasks();
        let mut stats = self.counters.stats(self.cache.weighted_size());
        if let Some(levels) = &self.levels {
            stats.unavailable = levels.unavailable();
        }
        stats
    }

    /// The counters of one more loop.
    pub(super) fn count_on_loop(&self) -> Arc<LoopCounters> {
        self.counters.attach()
    }

    /// `is_new` when it is to be below memory as well.
    pub(super) fn insert(&self, key: Key, what: What, moment: Moment, is_new: bool) -> bool {
        let slot = Slot { id: self.next.fetch_add(1, Relaxed), what };
        let keys = &self.options.keys;
        // Before it can be found, so that a purge that comes from now on finds it; one that came before is seen afterwards.
        lock(&self.index).add(&key, slot.tags(), slot.id);
        if let What::Answer(_) = slot.what {
            self.counters.entered();
        }
        let (tags, weight) = (slot.tags().to_vec(), (key.len() * 3 + slot.weight()) as u64);
        if is_new {
            // It is refused there when it was purged meanwhile.
            self.put_below(&key, &slot.what, moment);
        }
        self.cache.insert(key.clone(), slot);
        let purged = lock(&self.index).was_purged(moment.purges, &key, &tags, keys);
        let purged = purged || self.is_unsure(moment, is_new);
        if purged {
            self.cache.invalidate(&key[..]);
        }
        self.settle(weight);
        !purged
    }

    /// Takes out what is over the bound when that may be much: small answers leave it to the cache, which does it now and then.
    fn settle(&self, weight: u64) {
        let unsettled = self.unsettled.fetch_add(weight, Relaxed) + weight;
        if unsettled > self.options.size / UNSETTLED {
            self.unsettled.store(0, Relaxed);
            self.cache.run_pending_tasks();
        }
    }
}

impl Slot {
    fn tags(&self) -> &[Box<[u8]>] {
        match &self.what {
            What::Answer(entry) => &entry.tags,
            What::Varies(_) | What::NoWaiting(_) => &[],
        }
    }

    fn weight(&self) -> usize {
        match &self.what {
            What::Answer(entry) => entry.weight(),
            What::Varies(names) => SMALL + names.iter().map(|name| name.len() + 16).sum::<usize>(),
            What::NoWaiting(_) => SMALL,
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("options", &self.options).finish_non_exhaustive()
    }
}

fn no_waiting(until: u64, now: u64, otherwise: Found) -> Found {
    if now < until { Found::NoWaiting } else { otherwise }
}

fn lock(index: &Mutex<Index>) -> MutexGuard<'_, Index> {
    // Nothing panics while the lock is held, so a poisoned index is still whole.
    index.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
