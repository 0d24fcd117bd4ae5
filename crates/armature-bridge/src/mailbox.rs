//! What a JavaScript thread says, on its way back to a loop.

use std::task::{Context, Poll, Waker};

use crate::sync::{Mutex, lock};

/// Batches of commands, or what else there is to say; any thread sends, one loop receives, in the order of each sender. A
/// receiver that has been woken and has not looked yet is not woken again.
pub struct Mailbox<T = Vec<u8>> {
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    batches: Vec<T>,
    waker: Option<Waker>,
    /// The receiver has been woken, or has not found the mailbox empty since. Beside the batches it needs no order of its
    /// own: no sender can be between its push and its look at this.
    armed: bool,
    closed: bool,
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        let inner = Inner { batches: Vec::new(), waker: None, armed: false, closed: false };
        Self { inner: Mutex::new(inner) }
    }
}

impl<T> Mailbox<T> {
    /// Sends one batch. After [`Mailbox::close`] it is dropped.
    pub fn send(&self, batch: T) {
        let mut inner = lock(&self.inner);
        if inner.closed {
            // Dropped outside of the lock: it may have much to give back.
            drop(inner);
            return drop(batch);
        }
        inner.batches.push(batch);
        // Cloned under the lock, woken outside: a wake may be a system call.
        let waker = if std::mem::replace(&mut inner.armed, true) { None } else { inner.waker.clone() };
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Everything that was sent since the last call. Pending when there is nothing; the task of `cx` is woken for the
    /// next batch then. After it was ready, call again: only a receiver that saw it pending is woken.
    pub fn poll_receive(&self, cx: &mut Context<'_>) -> Poll<Vec<T>> {
        let mut inner = lock(&self.inner);
        if !inner.batches.is_empty() {
            return Poll::Ready(std::mem::take(&mut inner.batches));
        }
        if inner.closed {
            // Nobody will use a waker, and to keep one may keep the task alive that owns this mailbox.
            return Poll::Pending;
        }
        inner.armed = false;
        let replaced = match &inner.waker {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            _ => inner.waker.replace(cx.waker().clone()),
        };
        // Wakers run code of others when they are dropped: not under the lock.
        drop(inner);
        drop(replaced);
        Poll::Pending
    }

    /// Drops what waits and everything that comes later. A receiver that waits is not woken.
    pub fn close(&self) {
        let mut inner = lock(&self.inner);
        inner.closed = true;
        let dropped = (std::mem::take(&mut inner.batches), inner.waker.take());
        drop(inner);
        drop(dropped);
    }
}
