//! WebSockets that outlive the thread of their handlers: their connection stays on its loop, their handlers are those of another
//! lane from then on.
//!
//! A lane that leaves in peace is asked for each of its sockets: it answers behind everything that came before, with what the
//! next lane has to know. A lane that has closed is not asked; what it has last said has to do, and the messages that it had
//! not been handed are the next lane's. While there is no lane for it, a socket reads nothing. Of one whose connection ends the
//! next lane hears as well, see [`unheard`](super::unheard).

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use armature_bridge::record::{self, Kind, SocketReopen};
use armature_bridge::{Messages, Returned, SlotId, kind_of};

use super::lanes::LaneEnd;
use super::loop_side::LoopSide;
use super::socket_end::{Place, Revival, SocketEnd};
use crate::lock;

/// Generations whose routes are remembered: the one that serves, one that may come, and one that goes.
const GENERATIONS: usize = 3;

/// Handlers by what their routes are called.
type Routes = HashMap<Arc<str>, u32>;

/// What a lane that has closed had not been handed of a socket.
#[derive(Default)]
struct Back {
    messages: Messages,
    /// That there is the socket.
    is_unknown: bool,
    /// That it is over.
    is_over: bool,
}

/// Which handlers take up the sockets of which routes, by generation.
#[derive(Default)]
pub struct Revivals(Mutex<Vec<(u32, Routes)>>);

impl Revivals {
    /// In `generation`, handler `id` takes up the sockets of `route`.
    pub fn insert(&self, generation: u32, route: Arc<str>, id: u32) {
        let mut all = lock(&self.0);
        if !all.iter().any(|(number, _)| *number == generation) {
            all.push((generation, HashMap::new()));
            if all.len() > GENERATIONS {
                all.remove(0);
            }
        }
        if let Some((_, routes)) = all.iter_mut().find(|(number, _)| *number == generation) {
            routes.insert(route, id);
        }
    }

    fn find(&self, generation: u32, route: &str) -> Option<u32> {
        let all = lock(&self.0);
        all.iter()
            .find(|(number, _)| *number == generation)
            .and_then(|(_, routes)| routes.get(route).copied())
    }
}

impl LoopSide {
    /// Has the sockets of those lanes look for others.
    pub fn move_sockets(self: &Rc<Self>, is_leaving: impl Fn(&LaneEnd) -> bool) {
        for (slot, socket) in self.sockets_of(is_leaving) {
            let Some(revival) = socket.revival() else {
                socket.lane_leaves();
                continue;
            };
            if revival.place.get() != Place::Lane || socket.is_closing() || socket.is_over() {
                continue;
            }
            if self.newest().and_then(|newest| self.heir(newest, &revival.route)).is_none() {
                socket.lane_leaves();
                continue;
            }
            let lane = socket.lane();
            if !revival.is_open.get() {
                // Its handlers have not heard of it.
                revival.is_fresh.set(true);
                let _ = lane.lane.push(|out| record::event(out, Kind::SocketLeft, slot, 0));
                self.rebind(slot, &socket, revival);
                continue;
            }
            revival.place.set(Place::Leaving);
            // A lane that has closed does not hear it; its loops hear of that.
            let _ = lane.lane.push(|out| record::event(out, Kind::SocketLeave, slot, 0));
        }
    }

    /// JavaScript says what the next lane of a socket has to know, or that this is the time for it.
    pub(super) fn keep(self: &Rc<Self>, slot: SlotId, leaves: bool, state: &[u8]) {
        let Some(socket) = self.socket_of(slot) else { return };
        let Some(revival) = socket.revival() else {
            if leaves {
                socket.lane_leaves();
            }
            return;
        };
        // Nothing is what it says when it cannot say it: then what it has said before has to do.
        if !state.is_empty() {
            revival.keep(state, socket.settings().state);
        }
        if leaves && revival.place.get() == Place::Leaving {
            let _ = socket.lane().lane.push(|out| record::event(out, Kind::SocketLeft, slot, 0));
            revival.is_fresh.set(false);
            self.rebind(slot, &socket, revival);
        }
    }

