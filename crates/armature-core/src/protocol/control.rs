//! The server's hold on one connection.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use crate::metrics::LoopMetrics;

/// How far the server wants the connection to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protocol) enum Shutdown {
    Running,
    /// Finish the requests in progress, then close.
    Drain,
    /// Close now.
    Now,
}

/// Shared by a connection, its request body and the server.
pub(in crate::protocol) struct Control {
    shutdown: Cell<Shutdown>,
    /// Whether a request is being answered.
    busy: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    /// Those of the loop.
    pub metrics: Arc<LoopMetrics>,
}

impl Control {
    pub fn new(metrics: Arc<LoopMetrics>) -> Rc<Self> {
        Rc::new(Self {
            shutdown: Cell::new(Shutdown::Running),
            busy: Cell::new(false),
            waker: RefCell::new(None),
            metrics,
        })
    }

    /// Whether a request is being answered from now on.
    pub fn set_busy(&self, busy: bool) {
        match (self.busy.replace(busy), busy) {
            (false, true) => self.metrics.busy.add(1),
            (true, false) => self.metrics.busy.subtract(1),
            _ => {}
        }
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

impl Drop for Control {
    fn drop(&mut self) {
        // A loop that ends drops its connections where they are.
        self.set_busy(false);
    }
}

/// The server's hold on one connection.
#[derive(Clone)]
pub struct ConnectionControl(pub(in crate::protocol) Rc<Control>);

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
