//! An IO loop: tasks and sockets that belong to one thread, from accept to close.
//!
//! * `executor` polls the tasks that `bell` was rung for, from this thread or from others
//! * `reactor` looks at the sockets, over mio
//! * `wheel` has the deadlines of everybody, in ticks of `clock`; `sleep` is one of them
//! * `mailbox` is the way in for other threads, `afterwards` what the way out to them waits for, `vigil` the moment in which
//!   their answer may come
//!
//! Two drivers run the same loop: [`LoopThread`] on a thread of its own, [`HostLoop`] on a thread that belongs to somebody else.
//! Everything on a loop is local. Other threads reach it through its [`LoopRemote`] mailbox only.

mod afterwards;
#[cfg(test)]
mod afterwards_tests;
mod bell;
mod clock;
mod executor;
#[cfg(test)]
mod executor_tests;
mod host;
mod mailbox;
mod reactor;
#[cfg(all(test, unix))]
mod reactor_tests;
mod sleep;
mod sync;
mod thread;
mod vigil;
mod wheel;

pub use afterwards::{Deferred, after_tasks};
pub use host::{HostLoop, Turn, Turning};
pub use mailbox::LoopRemote;
pub(crate) use reactor::{Io, Reactor};
pub use sleep::Sleep;
pub use thread::{LoopThread, StartError};
pub use wheel::{TICK, ticks};

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

use crate::http::RequestId;
use bell::Bell;
use clock::Clock;
use executor::Executor;
use wheel::Wheel;

/// What local code sees of its loop. Cheap to clone.
#[derive(Clone)]
pub struct LoopHandle {
    inner: Rc<Inner>,
}

struct Inner {
    index: u16,
    clock: Clock,
    wheel: Rc<Wheel>,
    reactor: Rc<Reactor>,
    executor: Executor,
    next_request: Cell<u64>,
    turn_ends: Cell<Option<Instant>>,
    stopping: Cell<bool>,
    remote: LoopRemote,
    locals: RefCell<Vec<Rc<dyn Any>>>,
}

impl LoopHandle {
    fn new(index: u16, remote: LoopRemote, reactor: Rc<Reactor>, bell: Arc<Bell>) -> Self {
        let clock = Clock::start();
        let handle = Self {
            inner: Rc::new(Inner {
                index,
                wheel: Rc::new(Wheel::new(clock.clone())),
                clock,
                reactor,
                executor: Executor::new(bell),
                next_request: Cell::new(u64::from(index) << 48),
                turn_ends: Cell::new(None),
                stopping: Cell::new(false),
                remote,
                locals: RefCell::default(),
            }),
        };
        handle.spawn(mailbox::serve(handle.clone()));
        handle
    }

    /// Position of the loop among those of its server.
    pub fn index(&self) -> u16 {
        self.inner.index
    }

    /// Now, in ticks of [`TICK`] since the loop started: when the running task was polled.
    pub fn now(&self) -> u64 {
        self.inner.clock.now()
    }

    /// A timer that is off until [`Sleep::reset`].
    pub fn sleep(&self) -> Sleep {
        Sleep::new(self.inner.wheel.clone())
    }

    /// A timer that fires at `tick` and wakes the task of `cx` then.
    pub(crate) fn sleep_until(&self, tick: u64, cx: &Context<'_>) -> Sleep {
        Sleep::start(self.inner.wheel.clone(), tick, cx)
    }

    /// The mailbox through which other threads reach this loop.
    pub fn remote(&self) -> &LoopRemote {
        &self.inner.remote
    }

    /// Runs `task` on this loop beside everything else.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.inner.executor.spawn(task);
    }

    /// The loop's one value of type `T`, made by `init` when it is first asked for.
    pub fn local<T: 'static>(&self, init: impl FnOnce() -> T) -> Rc<T> {
        let found = self.inner.locals.borrow().iter().find_map(|v| v.clone().downcast::<T>().ok());
        found.unwrap_or_else(|| {
            let value = Rc::new(init());
            self.inner.locals.borrow_mut().push(value.clone());
            value
        })
    }

    /// Whether a host waits for its thread: what could go on for long has to leave the rest for the next turn. Never on a
    /// thread of the loop's own.
    pub fn turn_is_over(&self) -> bool {
        self.inner.turn_ends.get().is_some_and(|end| Instant::now() >= end)
    }

    /// The id of the next request.
    pub fn next_request_id(&self) -> RequestId {
        let id = self.inner.next_request.get() + 1;
        self.inner.next_request.set(id);
        RequestId::Sequence(id)
    }

    /// What sockets of this loop are registered with.
    pub(crate) fn reactor(&self) -> &Rc<Reactor> {
        &self.inner.reactor
    }

    /// Has the driver end the loop when the running task leaves it to.
    fn stop(&self) {
        self.inner.stopping.set(true);
    }

    fn is_stopping(&self) -> bool {
        self.inner.stopping.get()
    }

    /// Whether a task is ready.
    fn has_ready(&self) -> bool {
        self.inner.executor.has_ready()
    }

    /// When a deadline may have come.
    fn next_deadline(&self) -> Option<Instant> {
        self.inner.wheel.next()
    }

    /// Looks at the sockets, waiting for at most `time`, and at the deadlines; `awake` is called in between. Returns the
    /// number of events, and the time.
    fn look(&self, time: Option<Duration>, awake: impl FnOnce()) -> std::io::Result<(usize, Instant)> {
        let looked = self.inner.reactor.look(time, awake);
        let now = self.inner.clock.read();
        self.inner.wheel.turn();
        looked.map(|found| (found, now))
    }

    /// One pass over the tasks that are ready. One that is woken meanwhile belongs to the next pass, so that none keeps others or
    /// the sockets waiting for long. The time has just been read, and is read again between tasks; a pass that takes until `end`
    /// is left there, and goes on the next time. False then.
    fn run_ready(&self, end: Option<Instant>) -> bool {
        let Inner { executor, reactor, clock, .. } = &*self.inner;
        executor.begin_pass();
        loop {
            reactor.begin_task();
            executor.run_next();
            afterwards::task_ran();
            if executor.pass_is_over() {
                return true;
            }
            let now = clock.read();
            if end.is_some_and(|end| now >= end) {
                return false;
            }
        }
    }

    /// A host lends its thread until `end`.
    fn turn_ends(&self, end: Instant) {
        self.inner.turn_ends.set(Some(end));
    }

    /// The loop has ended: everything on it goes.
    fn close(&self) {
        self.inner.remote.close();
        // Tasks release slots and sockets, and may look for what is local.
        self.inner.executor.close();
        // What is local to the loop holds the loop's handle, and the handle holds what is local.
        let locals = self.inner.locals.take();
        drop(locals);
    }
}
