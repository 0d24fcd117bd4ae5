//! The server's hold on one connection.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

/// How far the server wants the connection to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shutdown {
    Running,
    /// Finish the requests in progress, then close.
    Drain,
    /// Close now.
    Now,
}

/// Shared by a connection, its request body and the server.
pub(super) struct Control {
    shutdown: Cell<Shutdown>,
    /// Whether a request is being answered.
    pub busy: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Control {
    pub fn new() -> Rc<Self> {
        Rc::new(Self {
            shutdown: Cell::new(Shutdown::Running),
            busy: Cell::new(false),
            waker: RefCell::new(None),
        })
    }

    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.get()
    }

    pub fn register(&self, waker: &Waker) {
        let mut slot = self.waker.borrow_mut();
        if !slot.as_ref().is_some_and(|w| w.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }

    /// Has the connection's task look again.
    pub fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

/// The server's hold on one connection.
#[derive(Clone)]
pub struct ConnectionControl(pub(super) Rc<Control>);

impl ConnectionControl {
    /// Closes the connection after the requests in progress, at once when there are none.
    pub fn drain(&self) {
        if self.0.shutdown.get() == Shutdown::Running {
            self.0.shutdown.set(Shutdown::Drain);
            self.0.wake();
        }
    }

    /// Cancels the requests in progress and closes the connection.
    pub fn close_now(&self) {
        self.0.shutdown.set(Shutdown::Now);
        self.0.wake();
    }

    /// Whether a request is being answered.
    pub fn is_busy(&self) -> bool {
        self.0.busy.get()
    }
}
