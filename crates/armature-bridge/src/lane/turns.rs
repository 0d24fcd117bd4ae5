//! Requests that wait while many others do. Who comes next is not who came first: clients take turns, and so do the connections of
//! each of them, so that whoever asks for much waits for it, and nobody else does.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use super::{Drained, Header, Lane, Queue, SlotId};
use crate::record::Origin;
use crate::sync::Ordering;

/// One connection has this part of a batch before the next one has its turn.
const SHARE: usize = 4;

/// So many new ones may have their turn before one of those that wait for their next.
const FAVOURED: usize = 3;

/// Requests of a lane that its reader has taken, and what else was with them.
#[derive(Default)]
pub(super) struct Turns {
    /// Nobody outside knows which clients share a place in a table.
    hasher: RandomState,
    clients: Rotation<Rotation<VecDeque<u64>>>,
    /// By their slots, as in the queues of the connections. Those that are missing here have gone.
    requests: Table<Request>,
    /// It is the turn of this one, but there was no room.
    next: Option<u64>,
    /// Requests of the connection whose turn it is that had it.
    had: usize,
    /// What is about none of them, in order.
    events: Vec<u8>,
    /// How much of it was handed over.
    at: usize,
    /// Of the requests.
    bytes: usize,
    /// Numbers of requests that do not wait any more, since the lane was told.
    gone: Vec<u64>,
}

struct Request {
    number: u64,
    /// Its record, and those about it that have come since.
    records: Vec<u8>,
}

impl Turns {
    /// Adds `records`, the first of which that is a request has number `number`.
    pub fn add(&mut self, mut records: &[u8], mut number: u64, is_current: impl Fn(SlotId) -> bool) {
        while !records.is_empty() {
            let header = Header::read(records);
            let (record, rest) = records.split_at(header.len);
            records = rest;
            let slot = header.slot.to_bits();
            if header.counts() {
                if header.is_moved() || !is_current(header.slot) {
                    self.gone.push(number);
                } else {
                    self.add_request(slot, Request { number, records: record.to_vec() });
                }
                number += 1;
            } else if !header.is_moved() {
                match self.requests.get_mut(&slot) {
                    Some(request) => {
                        request.records.extend_from_slice(record);
                        self.bytes += record.len();
                    }
                    None => self.events.extend_from_slice(record),
                }
            }
        }
    }

    fn add_request(&mut self, slot: u64, request: Request) {
        let origin = Origin::read(&request.records);
        let (client, connection) =
            (self.hasher.hash_one(origin.client), self.hasher.hash_one(origin.connection));
        self.clients.of(client).of(connection).push_back(slot);
        self.bytes += request.records.len();
        if let Some(before) = self.requests.insert(slot, request) {
            self.bytes -= before.records.len();
            self.gone.push(before.number);
        }
    }

    /// Copies records into `out`, of requests no more than make `most` with those that are there already.
    pub fn hand_over(
        &mut self,
        out: &mut [u8],
        drained: &mut Drained,
        most: usize,
        is_current: impl Fn(SlotId) -> bool,
    ) {
        // What one connection asks for is answered with one write when it is answered in one batch.
        let in_a_row = (most / SHARE).max(1);
        // What is about other requests has waited behind these, and may be much: it does not take all the room.
        if !self.copy_events(out, out.len() / 2, drained) {
            return;
        }
        while drained.requests < most {
            let Some(slot) = self.next.take().or_else(|| self.turn(in_a_row)) else { break };
            let Some(request) = self.requests.get(&slot) else { continue };
            if is_current(SlotId::from_bits(slot)) {
                let Some(target) = out.get_mut(drained.bytes..drained.bytes + request.records.len()) else {
                    if drained.bytes == 0 {
                        drained.needs = request.records.len();
                    }
                    self.next = Some(slot);
                    return;
                };
                target.copy_from_slice(&request.records);
                drained.bytes += request.records.len();
                drained.requests += 1;
            }
            if let Some(request) = self.requests.remove(&slot) {
                self.bytes -= request.records.len();
                self.gone.push(request.number);
            }
        }
        self.copy_events(out, out.len(), drained);
    }

    /// Copies what is about none of the requests, as long as no more than `most` bytes are used. False when there is room for
    /// nothing.
    fn copy_events(&mut self, out: &mut [u8], most: usize, drained: &mut Drained) -> bool {
        while self.at < self.events.len() {
            let event = &self.events[self.at..];
            let event = &event[..Header::read(event).len];
            let end = drained.bytes + event.len();
            if drained.bytes > 0 && end > most {
                return true;
            }
            let Some(target) = out.get_mut(drained.bytes..end) else {
                drained.needs = event.len();
                return false;
            };
            target.copy_from_slice(event);
            drained.bytes = end;
            self.at += event.len();
        }
        self.events.clear();
        self.at = 0;
        true
    }

