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
mod reader;
mod returned;
mod turns;
mod waiting;

pub use age::{Ages, Late};
pub use batches::{BATCH_SIZES, Batches};
pub use reader::{Drained, LaneReader};
pub use returned::{Returned, ReturnedRecord};
pub use waiting::Waiting;

use std::collections::BTreeMap;

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
    /// The numbers of what the reader has taken and hands over in turns, with [`Queue::since`] of what came with each; nothing
    /// while it hands over in order, because then its numbers are those before the queue's.
    apart: BTreeMap<u64, u64>,
}

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
    /// Half of the lane is for those who do not `crowd`: one who pushes much must not have it all.
    ///
    /// Requests are numbered from 0; the number tells whether this one is late.
    ///
    /// # Errors
    /// [`PushError::Full`] when the lane holds its limit, or half of it for those who crowd, [`PushError::Late`] while a request in it has waited too long,
    /// [`PushError::Closed`] after [`Lane::close`]. Nothing was encoded then.
    pub fn push_request(
        &self,
        crowds: bool,
        now: impl FnOnce() -> u64,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<u64, PushError> {
        let mut queue = lock(&self.queue);
        if self.is_closed() {
            return Err(PushError::Closed);
        }
        let taken = self.taken_requests.load(Ordering::Relaxed);
        let limit = if crowds { self.limit.div_ceil(2) } else { self.limit };
        if queue.requests + taken >= limit {
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
