//! One JavaScript thread's queue.
//!
//! Producers append encoded records under a short lock and wake the reader only when it may be asleep: push, then
//! `armed.swap(true)`, wake on false -> true. The reader swaps in false and then looks again. So a record is never left
//! behind without a wake, and a busy reader costs producers no system call.
//!
//! Every access to `armed` is a swap that acquires and releases, so they form one chain. A producer whose swap comes
//! before the reader's in that chain has its record seen by the second look; one whose swap comes after it finds false,
//! or the true of somebody who found false and wakes. A plain store of the reader would cut the chain in two and leave
//! the order to the queue's lock alone.

mod age;
mod batches;
mod moved;
mod returned;
mod waiting;

pub use age::Ages;
pub use batches::{BATCH_SIZES, Batches};
pub use returned::{Returned, ReturnedRecord};
pub use waiting::Waiting;

use crate::record::Header;
use crate::slots::SlotId;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering, lock};

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
    /// A request that came before has waited too long: the reader does not keep up, see [`Lane::find_late`].
    Late,
    /// The reader is gone.
    Closed,
}

/// A bounded queue of records from many loops to one JavaScript thread.
pub struct Lane<W> {
    queue: Mutex<Queue>,
    armed: AtomicBool,
    /// Written under the queue's lock, so that nothing is queued after [`Lane::close`] has returned.
    closed: AtomicBool,
    /// Requests and bytes that the reader took and has not handed over: they wait as much as those in the queue. The
    /// reader alone writes them. They only grow under the queue's lock, so a producer, who reads them under that lock,
    /// may see a number that is too large for a moment, but never one that is too small.
    taken_requests: AtomicUsize,
    taken_bytes: AtomicUsize,
    /// [`Queue::since`] of what the reader took; of no meaning while it holds no request.
    taken_since: AtomicU64,
    batches: Batches,
    /// How many times the reader has looked; it alone writes. One that does not grow while the lane is armed is busy with
    /// something else.
    looks: AtomicUsize,
    /// Requests queued, and handed over but not answered: what the least-loaded choice compares.
    load: AtomicUsize,
    limit: usize,
    waker: W,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    /// Requests among `bytes`.
    requests: usize,
    /// When the first of them came; of no meaning while there is none.
    since: u64,
    /// Requests since the lane was made.
    queued: u64,
    /// Of these, so many came so long ago that they may not wait any more.
    expired: u64,
}

/// Requests that are handed over at a time: as many as JavaScript handles before the rest of its process has its turn. What is
/// handed over has left the queue, whose depth, age and order are known, so it should be no more than is of use.
const HAND_OVER: usize = 64;

/// A queue buffer that grew in a burst is given back above this size.
const KEEP_CAPACITY: usize = 1 << 20;

impl<W: Wake> Lane<W> {
    /// A lane in which at most `limit` requests wait.
    pub fn new(limit: usize, waker: W) -> Self {
        Self {
            queue: Mutex::new(Queue::default()),
            armed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            taken_requests: AtomicUsize::new(0),
            taken_bytes: AtomicUsize::new(0),
            taken_since: AtomicU64::new(0),
            batches: Batches::default(),
            looks: AtomicUsize::new(0),
            load: AtomicUsize::new(0),
            limit,
            waker,
        }
    }

    /// Queues a request: the one record that `encode` appends. `now` is the time in milliseconds, of a clock that all who
    /// use the lane share; it is only asked when no request waits in the queue.
    ///
    /// Requests are numbered from 0; the number tells whether this one is late.
    ///
    /// # Errors
    /// [`PushError::Full`] when the lane holds its limit, [`PushError::Late`] while a request in it has waited too long,
    /// [`PushError::Closed`] after [`Lane::close`]. Nothing was encoded then.
    pub fn push_request(
        &self,
        now: impl FnOnce() -> u64,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<u64, PushError> {
        let mut queue = lock(&self.queue);
        if self.is_closed() {
            return Err(PushError::Closed);
        }
        let taken = self.taken_requests.load(Ordering::Relaxed);
        if queue.requests + taken >= self.limit {
            return Err(PushError::Full);
        }
        if queue.is_late(taken) {
            return Err(PushError::Late);
        }
        append(&mut queue.bytes, encode);
        if queue.requests == 0 {
            queue.since = now();
        }
        queue.requests += 1;
        let number = queue.queued;
        queue.queued += 1;
        drop(queue);
        self.load.fetch_add(1, Ordering::Relaxed);
        self.alert();
        Ok(number)
    }

    /// Queues the one record that `encode` appends, about a request that was pushed before. Bounded by credits and slots,
    /// not by the limit.
    ///
    /// # Errors
    /// [`PushError::Closed`] after [`Lane::close`].
    pub fn push(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), PushError> {
        let mut queue = lock(&self.queue);
        if self.is_closed() {
            return Err(PushError::Closed);
        }
        append(&mut queue.bytes, encode);
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

    /// Requests and bytes that the reader has not handed over. Nothing waits in a closed lane.
    pub fn depth(&self) -> (usize, usize) {
        let Waiting { requests, bytes, .. } = self.waiting();
        (requests, bytes)
    }

    /// How many requests the reader handed over at a time.
    pub fn batches(&self) -> &Batches {
        &self.batches
    }

    /// How many times the reader has come for records.
    pub fn looks(&self) -> usize {
        self.looks.load(Ordering::Relaxed)
    }

    /// Refuses everything from now on and drops what waits. The requests among it are answered by their loops, which
    /// find the lane closed.
    pub fn close(&self) {
        let mut queue = lock(&self.queue);
        self.closed.store(true, Ordering::Relaxed);
        let dropped = std::mem::take(&mut *queue);
        drop(queue);
        drop(dropped);
    }

    /// Whether [`Lane::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Whether the reader has been woken, or has not found the lane empty since. Exact on the reader's own thread when
    /// nobody else pushes; anywhere else it may change while it is looked at.
    pub fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Acquire)
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

/// Appends what `encode` appends, or nothing when it panics: after half a record the reader would not find the next one.
fn append(bytes: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) {
    struct Whole<'a> {
        bytes: &'a mut Vec<u8>,
        len: usize,
    }
    impl Drop for Whole<'_> {
        fn drop(&mut self) {
            self.bytes.truncate(self.len);
        }
    }
    let start = bytes.len();
    let mut whole = Whole { bytes, len: start };
    encode(whole.bytes);
    let record = &whole.bytes[start..];
    debug_assert!(!record.is_empty() && Header::read(record).len == record.len(), "one whole record");
    whole.len = whole.bytes.len();
}

