//! Requests in flight on one loop. An index finds the entry, a generation tells whether it is still the same request.

use std::sync::{Arc, OnceLock};

use crate::sync::{AtomicU32, AtomicUsize, Ordering};

/// Names one request in flight: the loop, its slot, and the slot's generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlotId {
    /// Loop in the upper 8 bits, index below.
    pub slot: u32,
    /// Generation of the slot when the request entered it.
    pub generation: u32,
}

impl SlotId {
    const INDEX_BITS: u32 = 24;

    fn new(io_loop: u8, index: u32, generation: u32) -> Self {
        Self { slot: u32::from(io_loop) << Self::INDEX_BITS | index, generation }
    }

    /// The loop that owns the slot.
    pub fn io_loop(self) -> u8 {
        (self.slot >> Self::INDEX_BITS) as u8
    }

    /// Both numbers in one, for tables that have a single number.
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot)
    }

    /// The other way round.
    pub fn from_bits(bits: u64) -> Self {
        Self { slot: bits as u32, generation: (bits >> 32) as u32 }
    }

    fn index(self) -> usize {
        (self.slot & ((1 << Self::INDEX_BITS) - 1)) as usize
    }
}

/// Generations grow by chunks, which stay where they are. Small under loom, where every atomic costs in each run.
const CHUNK: usize = if cfg!(armature_loom) { 2 } else { 1024 };
const CHUNKS: usize = if cfg!(armature_loom) { 4 } else { 1024 };

/// The generations of a loop's slots, readable from other threads: a JavaScript thread skips requests that were given up
/// while they waited.
pub struct Generations {
    chunks: Box<[OnceLock<Box<[AtomicU32]>>]>,
}

impl Generations {
    fn new() -> Self {
        Self { chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect() }
    }

    fn cell(&self, index: usize) -> Option<&AtomicU32> {
        self.chunks.get(index / CHUNK)?.get()?.get(index % CHUNK)
    }

    fn grow(&self, index: usize) -> &AtomicU32 {
        let chunk =
            self.chunks[index / CHUNK].get_or_init(|| (0..CHUNK).map(|_| AtomicU32::new(0)).collect());
        &chunk[index % CHUNK]
    }

    /// Whether `id` still names a request in flight.
    pub fn is_current(&self, id: SlotId) -> bool {
        self.cell(id.index()).is_some_and(|cell| cell.load(Ordering::Acquire) == id.generation)
    }
}

/// How many slots of a loop are taken, readable from other threads. Aligned, so that it has a cache line of its own: it is
/// written for every request, and what lies beside it is read for every request by somebody else.
#[repr(align(128))]
pub struct SlotUsage {
    used: AtomicUsize,
    limit: usize,
}

impl SlotUsage {
    /// Slots that are taken.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Slots that there are.
    pub fn limit(&self) -> usize {
        self.limit
    }
}

/// The slots of one loop; used by its thread alone.
pub struct Slots<T> {
    io_loop: u8,
    entries: Vec<Option<T>>,
    free: Vec<u32>,
    generations: Arc<Generations>,
    usage: Arc<SlotUsage>,
}

impl<T> Slots<T> {
    /// Slots for loop number `io_loop`, at most `limit` of them (and never more than 2^20).
    pub fn new(io_loop: u8, limit: usize) -> Self {
        Self {
            io_loop,
            entries: Vec::new(),
            free: Vec::new(),
            generations: Arc::new(Generations::new()),
            usage: Arc::new(SlotUsage { used: AtomicUsize::new(0), limit: limit.min(CHUNK * CHUNKS) }),
        }
    }

    /// How many are taken, for other threads.
    pub fn usage(&self) -> Arc<SlotUsage> {
        self.usage.clone()
    }

    /// What other threads may look at.
    pub fn generations(&self) -> Arc<Generations> {
        self.generations.clone()
    }

    /// Requests in flight.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether no request is in flight.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Enters a request; `None` when all slots are taken.
    pub fn insert(&mut self, value: T) -> Option<SlotId> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.entries.len() < self.usage.limit => {
                self.entries.push(None);
                self.entries.len() as u32 - 1
            }
            None => return None,
        };
        self.entries[index as usize] = Some(value);
        self.usage.used.store(self.len(), Ordering::Relaxed);
        let generation = self.generations.grow(index as usize).load(Ordering::Relaxed);
        Some(SlotId::new(self.io_loop, index, generation))
    }

    /// The request that `id` names; `None` when it is over.
    pub fn get_mut(&mut self, id: SlotId) -> Option<&mut T> {
        if !self.is_mine(id) {
            return None;
        }
        self.entries.get_mut(id.index())?.as_mut()
    }

    /// Ends a request: from now on `id` is stale everywhere. `None` when it had ended before.
    pub fn remove(&mut self, id: SlotId) -> Option<T> {
        if !self.is_mine(id) {
            return None;
        }
        let value = self.entries.get_mut(id.index())?.take()?;
        if let Some(cell) = self.generations.cell(id.index()) {
            cell.store(id.generation.wrapping_add(1), Ordering::Release);
        }
        self.free.push(id.index() as u32);
        self.usage.used.store(self.len(), Ordering::Relaxed);
        Some(value)
    }

    /// Visits every request in flight.
    pub fn for_each(&mut self, mut visit: impl FnMut(&mut T)) {
        for entry in self.entries.iter_mut().flatten() {
            visit(entry);
        }
    }

    /// The requests in flight that `wanted` picks.
    pub fn filter(&mut self, mut wanted: impl FnMut(&mut T) -> bool) -> Vec<SlotId> {
        let mut found = Vec::new();
        for (index, entry) in self.entries.iter_mut().enumerate() {
            if let Some(entry) = entry
                && wanted(entry)
                && let Some(generation) = self.generations.cell(index)
            {
                found.push(SlotId::new(self.io_loop, index as u32, generation.load(Ordering::Relaxed)));
            }
        }
        found
    }

    fn is_mine(&self, id: SlotId) -> bool {
        id.io_loop() == self.io_loop && self.generations.is_current(id)
    }
}

#[cfg(all(test, not(armature_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_removed_id_is_stale_even_when_its_slot_is_taken_again() {
        let mut slots = Slots::new(3, 10);
        let first = slots.insert("a").unwrap();
        assert_eq!(slots.remove(first), Some("a"));
        let second = slots.insert("b").unwrap();
        assert_eq!(second.slot, first.slot);
        assert_ne!(second.generation, first.generation);
        assert_eq!(slots.get_mut(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get_mut(second), Some(&mut "b"));
        assert!(!slots.generations().is_current(first) && slots.generations().is_current(second));
    }

    #[test]
    fn is_bounded_and_refuses_foreign_ids() {
        let mut slots = Slots::new(0, 2);
        let id = slots.insert(1).unwrap();
        slots.insert(2).unwrap();
        assert_eq!(slots.insert(3), None);
        assert_eq!(slots.get_mut(SlotId { slot: 1 << 24, ..id }), None);
        assert_eq!(slots.get_mut(SlotId { slot: 0xff_ffff, generation: 0 }), None);
        slots.remove(id).unwrap();
        assert_eq!(slots.len(), 1);
        assert!(slots.insert(4).is_some());
    }
}
