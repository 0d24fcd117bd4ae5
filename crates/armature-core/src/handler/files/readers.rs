//! Threads that read files for the loops of a server: a system call on a disk may wait, and a loop must not.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::chunk::Chunks;
use crate::config::FilesSettings;
use crate::metrics::Counter;

type Job = Box<dyn FnOnce() + Send>;

/// The threads. They start when there is something to do and end when nobody has this any more. Cheap to clone.
#[derive(Clone)]
pub struct FileReaders {
    owner: Arc<Owner>,
}

/// What they do, and have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileStats {
    /// Threads that there are.
    pub threads: usize,
    /// Pieces of work that wait for one.
    pub queued: usize,
    /// Files that are open because their content is being sent.
    pub open: usize,
    /// Bytes of content that are kept.
    pub cached: usize,
    /// Files that are kept open for whoever asks for them next.
    pub kept: usize,
    /// Parts of files that went to a socket without being read.
    pub sent: u64,
    /// Requests answered 503 because of `files.queue` or `files.open`, or because the process can open no more.
    pub shed: u64,
}

/// The last one to go ends the threads.
struct Owner(Arc<Shared>);

/// What the threads have, and those who have work for them.
pub(super) struct Shared {
    pub settings: FilesSettings,
    state: Mutex<State>,
    work: Condvar,
    /// Open because they are being sent.
    open: AtomicUsize,
    /// Bytes in the caches of all loops.
    pub cached: AtomicUsize,
    /// Open in the caches of all loops.
    pub kept: AtomicUsize,
    pub shed: Counter,
    /// Parts that were not read.
    pub sent: Counter,
    pub chunks: Chunks,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    closed: bool,
}

/// There is as much to do as may wait.
#[derive(Debug)]
pub(super) struct Busy;

/// What a thread will say; `None` when the work failed in a way that nobody expects.
pub(super) struct Pending<T>(oneshot::Receiver<T>);

/// The right to send one more file.
pub(super) struct Permit(Arc<Shared>);

impl FileReaders {
    /// Threads within the bounds of `settings`.
    pub fn new(settings: FilesSettings) -> Self {
        let shared = Shared {
            settings,
            state: Mutex::default(),
            work: Condvar::new(),
            open: AtomicUsize::new(0),
            cached: AtomicUsize::new(0),
            kept: AtomicUsize::new(0),
            shed: Counter::default(),
            sent: Counter::default(),
            chunks: Chunks::default(),
        };
        Self { owner: Arc::new(Owner(Arc::new(shared))) }
    }

    /// Their numbers.
    pub fn stats(&self) -> FileStats {
        let shared = self.shared();
        let (threads, queued) = {
            let state = shared.lock();
            (state.threads, state.jobs.len())
        };
        let (open, cached) = (shared.open.load(Relaxed), shared.cached.load(Relaxed));
        let kept = shared.kept.load(Relaxed);
        let (sent, shed) = (shared.sent.get(), shared.shed.get());
        FileStats { threads, queued, open, cached, kept, sent, shed }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.owner.0
    }
}

impl fmt::Debug for FileReaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileReaders").field(&self.stats()).finish()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        self.0.work.notify_all();
        // Not under the lock: dropping a job may close a file.
        drop(jobs);
    }
}

