//! The thread that looks for certificates that were renewed.
//!
//! It asks for the times of a few files. Events of the file system would be there sooner, but not from network file systems, and not
//! where a folder is exchanged through a symbolic link, as Kubernetes does.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Stops looking when it is dropped.
pub struct Watch {
    stopped: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Calls `look` each time that `period` is over.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(period: Duration, look: impl Fn() + Send + 'static) -> io::Result<Self> {
        let stopped = Arc::new((Mutex::new(false), Condvar::new()));
        let watched = stopped.clone();
        let thread = thread::Builder::new().name("armature-tls".into()).spawn(move || {
            let (stopped, changed) = &*watched;
            loop {
                let guard = stopped.lock().unwrap_or_else(PoisonError::into_inner);
                let waited = changed.wait_timeout_while(guard, period, |stopped| !*stopped);
                if *waited.unwrap_or_else(PoisonError::into_inner).0 {
                    return;
                }
                look();
            }
        })?;
        Ok(Self { stopped, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let (stopped, changed) = &*self.stopped;
        *stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
        // It may be waiting for a disk that does not answer; nothing that it does then is seen by anybody.
        if let Some(thread) = self.thread.take()
            && thread.is_finished()
        {
            let _ = thread.join();
        }
    }
}
