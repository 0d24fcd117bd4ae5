//! Parts of files in bodies: for those who can send them without reading.

use std::fmt;
use std::fs::File;
use std::sync::Arc;

/// Bytes of an open file that are in memory, so that sending them does not wait for a disk.
#[derive(Clone)]
pub struct FilePart {
    /// Closed by whoever opened it, when nobody has it any more.
    pub file: Arc<dyn Opened>,
    /// Where the part begins.
    pub offset: u64,
    /// Bytes of it.
    pub length: u64,
    /// The client has taken what came before as fast as it came.
    pub is_quick: bool,
}

/// A file that somebody has opened and sees to the closing of.
pub trait Opened: Send + Sync {
    /// The file; `None` when it has been closed.
    fn file(&self) -> Option<&File>;
}

impl fmt::Debug for FilePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FilePart({} at {})", self.length, self.offset)
    }
}
