//! What those who look and store have in common with the thread of a folder. The lock is never held across a system call.

use std::collections::VecDeque;
use std::ops::AddAssign;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;

use super::file::Version;
use super::index::{Entry, Index};
use super::options::DiskSettings;
use super::purges::{Note, Purges};
use crate::metrics::Counter;
use crate::store::tiers::{Name, Record, Term};

/// Values that may wait to be read, and to be written. A disk does thousands in a second, so that more would wait longer than anybody
/// wants to.
const WAITING: usize = 1024;
/// Purges that the journal may lack; more of them become one of everything.
const UNNOTED: usize = 4096;

/// The thread ends when this is gone and nothing waits any more.
pub(super) struct Owner(pub Arc<Shared>);

pub(super) struct Shared {
    pub settings: DiskSettings,
    state: Mutex<State>,
    /// There is something to do.
    pub work: Condvar,
    /// The journal has what it lacked.
    pub noted: Condvar,
    pub counters: Counters,
}

#[derive(Default)]
pub(super) struct State {
    pub index: Index,
    pub purges: Purges,
    /// What the journal lacks.
    pub unnoted: Vec<Note>,
    /// The same, with what is being written.
    pub purging: usize,
    pub reads: VecDeque<Read>,
    pub writes: VecDeque<Write>,
    /// Bytes of values that wait.
    pub queued: usize,
    /// Files of values that are found no more.
    pub removals: Vec<Version>,
    /// What is being written; `None` when it was taken out meanwhile.
    pub writing: Option<Name>,
    /// What was there at the start is known, and so is the room that is left.
    pub is_listed: bool,
    /// Since when the thread is at one thing.
    pub busy: Option<Instant>,
    /// Who has a way to the folder.
    pub owners: usize,
    /// What was taken out before it was known what there is.
    pub forgotten: Vec<Name>,
    /// The folder is free.
    pub ended: bool,
}

/// Somebody looks for a value.
pub(super) struct Read {
    pub version: Version,
    pub size: u64,
    pub answer: oneshot::Sender<Option<(Record, u64)>>,
}

/// A value that is to be kept.
pub(super) struct Write {
    pub name: Name,
    pub record: Record,
    pub position: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub evicted: Counter,
    pub dropped: Counter,
    pub broken: Counter,
    pub failed: Counter,
}

/// The numbers of a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskStats {
    /// Values that there are.
    pub entries: u64,
    /// What their files take, in blocks.
    pub bytes: u64,
    /// Bytes of values that wait to be written.
    pub queued: u64,
    /// Purges that are not in the journal yet: a process that is killed takes them with it.
    pub purging: u64,
    /// Values that were taken out because others needed the room.
    pub evicted: u64,
    /// Values that were not written, because too much waited or the disk failed.
    pub dropped: u64,
    /// Files that were not what had been written; they were taken out.
    pub broken: u64,
    /// Looking in vain because the disk failed, hung, or had too much to do.
    pub failed: u64,
}

impl AddAssign for DiskStats {
    fn add_assign(&mut self, other: Self) {
        self.entries += other.entries;
        self.bytes += other.bytes;
        self.queued += other.queued;
        self.purging += other.purging;
        self.evicted += other.evicted;
        self.dropped += other.dropped;
        self.broken += other.broken;
        self.failed += other.failed;
    }
}

