//! `NativeServer`: start, addresses, numbers, inject, close, stop.

use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use armature_bridge::{SlotId, record};
use armature_core::config::IoMode;
use armature_core::server::{Closed, Server};
use napi::Env;
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use crate::bridge::flow::Flow;
use crate::bridge::inherited;
use crate::bridge::inline::Inline;
use crate::bridge::lane::{LoopEnds, NativeLane};
use crate::bridge::lanes::LaneSeed;
use crate::departure::Departure;
use crate::error::{Result, internal, js};
use crate::hub::Hub;
use crate::inject::{self, Injection};
use crate::options;
use crate::plan::Plan;
use crate::seats::{Sitter, State};
use crate::stats;
use crate::wiring::Wiring;
use warnings::{Subject, warner};

/// How long the answers of a server without an environment may take to leave, and its threads to end.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// A server as one of its JavaScript threads has it.
#[napi]
pub struct NativeServer {
    pub(crate) hub: Arc<Hub>,
    /// The lane of this thread.
    pub(crate) seed: LaneSeed,
    /// The loop on the JavaScript thread, with the inline driver.
    pub(crate) inline: Option<Rc<Inline>>,
    /// Why there is none although it was asked for.
    pub(crate) fallback: Option<String>,
    /// Whether this thread started the server, and ends it.
    pub(crate) owner: bool,
}

#[napi]
impl NativeServer {
    /// Validates `plan` (JSON, with `buffers` beside it), binds, and serves. `listen: false` starts the loops without any
    /// listener, for injected requests. `thread` is the `threadId` of this JavaScript thread.
    #[napi(factory)]
    pub fn start(
        vm: Env,
        plan: String,
        buffers: Vec<Buffer>,
        env: String,
        listen: bool,
        thread: u32,
        lane: &NativeLane,
    ) -> Result<Self> {
        let text = plan;
        let plan = Plan::from_json(&text)?;
        let (mut settings, production) = options::resolve(plan.config.clone(), &env)?;
        let asked = settings.clone();
        settings.io_threads = options::choose_driver(&settings);
        if !listen {
            settings.listen.clear();
        }
        inherited::adopt(&mut settings.listen);
        let (inline, fallback) = match settings.io_threads {
            IoMode::Inline => match lane.inline(vm, 0) {
                Ok(inline) => (Some(inline), None),
                Err(error) => (None, Some(error.reason.clone())),
            },
            _ => (None, None),
        };
        if inline.is_none() && (!listen || fallback.is_some()) {
            // Injected requests go to the first loop; others would have nothing to do.
            settings.io_threads = if listen { IoMode::Auto } else { IoMode::Threads(1) };
        }
        let seed = LaneSeed::new(0, lane.lane().clone(), lane.header_sets().clone());
        let wiring = Wiring::new(settings.clone(), seed.clone());
        wiring.logs.open(&settings.log)?;
        let generation = plan.into_generation(&buffers, &wiring, seed.generation)?;
        let info = options::describe(&settings, production);
        let started = match &inline {
            Some(inline) => inline
                .with_host(|host| Server::start_inline(generation, settings, host))
                .unwrap_or_else(|| unreachable!("a loop that was just made has not ended")),
            None => Server::start(generation, settings),
        };
        let hub = Hub::new(started.map_err(js)?, wiring, text, asked, info);
        let (reader, seat) = (lane.reader().clone(), seed.clone());
        hub.seats.take(Sitter { worker: 0, thread, restarts: 0, seed: seat, reader });
        let server = Self { hub, seed, inline, fallback, owner: true };
        certificates::keep(&server)?;
        server.hub.server.warn_of_unsent(warner(&server, Subject::Unsent));
        match &server.inline {
            Some(inline) => server.attach_inline(lane, inline)?,
            None => server.attach_threads(lane)?,
        }
        Ok(server)
    }

    /// The number by which other threads of the process find it.
    #[napi(getter)]
    pub fn id(&self) -> u32 {
        self.hub.id
    }

    /// Threads that do IO; 0 with the inline driver.
    #[napi(getter)]
    pub fn io_threads(&self) -> u32 {
        if self.inline.is_some() { 0 } else { self.hub.server.remotes().len() as u32 }
    }

    /// Why IO runs on threads although `io: 'inline'` was asked for.
    #[napi(getter)]
    pub fn fallback(&self) -> Option<String> {
        self.fallback.clone()
    }

    /// The addresses it listens on, as `host:port` or `unix:/path`.
    #[napi]
    pub fn addresses(&self) -> Vec<String> {
        self.hub.addresses()
    }

    /// Counters and gauges of the server and of each lane, as JSON.
    #[napi]
    pub fn stats(&self) -> String {
        stats::server(&self.hub).to_string()
    }

    /// Sends a request through everything behind the protocol; the answer arrives as records with `id`.
    #[napi]
    pub fn inject(&self, id: u32, request: String, body: Option<Buffer>) -> Result<()> {
        let injection = Injection::from_json(&request)?;
        let body = body.map(|body| body.to_vec()).unwrap_or_default();
        let window = self.hub.wiring.settings.limits.response_buffer;
        if inject::start(&self.hub.server, (self.loop_index(), &self.seed), id, injection, body, window) {
            Ok(())
        } else {
            Err(internal("the server has ended"))
        }
    }

    /// Nobody waits for the answer to injection `id` any more. Its end arrives as a record all the same.
    #[napi]
    pub fn cancel_injection(&self, id: u32) {
        inject::with_flow(&self.hub.server, (self.loop_index(), &self.seed), id, Flow::cancel);
    }

