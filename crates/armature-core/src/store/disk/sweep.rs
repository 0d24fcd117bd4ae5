//! What is there: at the start the names of the files, then, bit by bit between other work, the heads of those of which nothing is
//! known yet. What has ended or was purged is taken out. So a folder of any size keeps nobody waiting.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::time::{Duration, Instant};

use super::file::{self, Facts, LARGEST_HEAD, Version};
use super::index::Entry;
use super::shared::{State, now};
use super::thread::Worker;

/// Files whose lengths are asked for at once, and heads that are read at once.
const LENGTHS: usize = 512;
const HEADS: usize = 16;
/// Values that are looked at under one lock.
const LOOKS: usize = 256;
/// How long after the end of a round the next one begins: when something was purged, and when something may have ended.
const AFTER_PURGES: Duration = Duration::from_secs(10);
const AFTER_ALL: Duration = Duration::from_secs(60);

pub(super) struct Sweep {
    /// Whether the journal was whole, so that what is there can be believed.
    is_known: bool,
    /// Names whose lengths are not known; the newest first.
    listed: Option<Vec<Version>>,
    round: Option<Round>,
    /// Nothing is left of what was purged up to this number.
    swept: u64,
    ended: Instant,
    /// The first round reads heads.
    is_first: bool,
}

struct Round {
    cursor: usize,
    /// The newest purge when it began.
    last: u64,
    /// Every value was looked at.
    is_whole: bool,
}

impl Sweep {
    pub fn new(is_known: bool) -> Self {
        Self { is_known, listed: None, round: None, swept: 0, ended: Instant::now(), is_first: true }
    }

    pub fn is_due(&self, state: &State) -> bool {
        self.due(state).is_some_and(|due| due <= Instant::now())
    }

    pub fn due(&self, state: &State) -> Option<Instant> {
        if self.round.is_some() || !state.is_listed {
            return Some(self.ended);
        }
        let after = if state.purges.last() > self.swept { AFTER_PURGES } else { AFTER_ALL };
        (state.index.len() > 0).then_some(self.ended + after)
    }
}

impl Worker {
    /// Does one bit.
    pub fn sweep_on(&mut self) {
        let is_listed = self.shared.lock().is_listed;
        if !is_listed {
            if let Err(error) = self.list() {
                self.reading.failed(&error);
            }
            return;
        }
        let last = self.shared.lock().purges.last();
        let round = self.sweep.round.take().unwrap_or(Round { cursor: 0, last, is_whole: true });
        self.sweep.round = self.go_round(round);
    }

    /// Lists names, then lengths.
    fn list(&mut self) -> io::Result<()> {
        let Some(mut left) = self.sweep.listed.take() else {
            let names = self.names()?;
            self.sweep.listed = Some(names);
            return Ok(());
        };
        let now = left.split_off(left.len().saturating_sub(LENGTHS));
        let mut found = Vec::new();
        // The oldest are the last of the list, and the first that go when there is no room.
        for version in now.into_iter().rev() {
            if let Some(length) = self.folder.length(&version.file())? {
                let size = file::size_on_disk(length);
                found.push(Entry { version, size, facts: None, used: false });
            }
        }
        let mut state = self.shared.lock();
        for entry in found {
            state.index.insert(entry);
        }
        if !left.is_empty() {
            drop(state);
            self.sweep.listed = Some(left);
            return Ok(());
        }
        let forgotten = std::mem::take(&mut state.forgotten);
        for name in forgotten {
            let gone = state.index.remove(&name);
            state.removals.extend(gone.map(|entry| entry.version));
        }
        state.is_listed = true;
        self.sweep.round = Some(Round { cursor: 0, last: state.purges.last(), is_whole: true });
        Ok(())
    }

    /// Those of the newest versions, the newest first. Others are taken out.
    fn names(&mut self) -> io::Result<Vec<Version>> {
        let mut newest: HashMap<_, Version> = HashMap::new();
        let mut gone = Vec::new();
        self.folder.list(|name| {
            let Some(version) = Version::of_file(name) else { return };
            self.sequence = self.sequence.max(version.sequence);
            if !self.sweep.is_known {
                gone.push(version);
                return;
            }
            let known = newest.entry(version.name).or_insert(version);
            if known.sequence < version.sequence {
                gone.push(std::mem::replace(known, version));
            } else if known.sequence > version.sequence {
                gone.push(version);
            }
        })?;
        self.shared.lock().removals.extend(gone);
        let mut versions: Vec<Version> = newest.into_values().collect();
        versions.sort_unstable_by_key(|version| std::cmp::Reverse(version.sequence));
        Ok(versions)
    }

    fn go_round(&mut self, mut round: Round) -> Option<Round> {
        let most = if self.sweep.is_first { HEADS } else { LOOKS };
        let (mut unknown, mut useless) = (Vec::new(), Vec::new());
        let next = {
            let mut state = self.shared.lock();
            let State { index, purges, .. } = &mut *state;
            let now = now();
            let next = index.walk(round.cursor, most, |entry| {
                if entry.facts.is_none() {
                    unknown.push(entry.version);
                } else if entry.is_of_no_use(purges, now) {
                    useless.push(entry.version);
                }
            });
            useless.iter().for_each(|version| drop(index.remove_version(version)));
            next
        };
        for version in useless {
            if let Err(error) = self.remove(version) {
                self.writing_failed(&error);
            }
        }
        for version in unknown {
            match self.head(&version) {
                Ok(Some(facts)) => self.learn_head(version, facts),
                Ok(None) => self.is_broken(version),
                Err(error) => {
                    round.is_whole = false;
                    self.reading.failed(&error);
                }
            }
        }
        if let Some(cursor) = next {
            return Some(Round { cursor, ..round });
        }
        self.sweep.ended = Instant::now();
        if round.is_whole {
            self.sweep.is_first = false;
            self.sweep.swept = round.last;
            self.shorten_journal(round.last);
        }
        None
    }

    /// `Ok(None)` where the file is none of a value.
    fn head(&self, version: &Version) -> io::Result<Option<Facts>> {
        let Some(file) = self.folder.read(&version.file())? else { return Ok(None) };
        let length = file.metadata()?.len();
        let mut bytes = Vec::with_capacity(LARGEST_HEAD);
        file.take(LARGEST_HEAD as u64).read_to_end(&mut bytes)?;
        Ok(file::facts(&bytes, version, length))
    }

    fn learn_head(&mut self, version: Version, facts: Facts) {
        let mut state = self.shared.lock();
        let State { index, purges, removals, .. } = &mut *state;
        let Some(entry) = index.find_version(&version) else { return };
        entry.facts = Some(facts);
        if entry.is_of_no_use(purges, now()) {
            index.remove_version(&version);
            removals.push(version);
        }
    }

    /// Nothing is left of what was purged up to `swept`: the journal needs not say it.
    fn shorten_journal(&mut self, swept: u64) {
        if !self.journal.is_worth_shortening() {
            return;
        }
        let notes = self.shared.lock().purges.notes(swept);
        if let Err(error) = self.journal.rewrite(&self.folder, &notes) {
            self.journal.give_up(&self.folder);
            self.writing_failed(&error);
        }
    }
}
