//! One JavaScript thread's queue.
//!
//! Producers append encoded records under a short lock and wake the reader only when it may be asleep: push, then
//! `armed.swap(true)`, wake on false -> true. The reader stores false and then looks again. So a record is never left
//! behind without a wake, and a busy reader costs producers no system call.

use crate::record::{self, Header};
use crate::slots::SlotId;
use crate::sync::{AtomicBool, AtomicUsize, Mutex, Ordering, lock};

/// How a reader is told to come. Called from any thread, at most once per batch.
pub trait Wake: Send + Sync {
    /// Makes the reader drain the lane soon. Does nothing once the reader is gone.
    fn wake(&self);
}

/// Why a record was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushError {
    /// As many requests wait as the lane may hold.
    Full,
    /// The reader is gone.
    Closed,
}

/// A bounded queue of records from many loops to one JavaScript thread.
pub struct Lane<W> {
    queue: Mutex<Queue>,
    armed: AtomicBool,
    /// Requests queued, and handed over but not answered: what the least-loaded choice compares.
    load: AtomicUsize,
    limit: usize,
    waker: W,
}

struct Queue {
    bytes: Vec<u8>,
    /// Requests among `bytes`.
    requests: usize,
    closed: bool,
}

/// A queue buffer that grew in a burst is given back above this size.
const KEEP_CAPACITY: usize = 1 << 20;

impl<W: Wake> Lane<W> {
    /// A lane in which at most `limit` requests wait.
    pub fn new(limit: usize, waker: W) -> Self {
        Self {
            queue: Mutex::new(Queue { bytes: Vec::new(), requests: 0, closed: false }),
            armed: AtomicBool::new(false),
            load: AtomicUsize::new(0),
            limit,
            waker,
        }
    }

    /// Queues a request that `encode` appends.
    ///
    /// # Errors
    /// [`PushError::Full`] when the lane holds its limit, [`PushError::Closed`] after [`Lane::close`]. Nothing was
    /// encoded then.
    pub fn push_request(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), PushError> {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return Err(PushError::Closed);
        }
        if queue.requests >= self.limit {
            return Err(PushError::Full);
        }
        queue.requests += 1;
        encode(&mut queue.bytes);
        drop(queue);
        self.load.fetch_add(1, Ordering::Relaxed);
        self.alert();
        Ok(())
    }

    /// Queues a record about a request that was pushed before. Bounded by credits and slots, not by the limit.
    ///
    /// # Errors
    /// [`PushError::Closed`] after [`Lane::close`].
    pub fn push(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), PushError> {
        let mut queue = lock(&self.queue);
        if queue.closed {
            return Err(PushError::Closed);
        }
        encode(&mut queue.bytes);
        drop(queue);
        self.alert();
        Ok(())
    }

    /// A request was answered, cancelled or shed.
    pub fn settle(&self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
    }

    /// Requests queued or handed over and not answered.
    pub fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Requests and bytes that wait.
    pub fn depth(&self) -> (usize, usize) {
        let queue = lock(&self.queue);
        (queue.requests, queue.bytes.len())
    }

    /// Refuses everything from now on and drops what waits. The requests among it are answered by their loops, which
    /// find the lane closed.
    pub fn close(&self) {
        let mut queue = lock(&self.queue);
        queue.closed = true;
        let bytes = std::mem::take(&mut queue.bytes);
        queue.requests = 0;
        drop(queue);
        drop(bytes);
    }

    /// Whether [`Lane::close`] was called.
    pub fn is_closed(&self) -> bool {
        lock(&self.queue).closed
    }

    /// The waker given to [`Lane::new`].
    pub fn waker(&self) -> &W {
        &self.waker
    }

    fn alert(&self) {
        if !self.armed.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }
}

/// The reader's private half: records taken from the lane and not yet handed over.
#[derive(Default)]
pub struct LaneReader {
    taken: Vec<u8>,
    at: usize,
}

/// What a call of [`LaneReader::drain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Bytes written; 0 means that the lane is empty and will wake the reader for the next record.
    pub bytes: usize,
    /// Requests among them.
    pub requests: usize,
    /// The next record needs a buffer of this size; 0 when the buffer was large enough.
    pub needs: usize,
}

impl LaneReader {
    /// Copies whole records into `out`. Requests for which `is_current` is false (answered by a deadline, or the client
    /// left, while they waited) are skipped.
    pub fn drain<W: Wake>(
        &mut self,
        lane: &Lane<W>,
        out: &mut [u8],
        is_current: impl Fn(SlotId) -> bool,
    ) -> Drained {
        let mut drained = Drained::default();
        loop {
            if self.at == self.taken.len() && !self.take(lane) {
                if drained.bytes > 0 {
                    return drained;
                }
                lane.armed.store(false, Ordering::SeqCst);
                // Whoever pushed before the store saw `armed` and did not wake: look again.
                if !self.take(lane) {
                    return drained;
                }
                if lane.armed.swap(true, Ordering::AcqRel) {
                    // A producer has woken the reader in between; it will find less, or nothing.
                }
            }
            while self.at < self.taken.len() {
                let record = &self.taken[self.at..];
                let header = Header::read(record);
                let record = &record[..header.len];
                let is_request = header.kind == record::Kind::Request as u8;
                if is_request && !is_current(header.slot) {
                    self.at += header.len;
                    continue;
                }
                let Some(target) = out.get_mut(drained.bytes..drained.bytes + record.len()) else {
                    if drained.bytes == 0 {
                        drained.needs = record.len();
                    }
                    return drained;
                };
                target.copy_from_slice(record);
                drained.bytes += record.len();
                drained.requests += usize::from(is_request);
                self.at += header.len;
            }
        }
    }

    /// Swaps buffers with the lane. False when nothing waits.
    fn take<W: Wake>(&mut self, lane: &Lane<W>) -> bool {
        self.taken.clear();
        self.at = 0;
        if self.taken.capacity() > KEEP_CAPACITY {
            self.taken = Vec::new();
        }
        let mut queue = lock(&lane.queue);
        std::mem::swap(&mut queue.bytes, &mut self.taken);
        queue.requests = 0;
        drop(queue);
        !self.taken.is_empty()
    }
}
