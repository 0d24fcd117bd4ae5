//! What is kept of each key, in memory of a fixed size.
//!
//! A key is 64 bits of a hash whose secret is made at start: nobody can choose keys that fall together. Its place is one of
//! [`WAYS`] next to each other, in a part of the table with a lock of its own, which is held for as long as it takes to look at
//! these and to do a few sums, and never while something is waited for.
//!
//! A key whose bucket is full again, or whose windows have passed, is as if it had never been seen: its place is free. When
//! all places are taken, the key that has taken least gives way. So a flood of keys that make a request each drives out one
//! another, not those who are limited; to make a limited key be forgotten, as many others have to be as near to the limit
//! in the time in which it would have recovered by itself.

use std::hash::{BuildHasher, DefaultHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use super::policy::{Cell, Policy, Verdict};
use crate::metrics::Counter;

/// Places that a key may have.
const WAYS: usize = 8;
/// Parts with a lock of their own.
const SHARDS: usize = 64;
/// No key.
const NONE: u64 = 0;

/// A key takes 24 bytes, as the option `capacity` says.
const _: () = assert!(size_of::<Set>() == 24 * WAYS);

pub(super) struct Table {
    shards: Box<[Shard]>,
    /// Sets in each shard.
    sets: u64,
    secret: RandomState,
}

/// Parts do not share cache lines, so that neither do those who use them.
#[repr(align(64))]
struct Shard(Mutex<Box<[Set]>>);

/// Keys beside one another, so that looking for one reads one cache line.
#[repr(align(64))]
#[derive(Clone, Copy)]
struct Set {
    keys: [u64; WAYS],
    cells: [Cell; WAYS],
}

impl Table {
    /// One with room for `capacity` keys at least.
    pub fn new(capacity: usize) -> Self {
        let sets = capacity.div_ceil(SHARDS * WAYS).max(1);
        let empty = Set { keys: [NONE; WAYS], cells: [Cell { first: 0, second: 0 }; WAYS] };
        let shards = (0..SHARDS).map(|_| Shard(Mutex::new(vec![empty; sets].into()))).collect();
        Self { shards, sets: sets as u64, secret: RandomState::new() }
    }

    /// What the hash of a key begins with.
    pub fn hasher(&self) -> DefaultHasher {
        self.secret.build_hasher()
    }

    /// Takes `cost` from the key with this hash at `now`. `evicted` counts keys that were forgotten too early.
    pub fn take(&self, key: u64, policy: &Policy, now: u64, cost: u32, evicted: &Counter) -> Verdict {
        let key = key.max(1);
        let shard = &self.shards[(key >> 58) as usize % SHARDS].0;
        // The lower half of the hash as a fraction.
        let set = ((key & u64::from(u32::MAX)) * self.sets) >> 32;
        // Nothing panics while the lock is held.
        let mut sets = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let set = &mut sets[set as usize];
        if let Some(way) = set.keys.iter().position(|known| *known == key) {
            return policy.take(&mut set.cells[way], now, cost);
        }
        let taken = set.cells.map(|cell| policy.taken(&cell, now));
        let (mut way, mut least) = (0, u64::MAX);
        for (index, taken) in taken.into_iter().enumerate() {
            if taken < least {
                (way, least) = (index, taken);
            }
        }
        if least > 0 {
            evicted.add(1);
        }
        let mut cell = Cell::default();
        let verdict = policy.take(&mut cell, now, cost);
        set.keys[way] = key;
        set.cells[way] = cell;
        verdict
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher;

    use super::super::bucket::Bucket;
    use super::super::window::Window;
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn policies() -> [Policy; 2] {
        let minute = 60 * SECOND;
        [Policy::Bucket(Bucket::new(20, minute, 20)), Policy::Window(Window::new(20, minute))]
    }

    fn key(table: &Table, kind: u8, number: u64) -> u64 {
        let mut hasher = table.hasher();
        hasher.write_u8(kind);
        hasher.write_u64(number);
        hasher.finish()
    }

    #[test]
    fn keys_are_apart() {
        for policy in policies() {
            let (table, evicted) = (Table::new(10_000), Counter::default());
            let now = 1000 * SECOND;
            for round in 0..25 {
                for number in 0..100 {
                    let verdict = table.take(key(&table, 0, number), &policy, now, 1, &evicted);
                    assert_eq!(verdict.allowed, round < 20);
                }
            }
            assert_eq!(evicted.get(), 0);
        }
    }

    /// A hundred times as many keys as there is room for come between, each with one request.
    #[test]
    fn a_flood_of_keys_resets_nobody_who_is_limited() {
        for policy in policies() {
            let (table, evicted) = (Table::new(4096), Counter::default());
            let now = 1000 * SECOND;
            let take =
                |kind, number, cost| table.take(key(&table, kind, number), &policy, now, cost, &evicted);
            let limited = 100;
            for number in 0..limited {
                assert!(take(0, number, 20).allowed);
                assert!(take(1, number, 10).allowed);
            }
            for number in 0..400_000 {
                assert!(take(2, number, 1).allowed, "who is new is let in");
            }
            assert!(evicted.get() > 300_000);
            for number in 0..limited {
                assert!(!take(0, number, 1).allowed, "who is limited stays limited");
                let honest = take(1, number, 1);
                assert_eq!((honest.allowed, honest.remaining), (true, 9), "who is not keeps what there is");
            }
        }
    }

    /// To be forgotten costs as much as being limited does, times the size of the table.
    #[test]
    fn only_keys_that_have_taken_more_drive_out_a_limited_one() {
        let policy = policies()[0];
        let (table, evicted) = (Table::new(4096), Counter::default());
        let now = 1000 * SECOND;
        let take = |kind, number, cost| table.take(key(&table, kind, number), &policy, now, cost, &evicted);
        for number in 0..100 {
            take(0, number, 20);
        }
        // Half the limit each, with ten times as many keys as there is room for.
        for number in 0..40_000 {
            take(1, number, 10);
        }
        assert!((0..100).all(|number| !take(0, number, 1).allowed));
    }

    #[test]
    fn a_key_that_has_recovered_leaves_its_place() {
        for policy in policies() {
            let (table, evicted) = (Table::new(512), Counter::default());
            for round in 0..50 {
                let now = (1000 + round * 200) * SECOND;
                for number in 0..256 {
                    table.take(key(&table, 0, round * 1000 + number), &policy, now, 1, &evicted);
                }
            }
            // Half full each time: what does not fit is what falls together by chance.
            assert!(evicted.get() < 50 * 256 / 20, "{}", evicted.get());
        }
    }

    #[test]
    fn threads_share_a_limit_exactly() {
        let policy = policies()[0];
        let (table, evicted) = (Table::new(1024), Counter::default());
        let allowed = Counter::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..10_000 {
                        let verdict = table.take(key(&table, 0, number % 10), &policy, SECOND, 1, &evicted);
                        allowed.add(u64::from(verdict.allowed));
                    }
                });
            }
        });
        assert_eq!(allowed.get(), 10 * 20);
    }
}
