//! The outputs of the process, so that everybody who names one gets the same.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use super::destination::Destination;
use super::file::LogFile;
use super::output::{Owner, Shared};
use super::thread;
use crate::config::LogOutput;
use crate::error::{Error, Result};

static OUTPUTS: Mutex<Vec<Open>> = Mutex::new(Vec::new());

/// An output with a thread.
struct Open {
    output: LogOutput,
    owner: Weak<Owner>,
    shared: Weak<Shared>,
    /// Standard output and error stay open.
    _kept: Option<Arc<Owner>>,
}

pub(super) fn open(output: &LogOutput) -> Result<Arc<Owner>> {
    let mut outputs = OUTPUTS.lock().unwrap_or_else(PoisonError::into_inner);
    outputs.retain(|open| open.shared.strong_count() > 0);
    for open in outputs.iter().filter(|open| is_same_place(&open.output, output)) {
        let Some(owner) = open.owner.upgrade() else { continue };
        if open.output == *output {
            return Ok(owner);
        }
        return Err(differs(output));
    }
    let destination = match output {
        LogOutput::Stdout => Destination::Stdout,
        LogOutput::Stderr => Destination::Stderr,
        LogOutput::File(options) => {
            Destination::File(Box::new(LogFile::open(options.clone(), SystemTime::now())?))
        }
    };
    let shared = Shared::new();
    let owner = Arc::new(Owner(shared.clone()));
    thread::start(shared.clone(), destination)
        .map_err(|error| Error::io("cannot start the thread of a log", error))?;
    let kept = (!matches!(output, LogOutput::File(_))).then(|| owner.clone());
    let shared = Arc::downgrade(&shared);
    outputs.push(Open { output: output.clone(), owner: Arc::downgrade(&owner), shared, _kept: kept });
    Ok(owner)
}

pub(super) fn find(output: &LogOutput) -> Option<Arc<Owner>> {
    let outputs = OUTPUTS.lock().unwrap_or_else(PoisonError::into_inner);
    outputs.iter().find(|open| open.output == *output).and_then(|open| open.owner.upgrade())
}

fn is_same_place(one: &LogOutput, other: &LogOutput) -> bool {
    match (one, other) {
        (LogOutput::File(one), LogOutput::File(other)) => one.path == other.path,
        (one, other) => one == other,
    }
}

fn differs(output: &LogOutput) -> Error {
    let LogOutput::File(file) = output else { unreachable!("only files have options") };
    Error::option_message(format!(
        "output: '{}' is another log's as well, with other options; give both the same",
        file.path.display()
    ))
}

/// Waits until every line so far has been written, at most `patience` for all outputs together.
pub fn flush(patience: Duration) {
    let until = Instant::now() + patience;
    let outputs: Vec<_> = {
        let outputs = OUTPUTS.lock().unwrap_or_else(PoisonError::into_inner);
        outputs.iter().filter_map(|open| open.shared.upgrade()).collect()
    };
    // All begin before anybody is waited for.
    for shared in &outputs {
        let mut waiting = shared.lock();
        waiting.hurry = !waiting.bytes.is_empty();
        waiting.asleep = false;
        drop(waiting);
        shared.lines.notify_one();
    }
    for shared in outputs {
        let left = until.saturating_duration_since(Instant::now());
        let waiting = shared.lock();
        let all =
            shared.written.wait_timeout_while(waiting, left, |now| now.taken > 0 || !now.bytes.is_empty());
        drop(all);
    }
}
