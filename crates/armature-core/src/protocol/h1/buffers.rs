//! Memory that belongs to the loop: what a connection needs only while it is busy.
//!
//! All of it is counted in [`LoopMetrics::buffered`], where it grows and where it is given back, and all of it is bounded:
//!
//! * What the loop keeps: its read buffer, and the input and output of [`SPARE_WORKS`] connections, each cut back to 16 KiB;
//!   a little more than 8 MiB for each loop.
//! * What a busy connection has, which grows by doubling, so up to twice as much memory: input of one head
//!   (`limits.header`) and one read; the same again while a body is streamed; output of two times [`GATHER_BYTES`], one
//!   piece of content that is copied, and the head of one answer.
//! * A connection that waits for a request, or for the next piece of a stream, has nothing.
//!
//! [`GATHER_BYTES`]: super::output::GATHER_BYTES

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::counted::Counted;
use super::work::Work;
use crate::metrics::LoopMetrics;

/// Bytes that one read takes at most.
pub(super) const READ_BYTES: usize = 64 * 1024;
/// Spare [`Work`]s that a loop keeps.
const SPARE_WORKS: usize = 256;

/// What the connections of one loop share.
pub(in crate::protocol) struct Buffers {
    metrics: Arc<LoopMetrics>,
    scratch: Cell<Vec<u8>>,
    #[expect(clippy::vec_box, reason = "a connection keeps it as the same box")]
    works: RefCell<Vec<Box<Work>>>,
    /// The read buffer, which the first read makes and which stays.
    _counted: Counted,
}

impl Buffers {
    /// Buffers of a loop that counts in `metrics`.
    pub fn new(metrics: Arc<LoopMetrics>) -> Self {
        let mut counted = Counted::default();
        counted.set(READ_BYTES, &metrics);
        Self { metrics, scratch: Cell::default(), works: RefCell::default(), _counted: counted }
    }

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
    pub(super) fn work(&self) -> Box<Work> {
        self.works.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes it back.
    pub(super) fn recycle(&self, mut work: Box<Work>) {
        let mut works = self.works.borrow_mut();
        if works.len() < SPARE_WORKS {
            work.clear();
            self.count(&mut work);
            works.push(work);
        }
    }

    /// Notices how large the buffers of `work` are. Called when nothing more happens to them for now.
    pub(super) fn count(&self, work: &mut Work) {
        let bytes = work.input.capacity() + work.output.capacity();
        work.counted.set(bytes, &self.metrics);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{output, work};
    use super::*;

    /// Bytes that a loop without a busy connection has at most.
    const KEPT_BYTES: usize = READ_BYTES + SPARE_WORKS * (work::KEEP_BYTES + output::KEEP_BYTES);

    #[test]
    fn counts_what_is_there_and_keeps_a_bounded_part_of_it() {
        let metrics = Arc::new(LoopMetrics::default());
        let buffers = Buffers::new(metrics.clone());
        let buffered = || metrics.buffered.get() as usize;
        let empty = buffered();
        let mut busy: Vec<_> = (0..SPARE_WORKS + 50).map(|_| buffers.work()).collect();
        for work in &mut busy {
            work.input.reserve_exact(100_000);
            work.output.gathered().reserve_exact(50_000);
            buffers.count(work);
        }
        assert_eq!(buffered(), empty + busy.len() * 150_000);
        // A connection that ends while it is busy gives nothing back.
        drop(busy.pop());
        assert_eq!(buffered(), empty + busy.len() * 150_000);
        busy.drain(..).for_each(|work| buffers.recycle(work));
        assert_eq!(buffered(), KEPT_BYTES);
        // What is kept is counted once, and what grows between two looks is not forgotten.
        let mut work = buffers.work();
        assert_eq!(buffered(), KEPT_BYTES);
        work.input.reserve_exact(20_000);
        buffers.recycle(work);
        assert_eq!(buffered(), KEPT_BYTES);
        let work_in_use = buffers.work();
        drop((work_in_use, buffers));
        assert_eq!(buffered(), 0);
    }
}
