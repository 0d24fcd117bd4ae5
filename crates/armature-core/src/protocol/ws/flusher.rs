//! Writes what was published, socket by socket: whoever publishes to thousands wakes one task, not a task for each of them.
//!
//! A task that is woken looks at everything that its connection could do. Most sockets that get a message of a topic have nothing
//! else to do, and take it at once; those that do not are left to their own tasks.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::outbox::Outbox;
use crate::io_loop::LoopHandle;

/// Sockets that are written to before others of the loop have their turn; fewer than one task may write to.
const PIECE: usize = 64;

/// One for each loop.
#[derive(Default)]
pub(super) struct Flusher {
    /// Each once; the first one is the next.
    waiting: RefCell<VecDeque<Rc<Outbox>>>,
    waker: RefCell<Option<Waker>>,
    started: Cell<bool>,
}

impl Flusher {
    /// That of `io_loop`.
    pub fn of(io_loop: &LoopHandle) -> Rc<Self> {
        let flusher = io_loop.local(Self::default);
        if !flusher.started.replace(true) {
            let task = flusher.clone();
            io_loop.spawn(poll_fn(move |cx| task.poll(cx)));
        }
        flusher
    }

    /// What `outbox` has is written before long. Only for one that does not wait already.
    pub fn add(&self, outbox: Rc<Outbox>) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.push_back(outbox);
        if waiting.len() == 1
            && let Some(waker) = &*self.waker.borrow()
        {
            waker.wake_by_ref();
        }
    }

    /// Writes to some of those that wait; never ready.
    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        self.waker.borrow_mut().get_or_insert_with(|| cx.waker().clone());
        for _ in 0..PIECE {
            // Not borrowed while it is written to.
            let next = self.waiting.borrow_mut().pop_front();
            let Some(outbox) = next else { return Poll::Pending };
            // One that panics does so again in its own task, which knows what to do then.
            if catch_unwind(AssertUnwindSafe(|| outbox.flush_published())).is_err() {
                outbox.wake();
            }
        }
        if !self.waiting.borrow().is_empty() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
