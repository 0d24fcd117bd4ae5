//! An IO loop: one current-thread runtime that owns its connections from accept to close.
//!
//! Two drivers run the same loop: [`LoopThread`] on a thread of its own, [`HostLoop`] on a thread that belongs to somebody else.
//! Everything on a loop is local. Other threads reach it through its [`LoopRemote`] mailbox only.

mod clock;
mod host;
mod mailbox;
mod sleep;
mod thread;
mod wheel;

pub use clock::Clock;
pub use host::{HostLoop, Turn, Turning};
pub use mailbox::LoopRemote;
pub use sleep::Sleep;
pub use thread::{LoopThread, StartError};
pub use wheel::{TICK, ticks};

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::task::Context;
use std::time::Instant;

use crate::http::RequestId;
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
    next_request: Cell<u64>,
    turn_ends: Cell<Option<Instant>>,
    remote: LoopRemote,
    locals: RefCell<Vec<Rc<dyn Any>>>,
}

impl LoopHandle {
    pub(crate) fn new(index: u16, remote: LoopRemote) -> Self {
        let clock = Clock::start();
        Self {
            inner: Rc::new(Inner {
                index,
                clock,
                wheel: Rc::new(Wheel::new(clock)),
                next_request: Cell::new(u64::from(index) << 48),
                turn_ends: Cell::new(None),
                remote,
                locals: RefCell::default(),
            }),
        }
    }

    /// Position of the loop among those of its server.
    pub fn index(&self) -> u16 {
        self.inner.index
    }

    /// Now, in ticks of [`TICK`] since the loop started.
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
        tokio::task::spawn_local(task);
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

    pub(super) fn turn_ends(&self, at: Instant) {
        self.inner.turn_ends.set(Some(at));
    }

    /// Drops every local value; called once, when the loop has ended.
    pub(super) fn clear_locals(&self) {
        let locals = self.inner.locals.take();
        drop(locals);
    }

    /// The id of the next request.
    pub fn next_request_id(&self) -> RequestId {
        let id = self.inner.next_request.get() + 1;
        self.inner.next_request.set(id);
        RequestId::Sequence(id)
    }

    pub(crate) fn wheel(&self) -> &Rc<Wheel> {
        &self.inner.wheel
    }
}
