//! Who takes what waits in a lane.

use super::turns::Turns;
use super::{Lane, Wake};
use crate::record::Header;
use crate::slots::SlotId;
use crate::sync::{Ordering, lock};

/// Requests that are handed over at a time: as many as JavaScript handles before the rest of its process has its turn. What is
/// handed over has left the queue, whose depth, age and order are known, so it should be no more than is of use.
const HAND_OVER: usize = 64;

/// So many times what is handed over at a time is handed over in the order in which it came. Where more waits, clients take turns.
/// Little under loom, where every request costs in each run.
const IN_ORDER: usize = if cfg!(armature_loom) { 1 } else { 8 };

/// A queue buffer that grew in a burst is given back above this size.
const KEEP_CAPACITY: usize = 1 << 20;

/// The reader's private half: records taken from the lane and not yet handed over. A lane has one reader.
pub struct LaneReader {
    pub(super) taken: Vec<u8>,
    pub(super) at: usize,
    /// Requests among what is left of `taken`.
    requests: usize,
    /// The number of the request behind them.
    end: u64,
    /// Requests that are handed over at a time.
    most: usize,
    /// What was taken, while so much waits that clients take turns; then `taken` has nothing.
    pub(super) turns: Option<Box<Turns>>,
}

impl Default for LaneReader {
    fn default() -> Self {
        Self { taken: Vec::new(), at: 0, requests: 0, end: 0, most: HAND_OVER, turns: None }
    }
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
    /// Hands over `most` requests at a time from now on, 64 at most: as many as are handled in one go.
    pub fn limit(&mut self, most: usize) {
        self.most = most.clamp(1, HAND_OVER);
    }

    /// Copies whole records into `out`. Requests for which `is_current` is false (answered by a deadline, or the client
    /// left, while they waited) are skipped. Once it was woken, the reader calls until nothing is left; nobody wakes it
    /// in between. A call hands over 64 requests at most, or what was [said](Self::limit).
    ///
    /// Records come in the order in which they were pushed, but for requests while there are many more of them than are handed
    /// over at a time: then clients take turns, and the connections of each of them. What is about a request comes
    /// behind it either way.
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
            if self.take_turns(lane, out, &mut drained, &is_current) {
                break;
            }
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
                if drained.requests > 0 && self.requests > self.most * IN_ORDER {
                    self.set_apart(lane, &is_current);
                }
                break;
            }
        }
        if self.turns.is_none() {
            lane.taken_requests.store(self.requests, Ordering::Relaxed);
            lane.taken_bytes.store(self.taken.len() - self.at, Ordering::Relaxed);
        }
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
                if is_request && drained.requests == self.most {
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
        self.let_go();
        let mut queue = lock(&lane.queue);
        if queue.bytes.is_empty() {
            return false;
        }
        std::mem::swap(&mut queue.bytes, &mut self.taken);
        self.requests = std::mem::take(&mut queue.requests);
        self.end = queue.queued;
        // Under the lock: a producer must find these requests in one of the two places.
        lane.taken_requests.store(self.requests, Ordering::Relaxed);
        lane.taken_bytes.store(self.taken.len(), Ordering::Relaxed);
        lane.taken_since.store(queue.since, Ordering::Relaxed);
        true
    }

    /// Has clients take turns at what is left of `taken`, and at what comes before all of it is handed over.
    fn set_apart<W: Wake>(&mut self, lane: &Lane<W>, is_current: impl Fn(SlotId) -> bool) {
        let first = self.end - self.requests as u64;
        let mut turns = Box::<Turns>::default();
        turns.add(&self.taken[self.at..], first, is_current);
        let since = lane.taken_since.load(Ordering::Relaxed);
        let mut queue = lock(&lane.queue);
        queue.apart.extend((first..self.end).map(|number| (number, since)));
        turns.settle(lane, &mut queue);
        drop(queue);
        self.let_go();
        self.turns = Some(turns);
    }

    /// Hands over what waits apart, with what has come since. True when some of it is left.
    fn take_turns<W: Wake>(
        &mut self,
        lane: &Lane<W>,
        out: &mut [u8],
        drained: &mut Drained,
        is_current: impl Fn(SlotId) -> bool,
    ) -> bool {
        let Some(turns) = &mut self.turns else { return false };
        let mut queue = lock(&lane.queue);
        // Those whom others do not get in for, or have to leave for, are not to be in the way when nobody waits for them.
        let is_tight = queue.is_late(turns.requests()) || queue.requests + turns.requests() >= lane.limit;
        std::mem::swap(&mut queue.bytes, &mut self.taken);
        let requests = std::mem::take(&mut queue.requests);
        let (end, since) = (queue.queued, queue.since);
        let first = end - requests as u64;
        queue.apart.extend((first..end).map(|number| (number, since)));
        lane.taken_requests.store(turns.requests() + requests, Ordering::Relaxed);
        lane.taken_bytes.store(turns.bytes() + self.taken.len(), Ordering::Relaxed);
        drop(queue);
        turns.add(&self.taken, first, &is_current);
        if is_tight {
            turns.purge(&is_current);
        }
        turns.hand_over(out, drained, self.most, is_current);
        turns.settle(lane, &mut lock(&lane.queue));
        let is_over = turns.is_empty();
        self.let_go();
        if is_over {
            self.turns = None;
        }
        !is_over
    }

    /// `taken` has been handed over.
    fn let_go(&mut self) {
        self.taken.clear();
        (self.at, self.requests) = (0, 0);
        if self.taken.capacity() > KEEP_CAPACITY {
            self.taken = Vec::new();
        }
    }
}
