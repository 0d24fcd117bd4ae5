//! The inline driver: a loop on a thread that belongs to somebody else, who calls [`HostLoop::turn`] when there is something
//! to do.
//!
//! The runtime only watches descriptors here. Tasks are in a set of their own with a waker of their own, so that the host
//! knows whether anything is left to do, and a wake from the host's own thread costs no system call.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use super::{Clock, LoopHandle, LoopRemote};
use crate::platform;

/// A loop that its host drives.
pub struct HostLoop {
    handle: LoopHandle,
    remote: LoopRemote,
    signal: Arc<Signal>,
    waker: Waker,
    tasks: RefCell<LocalSet>,
    runtime: Runtime,
    descriptor: platform::EventQueue,
}

/// What a turn left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Tasks are ready: the host has to come back without being told.
    pub ready: bool,
    /// When the host has to come back although no descriptor says so.
    pub deadline: Option<Duration>,
}

/// See [`HostLoop::turning`].
#[derive(Clone)]
pub struct Turning(Arc<Signal>);

impl Turning {
    /// Whether the loop has its turn, or will have it at once.
    pub fn now(&self) -> bool {
        self.0.turning.load(SeqCst)
    }
}

/// Tells the host that something is ready, unless it knows.
struct Signal {
    /// A task was woken since it was last looked at. Whoever sets it tells the host.
    ready: AtomicBool,
    /// The host is here and looks before it leaves.
    turning: AtomicBool,
    notify: Box<dyn Fn() + Send + Sync>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Either this sees the turn in progress, or the turn sees the flag before it ends: both orders are total.
        if !self.ready.swap(true, SeqCst) && !self.turning.load(SeqCst) {
            (self.notify)();
        }
    }
}

impl HostLoop {
    /// A loop with number `index`. `notify` is called, from any thread, when a turn is needed that no descriptor will
    /// ask for.
    ///
    /// # Errors
    /// When the operating system refuses a descriptor, or has none that shows what the loop waits for.
    pub fn new(index: u16, notify: impl Fn() + Send + Sync + 'static) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let descriptor = {
            let _context = runtime.enter();
            platform::EventQueue::of_current_runtime()?
        };
        let remote = LoopRemote::new();
        let handle = LoopHandle::new(index, remote.clone());
        let signal = Arc::new(Signal {
            // The first turn registers the waker of the set.
            ready: AtomicBool::new(true),
            turning: AtomicBool::new(false),
            notify: Box::new(notify),
        });
        let tasks = LocalSet::new();
        let (mailbox, own) = (remote.clone(), handle.clone());
        tasks.spawn_local(async move {
            loop {
                for job in poll_fn(|cx| mailbox.poll_jobs(cx)).await {
                    job(&own);
                }
            }
        });
        let waker = Waker::from(signal.clone());
        Ok(Self { handle, remote, signal, waker, tasks: RefCell::new(tasks), runtime, descriptor })
    }

    /// The descriptor that is readable while the loop has events to look at.
    pub fn descriptor(&self) -> i32 {
        self.descriptor.number()
    }

    /// The loop's mailbox.
    pub fn remote(&self) -> &LoopRemote {
        &self.remote
    }

    /// What local code sees of the loop.
    pub fn handle(&self) -> &LoopHandle {
        &self.handle
    }

    /// A turn follows at once: wakes from here on need not tell the host.
    pub fn expect_turn(&self) {
        self.signal.turning.store(true, SeqCst);
    }

    /// Tells whether a turn is in progress, or announced by [`HostLoop::expect_turn`]: whoever wakes the host for another
    /// reason may leave it to that turn.
    pub fn turning(&self) -> Turning {
        Turning(self.signal.clone())
    }

    /// Whether a task is ready.
    pub fn has_ready(&self) -> bool {
        self.signal.ready.load(SeqCst)
    }

    /// Runs `work` as if it were a part of the loop.
    pub fn run<T>(&self, work: impl FnOnce(&LoopHandle) -> T) -> T {
        let _context = self.runtime.enter();
        let _tasks = self.tasks.borrow().enter();
        work(&self.handle)
    }

    /// Looks at the descriptors once, then runs what is ready until nothing is or `budget` is spent. The set polls some
    /// dozens of tasks before it can be stopped: those that have much to do ask [`LoopHandle::turn_is_over`].
    pub fn turn(&self, budget: Duration) -> Turn {
        self.expect_turn();
        let end = Instant::now() + budget;
        self.handle.turn_ends(end);
        let context = self.runtime.enter();
        // The runtime looks at its descriptors, without waiting, when its only future yields.
        self.runtime.block_on(tokio::task::yield_now());
        self.handle.wheel().turn();
        while self.signal.ready.swap(false, SeqCst) {
            let mut cx = Context::from_waker(&self.waker);
            let _ = Pin::new(&mut *self.tasks.borrow_mut()).poll(&mut cx);
            if Instant::now() >= end {
                break;
            }
        }
        drop(context);
        let deadline = self.handle.wheel().until_next();
        self.signal.turning.store(false, SeqCst);
        Turn { ready: self.signal.ready.load(SeqCst), deadline }
    }
}

impl Drop for HostLoop {
    fn drop(&mut self) {
        self.expect_turn();
        self.remote.close();
        let context = self.runtime.enter();
        // Tasks go first, inside the runtime that their sockets are registered with.
        drop(self.tasks.replace(LocalSet::new()));
        self.handle.clear_locals();
        drop(context);
    }
}

impl Clock {
    /// Time until `tick` begins, at least zero.
    pub(super) fn until(&self, tick: u64) -> Duration {
        self.instant(tick).saturating_duration_since(Instant::now())
    }
}
