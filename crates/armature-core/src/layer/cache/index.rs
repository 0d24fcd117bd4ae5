//! Which keys there are for a path and for a tag, and what was purged while answers were on their way.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::key::{Address, Keys, canonical_path};
use super::purge::Purge;

/// Purges that are remembered. An answer that was asked for before the oldest of them is not stored.
const REMEMBERED: usize = 4096;
/// The first byte of the terms of tags; those of paths are the paths, which never begin with it.
const TAG: u8 = b't';

pub(super) type Key = Arc<[u8]>;

#[derive(Debug, Default)]
pub(super) struct Index {
    /// Keys by term, each with the number of the slot that it is for.
    terms: HashMap<Box<[u8]>, HashMap<Key, u64>>,
    /// The newest last.
    purges: VecDeque<Purge>,
    /// Purges so far.
    count: u64,
}

impl Index {
    /// What [`Index::was_purged`] has to be asked about.
    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn add(&mut self, key: &Key, tags: &[Box<[u8]>], id: u64) {
        for term in terms(key, tags) {
            self.terms.entry(term).or_default().insert(key.clone(), id);
        }
    }

    /// Forgets `key`, unless it is for another slot by now.
    pub fn remove(&mut self, key: &Key, tags: &[Box<[u8]>], id: u64) {
        for term in terms(key, tags) {
            let Some(keys) = self.terms.get_mut(&term) else { continue };
            if keys.get(key) == Some(&id) {
                keys.remove(key);
                if keys.is_empty() {
                    self.terms.remove(&term);
                }
            }
        }
    }

    /// Notes a purge; returns the keys that it is about. Of [`Purge::All`] none, because it is about all.
    pub fn purge(&mut self, purge: Purge, keys: &Keys) -> Vec<Key> {
        let found = match &purge {
            Purge::All => {
                self.terms = HashMap::new();
                Vec::new()
            }
            Purge::Tag(tag) => {
                self.terms.get(&tag_term(tag)).into_iter().flat_map(HashMap::keys).cloned().collect()
            }
            Purge::Url(url) => {
                let known = self.terms.get(&*url.path).into_iter().flat_map(HashMap::keys);
                known.filter(|key| url.is_about(key, keys)).cloned().collect()
            }
        };
        self.count += 1;
        if self.purges.len() == REMEMBERED {
            self.purges.pop_front();
        }
        self.purges.push_back(purge);
        found
    }

    /// Whether what was asked for when there had been `since` purges is about something that has been purged since then.
    pub fn was_purged(&self, since: u64, key: &[u8], tags: &[Box<[u8]>], keys: &Keys) -> bool {
        let newer = self.count.saturating_sub(since) as usize;
        if newer == 0 {
            return false;
        }
        let forgotten = newer > self.purges.len();
        forgotten || self.purges.iter().rev().take(newer).any(|purge| purge.is_about(key, tags, keys))
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

fn terms<'a>(key: &'a [u8], tags: &'a [Box<[u8]>]) -> impl Iterator<Item = Box<[u8]>> + 'a {
    let path = canonical_path(&String::from_utf8_lossy(Address::of(key).path));
    std::iter::once(path.into_boxed_slice()).chain(tags.iter().map(|tag| tag_term(tag)))
}

fn tag_term(tag: &[u8]) -> Box<[u8]> {
    [&[TAG], tag].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Box<[u8]> {
        text.as_bytes().into()
    }

    #[test]
    fn finds_by_tag_and_by_url() {
        let (mut index, keys) = (Index::default(), Keys::default());
        let (a, b): (Key, Key) = (b"hx\0/a\0\0"[..].into(), b"hx\0/%61\0?q\0"[..].into());
        index.add(&a, &[tag("1"), tag("2")], 1);
        index.add(&b, &[tag("2")], 2);
        let url = |text: &str| Purge::from_json(&format!(r#"{{"url":"{text}"}}"#)).unwrap();
        assert_eq!(index.purge(Purge::Tag(tag("1")), &keys), std::slice::from_ref(&a));
        assert_eq!(index.purge(Purge::Tag(tag("2")), &keys).len(), 2);
        assert_eq!(index.purge(Purge::Tag(tag("/a")), &keys).len(), 0);
        assert_eq!(index.purge(url("/a"), &keys), std::slice::from_ref(&a));
        assert_eq!(index.purge(url("/a?q"), &keys), std::slice::from_ref(&b));
        assert_eq!(index.purge(Purge::from_json(r#"{"path":"/a"}"#).unwrap(), &keys).len(), 2);
        index.remove(&a, &[tag("1"), tag("2")], 7);
        assert_eq!(index.purge(Purge::Tag(tag("1")), &keys).len(), 1, "that was another slot");
        index.remove(&a, &[tag("1"), tag("2")], 1);
        index.remove(&b, &[tag("2")], 2);
        assert!(index.is_empty());
    }

    #[test]
    fn remembers_what_was_purged() {
        let (mut index, keys) = (Index::default(), Keys::default());
        let before = index.count();
        let key = b"hx\0/a\0\0";
        index.purge(Purge::Tag(tag("1")), &keys);
        assert!(index.was_purged(before, key, &[tag("1")], &keys));
        assert!(!index.was_purged(before, key, &[tag("2")], &keys));
        let after = index.count();
        assert!(!index.was_purged(after, key, &[tag("1")], &keys));
        for n in 0..REMEMBERED {
            index.purge(Purge::Tag(tag(&format!("x{n}"))), &keys);
        }
        assert!(!index.was_purged(after, key, &[tag("2")], &keys));
        assert!(index.was_purged(before, key, &[tag("2")], &keys), "nobody knows any more");
    }
}
