//! What waits for a thread that hangs goes to another one that is free.

use std::rc::Rc;

use armature_bridge::{PushError, ReturnedRecord, SlotId};

use super::clock;
use super::lanes::{LaneEnd, LaneSet};
use super::loop_side::LoopSide;

impl LoopSide {
    /// Moves what waits for threads that were called and do not come, where others are free.
    pub(super) fn relieve(self: &Rc<Self>) {
        let mut now = || self.io_loop.now();
        let hangs = |set: &LaneSet| set.any(|end| end.is_stalled(&mut || self.io_loop.now()));
        let sets: Vec<_> = self.lanes.borrow().iter().map(|(_, set)| set.clone()).collect();
        for set in sets.iter().filter(|set| set.has_choice() && hangs(set)) {
            let (busy, free): (Vec<_>, Vec<_>) =
                set.by_load().into_iter().partition(|end| end.is_stalled(&mut now));
            for end in busy.iter().filter(|end| end.lane.depth().0 > 0) {
                self.take_from(end, &free, set);
            }
        }
    }

    fn take_from(self: &Rc<Self>, busy: &Rc<LaneEnd>, free: &[Rc<LaneEnd>], set: &LaneSet) {
        let mut room: usize = free.iter().map(|end| end.lane.room()).sum();
        let mut slots = self.slots.borrow_mut();
        let returned = busy.lane.take_back(|slot| {
            let is_ours = slot.io_loop() == self.index();
            let entry = slots.get_mut(slot).filter(|_| is_ours && room > 0);
            let takes = entry.is_some_and(|entry| {
                Rc::ptr_eq(&entry.lane, busy) && entry.reply.is_none() && !entry.is_bound
            });
            room -= usize::from(takes);
            takes
        });
        drop(slots);
        let mut queued_again = Vec::new();
        for record in returned.records() {
            if record.is_request {
                queued_again.extend(self.relocate(busy, free, set, record));
            } else if let Some(lane) = self.lane_of(record.slot) {
                // It is about one of these requests, and comes behind it.
                if lane.id != busy.id || queued_again.contains(&record.slot) {
                    let _ = lane.lane.push(|out| out.extend_from_slice(record.bytes));
                }
            }
        }
    }

    /// One request goes to a lane that is free, or stays where it is. Its slot when it was queued in its own lane anew.
    fn relocate(
        self: &Rc<Self>,
        busy: &Rc<LaneEnd>,
        free: &[Rc<LaneEnd>],
        set: &LaneSet,
        ReturnedRecord { slot, bytes, .. }: ReturnedRecord<'_>,
    ) -> Option<SlotId> {
        let due = self.due(busy, slot);
        let mut lanes = free.to_vec();
        lanes.sort_by_key(|end| end.lane.load());
        if self.reroute(lanes, set, slot, false, bytes).is_ok() {
            busy.lane.settle();
            self.keep_due(slot, due);
            return None;
        }
        // Other loops have filled them in between.
        if busy.lane.put_back(slot) {
            return None;
        }
        // And its thread has come by: it has room.
        match busy.lane.push_request(false, clock::now, |out| out.extend_from_slice(bytes)) {
            Ok(number) => {
                busy.lane.settle();
                self.queued(slot, number);
                self.keep_due(slot, due);
                Some(slot)
            }
            Err(failed @ (PushError::Full | PushError::Late | PushError::Closed)) => {
                self.refuse(slot, failed);
                None
            }
        }
    }
}
