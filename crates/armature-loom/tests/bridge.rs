//! What several threads do to the bridge at once, in every order that matters.
#![cfg(armature_loom)]

use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicUsize as Tally, Ordering};

use armature_bridge::record::{self, Kind};
use armature_bridge::{Drained, Lane, LaneReader, PushError, SlotId, Wake};
use armature_loom::model;
use loom::sync::{Condvar, Mutex};
use loom::thread;

#[path = "bridge/attach.rs"]
mod attach;
#[path = "bridge/close.rs"]
mod close;
#[path = "bridge/lane.rs"]
mod lane;
#[path = "bridge/mailbox.rs"]
mod mailbox;
#[path = "bridge/relief.rs"]
mod relief;
#[path = "bridge/turns.rs"]
mod turns;

/// Wakes a thread that waits for it. Whoever is not woken waits for ever, which loom reports as a deadlock.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
    /// Counts without being part of the model.
    wakes: Tally,
}

impl Bell {
    fn ring(&self) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
        *self.rung.lock().unwrap() = true;
        self.heard.notify_one();
    }

    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.heard.wait(rung).unwrap();
        }
        *rung = false;
    }

    fn wakes(&self) -> usize {
        self.wakes.load(Ordering::Relaxed)
    }
}

#[derive(Clone, Default)]
struct LaneBell(StdArc<Bell>);

impl Wake for LaneBell {
    fn wake(&self) {
        self.0.ring();
    }
}

/// Bytes of the records that these models push: requests and events alike have one word of their own.
const RECORD: usize = 20;

fn id(slot: u32, generation: u32) -> SlotId {
    SlotId { slot, generation }
}

fn request<W: Wake>(lane: &Lane<W>, slot: SlotId) -> Result<(), PushError> {
    lane.push_request(false, || 0, |out| record::event(out, Kind::Request, slot, 0)).map(drop)
}

fn event<W: Wake>(lane: &Lane<W>, slot: SlotId) -> Result<(), PushError> {
    lane.push(|out| record::event(out, Kind::Credit, slot, 0))
}

/// Takes what fits into `room` records and adds whom they are about to `got`.
fn drain<W: Wake>(
    reader: &mut LaneReader,
    lane: &Lane<W>,
    room: usize,
    got: &mut Vec<SlotId>,
    is_current: impl Fn(SlotId) -> bool,
) -> Drained {
    let mut out = vec![0; room * RECORD];
    let drained = reader.drain(lane, &mut out, is_current);
    let words = |at: usize| u32::from_le_bytes(out[at..at + 4].try_into().unwrap());
    got.extend((0..drained.bytes).step_by(RECORD).map(|at| id(words(at + 8), words(at + 12))));
    drained
}

fn all(_: SlotId) -> bool {
    true
}

fn join<T, const N: usize>(threads: [thread::JoinHandle<T>; N]) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

fn of(got: &[SlotId], slot: u32) -> Vec<u32> {
    got.iter().filter(|id| id.slot == slot).map(|id| id.generation).collect()
}
