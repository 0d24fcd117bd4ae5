//! Memory that the connections of a loop share: a connection that waits has none.

use std::cell::RefCell;

/// What is read at a time.
const READ: usize = 64 * 1024;
/// Output buffers that are kept, and how large one may be.
const KEPT: usize = 64;
const KEPT_CAPACITY: usize = 64 * 1024;

/// One for each loop.
#[derive(Default)]
pub(super) struct Scratch {
    read: RefCell<Vec<u8>>,
    outputs: RefCell<Vec<Vec<u8>>>,
}

impl Scratch {
    /// The buffer to read into. Whoever has it gives it back with [`Scratch::put_read`].
    pub fn take_read(&self) -> Vec<u8> {
        let mut buffer = self.read.take();
        buffer.resize(READ, 0);
        buffer
    }

    pub fn put_read(&self, buffer: Vec<u8>) {
        *self.read.borrow_mut() = buffer;
    }

    /// An empty buffer for output.
    pub fn take_output(&self) -> Vec<u8> {
        self.outputs.borrow_mut().pop().unwrap_or_default()
    }

    pub fn put_output(&self, mut buffer: Vec<u8>) {
        let mut outputs = self.outputs.borrow_mut();
        if outputs.len() < KEPT && (1..=KEPT_CAPACITY).contains(&buffer.capacity()) {
            buffer.clear();
            outputs.push(buffer);
        }
    }
}
