//! What waits until a few tasks have run: waking another thread, once for all that they had for it.
//!
//! A thread that is woken for the first of ten requests has done with it before the second is parsed, sleeps, and is woken
//! again; each time costs both sides system calls that are dearer than the request.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// Tasks that may run before what waits is done: the other thread is not to be idle for longer.
const TASKS: u32 = 16;

/// Something to be done once, soon. It must not panic.
pub trait Deferred {
    /// Does it.
    fn run(&self);
}

struct Pass {
    /// Tasks are run on this thread.
    active: Cell<bool>,
    /// Tasks that have run since something waits.
    tasks: Cell<u32>,
    waiting: RefCell<Vec<Arc<dyn Deferred>>>,
}

thread_local! {
    static PASS: Pass =
        const { Pass { active: Cell::new(false), tasks: Cell::new(0), waiting: RefCell::new(Vec::new()) } };
}

/// Has `work` run when this thread's loop has nothing else to do, or when 16 tasks have run. False when this thread runs no
/// tasks now: it is the caller's to do then.
pub fn after_tasks(work: &Arc<impl Deferred + 'static>) -> bool {
    PASS.with(|pass| {
        if !pass.active.get() {
            return false;
        }
        let mut waiting = pass.waiting.borrow_mut();
        if waiting.is_empty() {
            pass.tasks.set(0);
        }
        waiting.push(work.clone());
        true
    })
}

/// Tasks are run from now on.
pub(super) fn begin() {
    PASS.with(|pass| pass.active.set(true));
}

/// A task has run.
pub(super) fn task_ran() {
    PASS.with(|pass| {
        pass.tasks.set(pass.tasks.get().wrapping_add(1));
        if pass.tasks.get() >= TASKS && !pass.waiting.borrow().is_empty() {
            pass.run();
        }
    });
}

/// Whether something waits.
pub(super) fn waits() -> bool {
    PASS.with(|pass| !pass.waiting.borrow().is_empty())
}

/// Does what waits.
pub(super) fn run() {
    PASS.with(Pass::run);
}

/// No task is run any more, until [`begin`].
pub(super) fn end() {
    PASS.with(|pass| {
        pass.active.set(false);
        pass.run();
    });
}

impl Pass {
    fn run(&self) {
        self.tasks.set(0);
        loop {
            // Not borrowed while it runs.
            let Some(work) = self.waiting.borrow_mut().pop() else { return };
            work.run();
        }
    }
}
