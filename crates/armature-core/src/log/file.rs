//! A file of a log: when it is put aside for a new one, and what happens when somebody else moves it or the disk is full.

use std::fs::{File, Metadata, OpenOptions};
use std::path::Path;
use std::time::{Duration, SystemTime};

use memchr::{memchr, memrchr};

use super::aside::{Aside, Keeper};
use super::destination::{Failure, write_all};
use super::thread::complain;
use crate::config::LogFileConfig;
use crate::error::{Error, Result};
use crate::platform;

/// How often it looks whether the path still leads to the file.
const LOOK: Duration = Duration::from_secs(1);

pub(super) struct LogFile {
    options: LogFileConfig,
    file: File,
    /// Bytes in the file.
    size: u64,
    /// When the file was begun, as far as anybody knows.
    begun: SystemTime,
    looked: SystemTime,
    /// The last line has no end, because the disk was full in the middle of it.
    torn: bool,
    /// Not a device or a pipe, which are nobody's to put aside.
    is_regular: bool,
    /// Putting it aside has failed, and the operator knows.
    stuck: bool,
    keeper: Keeper,
}

impl LogFile {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// `ARMATURE_IO`.
    pub fn open(options: LogFileConfig, now: SystemTime) -> Result<Self> {
        let path = options.path.display();
        let cannot = format!("cannot open the log '{path}'; its folder has to exist and be writable");
        let opened = open(&options.path).and_then(|file| file.metadata().map(|meta| (file, meta)));
        let (file, meta) = opened.map_err(|error| Error::io(cannot, error))?;
        let keeper = Keeper::new(&options);
        let mut log = Self {
            options,
            file,
            size: 0,
            begun: now,
            looked: now,
            torn: false,
            is_regular: true,
            stuck: false,
            keeper,
        };
        log.has(&meta, now);
        // What a process before this one has left.
        log.keeper.tidy(now);
        Ok(log)
    }

    pub fn path(&self) -> &Path {
        &self.options.path
    }

    /// Writes whole lines; puts the file aside where it is time.
    pub fn write(&mut self, batch: &[u8], now: SystemTime) -> std::result::Result<(), Failure> {
        self.look(now);
        let mut written = 0;
        while written < batch.len() {
            let rest = &batch[written..];
            if self.is_due(rest, now) {
                self.put_aside(now);
            }
            let piece = &rest[..self.fitting(rest)];
            self.write_piece(piece).map_err(|f| Failure { written: written + f.written, error: f.error })?;
            written += piece.len();
        }
        Ok(())
    }

    /// Whoever compresses may finish.
    pub fn close(&mut self) {
        let _ = self.file.sync_data();
    }

    fn write_piece(&mut self, piece: &[u8]) -> std::result::Result<(), Failure> {
        if self.torn {
            write_all(&mut self.file, b"\n").map_err(|f| Failure { written: 0, error: f.error })?;
            self.torn = false;
            self.size += 1;
        }
        let result = write_all(&mut self.file, piece);
        let written = result.as_ref().map_or_else(|failure| failure.written, |()| piece.len());
        self.size += written as u64;
        self.torn = written > 0 && piece[written - 1] != b'\n';
        result
    }

    /// Whether the next line belongs into a new file.
    fn is_due(&self, rest: &[u8], now: SystemTime) -> bool {
        if self.size == 0 || !self.is_regular {
            return false;
        }
        let line = memchr(b'\n', rest).map_or(rest.len(), |end| end + 1) as u64;
        let is_full = self.options.max_size.is_some_and(|max| self.size + line > max.0);
        let is_old = self.options.every.is_some_and(|period| {
            let number = |time: SystemTime| seconds(time) / period.seconds();
            number(now) > number(self.begun)
        });
        is_full || is_old
    }

    /// As much of `rest` as belongs into this file: whole lines, and one at least.
    fn fitting(&self, rest: &[u8]) -> usize {
        let Some(max) = self.options.max_size.filter(|_| self.is_regular && !self.stuck) else {
            return rest.len();
        };
        let room = usize::try_from(max.0.saturating_sub(self.size)).unwrap_or(usize::MAX).min(rest.len());
        match memrchr(b'\n', &rest[..room]) {
            Some(end) => end + 1,
            None => memchr(b'\n', rest).map_or(rest.len(), |end| end + 1),
        }
    }

    fn put_aside(&mut self, now: SystemTime) {
        let aside = Aside::free(&self.options.path, now);
        let renamed = aside.and_then(|to| std::fs::rename(&self.options.path, to));
        match renamed.and_then(|()| self.reopen(now)) {
            Ok(()) => {
                self.stuck = false;
                self.keeper.tidy(now);
            }
            Err(error) => {
                if !self.stuck {
                    complain(&format!("cannot put '{}' aside: {error}; it grows on", self.path().display()));
                }
                self.stuck = true;
                // It goes on in the file that it has, and tries again with the next batch.
            }
        }
    }

    fn reopen(&mut self, now: SystemTime) -> std::io::Result<()> {
        let file = open(&self.options.path)?;
        let meta = file.metadata()?;
        self.file = file;
        self.torn = false;
        self.begun = now;
        self.has(&meta, now);
        Ok(())
    }

    fn has(&mut self, meta: &Metadata, now: SystemTime) {
        self.size = meta.len();
        self.is_regular = meta.is_file();
        if self.size > 0 {
            self.begun = meta.modified().unwrap_or(now);
        }
    }

    /// Somebody may have moved the file, or deleted it: then lines go where the path leads now.
    fn look(&mut self, now: SystemTime) {
        let waited = now.duration_since(self.looked).unwrap_or(LOOK);
        if waited < LOOK {
            return;
        }
        self.looked = now;
        let here = self.file.metadata().ok();
        let there = std::fs::metadata(&self.options.path).ok();
        let is_same = match (here, there) {
            (Some(here), Some(there)) => platform::is_same_file(&here, &there),
            _ => false,
        };
        if !is_same {
            // What cannot be opened is told when writing fails, or not at all where the old file is still good.
            let _ = self.reopen(now);
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
