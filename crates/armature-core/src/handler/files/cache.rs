//! What a loop keeps of small files that are asked for often. Nobody else reads it; only the sum of all bytes is shared.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::found::{Content, Found};
use super::readers::Shared;

/// Memory that an entry takes beside its content, about.
const OVERHEAD: usize = 1024;

/// Files by their path as it was sent, and by the codings that the client takes.
pub(super) struct Cache {
    shared: Arc<Shared>,
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<Rc<str>, Vec<Entry>>,
    /// The oldest first.
    order: VecDeque<(Rc<str>, u8)>,
}

struct Entry {
    codings: u8,
    found: Arc<Found>,
    /// When the disk was asked last, in ticks.
    checked: u64,
    /// Since it was last looked at by those who need room.
    used: bool,
    size: usize,
}

/// What is known of a file.
pub(super) enum Known {
    /// It may be sent.
    Fresh(Arc<Found>),
    /// The disk has to be asked whether it is still so. Until it has answered others get what is known.
    Stale(Arc<Found>),
    Nothing,
}

impl Cache {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, inner: RefCell::default() }
    }

    /// What is known of `path`; `fresh` and `now` in ticks.
    pub fn find(&self, path: &str, codings: u8, fresh: u64, now: u64) -> Known {
        let mut inner = self.inner.borrow_mut();
        let entry = inner.entries.get_mut(path).and_then(|all| all.iter_mut().find(|e| e.codings == codings));
        let Some(entry) = entry else { return Known::Nothing };
        entry.used = true;
        if fresh > 0 && now - entry.checked < fresh {
            return Known::Fresh(entry.found.clone());
        }
        // Whoever asks meanwhile does not ask the disk too.
        entry.checked = now;
        Known::Stale(entry.found.clone())
    }

    /// Keeps `found`, if it is small, settled, and there is room.
    pub fn keep(&self, path: &str, codings: u8, found: &Arc<Found>, now: u64) {
        self.forget(path, codings);
        let Content::Whole(content) = &found.content else { return };
        let size = content.len() + path.len() + OVERHEAD;
        let limit = self.shared.settings.cache;
        if !found.fields.is_settled || size > limit {
            return;
        }
        while self.shared.cached.fetch_add(size, Relaxed) + size > limit {
            self.shared.cached.fetch_sub(size, Relaxed);
            // The others' is not touched: they give way when they need room themselves.
            if !self.evict() {
                return;
            }
        }
        let path: Rc<str> = path.into();
        let entry = Entry { codings, found: found.clone(), checked: now, used: false, size };
        let mut inner = self.inner.borrow_mut();
        inner.order.push_back((path.clone(), codings));
        inner.entries.entry(path).or_default().push(entry);
    }

    /// What is known is not so any more.
    pub fn forget(&self, path: &str, codings: u8) {
        let mut inner = self.inner.borrow_mut();
        if inner.entries.contains_key(path) {
            inner.order.retain(|(other, of)| *of != codings || **other != *path);
            self.remove(&mut inner, path, codings);
        }
    }

    /// Takes out the oldest entry that was not used since the last time. False when there is none.
    fn evict(&self) -> bool {
        let mut inner = self.inner.borrow_mut();
        while let Some((path, codings)) = inner.order.pop_front() {
            let all = inner.entries.get_mut(&path);
            let entry = all.and_then(|all| all.iter_mut().find(|entry| entry.codings == codings));
            if entry.is_some_and(|entry| std::mem::take(&mut entry.used)) {
                inner.order.push_back((path, codings));
            } else {
                self.remove(&mut inner, &path, codings);
                return true;
            }
        }
        false
    }

    fn remove(&self, inner: &mut Inner, path: &str, codings: u8) {
        let Some(all) = inner.entries.get_mut(path) else { return };
        if let Some(at) = all.iter().position(|entry| entry.codings == codings) {
            self.shared.cached.fetch_sub(all.swap_remove(at).size, Relaxed);
        }
        if all.is_empty() {
            inner.entries.remove(path);
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        let size = self.inner.get_mut().entries.values().flatten().map(|entry| entry.size).sum();
        self.shared.cached.fetch_sub(size, Relaxed);
    }
}
