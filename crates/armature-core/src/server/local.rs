//! A server's part on one loop.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;

use super::generation::LocalGeneration;
use super::relief::OtherLoops;
use super::{Generation, Shared};
use crate::io_loop::LoopHandle;
use crate::metrics::LocalMetrics;
use crate::protocol::{ConnectionControl, Ledger, h1};

pub(super) struct LoopServer {
    pub shared: Arc<Shared>,
    /// Those of `shared`, with a count of this loop's own references.
    pub metrics: Rc<LocalMetrics>,
    /// Of answers that wait for slow clients.
    pub ledger: Rc<Ledger>,
    pub io_loop: LoopHandle,
    pub draining: Cell<bool>,
    /// The loop ends and others accept from the same sockets: what is in their queues is theirs.
    pub leaving: Cell<bool>,
    /// Tells accept tasks to stop.
    pub stop_accepting: Notify,
    /// Notified when the last connection or the last accept task ends.
    pub quiet: Notify,
    /// Tasks that connections come from.
    accepting: Cell<usize>,
    /// Sockets that get a refusal and linger; bounded.
    pub lingering: Cell<usize>,
    pub generation: RefCell<Rc<LocalGeneration>>,
    connections: RefCell<Connections>,
}

#[derive(Default)]
struct Connections {
    list: Vec<Option<ConnectionControl>>,
    free: Vec<usize>,
    open: usize,
}

#[derive(Default)]
struct Slot(RefCell<Option<Rc<LoopServer>>>);

/// The server that runs on `io_loop`, if one was started.
pub(super) fn of(io_loop: &LoopHandle) -> Option<Rc<LoopServer>> {
    io_loop.local(Slot::default).0.borrow().clone()
}

/// The loop is about to end. What it has counted stays.
pub(super) fn leave(io_loop: &LoopHandle) {
    let server = io_loop.local(Slot::default).0.borrow_mut().take();
    if let Some(server) = server {
        server.leaving.set(true);
        server.draining.set(true);
        server.stop_accepting.notify_waiters();
        server.shared.relief.leave(io_loop);
        server.shared.metrics.detach(&h1::loop_metrics(io_loop));
    }
}

impl LoopServer {
    pub fn start(io_loop: &LoopHandle, generation: &Generation, shared: Arc<Shared>) -> Rc<Self> {
        let local = generation.localize(io_loop, &shared);
        shared.metrics.attach(h1::loop_metrics(io_loop));
        let metrics = Rc::new(LocalMetrics(shared.metrics.clone()));
        shared.relief.join(io_loop);
        let others = OtherLoops::new(io_loop, shared.clone());
        let server = Rc::new(Self {
            ledger: Ledger::new(io_loop, metrics.clone(), &shared.settings.limits, others),
            metrics,
            shared,
            io_loop: io_loop.clone(),
            draining: Cell::new(false),
            leaving: Cell::new(false),
            stop_accepting: Notify::new(),
            quiet: Notify::new(),
            accepting: Cell::new(0),
            lingering: Cell::new(0),
            generation: RefCell::new(Rc::new(local)),
            connections: RefCell::default(),
        });
        *io_loop.local(Slot::default).0.borrow_mut() = Some(server.clone());
        server
    }

    pub fn generation(&self) -> Rc<LocalGeneration> {
        self.generation.borrow().clone()
    }

    /// Has requests from now on served by `generation`.
    pub fn replace(&self, generation: &Generation) {
        let local = Rc::new(generation.localize(&self.io_loop, &self.shared));
        let before = self.generation.replace(local);
        // Handlers may do something when they go.
        drop(before);
    }

    /// Keeps `connection` reachable until the guard is dropped.
    pub fn register(self: &Rc<Self>, connection: ConnectionControl) -> Registration {
        let mut connections = self.connections.borrow_mut();
        connections.open += 1;
        let index = match connections.free.pop() {
            Some(index) => index,
            None => {
                connections.list.push(None);
                connections.list.len() - 1
            }
        };
        connections.list[index] = Some(connection);
        Registration { server: self.clone(), index }
    }

    /// Has a server that drains wait until what is returned is dropped: connections may come of it.
    pub fn accepting(self: &Rc<Self>) -> Accepting {
        self.accepting.set(self.accepting.get() + 1);
        Accepting { server: self.clone() }
    }

    /// Whether nothing is open, and nothing can open any more.
    pub fn is_quiet(&self) -> bool {
        self.connections.borrow().open == 0 && self.accepting.get() == 0
    }

    pub fn controls(&self) -> Vec<ConnectionControl> {
        self.connections.borrow().list.iter().flatten().cloned().collect()
    }
}

pub(super) struct Registration {
    server: Rc<LoopServer>,
    index: usize,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let control = {
            let mut connections = self.server.connections.borrow_mut();
            connections.open -= 1;
            connections.free.push(self.index);
            connections.list[self.index].take()
        };
        drop(control);
        self.server.quiet.notify_waiters();
    }
}

pub(super) struct Accepting {
    server: Rc<LoopServer>,
}

impl Drop for Accepting {
    fn drop(&mut self) {
        self.server.accepting.set(self.server.accepting.get() - 1);
        self.server.quiet.notify_waiters();
    }
}
