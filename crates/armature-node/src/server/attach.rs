//! A further JavaScript thread that serves.

use std::sync::Arc;
use std::time::Duration;

use napi::Env;
use napi_derive::napi;

use super::NativeServer;
use crate::bridge::lane::NativeLane;
use crate::bridge::lanes::{LaneSeed, Retiring};
use crate::departure::Departure;
use crate::error::{Result, internal, js};
use crate::hub::Hub;
use crate::seats::{Sitter, State};

#[napi]
impl NativeServer {
    /// Makes `lane` one more of server `id`, which a thread of this process started. The handlers behind it have to be those
    /// of the others of `generation`: JavaScript has compared the plans. `worker` is the number of the seat, `thread` the
    /// `threadId`.
    #[napi(factory)]
    pub fn attach(
        vm: Env,
        id: u32,
        generation: u32,
        worker: u32,
        thread: u32,
        restarts: u32,
        lane: &NativeLane,
    ) -> Result<Self> {
        let hub = Hub::find(id)?;
        let seed = LaneSeed::new(generation, lane.lane().clone(), lane.header_sets().clone());
        let sitter = Sitter { worker, thread, restarts, seed: seed.clone(), reader: lane.reader().clone() };
        if hub.is_inline() {
            return Self::join(vm, hub, sitter, lane);
        }
        lane.connect(hub.wiring.ends().ok_or_else(Hub::closed)?);
        // Before the first request can come: a thread that ends from here on gives back what it has.
        lane.depart_by(Departure::new(&hub, seed.clone(), lane.reader().clone()));
        hub.seats.take(sitter);
        for remote in hub.server.remotes() {
            let (wiring, seed) = (hub.wiring.clone(), seed.clone());
            remote.run(move |io_loop| wiring.side(io_loop).add_lane(&seed));
        }
        Ok(Self { hub, seed, inline: None, fallback: None, owner: false })
    }

    /// Takes nothing new into this thread's lane; a record says when everything that it has is answered. A loop of the thread's
    /// own drains for at most `drain` milliseconds.
    #[napi]
    pub fn retire(&self, drain: f64) {
        self.hub.seats.set(self.seed.id, State::Draining);
        self.hub.wiring.health.forget(self.seed.id);
        if let Some(inline) = &self.inline {
            let (drain, wiring) = (Duration::from_millis(drain.max(0.0) as u64), self.hub.wiring.clone());
            let own = self.hub.server.remote(inline.index().into());
            own.map(|own| own.run(move |io_loop| wiring.side(io_loop).end_events()));
            return self.hub.server.close_loop(inline.index().into(), drain, self.when_closed());
        }
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

impl NativeServer {
    /// A further thread with a loop of its own, which accepts from the same sockets.
    fn join(vm: Env, hub: Arc<Hub>, sitter: Sitter, lane: &NativeLane) -> Result<Self> {
        let seed = sitter.seed.clone();
        // `workers` has checked the number.
        let index = u8::try_from(sitter.worker).map_err(|_| internal("a worker too many"))?;
        let inline = lane.inline(vm, index)?;
        let wiring = &hub.wiring;
        inline.with_host(|host| host.run(|io_loop| drop(wiring.side_with(io_loop, &seed))));
        let joined = inline.with_host(|host| hub.server.join(host)).transpose().map_err(js)?;
        if joined != Some(true) {
            wiring.forget_loop(index);
            return Err(Hub::closed());
        }
        hub.seats.take(sitter);
        let server = Self { hub, seed, inline: Some(inline.clone()), fallback: None, owner: false };
        if let Err(error) = server.attach_inline(lane, &inline) {
            server.hub.leave_loop(&inline);
            return Err(error);
        }
        Ok(server)
    }
}
