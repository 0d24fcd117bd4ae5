//! A further JavaScript thread that serves.

use napi_derive::napi;

use super::NativeServer;
use crate::bridge::lane::NativeLane;
use crate::bridge::lanes::{LaneSeed, Retiring};
use crate::departure::Departure;
use crate::error::Result;
use crate::hub::Hub;
use crate::seats::{Sitter, State};

#[napi]
impl NativeServer {
    /// Makes `lane` one more of server `id`, which a thread of this process started. The handlers behind it have to be those
    /// of the others of `generation`: JavaScript has compared the plans. `worker` is the number of the seat, `thread` the
    /// `threadId`.
    #[napi(factory)]
    pub fn attach(
        id: u32,
        generation: u32,
        worker: u32,
        thread: u32,
        restarts: u32,
        lane: &NativeLane,
    ) -> Result<Self> {
        let hub = Hub::find(id)?;
        let seed = LaneSeed::new(generation, lane.lane().clone(), lane.header_sets().clone());
        lane.connect(hub.wiring.ends().ok_or_else(Hub::closed)?);
        // Before the first request can come: a thread that ends from here on gives back what it has.
        lane.depart_by(Departure::new(&hub, seed.clone(), lane.reader().clone()));
        hub.seats.take(Sitter {
            worker,
            thread,
            restarts,
            seed: seed.clone(),
            reader: lane.reader().clone(),
        });
        for remote in hub.server.remotes() {
            let (wiring, seed) = (hub.wiring.clone(), seed.clone());
            remote.run(move |io_loop| wiring.side(io_loop).add_lane(&seed));
        }
        Ok(Self { hub, seed, inline: None, fallback: None, owner: false })
    }

    /// Takes nothing new into this thread's lane; a record says when everything that it has is answered.
    #[napi]
    pub fn retire(&self) {
        self.hub.seats.set(self.seed.id, State::Draining);
        let remotes = self.hub.server.remotes();
        let retiring = Retiring::new(self.seed.lane.clone(), remotes.len());
        for remote in remotes {
            let (wiring, seed, loops) = (self.hub.wiring.clone(), self.seed.clone(), retiring.clone());
            let asked = remote.run(move |io_loop| wiring.side(io_loop).retire(&seed, loops));
            if !asked {
                // The loop has ended, and with it everything that it had.
                retiring.done();
            }
        }
    }
}
