//! Waking a loop: from its own thread by two plain stores, from another thread through a queue and at most one word to whoever
//! lets the loop wait.

use std::sync::{Arc, PoisonError};
use std::task::Wake;

use super::sync::Ordering::{AcqRel, Acquire, Relaxed};
use super::sync::{AtomicBool, AtomicU8, AtomicU32, Mutex, MutexGuard, this_thread};

/// No task.
pub(super) const NONE: u32 = u32::MAX;

/// Nobody has woken the task since it was last polled.
pub(super) const WAITS: u8 = 0;
/// It will be polled.
pub(super) const QUEUED: u8 = 1;
/// It is over: there is nothing to wake.
pub(super) const ENDED: u8 = 2;

/// The loop is awake and looks before it waits.
const TURNING: u8 = 1;
/// Other threads have woken tasks that the loop does not know of.
const RUNG: u8 = 2;

/// What wakers know of their loop.
pub(super) struct Bell {
    /// The thread that the loop is on, for as long as it lives.
    owner: u64,
    /// The task that was woken last, which knows the one before it. Of the loop's own thread alone, so plain loads and stores do.
    newest: AtomicU32,
    /// Tasks that other threads have woken, each once; `None` when the loop has ended.
    elsewhere: Mutex<Option<Vec<Arc<TaskWake>>>>,
    /// [`TURNING`] and [`RUNG`]. One word: whoever changes one of them sees what the other is.
    flags: AtomicU8,
    notify: Box<dyn Fn() + Send + Sync>,
}

impl Bell {
    /// The bell of a loop on this thread, which is awake. `notify` is called, from any thread, when it is needed and is not.
    pub fn new(notify: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            owner: this_thread(),
            newest: AtomicU32::new(NONE),
            elsewhere: Mutex::new(Some(Vec::new())),
            flags: AtomicU8::new(TURNING),
            notify: Box::new(notify),
        })
    }

    /// Whether the loop is awake.
    pub fn turning(&self) -> bool {
        self.flags.load(Acquire) & TURNING != 0
    }

    /// The loop is awake, or will be at once: nobody needs to tell it anything.
    pub fn wake_up(&self) {
        self.flags.fetch_or(TURNING, AcqRel);
    }

    /// The loop is about to wait. False when it must not, because there is something to do.
    pub fn lie_down(&self) -> bool {
        if self.flags.swap(0, AcqRel) & RUNG != 0 {
            self.flags.fetch_or(RUNG, AcqRel);
        }
        !self.has_ready()
    }

    /// Whether a task was woken that the loop does not know of.
    pub fn has_ready(&self) -> bool {
        self.newest.load(Relaxed) != NONE || self.flags.load(Acquire) & RUNG != 0
    }

    /// The task that was woken last, on the loop's own thread; the list is empty afterwards.
    pub fn take_newest(&self) -> u32 {
        let newest = self.newest.load(Relaxed);
        self.newest.store(NONE, Relaxed);
        newest
    }

    /// Takes over what other threads have woken.
    pub fn answer(&self) {
        if self.flags.load(Relaxed) & RUNG == 0 {
            return;
        }
        self.flags.fetch_and(!RUNG, AcqRel);
        let woken = self.lock().as_mut().map(std::mem::take).unwrap_or_default();
        for task in woken {
            // Acquires what was written before those wakes as well that found it raised already.
            task.from_elsewhere.swap(false, AcqRel);
            task.queue();
        }
    }

    /// The loop has ended: later wakes do nothing.
    pub fn close(&self) {
        // Nobody needs to be told of anything.
        self.wake_up();
        let woken = self.lock().take();
        drop(woken);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Arc<TaskWake>>>> {
        // Nothing panics while the lock is held, so a poisoned state is still whole.
        self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes one task.
pub(super) struct TaskWake {
    bell: Arc<Bell>,
    /// Where the executor has the task.
    pub index: u32,
    /// [`WAITS`], [`QUEUED`] or [`ENDED`]; of the loop's own thread alone, like `next`.
    pub state: AtomicU8,
    /// The task that was woken before this one, while this one is queued.
    pub next: AtomicU32,
    /// Another thread has woken it and the loop has not seen that.
    from_elsewhere: AtomicBool,
}

impl TaskWake {
    /// Wakes a task that has not begun.
    pub fn new(bell: Arc<Bell>, index: u32) -> Arc<Self> {
        Arc::new(Self {
            bell,
            index,
            state: AtomicU8::new(WAITS),
            next: AtomicU32::new(NONE),
            from_elsewhere: AtomicBool::new(false),
        })
    }

    /// On the loop's own thread: the task is polled next time, unless it is over.
    pub fn queue(&self) {
        if self.state.load(Relaxed) != WAITS {
            return;
        }
        self.state.store(QUEUED, Relaxed);
        let before = self.bell.newest.load(Relaxed);
        self.next.store(before, Relaxed);
        self.bell.newest.store(self.index, Relaxed);
        if before == NONE && self.bell.flags.load(Relaxed) & TURNING == 0 {
            (self.bell.notify)();
        }
    }

    fn ring(self: &Arc<Self>) {
        let bell = &self.bell;
        if self.from_elsewhere.swap(true, AcqRel) {
            return;
        }
        match &mut *bell.lock() {
            Some(woken) => woken.push(self.clone()),
            None => return,
        }
        if bell.flags.fetch_or(RUNG, AcqRel) & (RUNG | TURNING) == 0 {
            (bell.notify)();
        }
    }
}

impl Wake for TaskWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.bell.owner == this_thread() { self.queue() } else { self.ring() }
    }
}
