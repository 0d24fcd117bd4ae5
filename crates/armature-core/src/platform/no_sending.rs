//! Systems on which files are read and then written.

use std::fs::{File, Metadata};
use std::io;

/// Whether a file may stay open while others replace it. Not known to be so here.
pub const KEEPS_OPEN: bool = false;

/// Whether [`send_file`] is there.
pub fn sends_files() -> bool {
    false
}

/// Is not there.
pub fn send_file<S>(_: S, _: &File, _: u64, _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether a file has to be read instead.
pub fn cannot_send(_: &io::Error) -> bool {
    true
}

/// How many bytes are in memory: nobody knows.
pub fn cached_bytes(_: &File, _: u64, _: u64, _: u64) -> u64 {
    0
}

/// Reads what is in memory: nobody knows.
pub fn read_cached(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether a file is as it was: not asked here, where none is kept.
pub fn is_unchanged(_: &File, _: &Metadata) -> bool {
    false
}
