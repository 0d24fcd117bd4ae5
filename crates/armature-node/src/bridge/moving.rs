//! Lanes that come and go while their loop serves, and what becomes of their requests.

use std::rc::Rc;
use std::sync::Arc;

use armature_bridge::{PushError, Returned, SlotId};
use armature_core::http::Problem;

use super::clock;
use super::lanes::{LaneEnd, LaneSeed, LaneSet, Retiring};
use super::loop_side::LoopSide;
use super::slot::Reply;

impl LoopSide {
    /// The lanes of `generation`.
    pub fn lanes_of(&self, generation: u32) -> Rc<LaneSet> {
        let mut sets = self.lanes.borrow_mut();
        if let Some((_, set)) = sets.iter().find(|(of, _)| *of == generation) {
            return set.clone();
        }
        let set = Rc::<LaneSet>::default();
        sets.push((generation, set.clone()));
        set
    }

    /// Those that requests may go to, whatever their generation.
    pub(super) fn all_lanes(&self) -> Vec<Rc<LaneEnd>> {
        self.lanes.borrow().iter().flat_map(|(_, set)| set.all()).collect()
    }

    /// Requests may go to this lane from now on.
    pub fn add_lane(self: &Rc<Self>, seed: &LaneSeed) {
        self.lanes_of(seed.generation).add(LaneEnd::new(seed, self.watch.ages()));
        self.rebind_waiting();
    }

    /// The lane gets nothing new; `retiring` hears when everything that it has of this loop is answered.
    pub fn retire(self: &Rc<Self>, seed: &LaneSeed, retiring: Arc<Retiring>) {
        self.end_events_of(seed);
        let lanes = self.lanes_of(seed.generation);
        self.move_sockets(|lane| lane.id == seed.id);
        if self.newest() != Some(seed.generation) && lanes.is_used() {
            // A request of the old routes may wait for its body, and has no other lanes to go to.
            return lanes.retire_later(seed.id, retiring);
        }
        match self.take_out(seed) {
            Some(end) => {
                end.retire(retiring);
                self.watch.keep(end);
            }
            None => retiring.done(),
        }
    }

    /// A lane has closed: its thread will answer nothing any more. What it had not been handed moves to other lanes, the
    /// rest is answered here.
    pub fn lane_closed(self: &Rc<Self>, seed: &LaneSeed, returned: &Returned) {
        let ended = self.take_out(seed);
        let lanes = self.lanes_of(seed.generation);
        self.lose_sockets(seed.id, returned);
        for record in returned.records().filter(|record| record.slot.io_loop() == self.index()) {
            if record.is_request {
                self.move_request(&lanes, seed.id, record.slot, record.bytes);
            } else if self.socket_of(record.slot).is_none()
                && let Some(lane) = self.lane_of(record.slot).filter(|lane| lane.id != seed.id)
            {
                // It is about a request that has just moved, and comes behind it.
                let _ = lane.lane.push(|out| out.extend_from_slice(record.bytes));
            }
        }
        let is_last = self.lanes.borrow().iter().all(|(_, set)| set.is_empty());
        self.lose(seed.id, if is_last { Problem::CLOSING } else { Problem::WORKER_LOST });
        drop(ended);
    }

    /// Offers a request, which its lane did not take, to the others. `bytes` is its record.
    ///
    /// # Errors
    /// When no lane takes it: why the last one did not that is there.
    pub fn reroute(
        self: &Rc<Self>,
        lanes: Vec<Rc<LaneEnd>>,
        set: &LaneSet,
        slot: SlotId,
        crowds: bool,
        bytes: &[u8],
    ) -> Result<(), PushError> {
        let mut failed = PushError::Closed;
        for lane in lanes {
            match lane.lane.push_request(crowds, clock::now, |out| out.extend_from_slice(bytes)) {
                Ok(number) => {
                    // What the lane answers comes through this loop's mailbox, after this.
                    self.hand_to(slot, &lane);
                    self.queued(slot, number);
                    return Ok(());
                }
                Err(refused @ (PushError::Full | PushError::Late)) => failed = refused,
                // Its loop will hear of it; until then it is not to be chosen again and again.
                Err(PushError::Closed) => drop(set.remove(lane.id)),
            }
        }
        Err(failed)
    }

    fn move_request(self: &Rc<Self>, lanes: &LaneSet, from: u32, slot: SlotId, bytes: &[u8]) {
        let Some(lane) = self.lane_of(slot).filter(|lane| lane.id == from) else { return };
        let due = self.due(&lane, slot);
        match self.reroute(lanes.by_load(), lanes, slot, false, bytes) {
            Ok(()) => self.keep_due(slot, due),
            Err(failed) => self.refuse(slot, failed),
        }
    }

    /// No lane takes the request.
    pub(super) fn refuse(&self, slot: SlotId, failed: PushError) {
        let problem = match failed {
            PushError::Full | PushError::Late => Problem::OVERLOADED,
            PushError::Closed => Problem::CLOSING,
        };
        let waker = self.slots.borrow_mut().get_mut(slot).and_then(|entry| {
            entry.reply = Some(Reply::Lost(problem));
            entry.waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Answers every request that lane `id` still has.
    fn lose(&self, id: u32, problem: Problem) {
        let mut wakers = Vec::new();
        self.slots.borrow_mut().for_each(|entry| {
            if entry.lane.id == id {
                match entry.response() {
                    Some(stream) => stream.fail(),
                    // Those look for another lane.
                    None if entry.socket().is_some() => {}
                    None if entry.reply.is_none() => entry.reply = Some(Reply::Lost(problem)),
                    None => {}
                }
                wakers.extend(entry.waker.take());
            }
        });
        for waker in wakers {
            waker.wake();
        }
    }

    pub(super) fn hand_to(&self, slot: SlotId, lane: &Rc<LaneEnd>) {
        let before = self.slots.borrow_mut().get_mut(slot).map(|entry| {
            lane.begin();
            std::mem::replace(&mut entry.lane, lane.clone())
        });
        if let Some(before) = before {
            before.finish();
        }
    }

    pub(super) fn lane_of(&self, slot: SlotId) -> Option<Rc<LaneEnd>> {
        self.slots.borrow_mut().get_mut(slot).map(|entry| entry.lane.clone())
    }

    /// A lane leaves its set. An empty set of an old generation is forgotten; its handlers, which end with their last
    /// request, have it.
    fn take_out(&self, seed: &LaneSeed) -> Option<Rc<LaneEnd>> {
        let end = self.lanes_of(seed.generation).remove(seed.id);
        let newest = self.newest();
        let mut sets = self.lanes.borrow_mut();
        sets.retain(|(generation, set)| Some(*generation) == newest || !set.is_empty());
        end
    }

    pub(super) fn newest(&self) -> Option<u32> {
        self.lanes.borrow().iter().map(|(generation, _)| *generation).max()
    }

    pub(super) fn index(&self) -> u8 {
        self.io_loop.index() as u8
    }
}
