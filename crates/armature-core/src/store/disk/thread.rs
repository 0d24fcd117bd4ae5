//! The thread of a folder: what it does next, reading and writing.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;
use std::time::Instant;

use super::file::{self, Facts, Version};
use super::index::Entry;
use super::journal::Journal;
use super::purges::Purges;
use super::room::is_full;
use super::shared::{Read, Shared, State, Write, now};
use super::sweep::Sweep;
use super::trouble::Trouble;
use crate::platform::OwnedFolder;
use crate::store::tiers::Record;

/// The lock of whoever has the folder.
pub(super) const LOCK: &str = "lock";
/// What is being written; it has its name when it is whole.
const NEW: &str = "value.new";
/// How often somebody who reads goes first while something is to be written.
const READS: u32 = 16;
/// How many files are taken out at once.
const REMOVALS: usize = 64;
/// How often what can wait has its turn.
const PATIENT: u32 = 32;

pub(super) struct Worker {
    pub shared: Arc<Shared>,
    pub folder: OwnedFolder,
    lock: Option<File>,
    pub journal: Journal,
    pub reading: Trouble,
    pub writing: Trouble,
    pub sweep: Sweep,
    /// Of the newest value.
    pub sequence: u64,
    turns: u32,
}

enum Job {
    Note,
    Sync,
    Remove(Vec<Version>),
    Read(Read),
    Write(Write),
    Sweep,
    End,
}

impl Worker {
    /// Reads what was purged; the values are looked at by the thread.
    pub fn new(shared: Arc<Shared>, folder: OwnedFolder, lock: File) -> io::Result<Self> {
        // Before anything is believed to be possible.
        folder.remove(NEW)?;
        folder.create(NEW)?;
        folder.remove(NEW)?;
        let (journal, purges) = Journal::open(&folder)?;
        let sweep = Sweep::new(purges.is_some());
        shared.lock().purges = purges.unwrap_or_else(|| Purges::unknown(now() * 1000));
        let path = shared.settings.path.clone();
        Ok(Self {
            shared,
            folder,
            lock: Some(lock),
            journal,
            reading: Trouble::new("read", path.clone()),
            writing: Trouble::new("written", path),
            sweep,
            sequence: 0,
            turns: 0,
        })
    }

    pub fn run(mut self) {
        loop {
            match self.next() {
                Job::Note => self.note(),
                Job::Sync => {
                    if let Err(error) = self.journal.sync() {
                        self.journal.give_up(&self.folder);
                        self.writing_failed(&error);
                    }
                }
                Job::Remove(versions) => self.remove_all(versions),
                Job::Read(read) => self.read(read),
                Job::Write(write) => self.write(&write),
                Job::Sweep => self.sweep_on(),
                Job::End => {
                    if self.end() {
                        return;
                    }
                }
            }
        }
    }

    /// What to do; waits for it.
    fn next(&mut self) -> Job {
        let shared = self.shared.clone();
        let mut state = shared.lock();
        state.busy = None;
        loop {
            if let Some(job) = self.choose(&mut state) {
                state.busy = Some(Instant::now());
                return job;
            }
            let left = self.due(&state).map(|due| due.saturating_duration_since(Instant::now()));
            state = shared.wait(state, left);
        }
    }