    /// A lane has closed: its sockets look for others. What it had not been handed is in `returned`.
    pub(super) fn lose_sockets(self: &Rc<Self>, id: u32, returned: &Returned) {
        let mut back: HashMap<u64, Back> = HashMap::new();
        for record in returned.records().filter(|record| record.slot.io_loop() == self.index()) {
            let kind = kind_of(record.bytes).filter(|_| !record.is_request);
            let Some(kind) = kind else { continue };
            let back = back.entry(record.slot.to_bits()).or_default();
            match kind {
                Kind::SocketMessage => back.messages.push(|out| out.extend_from_slice(record.bytes)),
                // Whether it is new to those who had not heard of it, the socket knows.
                Kind::SocketReopen | Kind::SocketOpen => back.is_unknown = true,
                Kind::SocketClosed => back.is_over = true,
                _ => {}
            }
        }
        for (slot, socket) in self.sockets_of(|lane| lane.id == id) {
            let Some(revival) = socket.revival() else {
                socket.lane_leaves();
                continue;
            };
            let Back { mut messages, is_unknown, is_over } = back.remove(&slot.to_bits()).unwrap_or_default();
            if socket.was_told() && !is_over {
                // Its thread had that in hand.
                drop(self.release(slot));
                continue;
            }
            socket.untell();
            messages.append(revival.held.take());
            messages.drop_rest();
            socket.restart_credit(&messages);
            revival.held.replace(messages);
            revival.is_fresh.set(revival.is_fresh.get() && is_unknown || !revival.is_open.get());
            self.rebind(slot, &socket, revival);
        }
    }

    /// There may be a lane for those that wait for one.
    pub(super) fn rebind_waiting(self: &Rc<Self>) {
        for (slot, socket) in self.sockets_of(|_| true) {
            if let Some(revival) = socket.revival().filter(|revival| revival.place.get() == Place::Nowhere) {
                self.rebind(slot, &socket, revival);
            }
        }
    }

    /// Gives the socket a lane; when there is none, it waits for one.
    pub(super) fn rebind(self: &Rc<Self>, slot: SlotId, socket: &Rc<SocketEnd>, revival: &Revival) {
        revival.place.set(Place::Nowhere);
        let Some(generation) = self.newest().filter(|_| revival.is_open.get()) else { return };
        let Some(handler) = self.heir(generation, &revival.route) else {
            return self.let_go(slot, socket);
        };
        let topics = socket.topics_json();
        let saved = revival.saved.borrow();
        let record = SocketReopen {
            slot,
            handler,
            limits: socket.limits(),
            buffered: u32::try_from(revival.owed.get()).unwrap_or(u32::MAX),
            is_fresh: revival.is_fresh.get(),
            topics: &topics,
            state: &saved,
        };
        for lane in self.lanes_of(generation).by_load() {
            if lane.lane.push(|out| record.encode(out)).is_ok() {
                self.sockets.reopened.add(u64::from(!record.is_fresh));
                self.hand_to(slot, &lane);
                socket.take_up(&lane, slot);
                if socket.is_over() {
                    drop(self.release(slot));
                }
                return;
            }
        }
        drop(saved);
        self.wait_for_lane(slot, socket, revival);
    }

    /// The handler that takes up the sockets of `route` in `generation`.
    fn heir(&self, generation: u32, route: &str) -> Option<u32> {
        self.revivals.as_ref()?.find(generation, route)
    }

    fn wait_for_lane(self: &Rc<Self>, slot: SlotId, socket: &Rc<SocketEnd>, revival: &Revival) {
        let (wait, sleep) = (revival.begin_wait(), self.io_loop.sleep());
        sleep.reset(socket.settings().reopen);
        let (side, socket) = (Rc::downgrade(self), Rc::downgrade(socket));
        self.io_loop.spawn(async move {
            sleep.await;
            if let (Some(side), Some(socket)) = (side.upgrade(), socket.upgrade())
                && socket.revival().is_some_and(|revival| revival.still_waits(wait))
            {
                side.let_go(slot, &socket);
            }
        });
    }

    /// The sockets of those lanes.
    pub(super) fn sockets_of(&self, of: impl Fn(&LaneEnd) -> bool) -> Vec<(SlotId, Rc<SocketEnd>)> {
        let slots = self.slots.borrow_mut().filter(|entry| entry.socket().is_some() && of(&entry.lane));
        slots.into_iter().filter_map(|slot| Some((slot, self.socket_of(slot)?))).collect()
    }

    /// Routes before those of generation `newest` serve no longer.
    pub fn generation_ends(self: &Rc<Self>, newest: u32) {
        let old: Vec<u32> = self.lanes_before(newest);
        self.move_sockets(|lane| old.contains(&lane.id));
    }

    fn lanes_before(&self, newest: u32) -> Vec<u32> {
        let sets = self.lanes.borrow();
        let old = sets.iter().filter(|(generation, _)| *generation < newest);
        old.flat_map(|(_, set)| set.all()).map(|lane| lane.id).collect()
    }
}
