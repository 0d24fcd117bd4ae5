//! The way into a loop from other threads.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::LoopHandle;

type Job = Box<dyn FnOnce(&LoopHandle) + Send>;

/// Runs the jobs of a loop for as long as it lives. One that panics, which the panic hook reports, takes no other with it.
pub(super) async fn serve(io_loop: LoopHandle) {
    loop {
        for job in poll_fn(|cx| io_loop.remote().poll_jobs(cx)).await {
            let _ = catch_unwind(AssertUnwindSafe(|| job(&io_loop)));
        }
    }
}

/// Sends jobs to a loop. For control (start, close, inject), not for the request path.
#[derive(Clone)]
pub struct LoopRemote {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    jobs: Vec<Job>,
    waker: Option<Waker>,
    closed: bool,
}

impl LoopRemote {
    pub(super) fn new() -> Self {
        Self { inner: Arc::default() }
    }

    /// Runs `job` on the loop. Returns false when the loop has ended; the job is dropped then.
    pub fn run(&self, job: impl FnOnce(&LoopHandle) + Send + 'static) -> bool {
        let mut inner = self.lock();
        if inner.closed {
            return false;
        }
        inner.jobs.push(Box::new(job));
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    fn poll_jobs(&self, cx: &mut Context<'_>) -> Poll<Vec<Job>> {
        let mut inner = self.lock();
        if inner.jobs.is_empty() {
            inner.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut inner.jobs))
    }

    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        let jobs = std::mem::take(&mut inner.jobs);
        let waker = inner.waker.take();
        drop(inner);
        // Not under the lock: both run code of others.
        drop((jobs, waker));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Nothing panics while the lock is held, so a poisoned state is still whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
