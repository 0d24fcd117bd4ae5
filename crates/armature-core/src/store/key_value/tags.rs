//! Which keys have a tag.

use std::collections::HashMap;
use std::sync::Arc;

pub(super) type Key = Arc<[u8]>;
pub(super) type Tag = Box<[u8]>;

/// Keys by tag, each with the number of the slot that it is for.
#[derive(Debug, Default)]
pub(super) struct Tags(HashMap<Tag, HashMap<Key, u64>>);

impl Tags {
    pub fn add(&mut self, key: &Key, tags: &[Tag], id: u64) {
        for tag in tags {
            self.0.entry(tag.clone()).or_default().insert(key.clone(), id);
        }
    }

    /// Forgets `key`, unless it is for another slot by now.
    pub fn remove(&mut self, key: &[u8], tags: &[Tag], id: u64) {
        for tag in tags {
            let Some(keys) = self.0.get_mut(tag) else { continue };
            if keys.get(key) == Some(&id) {
                keys.remove(key);
                if keys.is_empty() {
                    self.0.remove(tag);
                }
            }
        }
    }

    /// The keys that have `tag`.
    pub fn keys(&self, tag: &[u8]) -> Vec<Key> {
        self.0.get(tag).into_iter().flat_map(HashMap::keys).cloned().collect()
    }

    pub fn clear(&mut self) {
        self.0 = HashMap::new();
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_until_their_slot_goes() {
        let (mut tags, key): (Tags, Key) = (Tags::default(), b"a"[..].into());
        let both: [Tag; 2] = [b"1"[..].into(), b"2"[..].into()];
        tags.add(&key, &both, 1);
        tags.add(&key, &both[..1], 2);
        tags.remove(b"a", &both, 1);
        assert_eq!((tags.keys(b"1").len(), tags.keys(b"2").len()), (1, 0), "one is for another slot");
        tags.remove(b"a", &both, 2);
        assert!(tags.is_empty());
    }
}
