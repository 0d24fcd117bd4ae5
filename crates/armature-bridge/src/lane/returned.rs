//! What a lane gives back when its reader has gone, or is busy: other lanes may take it.

use super::{Header, Lane, LaneReader, SlotId, Wake};
use crate::sync::{Ordering, lock};

/// Records that a lane had not handed over, oldest first; those that waited apart are before the others, and requests before
/// what is about none of them.
#[derive(Debug, Default)]
pub struct Returned {
    /// What the reader had taken and not handed over.
    taken: Vec<u8>,
    at: usize,
    queued: Vec<u8>,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReturnedRecord<'a> {
    /// The request that it is about.
    pub slot: SlotId,
    /// Whether it is the request itself, and not what became of it afterwards.
    pub is_request: bool,
    /// The whole record, which another lane takes as it is.
    pub bytes: &'a [u8],
}

impl<W: Wake> Lane<W> {
    /// [`Lane::close`], and takes back what `reader` has not handed over. Whatever was pushed before is in it, or was handed
    /// over; whatever is pushed afterwards is refused. So each request is in one place, and nobody misses it.
    pub fn close_and_return(&self, reader: &mut LaneReader) -> Returned {
        let mut queue = lock(&self.queue);
        self.closed.store(true, Ordering::Relaxed);
        let queued = std::mem::take(&mut *queue).bytes;
        drop(queue);
        let LaneReader { taken, at, turns, .. } = std::mem::take(reader);
        match turns {
            // Then nothing is left of what was taken.
            Some(turns) => Returned { taken: turns.into_records(), at: 0, queued },
            None => Returned { taken, at, queued },
        }
    }
}

impl Returned {
    /// These records.
    pub(super) fn of(queued: Vec<u8>) -> Self {
        Self { queued, ..Self::default() }
    }

    /// Every record, in the order in which they were pushed.
    pub fn records(&self) -> impl Iterator<Item = ReturnedRecord<'_>> {
        [self.taken.get(self.at..).unwrap_or_default(), &self.queued].into_iter().flat_map(split)
    }
}

fn split(mut bytes: &[u8]) -> impl Iterator<Item = ReturnedRecord<'_>> {
    std::iter::from_fn(move || {
        if bytes.len() < Header::LEN {
            return None;
        }
        let header = Header::read(bytes);
        let (record, rest) = bytes.split_at_checked(header.len)?;
        bytes = rest;
        Some((header, record))
    })
    .filter(|(header, _)| !header.is_moved())
    .map(|(header, bytes)| ReturnedRecord { slot: header.slot, is_request: header.counts(), bytes })
}
