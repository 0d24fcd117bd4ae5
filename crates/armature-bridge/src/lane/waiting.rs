//! What waits in a lane, for whoever watches it.

use super::{Header, Lane, LaneReader, SlotId, Wake};
use crate::sync::{Ordering, lock};

/// Records that are looked at while producers have to wait.
const LOOK: usize = 256;

/// What the reader of a lane has not handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Requests, with those that were given up while they waited.
    pub requests: usize,
    /// Bytes of all records.
    pub bytes: usize,
    /// When the oldest request came, by the clock of [`Lane::push_request`]; `None` when no request waits. Of requests that
    /// the reader took together and handed over in part, the time of their first is kept.
    pub since: Option<u64>,
}

impl<W: Wake> Lane<W> {
    /// What waits now. Nothing waits in a closed lane.
    pub fn waiting(&self) -> Waiting {
        let queue = lock(&self.queue);
        // What the reader of a closed lane still holds is dropped when it looks, which may be never.
        let (requests, bytes) = match self.is_closed() {
            true => (0, 0),
            false => (self.taken_requests.load(Ordering::Relaxed), self.taken_bytes.load(Ordering::Relaxed)),
        };
        let since = match (requests, queue.requests) {
            (0, 0) => None,
            (0, _) => Some(queue.since),
            _ => {
                let oldest = queue.apart.first_key_value().map(|(_, since)| *since);
                Some(oldest.unwrap_or_else(|| self.taken_since.load(Ordering::Relaxed)))
            }
        };
        Waiting { requests: queue.requests + requests, bytes: queue.bytes.len() + bytes, since }
    }
}

impl LaneReader {
    /// Waiting requests for which `is_current` is false: nobody waits for their answers any more. Looks at every record that
    /// waits, a few at a time, so that producers are not held up; not for the request path.
    pub fn given_up<W: Wake>(&self, lane: &Lane<W>, is_current: impl Fn(SlotId) -> bool) -> usize {
        if lane.is_closed() {
            return 0;
        }
        let apart = self.turns.as_ref().map_or(0, |turns| turns.given_up(&is_current));
        let mut given_up = apart + look(&self.taken[self.at..], usize::MAX, &is_current).1;
        let (mut at, mut end) = (0, None);
        loop {
            // Producers only append, and nobody but this reader takes: the place stays right between two looks.
            let queue = lock(&lane.queue);
            let end = *end.get_or_insert(queue.bytes.len());
            // Shorter than it was: closed in between.
            let Some(rest) = queue.bytes.get(at..end).filter(|rest| !rest.is_empty()) else {
                return given_up;
            };
            let (used, found) = look(rest, LOOK, &is_current);
            (at, given_up) = (at + used, given_up + found);
        }
    }
}

/// Bytes of at most `most` records, and requests among them that are not current.
fn look(records: &[u8], most: usize, is_current: impl Fn(SlotId) -> bool) -> (usize, usize) {
    let (mut at, mut found) = (0, 0);
    for _ in 0..most {
        if at == records.len() {
            break;
        }
        let header = Header::read(&records[at..]);
        found += usize::from(header.counts() && (header.is_moved() || !is_current(header.slot)));
        at += header.len;
    }
    (at, found)
}
