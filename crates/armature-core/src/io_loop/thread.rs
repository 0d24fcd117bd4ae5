//! The threads driver: a loop on a thread of its own.

use std::io;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::afterwards;
use super::bell::Bell;
use super::vigil::Vigil;
use super::{LoopHandle, LoopRemote, Reactor};

/// Why a loop did not start.
pub type StartError = io::Error;

/// A running loop. Dropping it asks the loop to stop and does not wait.
pub struct LoopThread {
    remote: LoopRemote,
    done: mpsc::Receiver<()>,
    thread: Option<JoinHandle<()>>,
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
        self.remote.run(LoopHandle::stop);
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
    let started = Reactor::new().and_then(|reactor| {
        let waker = reactor.waker()?;
        // A wake that fails has nobody to tell, and the next event ends the wait all the same.
        let bell = Bell::new(move || waker.wake().unwrap_or(()));
        Ok((LoopHandle::new(index, remote, reactor, bell.clone()), bell))
    });
    let (handle, bell) = match started {
        Ok(started) => started,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(()));
    afterwards::begin();
    let mut vigil = Vigil::new(std::thread::available_parallelism().map_or(1, usize::from));
    // Events of the last look.
    let mut found = 0;
    while !handle.is_stopping() {
        if afterwards::waits() && found <= 1 {
            // Whoever comes alone is not to wait for company.
            afterwards::run();
            vigil.begin(Instant::now());
        }
        let others_wait = afterwards::waits();
        let time = if others_wait || handle.has_ready() || vigil.is_kept() || !bell.lie_down() {
            Some(Duration::ZERO)
        } else {
            handle.next_deadline().map(|at| at.saturating_duration_since(Instant::now()))
        };
        match handle.look(time, || bell.wake_up()) {
            Ok((events, now)) => {
                found = events;
                vigil.looked(now, events > 0 || handle.has_ready());
            }
            // Without its event queue a loop can do nothing; the hook for panics reports why it is gone.
            Err(error) => {
                afterwards::end();
                handle.close();
                panic!("the event queue of an IO loop failed: {error}");
            }
        };
        handle.run_ready(None);
    }
    afterwards::end();
    handle.close();
}
