//! Which values there are, what they take, and which of them goes when there is no room: the first one that was not asked for
//! since the hand of the clock came by (second chance), which is about the one that was asked for longest ago.

use std::collections::HashMap;

use slab::Slab;

use super::file::{Facts, Version};
use crate::store::tiers::Name;

/// Values that get a second chance before one goes in any case: the lock is held meanwhile.
const CHANCES: usize = 256;

/// A value in a file.
#[derive(Debug)]
pub(super) struct Entry {
    pub version: Version,
    /// What the file counts as.
    pub size: u64,
    /// `None` when its head has not been read yet.
    pub facts: Option<Facts>,
    /// It was asked for since the hand came by.
    pub used: bool,
}

#[derive(Debug, Default)]
pub(super) struct Index {
    entries: Slab<Entry>,
    names: HashMap<Name, usize>,
    hand: usize,
    bytes: u64,
}

impl Index {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// What all files count as.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn find(&mut self, name: &Name) -> Option<&mut Entry> {
        self.entries.get_mut(*self.names.get(name)?)
    }

    pub fn find_version(&mut self, version: &Version) -> Option<&mut Entry> {
        self.find(&version.name).filter(|entry| entry.version == *version)
    }

    /// Returns what it takes the place of.
    pub fn insert(&mut self, entry: Entry) -> Option<Entry> {
        self.bytes += entry.size;
        if let Some(before) = self.find(&entry.version.name) {
            let before = std::mem::replace(before, entry);
            self.bytes -= before.size;
            return Some(before);
        }
        let name = entry.version.name;
        self.names.insert(name, self.entries.insert(entry));
        None
    }

    pub fn remove(&mut self, name: &Name) -> Option<Entry> {
        let entry = self.entries.remove(self.names.remove(name)?);
        self.bytes -= entry.size;
        Some(entry)
    }

    /// Removes it unless another version has taken its place.
    pub fn remove_version(&mut self, version: &Version) -> Option<Entry> {
        self.find_version(version)?;
        self.remove(&version.name)
    }

    /// Removes the one that is needed least.
    pub fn evict(&mut self) -> Option<Entry> {
        let end = self.entries.capacity();
        let mut chances = CHANCES;
        // Twice round: who has had a second chance has none then.
        for _ in 0..end * 2 + 1 {
            let at = self.hand;
            self.hand = if at + 1 < end { at + 1 } else { 0 };
            let Some(entry) = self.entries.get_mut(at) else { continue };
            if !entry.used || chances == 0 {
                let name = entry.version.name;
                return self.remove(&name);
            }
            entry.used = false;
            chances -= 1;
        }
        None
    }

    /// Hands up to `most` places from `cursor` on to `look`; returns where to go on, `None` at the end.
    pub fn walk(&self, cursor: usize, most: usize, mut look: impl FnMut(&Entry)) -> Option<usize> {
        let end = cursor + most;
        (cursor..end).filter_map(|at| self.entries.get(at)).for_each(&mut look);
        (end < self.entries.capacity()).then_some(end)
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(n: u8, sequence: u64) -> Entry {
        let version = Version { name: Name([n; 32]), sequence };
        Entry { version, size: 4096, facts: None, used: false }
    }

    #[test]
    fn a_new_version_takes_the_place_of_the_old_one() {
        let mut index = Index::default();
        assert!(index.insert(entry(1, 1)).is_none());
        assert_eq!(index.insert(entry(1, 2)).unwrap().version.sequence, 1);
        assert_eq!((index.len(), index.bytes()), (1, 4096));
        assert!(index.remove_version(&entry(1, 1).version).is_none(), "another one");
        assert!(index.remove_version(&entry(1, 2).version).is_some());
        assert_eq!((index.len(), index.bytes()), (0, 0));
        assert!(index.evict().is_none());
    }

    #[test]
    fn what_was_asked_for_gets_a_second_chance() {
        let mut index = Index::default();
        for n in 0..10 {
            index.insert(entry(n, 1));
        }
        index.find(&Name([0; 32])).unwrap().used = true;
        index.find(&Name([1; 32])).unwrap().used = true;
        let mut gone: Vec<u8> = (0..10).map(|_| index.evict().unwrap().version.name.0[0]).collect();
        assert_eq!(gone.split_off(8), [0, 1], "the ones that were asked for are the last");
        assert_eq!((index.len(), index.bytes()), (0, 0));
    }

    #[test]
    fn a_walk_sees_all() {
        let mut index = Index::default();
        for n in 0..100 {
            index.insert(entry(n, 1));
        }
        let (mut seen, mut cursor) = (0, Some(0));
        while let Some(at) = cursor {
            cursor = index.walk(at, 7, |_| seen += 1);
        }
        assert_eq!(seen, 100);
    }
}