impl Shared {
    /// Has a thread do `work` for a request.
    pub fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Arc<Self>) -> T + Send + 'static,
    ) -> Result<Pending<T>, Busy> {
        self.submit(self.settings.queue, work)
    }

    /// The same for what has begun, of which there is no more than files are open.
    pub fn go_on<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Arc<Self>) -> T + Send + 'static,
    ) -> Result<Pending<T>, Busy> {
        self.submit(usize::MAX, work)
    }

    fn submit<T: Send + 'static>(
        self: &Arc<Self>,
        queue: usize,
        work: impl FnOnce(&Arc<Self>) -> T + Send + 'static,
    ) -> Result<Pending<T>, Busy> {
        let (sender, receiver) = oneshot::channel();
        let shared = self.clone();
        let job = Box::new(move || {
            // Whoever asked may have left.
            if !sender.is_closed() {
                let _ = sender.send(work(&shared));
            }
        });
        let mut state = self.lock();
        if state.closed || state.jobs.len() >= queue {
            return Err(Busy);
        }
        if state.idle <= state.jobs.len() && state.threads < self.settings.threads {
            let shared = self.clone();
            let thread = std::thread::Builder::new().name("armature-files".into());
            match thread.spawn(move || shared.serve()) {
                Ok(_) => state.threads += 1,
                // The others have more to do.
                Err(_) if state.threads > 0 => {}
                Err(_) => return Err(Busy),
            }
        }
        state.jobs.push_back(job);
        drop(state);
        self.work.notify_one();
        Ok(Pending(receiver))
    }

    /// What each thread does.
    fn serve(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                // A defect costs its request, which hears of it because nobody answers.
                let _ = catch_unwind(AssertUnwindSafe(job));
                state = self.lock();
                continue;
            }
            if state.closed {
                state.threads -= 1;
                return;
            }
            state.idle += 1;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// One more file that is being sent, if there may be one.
    pub fn permit(self: &Arc<Self>) -> Option<Permit> {
        let limit = self.settings.open;
        let entered = self.open.fetch_update(Relaxed, Relaxed, |open| (open < limit).then_some(open + 1));
        entered.ok().map(|_| Permit(self.clone()))
    }

    /// Nothing panics while it is locked.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

impl<T> Future for Pending<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.0).poll(cx).map(Result::ok)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::config::FilesSettings;

    fn readers(threads: usize, queue: usize) -> FileReaders {
        FileReaders::new(FilesSettings { threads, queue, open: 2, ..FilesSettings::default() })
    }

    #[test]
    fn what_may_wait_is_bounded() {
        let readers = readers(1, 2);
        let shared = readers.shared();
        let (go, wait) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let first = shared.run(move |_| {
            begun.send(()).unwrap();
            wait.recv().unwrap();
            1
        });
        begins.recv().unwrap();
        let (second, third) = (shared.run(|_| 2), shared.run(|_| 3));
        assert!(shared.run(|_| 4).is_err());
        let late = shared.go_on(|_| 5).ok().unwrap();
        assert_eq!((readers.stats().threads, readers.stats().queued), (1, 3));
        go.send(()).unwrap();
        for (pending, expected) in [(first, 1), (second, 2), (third, 3)] {
            assert_eq!(pending.ok().unwrap().0.blocking_recv(), Ok(expected));
        }
        assert_eq!(late.0.blocking_recv(), Ok(5));
    }

    #[test]
    fn a_panic_costs_one_answer() {
        let readers = readers(1, 10);
        let failed = readers.shared().run(|_| -> u32 { panic!("expected by a test") }).ok().unwrap();
        let next = readers.shared().run(|_| 2).ok().unwrap();
        assert!(failed.0.blocking_recv().is_err());
        assert_eq!(next.0.blocking_recv(), Ok(2));
    }

    #[test]
    fn threads_end_with_their_owner() {
        let readers = readers(3, 10);
        let shared = readers.shared().clone();
        let (go, wait) = mpsc::channel::<()>();
        let running = shared.run(move |_| wait.recv().is_ok()).ok().unwrap();
        drop(readers);
        assert!(shared.run(|_| ()).is_err());
        let _ = go.send(());
        // It may have been taken or not when the owner went.
        let _ = running.0.blocking_recv();
        while shared.lock().threads > 0 {
            std::thread::yield_now();
        }
    }

    #[test]
    fn open_files_are_bounded() {
        let readers = readers(1, 1);
        let shared = readers.shared();
        let (one, two) = (shared.permit(), shared.permit());
        assert!(one.is_some() && two.is_some() && shared.permit().is_none());
        assert_eq!(readers.stats().open, 2);
        drop(one);
        assert!(shared.permit().is_some());
    }
}
