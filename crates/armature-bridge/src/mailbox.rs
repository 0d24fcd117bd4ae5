//! Commands on their way from a JavaScript thread back to a loop.

use std::task::{Context, Poll, Waker};

use crate::sync::{AtomicBool, Mutex, Ordering, lock};

/// Batches of commands; any thread sends, one loop receives. A receiver that has been woken and has not looked yet is
/// not woken again.
pub struct Mailbox {
    inner: Mutex<Inner>,
    armed: AtomicBool,
}

struct Inner {
    batches: Vec<Vec<u8>>,
    waker: Option<Waker>,
    closed: bool,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner { batches: Vec::new(), waker: None, closed: false }),
            armed: AtomicBool::new(false),
        }
    }
}

impl Mailbox {
    /// Sends one batch. After [`Mailbox::close`] it is dropped.
    pub fn send(&self, batch: Vec<u8>) {
        let mut inner = lock(&self.inner);
        if inner.closed {
            return;
        }
        inner.batches.push(batch);
        // Cloned under the lock, woken outside: a wake may be a system call.
        let waker = if self.armed.swap(true, Ordering::AcqRel) { None } else { inner.waker.clone() };
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Everything that was sent since the last call. Pending when there is nothing; the task of `cx` is woken then.
    pub fn poll_receive(&self, cx: &mut Context<'_>) -> Poll<Vec<Vec<u8>>> {
        let mut inner = lock(&self.inner);
        if inner.batches.is_empty() {
            if !inner.waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
                inner.waker = Some(cx.waker().clone());
            }
            // Under the lock, so no sender can be between its push and its swap.
            self.armed.store(false, Ordering::Release);
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut inner.batches))
    }

    /// Drops what waits and everything that comes later.
    pub fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.closed = true;
        let dropped = (std::mem::take(&mut inner.batches), inner.waker.take());
        drop(inner);
        drop(dropped);
    }
}