    fn choose(&mut self, state: &mut State) -> Option<Job> {
        let (may_read, may_write) = (self.reading.may_try(), self.writing.may_try());
        // Purges first: until they are written, they are lost with the process.
        let may_note = if self.journal.is_open() { !state.unnoted.is_empty() } else { may_write };
        if may_note {
            return Some(Job::Note);
        }
        if may_write && self.journal.due().is_some_and(|due| due <= Instant::now()) {
            return Some(Job::Sync);
        }
        // Before anything is written, so that what there is, is what is counted.
        if may_write && !state.removals.is_empty() {
            let most = state.removals.len().min(REMOVALS);
            return Some(Job::Remove(state.removals.drain(..most).collect()));
        }
        // There may be less room than there was when they were written.
        if may_write && state.is_listed && !self.fits(state, 0) {
            let gone: Vec<_> = (0..REMOVALS).map_while(|_| self.evict(state, 0)).collect();
            return Some(Job::Remove(gone));
        }
        if !may_read {
            self.shared.counters.failed.add(state.reads.drain(..).len() as u64);
        }
        if !may_write {
            self.shared.counters.dropped.add(state.writes.drain(..).len() as u64);
            state.queued = 0;
        }
        self.turns = self.turns.wrapping_add(1);
        let is_sweeping = may_read && may_write && self.sweep.is_due(state);
        if is_sweeping && self.turns.is_multiple_of(PATIENT) {
            return Some(Job::Sweep);
        }
        let may_enter = state.is_listed && !state.writes.is_empty();
        if !(may_enter && self.turns.is_multiple_of(READS))
            && let Some(read) = state.reads.pop_front()
        {
            return Some(Job::Read(read));
        }
        if may_enter && let Some(write) = state.writes.pop_front() {
            state.queued -= write.record.payload.len();
            state.writing = Some(write.name);
            return Some(Job::Write(write));
        }
        if state.owners == 0 && (state.writes.is_empty() || !is_sweeping) {
            return Some(Job::End);
        }
        is_sweeping.then_some(Job::Sweep)
    }

    /// When there is something to do, if nobody comes.
    fn due(&self, state: &State) -> Option<Instant> {
        // While it fails, nothing is tried.
        let held = self.reading.retry().max(self.writing.retry());
        let now = Instant::now();
        let waits = !self.journal.is_open() || !state.removals.is_empty() || !state.unnoted.is_empty();
        let next =
            self.journal.due().into_iter().chain(self.sweep.due(state)).chain(waits.then_some(now)).min()?;
        Some(held.map_or(next, |held| held.max(next)))
    }

    /// Writes purges into the journal.
    fn note(&mut self) {
        let is_new = !self.journal.is_open() || self.journal.is_long();
        let (notes, all) = {
            let mut state = self.shared.lock();
            let notes = std::mem::take(&mut state.unnoted);
            (notes, if is_new { state.purges.notes(0) } else { Vec::new() })
        };
        let noted =
            if is_new { self.journal.rewrite(&self.folder, &all) } else { self.journal.append(&notes) };
        match noted {
            Ok(()) => {
                let mut state = self.shared.lock();
                state.purging = state.unnoted.len();
                drop(state);
                self.shared.noted.notify_all();
            }
            Err(error) => {
                self.journal.give_up(&self.folder);
                if is_full(&error) {
                    // For the next attempt.
                    let _ = self.yield_room(Journal::size(all.len().max(notes.len())));
                }
                self.writing_failed(&error);
            }
        }
    }

    fn remove_all(&mut self, versions: Vec<Version>) {
        let mut versions = versions.into_iter();
        while let Some(version) = versions.next() {
            if let Err(error) = self.remove(version) {
                self.shared.lock().removals.extend(versions);
                return self.writing_failed(&error);
            }
        }
    }

    /// Takes out the file of a value that is in the index no more.
    pub fn remove(&self, version: Version) -> io::Result<()> {
        let removed = self.folder.remove(&version.file());
        if removed.is_err() {
            // It takes room until it is gone.
            self.shared.lock().removals.push(version);
        }
        removed
    }

    fn read(&mut self, read: Read) {
        // Who looked may have left.
        if read.answer.is_closed() {
            return;
        }
        let answer = match self.load(&read.version, read.size) {
            Ok(Some((record, position))) => {
                self.reading.worked();
                self.learn(&read.version, &record, position).then_some((record, position))
            }
            Ok(None) => {
                self.reading.worked();
                self.is_broken(read.version);
                None
            }
            Err(error) => {
                self.shared.counters.failed.add(1);
                self.reading.failed(&error);
                None
            }
        };
        let _ = read.answer.send(answer);
    }

