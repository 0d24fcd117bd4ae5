//! Open files: each has one owner at least, and a thread closes it when the last one has gone, as closing may wait for a disk, too.

use std::fs::{File, Metadata};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::readers::{Permit, Shared};
use crate::http::Opened;
use crate::platform;

/// Ticks for which a file that was in memory as a whole is taken to be there still: a second. Whoever is wrong about it waits for a
/// disk once.
const TRUSTED: u64 = 100;

/// An open file, and what it was when it was opened.
pub(super) struct OpenFile {
    /// `None` when it has been closed.
    file: Option<File>,
    pub meta: Metadata,
    home: Arc<Shared>,
    /// When all of it was in memory the last time that somebody looked, in ticks; 0 for never.
    cached: AtomicU64,
}

/// An open file of which an answer is being sent.
pub(super) struct Sending {
    pub file: Arc<OpenFile>,
    _permit: Permit,
}

impl OpenFile {
    pub fn new(file: File, meta: Metadata, home: &Arc<Shared>) -> Arc<Self> {
        Arc::new(Self { file: Some(file), meta, home: home.clone(), cached: AtomicU64::new(0) })
    }

    pub fn get(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// Whether it is still what it was, and where it was, as far as that is known without asking a disk.
    pub fn is_unchanged(&self) -> bool {
        self.get().is_some_and(|file| platform::is_unchanged(file, &self.meta))
    }

    /// Whether `meta` is that of this file.
    pub fn is(&self, meta: &Metadata) -> bool {
        platform::is_same_file(&self.meta, meta)
    }

    /// Whether all of it is in memory, as somebody has seen a short time ago.
    pub fn is_cached(&self, now: u64) -> bool {
        let seen = self.cached.load(Relaxed);
        seen > 0 && now < seen + TRUSTED
    }

    /// All of it is in memory.
    pub fn seen_cached(&self, now: u64) {
        self.cached.store(now, Relaxed);
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            let _ = self.home.go_on(move |_| drop(file));
        }
    }
}

impl Sending {
    /// `permit` is for this answer; several may send one file.
    pub fn new(file: Arc<OpenFile>, permit: Permit) -> Arc<Self> {
        Arc::new(Self { file, _permit: permit })
    }

    /// Lets go of it, on a thread that may wait.
    pub fn close(self: Arc<Self>) {
        let last = Arc::into_inner(self).and_then(|sending| Arc::into_inner(sending.file));
        if let Some(mut last) = last {
            drop(last.file.take());
        }
    }
}

impl Opened for Sending {
    fn file(&self) -> Option<&File> {
        self.file.get()
    }
}