    /// `bytes` of the answer to injection `id` were read.
    #[napi]
    pub fn grant_injection(&self, id: u32, bytes: u32) {
        inject::with_flow(&self.hub.server, (self.loop_index(), &self.seed), id, move |flow| {
            flow.grant(bytes)
        });
    }

    /// Lets handlers take, and requests wait, as long as they like.
    #[napi]
    pub fn pause_deadlines(&self, paused: bool) {
        self.hub.wiring.pause_deadlines(paused);
        self.hub.server.pause_deadlines(paused);
    }

    /// Drains for at most `drain` milliseconds; a record says when it is over. Streams of events end at once.
    #[napi]
    pub fn close(&self, drain: f64) {
        self.hub.wiring.health.end();
        for remote in self.hub.server.remotes() {
            let wiring = self.hub.wiring.clone();
            remote.run(move |io_loop| wiring.side(io_loop).end_events());
        }
        let drain = Duration::from_millis(drain.max(0.0) as u64);
        self.hub.server.close_with(drain, self.when_closed());
    }

    /// Ends the loops, waiting at most `patience` milliseconds for their threads. In a thread that attached only its own loop
    /// ends, if it has one.
    #[napi]
    pub fn stop(&self, patience: f64) {
        if !self.owner {
            return self.leave_loop();
        }
        if let Some(inline) = &self.inline {
            inline.close();
        }
        self.hub.server.stop(Duration::from_millis(patience.max(0.0) as u64));
        self.hub.wiring.forget_loops();
        self.hub.seats.clear();
    }
}

impl NativeServer {
    /// The loop that injected requests go to: the one of this thread, or the first.
    fn loop_index(&self) -> u16 {
        self.inline.as_ref().map_or(0, |inline| inline.index().into())
    }

    /// What says in this thread's lane that a server, or a loop, has ended.
    fn when_closed(&self) -> impl FnOnce(Closed) + Send + 'static {
        let lane = self.seed.lane.clone();
        move |closed| {
            let slot = SlotId { slot: 0, generation: 0 };
            let cut_off = closed.cut_off as u32;
            let _ = lane.push(|out| record::event(out, record::Kind::Closed, slot, cut_off));
        }
    }

    fn attach_threads(&self, lane: &NativeLane) -> Result<()> {
        self.wait_for_loops()?;
        lane.connect(self.ends()?);
        lane.at_teardown(Departure::new(&self.hub, self.seed.clone(), lane.reader().clone()));
        Ok(())
    }

    pub(crate) fn attach_inline(&self, lane: &NativeLane, inline: &Rc<Inline>) -> Result<()> {
        let wiring = &self.hub.wiring;
        let index = inline.index();
        let side = inline.with_host(|host| host.run(|io_loop| wiring.side(io_loop)));
        let side = side.ok_or_else(|| internal("the loop has ended"))?;
        lane.connect(wiring.own_end(index).ok_or_else(|| internal("the loop has no bridge"))?);
        inline.watch(side)?;
        lane.drive(inline.clone());
        let departure = Departure::new(&self.hub, self.seed.clone(), lane.reader().clone());
        let (hub, own) = (Arc::downgrade(&self.hub), Rc::downgrade(inline));
        // Whoever is in the accept queue of a server that ends hears of it; of one that goes on, the others accept him.
        let goes_on = !self.owner;
        inline.at_teardown(move || {
            departure.depart();
            if goes_on && let (Some(hub), Some(own)) = (hub.upgrade(), own.upgrade()) {
                hub.leave_loop(&own);
            }
        });
        // The first turn, which makes the loop accept.
        lane.lane().waker().0.notify();
        Ok(())
    }

    /// A thread that attached ends its loop, and what is on it.
    fn leave_loop(&self) {
        if let Some(inline) = &self.inline {
            self.hub.seats.set(self.seed.id, State::Ended);
            self.hub.leave_loop(inline);
            inline.close();
        }
    }

    fn ends(&self) -> Result<LoopEnds> {
        self.hub.wiring.ends().ok_or_else(|| internal("a loop has no bridge"))
    }

    /// Returns when each loop has its end of the bridge.
    fn wait_for_loops(&self) -> Result<()> {
        let (done, built) = mpsc::channel();
        let remotes = self.hub.server.remotes();
        for remote in &remotes {
            let (wiring, done) = (self.hub.wiring.clone(), done.clone());
            remote.run(move |io_loop| {
                wiring.side(io_loop);
                let _ = done.send(());
            });
        }
        for _ in remotes {
            built.recv().map_err(|_| internal("an IO thread ended while it started"))?;
        }
        Ok(())
    }
}

impl Drop for NativeServer {
    /// Does nothing for a server that has been stopped, or that another thread started: a loop of its own has ended with its environment. One that runs has lost its environment: the lane's cleanup hook
    /// has answered what waited, and these answers leave before the loops end.
    fn drop(&mut self) {
        if !self.owner {
            return;
        }
        if let Some(inline) = self.inline.take() {
            inline.close();
        }
        let (done, closed) = mpsc::sync_channel(1);
        self.hub.server.close_with(LAST_WORDS, move |_| {
            let _ = done.send(());
        });
        let _ = closed.recv_timeout(LAST_WORDS);
        self.hub.server.stop(LAST_WORDS);
    }
}

// Behind the struct: its attribute has to be expanded before that of another `impl`.
mod attach;
mod certificates;
mod generations;
mod health;
mod warnings;

pub use generations::Generations;