    /// `Ok(None)` where there is no such value, or what is there is none.
    fn load(&self, version: &Version, size: u64) -> io::Result<Option<(Record, u64)>> {
        let Some(file) = self.folder.read(&version.file())? else { return Ok(None) };
        let length = file.metadata()?.len();
        if length > size {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(length as usize + 1);
        file.take(length + 1).read_to_end(&mut bytes)?;
        Ok(file::decode(bytes, version))
    }

    /// Notes what a value that was read says of itself; returns whether it may be given.
    fn learn(&self, version: &Version, record: &Record, position: u64) -> bool {
        let mut state = self.shared.lock();
        let State { index, purges, removals, .. } = &mut *state;
        if record.until <= now() || purges.is_purged(position, &record.terms) {
            removals.extend(index.remove_version(version).map(|entry| entry.version));
            return false;
        }
        match index.find_version(version) {
            Some(Entry { facts: facts @ None, .. }) => {
                let terms = record.terms.as_slice().into();
                *facts = Some(Facts { until: record.until, position, terms });
                true
            }
            // It was taken out while it was read.
            found => found.is_some(),
        }
    }

    /// A file is not what was written, and must not be found again.
    pub fn is_broken(&mut self, version: Version) {
        let is_there = self.shared.lock().index.remove_version(&version).is_some();
        if is_there {
            self.shared.counters.broken.add(1);
            self.remove_all(vec![version]);
        }
    }

    fn write(&mut self, write: &Write) {
        let mut written = self.try_write(write);
        if written.as_ref().is_err_and(is_full) {
            // Others need the disk as well: what is needed least makes room here.
            written = self.yield_room(file::size_of(&write.record)).and_then(|()| self.try_write(write));
        } else if written.is_err() && self.folder.is_gone() {
            written = self.reopen().and_then(|()| self.try_write(write));
        }
        match written {
            Ok(()) => self.writing.worked(),
            Err(error) => {
                self.shared.counters.dropped.add(1);
                self.writing_failed(&error);
            }
        }
        self.shared.lock().writing = None;
    }

    fn try_write(&mut self, write: &Write) -> io::Result<()> {
        let Write { name, record, position } = write;
        let size = file::size_of(record);
        if size > self.shared.settings.max_bytes {
            self.shared.counters.dropped.add(1);
            return Ok(());
        }
        self.make_room(size)?;
        self.sequence += 1;
        let version = Version { name: *name, sequence: self.sequence };
        let bytes = file::encode(&version, *position, record);
        self.folder.remove(NEW)?;
        let mut new = self.folder.create(NEW)?;
        let written = new.write_all(&bytes).and_then(|()| self.folder.rename(NEW, &version.file()));
        if let Err(error) = written {
            let _ = self.folder.remove(NEW);
            return Err(error);
        }
        let facts = Facts { until: record.until, position: *position, terms: record.terms.as_slice().into() };
        let entry = Entry { version, size, facts: Some(facts), used: false };
        let gone = {
            let mut state = self.shared.lock();
            let is_wanted = state.writing == Some(*name) && !state.purges.is_purged(*position, &record.terms);
            if is_wanted { state.index.insert(entry).map(|before| before.version) } else { Some(version) }
        };
        gone.map_or(Ok(()), |version| self.remove(version))
    }

    pub fn writing_failed(&mut self, error: &io::Error) {
        self.writing.failed(error);
    }

    /// Somebody has taken the folder out: an empty one takes its place.
    fn reopen(&mut self) -> io::Result<()> {
        let folder = OwnedFolder::open(&self.shared.settings.path)?;
        let lock = folder.lock(LOCK)?.ok_or_else(|| io::Error::other("another process has it"))?;
        (self.folder, self.lock) = (folder, Some(lock));
        self.shared.lock().index.clear();
        let notes = self.shared.lock().purges.notes(0);
        self.journal.rewrite(&self.folder, &notes)
    }

    /// Nobody has a way to the folder, and nothing waits. Returns whether that is so still.
    fn end(&mut self) -> bool {
        let _ = self.journal.sync();
        let mut state = self.shared.lock();
        if state.owners > 0 {
            return false;
        }
        // Before anybody knows that it has ended.
        self.lock = None;
        state.ended = true;
        drop(state);
        self.shared.noted.notify_all();
        true
    }
}
