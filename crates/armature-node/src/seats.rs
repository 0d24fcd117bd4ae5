//! The JavaScript threads of a server: each has a seat, which stays when the thread ends and another one takes its place.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use armature_bridge::LaneReader;
use serde_json::Value;

use crate::bridge::lanes::LaneSeed;
use crate::lock;
use crate::stats;
use crate::wiring::Wiring;

/// Who sits down.
pub struct Sitter {
    /// Number of the worker; 0 is the thread that started the server.
    pub worker: u32,
    /// `threadId` of `node:worker_threads`.
    pub thread: u32,
    /// How many times another thread had to take this seat.
    pub restarts: u32,
    pub seed: LaneSeed,
    pub reader: Arc<Mutex<LaneReader>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Takes requests.
    Running,
    /// Takes nothing new and answers what it has.
    Draining,
    /// The thread has ended; another one will take its place.
    Ended,
    /// The thread lives, and other threads serve newer routes.
    Retired,
}

struct Seat {
    sitter: Sitter,
    state: State,
}

/// Every seat of a server.
#[derive(Default)]
pub struct Seats(Mutex<Vec<Seat>>, AtomicU32);

impl Seats {
    /// Seats a thread in the place of the one before it.
    pub fn take(&self, sitter: Sitter) {
        let mut seats = lock(&self.0);
        let seed = &sitter.seed;
        let before = seats.iter().position(|seat| {
            seat.sitter.worker == sitter.worker && seat.sitter.seed.generation == seed.generation
        });
        let seat = Seat { sitter, state: State::Running };
        match before {
            Some(at) => drop(std::mem::replace(&mut seats[at], seat)),
            None => {
                seats.push(seat);
                seats.sort_by_key(|seat| (seat.sitter.seed.generation, seat.sitter.worker));
            }
        }
    }

    /// What becomes of the thread whose lane is `id`.
    pub fn set(&self, id: u32, state: State) {
        let current = self.1.load(Ordering::Relaxed);
        let mut seats = lock(&self.0);
        // Nobody follows in a seat of older routes.
        seats.retain(|seat| {
            let seed = &seat.sitter.seed;
            state != State::Ended || seed.id != id || seed.generation == current
        });
        if let Some(seat) = seats.iter_mut().find(|seat| seat.sitter.seed.id == id) {
            seat.state = state;
        }
    }

    /// `generation` serves from now on: the thread that listens only watches, others finish what they have.
    pub fn advance(&self, generation: u32) {
        self.1.store(generation, Ordering::Relaxed);
        for seat in lock(&self.0).iter_mut().filter(|seat| seat.sitter.seed.generation < generation) {
            seat.state = if seat.sitter.worker == 0 { State::Retired } else { State::Draining };
        }
    }

    /// The numbers of every lane.
    pub fn stats(&self, wiring: &Wiring) -> Vec<Value> {
        let seats = lock(&self.0);
        let one = |seat: &Seat| {
            let Sitter { worker, thread, restarts, seed, reader } = &seat.sitter;
            let given_up = lock(reader).given_up(&seed.lane, |slot| wiring.is_current(slot));
            let state = match seat.state {
                State::Running => "running",
                State::Draining => "draining",
                State::Ended => "ended",
                State::Retired => "retired",
            };
            stats::lane(
                &seed.lane,
                given_up,
                stats::Thread {
                    worker: *worker,
                    thread: *thread,
                    generation: seed.generation,
                    restarts: *restarts,
                    state,
                },
            )
        };
        seats.iter().map(one).collect()
    }

    /// Forgets everybody.
    pub fn clear(&self) {
        lock(&self.0).clear();
    }
}
