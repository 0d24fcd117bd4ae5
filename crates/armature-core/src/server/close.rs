//! Closing: stop accepting, drain, cut off.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::local::{self, LoopServer};
use crate::io_loop::LoopRemote;

/// How long cut-off connections may take to go.
const CUT_OFF_PATIENCE: Duration = Duration::from_secs(1);

/// How a server ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// Connections with a request in progress, or with another protocol, that had to be cut off when the drain period was
    /// over.
    pub cut_off: usize,
}

/// The part of one loop, which is over at the latest when the loop is.
struct Part(Arc<Pending>, usize);

impl Part {
    fn end(mut self, cut_off: usize) {
        self.1 = cut_off;
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.0.finish(self.1);
    }
}

type Done = Box<dyn FnOnce(Closed) + Send>;

struct Pending {
    loops: AtomicUsize,
    cut_off: AtomicUsize,
    done: Mutex<Option<Done>>,
}

impl Pending {
    fn finish(&self, cut_off: usize) {
        self.cut_off.fetch_add(cut_off, Ordering::Relaxed);
        if self.loops.fetch_sub(1, Ordering::AcqRel) == 1 {
            let done = self.done.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(done) = done {
                done(Closed { cut_off: self.cut_off.load(Ordering::Relaxed) });
            }
        }
    }
}

pub(super) fn start(remotes: &[LoopRemote], drain: Duration, done: impl FnOnce(Closed) + Send + 'static) {
    let pending = Arc::new(Pending {
        // One more for this call, so that `done` runs even when every loop has ended.
        loops: AtomicUsize::new(remotes.len() + 1),
        cut_off: AtomicUsize::new(0),
        done: Mutex::new(Some(Box::new(done))),
    });
    for remote in remotes {
        let part = Part(pending.clone(), 0);
        // What a loop that has ended does not run it drops.
        remote.run(move |handle| {
            if let Some(server) = local::of(handle) {
                handle.spawn(async move { part.end(close(&server, drain).await) });
            }
        });
    }
    drop(Part(pending, 0));
}

async fn close(server: &Rc<LoopServer>, drain: Duration) -> usize {
    server.draining.set(true);
    server.stop_accepting.notify_waiters();
    for control in server.controls() {
        control.drain();
    }
    if !drain.is_zero() && wait_until_quiet(server, drain).await {
        return 0;
    }
    let left = server.controls();
    let cut_off = left.iter().filter(|control| control.is_busy()).count();
    for control in left {
        control.close_now();
    }
    wait_until_quiet(server, CUT_OFF_PATIENCE).await;
    cut_off
}

/// True when nothing is open any more, false when `patience` ran out first.
async fn wait_until_quiet(server: &Rc<LoopServer>, patience: Duration) -> bool {
    let timer = server.io_loop.sleep();
    timer.reset(patience);
    tokio::pin!(timer);
    loop {
        let changed = server.quiet.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        if server.is_quiet() {
            return true;
        }
        tokio::select! {
            () = &mut timer => return false,
            () = changed => {}
        }
    }
}