/// The reader's private half: records taken from the lane and not yet handed over. A lane has one reader.
#[derive(Default)]
pub struct LaneReader {
    taken: Vec<u8>,
    at: usize,
    /// Requests among what is left of `taken`.
    requests: usize,
}

/// What a call of [`LaneReader::drain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Bytes written; with 0 bytes and 0 needs the lane is empty and will wake the reader for the next record.
    pub bytes: usize,
    /// Requests among them.
    pub requests: usize,
    /// The next record needs a buffer of this size; 0 when the buffer was large enough.
    pub needs: usize,
}

impl LaneReader {
    /// Copies whole records into `out`. Requests for which `is_current` is false (answered by a deadline, or the client
    /// left, while they waited) are skipped. Once it was woken, the reader calls until nothing is left; nobody wakes it
    /// in between. A call hands over 64 requests at most.
    ///
    /// With an empty `out` nothing is taken, and a reader that was woken is still the one who will look: it calls again.
    pub fn drain<W: Wake>(
        &mut self,
        lane: &Lane<W>,
        out: &mut [u8],
        is_current: impl Fn(SlotId) -> bool,
    ) -> Drained {
        let mut drained = Drained::default();
        if out.is_empty() {
            // To go to sleep here would let producers wake a reader that is about to come back by itself.
            return drained;
        }
        if lane.is_closed() {
            *self = Self::default();
            return drained;
        }
        lane.looks.store(lane.looks.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        loop {
            if self.at == self.taken.len() && !self.take(lane) {
                if drained.bytes > 0 {
                    break;
                }
                lane.armed.swap(false, Ordering::AcqRel);
                // Whoever swapped before saw `armed` and did not wake: look again.
                if !self.take(lane) {
                    break;
                }
                // Awake after all. A producer that found `false` in between has woken this reader once too often.
                lane.armed.swap(true, Ordering::AcqRel);
            }
            if !self.copy(out, &mut drained, &is_current) {
                break;
            }
        }
        lane.taken_requests.store(self.requests, Ordering::Relaxed);
        lane.taken_bytes.store(self.taken.len() - self.at, Ordering::Relaxed);
        lane.batches.count(drained.requests);
        drained
    }

    /// Copies what was taken. False when the next record does not fit, or is one request too many.
    fn copy(&mut self, out: &mut [u8], drained: &mut Drained, is_current: impl Fn(SlotId) -> bool) -> bool {
        while self.at < self.taken.len() {
            let record = &self.taken[self.at..];
            let header = Header::read(record);
            let record = &record[..header.len];
            let is_request = header.counts();
            if !header.is_moved() && (!is_request || is_current(header.slot)) {
                if is_request && drained.requests == HAND_OVER {
                    return false;
                }
                let Some(target) = out.get_mut(drained.bytes..drained.bytes + record.len()) else {
                    if drained.bytes == 0 {
                        drained.needs = record.len();
                    }
                    return false;
                };
                target.copy_from_slice(record);
                drained.bytes += record.len();
                drained.requests += usize::from(is_request);
            }
            self.requests = self.requests.saturating_sub(usize::from(is_request));
            self.at += header.len;
        }
        true
    }

    /// Swaps buffers with the lane. False when nothing waits.
    fn take<W: Wake>(&mut self, lane: &Lane<W>) -> bool {
        self.taken.clear();
        (self.at, self.requests) = (0, 0);
        if self.taken.capacity() > KEEP_CAPACITY {
            self.taken = Vec::new();
        }
        let mut queue = lock(&lane.queue);
        if queue.bytes.is_empty() {
            return false;
        }
        std::mem::swap(&mut queue.bytes, &mut self.taken);
        self.requests = std::mem::take(&mut queue.requests);
        // Under the lock: a producer must find these requests in one of the two places.
        lane.taken_requests.store(self.requests, Ordering::Relaxed);
        lane.taken_bytes.store(self.taken.len(), Ordering::Relaxed);
        lane.taken_since.store(queue.since, Ordering::Relaxed);
        true
    }
}
