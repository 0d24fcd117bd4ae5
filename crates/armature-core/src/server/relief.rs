//! What the loops of a server do for each other when too much waits for slow clients.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Server, Shared, local};
use crate::io_loop::{LoopHandle, LoopRemote, ticks};
use crate::protocol::Others;

/// A warning is not repeated for so long.
const QUIET: Duration = Duration::from_secs(60);

/// By number, the loops of a server; and who is told.
#[derive(Default)]
pub(super) struct Relief {
    loops: Mutex<Vec<(u16, LoopRemote)>>,
    /// They have been asked, and have not all looked yet.
    asked: AtomicBool,
    warn: Mutex<Option<Warn>>,
}

type Warn = Arc<dyn Fn(String) + Send + Sync>;

impl Relief {
    fn loops(&self) -> MutexGuard<'_, Vec<(u16, LoopRemote)>> {
        self.loops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn join(&self, io_loop: &LoopHandle) {
        self.leave(io_loop);
        self.loops().push((io_loop.index(), io_loop.remote().clone()));
    }

    pub fn leave(&self, io_loop: &LoopHandle) {
        self.loops().retain(|(index, _)| *index != io_loop.index());
    }
}

/// The same from one of them.
pub(super) struct OtherLoops {
    io_loop: LoopHandle,
    shared: Arc<Shared>,
    /// When there was the last warning, in ticks.
    warned: Cell<Option<u64>>,
}

impl OtherLoops {
    pub fn new(io_loop: &LoopHandle, shared: Arc<Shared>) -> Self {
        Self { io_loop: io_loop.clone(), shared, warned: Cell::new(None) }
    }
}

impl Others for OtherLoops {
    fn loops(&self) -> u64 {
        self.shared.relief.loops().len() as u64
    }

    fn relieve(&self) {
        let relief = &self.shared.relief;
        if relief.loops().len() < 2 || relief.asked.swap(true, Relaxed) {
            return;
        }
        for (_, remote) in relief.loops().iter() {
            remote.run(|handle| {
                if let Some(server) = local::of(handle) {
                    server.shared.relief.asked.store(false, Relaxed);
                    server.ledger.relieve();
                }
            });
        }
    }

    fn given_up(&self) {
        let now = self.io_loop.now();
        if self.warned.get().is_some_and(|last| now < last + ticks(QUIET)) {
            return;
        }
        let warn = self.shared.relief.warn.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(warn) = warn else { return };
        self.warned.set(Some(now));
        warn(format!(
            "answers of {} bytes wait in memory for slow clients, which is all that limits.unsent allows: those that \
             take least are given up. Let large content be a stream, or raise limits.unsent",
            self.shared.settings.limits.unsent
        ));
    }
}

impl Server {
    /// Has `warn` told, at most once a minute for each loop, that answers are given up because of `limits.unsent`.
    pub fn warn_of_unsent(&self, warn: impl Fn(String) + Send + Sync + 'static) {
        let warn: Warn = Arc::new(warn);
        *self.shared.relief.warn.lock().unwrap_or_else(PoisonError::into_inner) = Some(warn);
    }
}
