//! What a loop keeps of files that are asked for often: the content of small ones, and others open. Nobody else reads it; only the
//! sums of bytes and of open files are shared.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::found::{Content, Found};
use super::readers::Shared;
use crate::io_loop::LoopHandle;
use crate::platform;

/// Memory that an entry takes beside its content, about.
const OVERHEAD: usize = 1024;
/// A file that nobody has asked for between two looks is closed: one that was deleted takes room on the disk while it is open.
const LOOK: Duration = Duration::from_secs(10);

/// Files by their path as it was sent, and by the codings that the client takes.
pub(super) struct Cache {
    shared: Arc<Shared>,
    io_loop: LoopHandle,
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<Rc<str>, Vec<Entry>>,
    /// Those with content, the oldest first.
    whole: Order,
    /// Those that are open.
    open: Order,
    /// Somebody looks after those.
    watched: bool,
}

type Order = VecDeque<(Rc<str>, u8)>;

struct Entry {
    codings: u8,
    found: Arc<Found>,
    /// When the disk was asked last, in ticks.
    checked: u64,
    /// Since it was last looked at by those who need room.
    used: bool,
    /// Since the last [`LOOK`].
    asked: bool,
    /// Bytes; 0 of one that is open.
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
    pub fn new(shared: Arc<Shared>, io_loop: LoopHandle) -> Rc<Self> {
        Rc::new(Self { shared, io_loop, inner: RefCell::default() })
    }

    /// What is known of `path`; `fresh` and `now` in ticks.
    pub fn find(&self, path: &str, codings: u8, fresh: u64, now: u64) -> Known {
        let mut inner = self.inner.borrow_mut();
        let entry = inner.entries.get_mut(path).and_then(|all| all.iter_mut().find(|e| e.codings == codings));
        let Some(entry) = entry else { return Known::Nothing };
        if let Content::Kept(file) = &entry.found.content
            && !file.is_unchanged()
        {
            // What its descriptor leads to is not what its fields say.
            drop(inner);
            self.forget(path, codings);
            return Known::Nothing;
        }
        (entry.used, entry.asked) = (true, true);
        if fresh > 0 && now - entry.checked < fresh {
            return Known::Fresh(entry.found.clone());
        }
        // Whoever asks meanwhile does not ask the disk too.
        entry.checked = now;
        Known::Stale(entry.found.clone())
    }

    /// Keeps `found`, if it is settled and there is room: its content, or the open file.
    pub fn keep(self: &Rc<Self>, path: &str, codings: u8, found: &Arc<Found>, now: u64) {
        self.forget(path, codings);
        if !found.fields.is_settled {
            return;
        }
        let (found, size) = match &found.content {
            Content::Whole(content) => {
                let size = content.len() + path.len() + OVERHEAD;
                if !self.make_room(size) {
                    return;
                }
                (found.clone(), size)
            }
            Content::Open(sending, _) => {
                if !self.make_place() {
                    return;
                }
                // Without the beginning, which is memory.
                let content = Content::Kept(sending.file.clone());
                (Arc::new(Found { fields: found.fields.clone(), content, length: found.length }), 0)
            }
            Content::Kept(_) => return,
        };
        let path: Rc<str> = path.into();
        let entry = Entry { codings, found, checked: now, used: false, asked: true, size };
        let mut inner = self.inner.borrow_mut();
        inner.order(entry.is_open()).push_back((path.clone(), codings));
        let watch = entry.is_open() && !std::mem::replace(&mut inner.watched, entry.is_open());
        inner.entries.entry(path).or_default().push(entry);
        if watch {
            self.io_loop.spawn(look_after(Rc::downgrade(self), self.io_loop.clone()));
        }
    }

    /// Room for `size` bytes more. False when there is none.
    fn make_room(&self, size: usize) -> bool {
        let limit = self.shared.settings.cache;
        if size > limit {
            return false;
        }
        while self.shared.cached.fetch_add(size, Relaxed) + size > limit {
            self.shared.cached.fetch_sub(size, Relaxed);
            // The others' is not touched: they give way when they need room themselves.
            if !self.evict(false) {
                return false;
            }
        }
        true
    }

    /// A place for one more open file. False when there is none.
    fn make_place(&self) -> bool {
        let limit = if platform::KEEPS_OPEN { self.shared.settings.kept_open } else { 0 };
        while self.shared.kept.fetch_add(1, Relaxed) >= limit {
            self.shared.kept.fetch_sub(1, Relaxed);
            if !self.evict(true) {
                return false;
            }
        }
        true
    }

    /// What is known is not so any more.
    pub fn forget(&self, path: &str, codings: u8) {
        let mut inner = self.inner.borrow_mut();
        let all = inner.entries.get(path);
        let Some(entry) = all.and_then(|all| all.iter().find(|entry| entry.codings == codings)) else {
            return;
        };
        let is_open = entry.is_open();
        inner.order(is_open).retain(|(other, of)| *of != codings || **other != *path);
        self.remove(&mut inner, path, codings);
    }

    /// Takes out the oldest entry of its kind that was not used since the last time. False when there is none.
    fn evict(&self, is_open: bool) -> bool {
        let mut inner = self.inner.borrow_mut();
        while let Some((path, codings)) = inner.order(is_open).pop_front() {
            let all = inner.entries.get_mut(&path);
            let entry = all.and_then(|all| all.iter_mut().find(|entry| entry.codings == codings));
            if entry.is_some_and(|entry| std::mem::take(&mut entry.used)) {
                inner.order(is_open).push_back((path, codings));
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
            self.give_back(&all.swap_remove(at));
        }
        if all.is_empty() {
            inner.entries.remove(path);
        }
    }

    fn give_back(&self, entry: &Entry) {
        self.shared.cached.fetch_sub(entry.size, Relaxed);
        self.shared.kept.fetch_sub(usize::from(entry.is_open()), Relaxed);
    }

    /// Closes the files that nobody has asked for since the last time. False when none is open any more.
    fn look(&self) -> bool {
        let mut inner = self.inner.borrow_mut();
        for _ in 0..inner.open.len() {
            let Some((path, codings)) = inner.open.pop_front() else { break };
            let all = inner.entries.get_mut(&path);
            let entry = all.and_then(|all| all.iter_mut().find(|entry| entry.codings == codings));
            if entry.is_some_and(|entry| std::mem::take(&mut entry.asked)) {
                inner.open.push_back((path, codings));
            } else {
                self.remove(&mut inner, &path, codings);
            }
        }
        inner.watched = !inner.open.is_empty();
        inner.watched
    }
}

impl Inner {
    fn order(&mut self, is_open: bool) -> &mut Order {
        if is_open { &mut self.open } else { &mut self.whole }
    }
}

impl Entry {
    fn is_open(&self) -> bool {
        matches!(self.found.content, Content::Kept(_))
    }
}

/// Closes files that nobody asks for, while some are open.
async fn look_after(cache: Weak<Cache>, io_loop: LoopHandle) {
    let sleep = io_loop.sleep();
    drop(io_loop);
    let mut sleep = std::pin::pin!(sleep);
    loop {
        sleep.reset(LOOK);
        sleep.as_mut().await;
        if !cache.upgrade().is_some_and(|cache| cache.look()) {
            return;
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        let inner = std::mem::take(self.inner.get_mut());
        inner.entries.values().flatten().for_each(|entry| self.give_back(entry));
    }
}

#[cfg(all(test, target_os = "linux"))]
#[path = "cache_tests.rs"]
mod tests;
