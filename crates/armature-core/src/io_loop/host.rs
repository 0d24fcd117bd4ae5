//! The inline driver: a loop on a thread that belongs to somebody else, who calls [`HostLoop::turn`] when there is something
//! to do.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::afterwards;
use super::bell::Bell;
use super::{LoopHandle, LoopRemote, Reactor};
use crate::platform;

/// A loop that its host drives.
pub struct HostLoop {
    handle: LoopHandle,
    bell: Arc<Bell>,
    descriptor: platform::EventQueue,
}

/// What a turn left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Tasks are ready: the host has to come back without being told.
    pub ready: bool,
    /// When the host has to come back although no descriptor says so.
    pub deadline: Option<Instant>,
    /// Events that it found.
    pub events: usize,
    /// When it began.
    pub began: Instant,
}

/// See [`HostLoop::turning`].
#[derive(Clone)]
pub struct Turning(Arc<Bell>);

impl Turning {
    /// Whether the loop has its turn, or will have it at once.
    pub fn now(&self) -> bool {
        self.0.turning()
    }
}

impl HostLoop {
    /// A loop with number `index`. `notify` is called, from any thread, when a turn is needed that no descriptor will
    /// ask for. The first turn is the host's own idea.
    ///
    /// # Errors
    /// When the operating system refuses a descriptor, or has none that shows what the loop waits for.
    pub fn new(index: u16, notify: impl Fn() + Send + Sync + 'static) -> io::Result<Self> {
        let reactor = Reactor::new()?;
        let descriptor = reactor.with_queue(platform::EventQueue::of)?;
        let bell = Bell::new(notify);
        let handle = LoopHandle::new(index, LoopRemote::new(), reactor, bell.clone());
        bell.lie_down();
        Ok(Self { handle, bell, descriptor })
    }

    /// The descriptor that is readable while the loop has events to look at.
    pub fn descriptor(&self) -> i32 {
        self.descriptor.number()
    }

    /// The loop's mailbox.
    pub fn remote(&self) -> &LoopRemote {
        self.handle.remote()
    }

    /// What local code sees of the loop.
    pub fn handle(&self) -> &LoopHandle {
        &self.handle
    }

    /// A turn follows at once: wakes from here on need not tell the host.
    pub fn expect_turn(&self) {
        self.bell.wake_up();
    }

    /// Tells whether a turn is in progress, or announced by [`HostLoop::expect_turn`]: whoever wakes the host for another
    /// reason may leave it to that turn.
    pub fn turning(&self) -> Turning {
        Turning(self.bell.clone())
    }

    /// Whether a task is ready.
    pub fn has_ready(&self) -> bool {
        self.handle.has_ready()
    }

    /// Runs `work` as if it were a part of the loop.
    pub fn run<T>(&self, work: impl FnOnce(&LoopHandle) -> T) -> T {
        // Whatever the host did since the last turn has taken its time.
        self.handle.inner.clock.read();
        work(&self.handle)
    }

    /// Runs what is ready, looks at the descriptors once, then runs what is ready until nothing is or `budget` is spent, and one task
    /// at least. Tasks that have much to do ask [`LoopHandle::turn_is_over`].
    pub fn turn(&self, budget: Duration) -> Turn {
        self.expect_turn();
        let began = self.handle.inner.clock.read();
        let end = began + budget;
        self.handle.turn_ends(end);
        afterwards::begin();
        // Answers, mostly: they leave before the next requests are looked for, some of which they lead to.
        let has_run = self.handle.has_ready();
        if has_run {
            self.handle.run_ready(Some(end));
        }
        // A queue that cannot be looked at has no events; what else is ready is not to suffer.
        let events = self.handle.look(Some(Duration::ZERO), || {}).map_or(0, |(events, _)| events);
        let is_time_left = || self.handle.inner.clock.read() < end;
        let mut goes_on = !has_run || is_time_left();
        while goes_on {
            goes_on = self.handle.run_ready(Some(end)) && self.handle.has_ready() && is_time_left();
        }
        afterwards::end();
        let deadline = self.handle.next_deadline();
        let ready = !self.bell.lie_down() || self.handle.has_ready();
        Turn { ready, deadline, events, began }
    }
}

impl Drop for HostLoop {
    fn drop(&mut self) {
        self.handle.close();
    }
}
