//! A JavaScript thread that ends, or closes its lane, while its server goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use armature_bridge::LaneReader;

use crate::bridge::lanes::LaneSeed;
use crate::hub::Hub;
use crate::inject;
use crate::lock;
use crate::seats::State;

/// What there is to do then, once.
pub struct Departure {
    /// Weak: the hub holds the seat, and with it the lane that holds this.
    hub: Weak<Hub>,
    seed: LaneSeed,
    reader: Arc<Mutex<LaneReader>>,
    done: AtomicBool,
}

impl Departure {
    pub fn new(hub: &Arc<Hub>, seed: LaneSeed, reader: Arc<Mutex<LaneReader>>) -> Arc<Self> {
        Arc::new(Self { hub: Arc::downgrade(hub), seed, reader, done: AtomicBool::new(false) })
    }

    /// Closes the lane and tells every loop, which moves what was not handed over to other lanes and answers the rest.
    /// Nothing is pushed to the lane any more when this returns.
    pub fn depart(&self) {
        if self.done.swap(true, Ordering::Relaxed) {
            return;
        }
        let returned = Arc::new(self.seed.lane.close_and_return(&mut lock(&self.reader)));
        let Some(hub) = self.hub.upgrade() else { return };
        hub.seats.set(self.seed.id, State::Ended);
        hub.wiring.health.forget(self.seed.id);
        for remote in hub.server.remotes() {
            let (wiring, seed, returned) = (hub.wiring.clone(), self.seed.clone(), returned.clone());
            remote.run(move |io_loop| {
                wiring.side(io_loop).lane_closed(&seed, &returned);
                inject::forget(io_loop, seed.id);
            });
        }
    }
}
