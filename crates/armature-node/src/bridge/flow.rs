//! What holds a body on its way to JavaScript back: credit, and the end of interest.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use armature_bridge::Credit;

/// Shared by the one task that moves a body and by those who grant and cancel.
pub struct Flow {
    credit: Cell<Credit>,
    cancelled: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Flow {
    /// `bytes` may be sent at once.
    pub fn new(bytes: usize) -> Rc<Self> {
        Rc::new(Self {
            credit: Cell::new(Credit::new(bytes as u64)),
            cancelled: Cell::new(false),
            waker: RefCell::default(),
        })
    }

    /// JavaScript takes `bytes` more.
    pub fn grant(&self, bytes: u32) {
        let mut credit = self.credit.get();
        credit.grant(u64::from(bytes));
        self.credit.set(credit);
        self.wake();
    }

    /// `bytes` were sent.
    pub fn spend(&self, bytes: usize) {
        let mut credit = self.credit.get();
        credit.spend(bytes as u64);
        self.credit.set(credit);
    }

    /// Nobody wants the rest.
    pub fn cancel(&self) {
        self.cancelled.set(true);
        self.wake();
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }

    fn wake(&self) {
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits for credit; false when cancelled.
    pub async fn has_credit(&self) -> bool {
        poll_fn(|cx| {
            if self.cancelled.get() {
                return Poll::Ready(false);
            }
            if self.credit.get().available() > 0 {
                return Poll::Ready(true);
            }
            *self.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// What `future` gives; `None`, and `future` dropped, when cancelled first.
    pub async fn until_cancelled<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if self.cancelled.get() {
                return Poll::Ready(None);
            }
            let result = future.as_mut().poll(cx);
            if result.is_pending() {
                *self.waker.borrow_mut() = Some(cx.waker().clone());
            }
            result.map(Some)
        })
        .await
    }
}
