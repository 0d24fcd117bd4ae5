//! The thread of an output.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use memchr::memchr_iter;

use super::destination::Destination;
use super::output::{Notices, Shared};

/// How long it rests after a batch. Who writes meanwhile wakes nobody, which would cost more than the line.
const REST: Duration = Duration::from_millis(10);

/// Starts it. Without a thread lines wait until they are dropped: a log must not stop a server.
pub(super) fn start(shared: Arc<Shared>, destination: Destination) -> io::Result<()> {
    let writer = Writer { shared, destination, told: 0, complained: false, lost: 0 };
    std::thread::Builder::new().name("armature-log".into()).spawn(move || writer.run()).map(drop)
}

struct Writer {
    shared: Arc<Shared>,
    destination: Destination,
    /// Dropped lines that the log has been told of.
    told: u64,
    /// The operator has been told that it fails.
    complained: bool,
    /// Lines lost since.
    lost: u64,
}

impl Writer {
    fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            let more = self.take(&mut batch);
            if !batch.is_empty() || self.has_news() {
                self.write(&batch);
                batch.clear();
                // A burst must not keep its memory for ever.
                batch.shrink_to(64 * 1024);
            }
            self.shared.lock().taken = 0;
            self.shared.written.notify_all();
            if !more {
                self.destination.close();
                return;
            }
        }
    }

    /// Takes what waits; waits for it if there is nothing. False when nothing will come.
    fn take(&mut self, batch: &mut Vec<u8>) -> bool {
        let shared = self.shared.clone();
        let mut waiting = shared.lock();
        if !waiting.hurry && !waiting.closed {
            let rested = shared.lines.wait_timeout_while(waiting, REST, |now| !now.hurry && !now.closed);
            waiting = rested.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        while waiting.bytes.is_empty() && !waiting.hurry && !waiting.closed && !self.has_news() {
            waiting.asleep = true;
            waiting = shared.lines.wait(waiting).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        waiting.asleep = false;
        waiting.hurry = false;
        std::mem::swap(batch, &mut waiting.bytes);
        waiting.taken = batch.len();
        !waiting.closed
    }

    /// Lines were dropped, and the log does not know.
    fn has_news(&self) -> bool {
        self.shared.dropped.load(Relaxed) != self.told
    }

    fn write(&mut self, batch: &[u8]) {
        let now = SystemTime::now();
        let dropped = self.shared.dropped.load(Relaxed);
        let result = match dropped - self.told {
            0 => self.destination.write(batch, now),
            missing => {
                self.told = dropped;
                let notice = notice(self.shared.notices(), missing, now);
                self.destination.write(&[batch, notice.as_bytes()].concat(), now)
            }
        };
        match result {
            Ok(()) if self.complained => {
                self.complained = false;
                let lost = std::mem::take(&mut self.lost);
                complain(&format!("{} is written again; {lost} log lines are lost", self.destination.name()));
            }
            Ok(()) => {}
            Err(failure) => {
                let lost = memchr_iter(b'\n', &batch[failure.written.min(batch.len())..]).count() as u64;
                self.lost += lost;
                self.shared.failed.fetch_add(lost, Relaxed);
                if !self.complained {
                    self.complained = true;
                    let name = self.destination.name();
                    complain(&format!(
                        "cannot write {name}: {}; log lines are lost until it works",
                        failure.error
                    ));
                }
            }
        }
    }
}

fn notice(form: Notices, missing: u64, now: SystemTime) -> String {
    let time = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    match form {
        Notices::None => String::new(),
        Notices::Text => format!("armature: {missing} log lines dropped\n"),
        Notices::Json => format!(
            "{{\"level\":\"warn\",\"time\":{time},\"dropped\":{missing},\"msg\":\"{missing} log lines dropped\"}}\n"
        ),
    }
}

/// Tells the operator, if anybody listens.
pub(crate) fn complain(what: &str) {
    use std::io::Write;
    let _ = writeln!(io::stderr(), "[armature] {what}");
}