impl Shared {
    pub fn new(settings: DiskSettings) -> Self {
        Self {
            settings,
            state: Mutex::default(),
            work: Condvar::new(),
            noted: Condvar::new(),
            counters: Counters::default(),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held, so a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the thread read a value, if there is one.
    pub fn ask(&self, name: &Name) -> Option<oneshot::Receiver<Option<(Record, u64)>>> {
        let mut state = self.lock();
        let State { index, purges, .. } = &mut *state;
        let entry = index.find(name)?;
        entry.used = true;
        let (version, size) = (entry.version, entry.size);
        if entry.is_of_no_use(purges, now()) {
            index.remove(name);
            state.removals.push(version);
            drop(state);
            self.work.notify_one();
            return None;
        }
        if state.reads.len() >= WAITING || self.hangs(&state) {
            self.counters.failed.add(1);
            return None;
        }
        let (answer, receiver) = oneshot::channel();
        state.reads.push_back(Read { version, size, answer });
        drop(state);
        self.work.notify_one();
        Some(receiver)
    }

    pub fn put(&self, name: &Name, record: Record, position: u64) {
        let mut state = self.lock();
        let length = record.payload.len();
        let fits = state.writes.len() < WAITING && state.queued + length <= self.settings.queue;
        if !fits || self.hangs(&state) {
            self.counters.dropped.add(1);
            return;
        }
        state.queued += length;
        state.writes.push_back(Write { name: *name, record, position });
        drop(state);
        self.work.notify_one();
    }

    pub fn forget(&self, name: &Name) {
        let mut state = self.lock();
        let mut freed = 0;
        state.writes.retain(|write| {
            let stays = write.name != *name;
            freed += if stays { 0 } else { write.record.payload.len() };
            stays
        });
        state.queued -= freed;
        if state.writing == Some(*name) {
            state.writing = None;
        }
        if let Some(entry) = state.index.remove(name) {
            state.removals.push(entry.version);
            drop(state);
            self.work.notify_one();
        } else if !state.is_listed && state.forgotten.len() < UNNOTED {
            state.forgotten.push(*name);
        } else if !state.is_listed {
            let note = state.purges.purge_all();
            state.unnoted.push(note);
            state.purging += 1;
            state.forgotten.clear();
        }
    }

    pub fn purge(&self, term: Term) {
        let mut state = self.lock();
        if state.unnoted.len() < UNNOTED {
            let note = state.purges.purge(term);
            state.unnoted.push(note);
            state.purging += 1;
        } else {
            let note = state.purges.purge_all();
            state.purging -= state.unnoted.len() - 1;
            state.unnoted = vec![note];
        }
        drop(state);
        self.work.notify_one();
    }

    pub fn stats(&self) -> DiskStats {
        let state = self.lock();
        DiskStats {
            entries: state.index.len() as u64,
            bytes: state.index.bytes(),
            queued: state.queued as u64,
            purging: state.purging as u64,
            evicted: self.counters.evicted.get(),
            dropped: self.counters.dropped.get(),
            broken: self.counters.broken.get(),
            failed: self.counters.failed.get(),
        }
    }

    /// Waits until the journal lacks nothing.
    pub fn flush(&self, patience: Duration) {
        let state = self.lock();
        drop(self.noted.wait_timeout_while(state, patience, |state| state.purging > 0));
    }

    /// Gives the lock up until there is something to do, at most for so long.
    pub fn wait<'a>(&self, state: MutexGuard<'a, State>, most: Option<Duration>) -> MutexGuard<'a, State> {
        match most {
            None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(most) => self.work.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner).0,
        }
    }

    /// Waits until the folder is free; returns whether it is.
    pub fn wait_for_end(&self, patience: Duration) -> bool {
        let waited = self.noted.wait_timeout_while(self.lock(), patience, |state| !state.ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.ended
    }

    /// Whether the thread is at one thing for longer than anybody waits.
    fn hangs(&self, state: &State) -> bool {
        state.busy.is_some_and(|since| since.elapsed() > self.settings.timeout)
    }
}

impl Entry {
    /// Whether it is known that nobody will get it.
    pub fn is_of_no_use(&self, purges: &Purges, now: u64) -> bool {
        let facts = self.facts.as_ref();
        facts.is_some_and(|facts| facts.until <= now || purges.is_purged(facts.position, &facts.terms))
    }
}

impl Owner {
    /// One more who has a way to the folder; `None` when it is free.
    pub fn new(shared: &Arc<Shared>) -> Option<Self> {
        let mut state = shared.lock();
        state.owners += usize::from(!state.ended);
        (!state.ended).then(|| Self(shared.clone()))
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.lock().owners -= 1;
        self.0.work.notify_one();
    }
}

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
