//! What the parts of one connection share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

use super::output::Output;
use crate::http::{CancelReason, RequestContext};
use crate::io_loop::LoopHandle;

/// Where a connection is in its cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Between requests, nothing received.
    Idle,
    /// A head is arriving; since when, in ticks.
    Head(u64),
    /// A request is being answered.
    Busy,
}

/// State of one connection, seen by its IO, its service and its driver.
pub(super) struct State {
    pub phase: Cell<Phase>,
    /// When the connection last became idle, in ticks.
    pub idle_since: Cell<u64>,
    /// Since when the peer has taken no bytes, in ticks.
    pub write_stalled: Cell<Option<u64>>,
    /// Whether any byte of the first head has arrived.
    pub spoke: Cell<bool>,
    /// No further request is answered on this connection.
    pub last: Cell<bool>,
    /// The response in progress failed after its head: the connection ends with a reset.
    pub reset: Cell<bool>,
    /// Bytes of a body may be unread: close by lingering.
    pub unread: Cell<bool>,
    /// Whether the head of the response in progress has been handed to hyper.
    pub answering: Cell<bool>,
    /// hyper has taken the whole response; it may still hold most of it.
    pub body_done: Cell<bool>,
    /// The request in progress asked for a 100, which must not wait.
    pub expects: Cell<bool>,
    pub output: Output,
    pub request: RefCell<Option<Rc<RequestContext>>>,
    pub io_loop: LoopHandle,
    waker: RefCell<Option<Waker>>,
    shutdown: Cell<Shutdown>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shutdown {
    Running,
    /// Finish the request in progress, then close.
    Drain,
    /// Close now.
    Now,
}

impl State {
    pub fn new(io_loop: LoopHandle) -> Rc<Self> {
        let now = io_loop.now();
        Rc::new(Self {
            phase: Cell::new(Phase::Head(now)),
            idle_since: Cell::new(now),
            write_stalled: Cell::new(None),
            spoke: Cell::new(false),
            last: Cell::new(false),
            reset: Cell::new(false),
            unread: Cell::new(false),
            answering: Cell::new(false),
            body_done: Cell::new(false),
            expects: Cell::new(false),
            output: Output::default(),
            request: RefCell::new(None),
            io_loop,
            waker: RefCell::new(None),
            shutdown: Cell::new(Shutdown::Running),
        })
    }

    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.get()
    }

    pub fn cancel_request(&self, reason: CancelReason) {
        if let Some(context) = self.request.borrow().as_ref() {
            context.cancel(reason);
        }
    }

    /// Whether what was written may be gathered with the answer to a request that is being handled.
    pub fn awaits_answer(&self) -> bool {
        self.phase.get() == Phase::Busy
            && !self.answering.get()
            && !self.body_done.get()
            && !self.expects.get()
    }

    /// Everything that hyper had to write has been written.
    pub fn flushed(&self) {
        if self.body_done.take() {
            self.idle_since.set(self.io_loop.now());
            self.phase.set(Phase::Idle);
        }
    }

    pub fn register(&self, waker: &Waker) {
        let mut slot = self.waker.borrow_mut();
        if !slot.as_ref().is_some_and(|w| w.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }

    pub fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

/// The server's hold on one connection.
#[derive(Clone)]
pub struct ConnectionControl(pub(super) Rc<State>);

impl ConnectionControl {
    /// Closes the connection after the request in progress, at once when there is none.
    pub fn drain(&self) {
        if self.0.shutdown.get() == Shutdown::Running {
            self.0.shutdown.set(Shutdown::Drain);
            self.0.wake();
        }
    }

    /// Cancels the request in progress and closes the connection.
    pub fn close_now(&self) {
        self.0.shutdown.set(Shutdown::Now);
        self.0.cancel_request(CancelReason::Shutdown);
        self.0.wake();
    }

    /// Whether a request is being answered.
    pub fn is_busy(&self) -> bool {
        self.0.phase.get() == Phase::Busy
    }
}
