//! Memory for pieces of files, used again: fresh memory of this size costs the system more than the reading.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;

use super::readers::Shared;
use crate::platform;

/// What a file is opened with, so that one of moderate size is read in one go.
pub(super) const FIRST: usize = 128 * 1024;
/// The next pieces of a file, and all of those for somebody who takes them slowly.
pub(super) const SMALL: usize = 64 * 1024;
/// The pieces for somebody who takes them as fast as they come.
pub(super) const LARGE: usize = 256 * 1024;
/// Pieces that are kept for the next ones: 4 MB.
const KEPT: usize = 16;

/// Memory that nobody uses.
#[derive(Default)]
pub(super) struct Chunks(Mutex<Vec<Vec<u8>>>);

/// A piece of a file; its memory goes back when the last byte has left.
struct Lent {
    buffer: Vec<u8>,
    length: usize,
    home: Weak<Shared>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(home) = self.home.upgrade() else { return };
        let mut kept = home.chunks.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(std::mem::take(&mut self.buffer));
        }
    }
}

/// Reads `length` bytes at `offset`; fewer when the file ends before.
pub(super) fn read(shared: &Arc<Shared>, file: &File, offset: u64, length: usize) -> io::Result<Bytes> {
    if length > SMALL {
        let mut buffer = take(shared);
        let read = fill(file, &mut buffer[..length.min(LARGE)], offset)?;
        return Ok(Bytes::from_owner(Lent { buffer, length: read, home: Arc::downgrade(shared) }));
    }
    let mut buffer = vec![0; length];
    let read = fill(file, &mut buffer, offset)?;
    buffer.truncate(read);
    Ok(buffer.into())
}

fn take(shared: &Shared) -> Vec<u8> {
    let kept = shared.chunks.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
    kept.unwrap_or_else(|| vec![0; LARGE])
}

/// Reads until `buf` is full or the file ends.
pub(super) fn fill(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buf.len() {
        match platform::read_at(file, &mut buf[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