    /// The slot of whose turn it is: a connection has it for so many requests, and its first one for one.
    fn turn(&mut self, in_a_row: usize) -> Option<u64> {
        self.had += 1;
        let is_over = self.had >= in_a_row;
        let slot = self.clients.turn(|connections, _| {
            connections.turn(|waiting, is_new| {
                let slot = waiting.pop_front()?;
                let has_had = is_new || is_over || waiting.is_empty();
                Some((slot, if has_had { Then::Others } else { Then::Again }))
            })
        });
        match slot {
            Some((slot, Then::Again)) => Some(slot),
            other => {
                self.had = 0;
                other.map(|(slot, _)| slot)
            }
        }
    }

    /// Drops the requests for which `is_current` is false.
    pub fn purge(&mut self, is_current: impl Fn(SlotId) -> bool) {
        let (gone, bytes) = (&mut self.gone, &mut self.bytes);
        self.requests.retain(|slot, request| {
            let stays = is_current(SlotId::from_bits(*slot));
            if !stays {
                gone.push(request.number);
                *bytes -= request.records.len();
            }
            stays
        });
    }

    /// Tells the lane, of which this is the queue, what waits.
    pub fn settle<W>(&mut self, lane: &Lane<W>, queue: &mut Queue) {
        for number in self.gone.drain(..) {
            queue.apart.remove(&number);
        }
        // Under the lock: when nothing waits apart, it is this number that says which requests have left.
        lane.taken_requests.store(self.requests(), Ordering::Relaxed);
        lane.taken_bytes.store(self.bytes(), Ordering::Relaxed);
    }

    pub fn requests(&self) -> usize {
        self.requests.len()
    }

    /// Bytes of all that waits.
    pub fn bytes(&self) -> usize {
        self.bytes + self.events.len() - self.at
    }

    pub fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.events.is_empty()
    }

    /// Requests for which `is_current` is false.
    pub fn given_up(&self, is_current: impl Fn(SlotId) -> bool) -> usize {
        self.requests.keys().filter(|slot| !is_current(SlotId::from_bits(**slot))).count()
    }

    /// All records: of the requests in the order in which they came, then the others.
    pub fn into_records(self) -> Vec<u8> {
        let mut requests: Vec<_> = self.requests.into_values().collect();
        requests.sort_unstable_by_key(|request| request.number);
        let mut records = Vec::with_capacity(self.bytes + self.events.len());
        requests.iter().for_each(|request| records.extend_from_slice(&request.records));
        records.extend_from_slice(&self.events[self.at..]);
        records
    }
}

/// Members by their numbers; they take turns. One that comes anew has its first turn before the others have their next: who asks
/// for little waits for little. After it, it is one of them, even when it has nothing left, until it would be its turn: who comes
/// again and again is not new each time.
struct Rotation<T> {
    members: Table<T>,
    /// Those that have had no turn.
    new: VecDeque<u64>,
    order: VecDeque<u64>,
    /// Whose turn is not over.
    current: Option<u64>,
    /// New ones that came in a row.
    favoured: usize,
}

/// Whose turn is next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Again,
    Others,
}

impl<T> Default for Rotation<T> {
    fn default() -> Self {
        let (new, order) = (VecDeque::new(), VecDeque::new());
        Self { members: Table::default(), new, order, current: None, favoured: 0 }
    }
}

impl<T: Default> Rotation<T> {
    fn of(&mut self, number: u64) -> &mut T {
        match self.members.entry(number) {
            Entry::Occupied(member) => member.into_mut(),
            Entry::Vacant(place) => {
                self.new.push_back(number);
                place.insert(T::default())
            }
        }
    }

    /// The next one that has something has its turn: `take` takes it, and says whose turn is next. It hears whether this is a first turn.
    /// What is taken comes with that, nothing when nobody has anything.
    fn turn<R>(&mut self, mut take: impl FnMut(&mut T, bool) -> Option<(R, Then)>) -> Option<(R, Then)> {
        loop {
            let current = self.current.take().map(|number| (number, false));
            let (number, is_new) = current.or_else(|| self.next())?;
            let Some(member) = self.members.get_mut(&number) else { continue };
            match take(member, is_new) {
                None => {
                    self.members.remove(&number);
                }
                Some((taken, then)) => {
                    // While somebody waits for a first turn nobody has several in a row.
                    let then = if self.new.is_empty() { then } else { Then::Others };
                    match then {
                        Then::Again => self.current = Some(number),
                        Then::Others => self.order.push_back(number),
                    }
                    return Some((taken, then));
                }
            }
        }
    }

    fn next(&mut self) -> Option<(u64, bool)> {
        if (self.favoured < FAVOURED || self.order.is_empty())
            && let Some(number) = self.new.pop_front()
        {
            self.favoured += 1;
            return Some((number, true));
        }
        self.favoured = 0;
        self.order.pop_front().map(|number| (number, false))
    }
}

/// By numbers that nobody outside can choose.
type Table<T> = HashMap<u64, T, BuildHasherDefault<Spread>>;

/// Spreads numbers of which only the lower bits differ.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio, of which each bit depends on those below it: the upper ones are where a table looks first.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
