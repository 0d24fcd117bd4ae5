//! What a thread of a log writes to.

use std::io::{self, ErrorKind, Write};
use std::time::{Duration, SystemTime};

use super::file::LogFile;

/// How long a writer waits for a pipe that does not block and is full. It is the only one who waits.
const FULL: Duration = Duration::from_millis(5);

pub(super) enum Destination {
    Stdout,
    Stderr,
    File(Box<LogFile>),
}

/// Why the rest of a batch was not written.
pub(super) struct Failure {
    /// Bytes that were.
    pub written: usize,
    pub error: io::Error,
}

impl Destination {
    pub fn write(&mut self, batch: &[u8], now: SystemTime) -> Result<(), Failure> {
        match self {
            Self::Stdout => write_all(&mut io::stdout(), batch),
            Self::Stderr => write_all(&mut io::stderr(), batch),
            Self::File(file) => file.write(batch, now),
        }
    }

    pub fn name(&self) -> String {
        match self {
            Self::Stdout => "stdout".into(),
            Self::Stderr => "stderr".into(),
            Self::File(file) => format!("'{}'", file.path().display()),
        }
    }

    /// Nothing more will be written.
    pub fn close(&mut self) {
        if let Self::File(file) = self {
            file.close();
        }
    }
}

/// Writes everything; waits where `to` is somebody's pipe that was made not to block.
pub(super) fn write_all(to: &mut impl Write, bytes: &[u8]) -> Result<(), Failure> {
    let mut written = 0;
    while written < bytes.len() {
        match to.write(&bytes[written..]) {
            Ok(0) => return Err(Failure { written, error: ErrorKind::WriteZero.into() }),
            Ok(count) => written += count,
            Err(error) => again(written, error)?,
        }
    }
    loop {
        match to.flush() {
            Ok(()) => return Ok(()),
            Err(error) => again(written, error)?,
        }
    }
}

fn again(written: usize, error: io::Error) -> Result<(), Failure> {
    match error.kind() {
        ErrorKind::WouldBlock => std::thread::sleep(FULL),
        ErrorKind::Interrupted => {}
        _ => return Err(Failure { written, error }),
    }
    Ok(())
}
