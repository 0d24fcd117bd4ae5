//! The thread that writes log lines, so that no loop ever waits for a terminal or a pipe.

use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{OnceLock, atomic::AtomicU64, atomic::Ordering::Relaxed};
use std::time::Duration;

use super::LogOutput;

/// Lines that may wait; more are dropped and counted.
const QUEUE: usize = 8192;

enum Message {
    Line(String),
    Flush(SyncSender<()>),
}

/// A way to one output. All writers to an output share its thread.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    lines: SyncSender<Message>,
    dropped: &'static AtomicU64,
}

static STDOUT: OnceLock<SyncSender<Message>> = OnceLock::new();
static STDERR: OnceLock<SyncSender<Message>> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);

impl Writer {
    pub fn to(output: LogOutput) -> Self {
        let lines = match output {
            LogOutput::Stdout => STDOUT.get_or_init(|| start(std::io::stdout)),
            LogOutput::Stderr => STDERR.get_or_init(|| start(std::io::stderr)),
        };
        Self { lines: lines.clone(), dropped: &DROPPED }
    }

    pub fn write(&self, line: String) {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(Message::Line(line)) {
            self.dropped.fetch_add(1, Relaxed);
        }
    }
}

/// Waits until every line so far has been written, at most `patience` per output.
pub fn flush(patience: Duration) {
    for lines in [&STDOUT, &STDERR].into_iter().filter_map(OnceLock::get) {
        let (done, written) = sync_channel(1);
        if lines.try_send(Message::Flush(done)).is_ok() {
            let _ = written.recv_timeout(patience);
        }
    }
}

fn start<W: Write>(output: impl Fn() -> W + Send + 'static) -> SyncSender<Message> {
    let (sender, receiver) = sync_channel(QUEUE);
    // Without the thread the channel is closed and lines are dropped: a log must not stop a server.
    let _ = std::thread::Builder::new().name("armature-log".into()).spawn(move || run(&receiver, output()));
    sender
}

fn run(lines: &Receiver<Message>, mut output: impl Write) {
    let mut batch = String::new();
    let mut reported = 0;
    while let Ok(first) = lines.recv() {
        let mut waiting = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(line) => batch.push_str(&line),
                Message::Flush(done) => waiting.push(done),
            }
            next = if batch.len() < 64 * 1024 { lines.try_recv().ok() } else { None };
        }
        let dropped = DROPPED.load(Relaxed);
        if dropped > reported {
            batch.push_str(&format!("armature: {} log lines dropped\n", dropped - reported));
            reported = dropped;
        }
        // A closed pipe or a full disk is nobody's request's fault.
        let _ = output.write_all(batch.as_bytes()).and_then(|()| output.flush());
        batch.clear();
        for done in waiting {
            let _ = done.try_send(());
        }
    }
}
