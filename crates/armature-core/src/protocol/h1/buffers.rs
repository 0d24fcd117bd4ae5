//! Memory that belongs to the loop: what a connection needs only while it is busy.

use std::cell::{Cell, RefCell};

use super::work::Work;

/// Bytes that one read takes at most.
pub(super) const READ_BYTES: usize = 64 * 1024;
/// Spare [`Work`]s that a loop keeps.
const SPARE_WORKS: usize = 256;

/// What the connections of one loop share.
#[derive(Default)]
pub(super) struct Buffers {
    scratch: Cell<Vec<u8>>,
    #[expect(clippy::vec_box, reason = "a connection keeps it as the same box")]
    works: RefCell<Vec<Box<Work>>>,
}

impl Buffers {
    /// Runs `read` with the loop's read buffer.
    pub fn with_scratch<T>(&self, read: impl FnOnce(&mut [u8]) -> T) -> T {
        // Whoever comes while somebody has it, which no path does, gets one of his own.
        let mut scratch = self.scratch.take();
        scratch.resize(READ_BYTES, 0);
        let result = read(&mut scratch);
        self.scratch.set(scratch);
        result
    }

    /// What a connection needs from the first byte of a request to the last of its answer.
    pub fn work(&self) -> Box<Work> {
        self.works.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes it back.
    pub fn recycle(&self, mut work: Box<Work>) {
        let mut works = self.works.borrow_mut();
        if works.len() < SPARE_WORKS {
            work.clear();
            works.push(work);
        }
    }
}
