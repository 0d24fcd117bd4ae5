//! What a lane gives back while its reader is busy with something else: other lanes have it sooner.

use std::collections::HashSet;

use super::{Header, Lane, Returned, SlotId, Wake};
use crate::record::Kind;
use crate::sync::lock;

impl<W: Wake> Lane<W> {
    /// Takes back requests that wait in the queue, those for which `takes` is true, and what came about them since. What
    /// the reader has taken stays with it. Until it comes by, their places in the queue are kept, so that the others keep their
    /// numbers: they count for the limit.
    pub fn take_back(&self, mut takes: impl FnMut(SlotId) -> bool) -> Returned {
        let mut queue = lock(&self.queue);
        let (mut slots, mut records) = (HashSet::new(), Vec::new());
        each(&mut queue.bytes, |header, record| {
            if header.is_moved() {
                return;
            }
            let is_request = header.kind == Kind::Request as u8;
            if if is_request { takes(header.slot) } else { slots.contains(&header.slot.to_bits()) } {
                slots.insert(header.slot.to_bits());
                records.extend_from_slice(record);
                header.mark(record, true);
            }
        });
        drop(queue);
        Returned::of(records)
    }

    /// Undoes [`Lane::take_back`] for one request, which nobody else takes: it has its old place again. False when the reader has
    /// come by in the meantime, so that the place is gone.
    pub fn put_back(&self, slot: SlotId) -> bool {
        let mut found = false;
        each(&mut lock(&self.queue).bytes, |header, record| {
            if header.is_moved() && header.slot == slot {
                header.mark(record, false);
                found |= header.counts();
            }
        });
        found
    }

    /// Requests that may be queued now.
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.depth().0)
    }
}

/// Every record of a queue.
fn each(mut records: &mut [u8], mut visit: impl FnMut(Header, &mut [u8])) {
    while !records.is_empty() {
        let header = Header::read(records);
        let (record, rest) = records.split_at_mut(header.len);
        records = rest;
        visit(header, record);
    }
}
