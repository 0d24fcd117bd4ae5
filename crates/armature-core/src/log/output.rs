//! The buffer between those who write lines and the thread that writes them out.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use memchr::memrchr;

/// One output of the process.
pub(super) struct Shared {
    pub waiting: Mutex<Waiting>,
    /// The thread waits for lines.
    pub lines: Condvar,
    /// Somebody waits until all is out.
    pub written: Condvar,
    /// Lines that did not fit.
    pub dropped: AtomicU64,
    /// Lines that the system did not take.
    pub failed: AtomicU64,
    notices: AtomicU8,
}

/// What is not out yet.
#[derive(Default)]
pub(super) struct Waiting {
    pub bytes: Vec<u8>,
    /// Bytes that the thread has taken.
    pub taken: usize,
    /// The thread sleeps until it is woken.
    pub asleep: bool,
    /// Somebody does not want to wait until it looks by itself.
    pub hurry: bool,
    /// Nobody will write any more.
    pub closed: bool,
}

/// Form in which a log is told that lines are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Notices {
    /// Not at all: its lines have a form that cannot say it.
    None = 0,
    /// A line of text.
    Text = 1,
    /// A JSON object.
    Json = 2,
}

/// What has become of the lines for one output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputStats {
    /// Bytes that wait.
    pub waiting: usize,
    /// Lines that did not fit into the queue.
    pub dropped: u64,
    /// Lines that the system did not take.
    pub failed: u64,
}

/// A way to an output. Writing never waits.
#[derive(Clone)]
pub struct LogSink {
    shared: Arc<Shared>,
    /// Keeps a file open.
    _owner: Arc<Owner>,
    queue: usize,
}

/// The last one to go has the thread write what is left, and end.
pub(super) struct Owner(pub Arc<Shared>);

impl Shared {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::default(),
            lines: Condvar::new(),
            written: Condvar::new(),
            dropped: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            notices: AtomicU8::new(Notices::None as u8),
        })
    }

    /// Nothing panics while it is locked.
    pub fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn notices(&self) -> Notices {
        match self.notices.load(Relaxed) {
            2 => Notices::Json,
            1 => Notices::Text,
            _ => Notices::None,
        }
    }
}

impl LogSink {
    pub(super) fn new(owner: Arc<Owner>, queue: usize, notices: Notices) -> Self {
        let shared = owner.0.clone();
        shared.notices.fetch_max(notices as u8, Relaxed);
        Self { shared, _owner: owner, queue }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Adds `lines`, each of which ends with a line feed: those that fit.
    pub fn write(&self, lines: &[u8]) {
        let mut waiting = self.shared.lock();
        let room = self.queue.saturating_sub(waiting.bytes.len() + waiting.taken);
        let fits = if lines.len() <= room {
            lines
        } else {
            &lines[..memrchr(b'\n', &lines[..room]).map_or(0, |end| end + 1)]
        };
        waiting.bytes.extend_from_slice(fits);
        // While it writes, or rests after that, it looks again by itself.
        let wake = waiting.asleep;
        waiting.asleep = false;
        drop(waiting);
        if wake {
            self.shared.lines.notify_one();
        }
        if fits.len() < lines.len() {
            let dropped = memchr::memchr_iter(b'\n', &lines[fits.len()..]).count();
            self.shared.dropped.fetch_add(dropped as u64, Relaxed);
        }
    }

    /// What has become of the lines of all who write there.
    pub fn stats(&self) -> OutputStats {
        let waiting = self.shared.lock();
        OutputStats {
            waiting: waiting.bytes.len() + waiting.taken,
            dropped: self.shared.dropped.load(Relaxed),
            failed: self.shared.failed.load(Relaxed),
        }
    }
}

impl fmt::Debug for LogSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogSink").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.lines.notify_one();
    }
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
