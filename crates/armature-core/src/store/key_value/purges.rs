//! What was purged lately, by number: whether something that was begun before may be stored after it.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Terms of one table. When it is full it becomes the older one, and what is older than that one counts as purged.
const TERMS: usize = 65_536;

/// What values are purged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Target<'a> {
    Key(&'a [u8]),
    Tag(&'a [u8]),
    All,
}

/// The numbers of purges, by what they were about.
#[derive(Debug, Default)]
pub(super) struct Purges {
    hasher: RandomState,
    /// The newest.
    last: u64,
    /// Whatever was begun before this one may have been purged.
    floor: u64,
    /// Hashes of terms. Two that are equal cost a value, never a truth.
    terms: HashMap<u64, u64>,
    old: HashMap<u64, u64>,
    /// The newest of `old`.
    old_last: u64,
}

impl Purges {
    /// What [`Purges::was_purged`] has to be asked about.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Notes a purge.
    pub fn note(&mut self, target: Target<'_>) {
        self.last += 1;
        if target == Target::All {
            *self =
                Self { hasher: self.hasher.clone(), last: self.last, floor: self.last, ..Self::default() };
            return;
        }
        if self.terms.len() == TERMS {
            self.floor = self.floor.max(self.old_last);
            self.old = std::mem::take(&mut self.terms);
            self.old_last = self.last - 1;
        }
        self.terms.insert(self.hasher.hash_one(target), self.last);
    }

    /// Whether something with this key and these tags, begun when the newest purge was `since`, has been purged.
    pub fn was_purged(&self, since: u64, key: &[u8], tags: &[Box<[u8]>]) -> bool {
        if since == self.last {
            return false;
        }
        let newer = |target| {
            let hash = self.hasher.hash_one(target);
            [&self.terms, &self.old].iter().any(|table| table.get(&hash).is_some_and(|at| *at > since))
        };
        since < self.floor || newer(Target::Key(key)) || tags.iter().any(|tag| newer(Target::Tag(tag)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_before_a_purge_is_known() {
        let mut purges = Purges::default();
        let tags = [Box::from(&b"t"[..])];
        let before = purges.last();
        purges.note(Target::Key(b"a"));
        assert!(purges.was_purged(before, b"a", &[]));
        assert!(!purges.was_purged(before, b"t", &[]) && !purges.was_purged(before, b"b", &tags));
        purges.note(Target::Tag(b"t"));
        assert!(purges.was_purged(before, b"b", &tags) && !purges.was_purged(before, b"t", &[]));
        assert!(!purges.was_purged(purges.last(), b"a", &tags));
        let middle = purges.last();
        purges.note(Target::All);
        assert!(purges.was_purged(middle, b"c", &[]) && !purges.was_purged(purges.last(), b"c", &[]));
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_counts_as_purged() {
        let mut purges = Purges::default();
        let before = purges.last();
        purges.note(Target::Key(b"a"));
        let after = purges.last();
        let many = |purges: &mut Purges, from: usize| {
            (from..from + TERMS).for_each(|n| purges.note(Target::Key(&n.to_le_bytes())));
        };
        many(&mut purges, 0);
        assert!(purges.was_purged(before, b"a", &[]), "the older table knows");
        assert!(!purges.was_purged(after, b"a", &[]) && !purges.was_purged(before, b"b", &[]));
        many(&mut purges, TERMS);
        assert!(purges.was_purged(before, b"b", &[]), "nobody knows any more");
        assert!(purges.terms.len() <= TERMS && purges.old.len() <= TERMS);
    }
}
