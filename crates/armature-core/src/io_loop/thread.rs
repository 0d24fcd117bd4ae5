//! The threads driver: a loop on a thread of its own.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{LoopHandle, LoopRemote};

/// Why a loop did not start.
pub type StartError = io::Error;

/// A running loop. Dropping it asks the loop to stop and does not wait.
pub struct LoopThread {
    remote: LoopRemote,
    done: mpsc::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

thread_local! {
    /// Set by [`LoopThread::stop`] on the loop's own thread. A `Cell<bool>` has no destructor.
    static STOPPING: Cell<bool> = const { Cell::new(false) };
}

impl LoopThread {
    /// Starts loop number `index`.
    ///
    /// # Errors
    /// When the operating system refuses a thread or an event descriptor.
    pub fn start(index: u16) -> Result<Self, StartError> {
        let remote = LoopRemote::new();
        let (ready, started) = mpsc::sync_channel::<io::Result<()>>(1);
        let (finished, done) = mpsc::sync_channel::<()>(1);
        let mailbox = remote.clone();
        let thread = std::thread::Builder::new().name(format!("armature-io-{index}")).spawn(move || {
            run(index, mailbox, ready);
            let _ = finished.send(());
        })?;
        match started.recv() {
            Ok(Ok(())) => Ok(Self { remote, done, thread: Some(thread) }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::Error::other("the IO thread ended while it started")),
        }
    }

    /// The loop's mailbox.
    pub fn remote(&self) -> &LoopRemote {
        &self.remote
    }

    /// Asks the loop to stop and waits until it has, at most until `deadline`. Tasks are dropped where they stand.
    pub fn stop(mut self, deadline: Instant) {
        self.ask_to_stop();
        let patience = deadline.saturating_duration_since(Instant::now());
        if self.done.recv_timeout(patience.max(Duration::from_millis(1))).is_ok()
            && let Some(thread) = self.thread.take()
        {
            // A panic inside a task never reaches here; one outside has been reported by the hook.
            let _ = thread.join();
        }
    }

    fn ask_to_stop(&self) {
        self.remote.run(|_| STOPPING.set(true));
    }
}

impl Drop for LoopThread {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.ask_to_stop();
        }
    }
}

fn run(index: u16, remote: LoopRemote, ready: mpsc::SyncSender<io::Result<()>>) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let handle = LoopHandle::new(index, remote.clone());
    let wheel = Rc::clone(handle.wheel());
    runtime.block_on(async {
        tokio::task::spawn_local(async move { wheel.drive().await });
        let _ = ready.send(Ok(()));
        while !STOPPING.get() {
            for job in poll_fn(|cx| remote.poll_jobs(cx)).await {
                job(&handle);
            }
        }
    });
    remote.close();
    // Dropping the runtime drops every task; their destructors release slots and sockets.
    drop(runtime);
    // What is local to the loop holds the loop's handle, and the handle holds what is local.
    handle.clear_locals();
}
