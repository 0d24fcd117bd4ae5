//! Tasks of one loop: local futures in a slab, polled when they were woken and in that order.
//!
//! tokio's tasks can do more, and each request paid for it: a header with a state machine of atomics, a queue behind a lock, a
//! budget in a thread-local. What one thread owns needs none of that.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Waker};

use slab::Slab;

use super::bell::{Bell, ENDED, NONE, QUEUED, TaskWake, WAITS};

/// See the module.
pub(super) struct Executor {
    bell: Arc<Bell>,
    tasks: RefCell<Slab<Task>>,
    /// Those that were ready when the pass began and have not been polled; the last one comes first.
    pass: RefCell<Vec<u32>>,
    closed: Cell<bool>,
}

struct Task {
    wake: Arc<TaskWake>,
    /// Taken out while it is polled; gone when the task has ended while it was queued.
    body: Option<Body>,
}

struct Body {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Waker,
}

impl Executor {
    pub fn new(bell: Arc<Bell>) -> Self {
        Self { bell, tasks: RefCell::default(), pass: RefCell::default(), closed: Cell::new(false) }
    }

    /// Has `future` polled from now on. On a loop that has ended it is dropped.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        if self.closed.get() {
            return;
        }
        let future = Box::pin(future);
        let mut tasks = self.tasks.borrow_mut();
        let entry = tasks.vacant_entry();
        let wake = TaskWake::new(self.bell.clone(), entry.key() as u32);
        let waker = Waker::from(wake.clone());
        entry.insert(Task { wake: wake.clone(), body: Some(Body { future, waker }) });
        drop(tasks);
        wake.queue();
    }

    /// Whether a task is ready.
    pub fn has_ready(&self) -> bool {
        !self.pass.borrow().is_empty() || self.bell.has_ready()
    }

    /// Whether every task of the pass has been polled.
    pub fn pass_is_over(&self) -> bool {
        self.pass.borrow().is_empty()
    }

    /// Begins a pass: what is woken from now on belongs to the next one. What is left of the last one comes first.
    pub fn begin_pass(&self) {
        self.bell.answer();
        let mut pass = self.pass.borrow_mut();
        if !pass.is_empty() {
            return;
        }
        let tasks = self.tasks.borrow();
        let mut index = self.bell.take_newest();
        while index != NONE {
            pass.push(index);
            // A task that is queued keeps its place.
            index = tasks[index as usize].wake.next.load(Relaxed);
        }
    }

    /// Polls the next task of the pass.
    pub fn run_next(&self) {
        let Some(index) = self.pass.borrow_mut().pop() else { return };
        let index = index as usize;
        let mut tasks = self.tasks.borrow_mut();
        let task = &mut tasks[index];
        let Some(mut body) = task.body.take() else {
            // It has woken itself and ended.
            task.wake.state.store(ENDED, Relaxed);
            tasks.remove(index);
            return;
        };
        task.wake.state.store(WAITS, Relaxed);
        drop(tasks);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            body.future.as_mut().poll(&mut Context::from_waker(&body.waker)).is_pending()
        }));
        if polled.unwrap_or(false) {
            self.tasks.borrow_mut()[index].body = Some(body);
        } else {
            self.end(index, body);
        }
    }

    /// The task is ready, or has panicked, which the panic hook has reported.
    fn end(&self, index: usize, body: Body) {
        let mut tasks = self.tasks.borrow_mut();
        let state = &tasks[index].wake.state;
        if state.load(Relaxed) != QUEUED {
            state.store(ENDED, Relaxed);
            tasks.remove(index);
        }
        drop(tasks);
        discard(body);
    }

    /// Drops every task. What they wake or spawn while they are dropped goes with them.
    pub fn close(&self) {
        self.closed.set(true);
        self.bell.close();
        let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
        self.pass.borrow_mut().clear();
        for (_, task) in &tasks {
            task.wake.state.store(ENDED, Relaxed);
        }
        self.bell.take_newest();
        for (_, task) in tasks {
            if let Some(body) = task.body {
                discard(body);
            }
        }
    }
}

/// Runs the destructors of a task, which may panic like anything else of it.
fn discard(body: Body) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(body)));
}
