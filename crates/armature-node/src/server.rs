//! `NativeServer`: start, addresses, numbers, inject, close, stop.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use armature_bridge::{SlotId, SlotUsage, record};
use armature_core::config::{IoMode, Settings};
use armature_core::io_loop::LoopHandle;
use armature_core::server::{Server, io_threads};
use napi::Env;
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use crate::bridge::flow::Flow;
use crate::bridge::headers::HeaderSets;
use crate::bridge::inherited;
use crate::bridge::inline::Inline;
use crate::bridge::lane::{JsLane, LoopEnd, NativeLane};
use crate::bridge::loop_side::{LoopSide, Windows};
use crate::bridge::patience::Patience;
use crate::error::{Result, internal, js};
use crate::inject::{self, Injection};
use crate::plan::Plan;
use crate::stats::{self, Shed};

/// How long the answers of a server without an environment may take to leave, and its threads to end.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// What every handler of a server shares: its lanes, and the ends of its loops.
pub struct Wiring {
    pub settings: Settings,
    pub shed: Arc<Shed>,
    /// Nothing is answered because it took JavaScript too long.
    paused: Arc<AtomicBool>,
    /// Of each loop.
    pub slots: Mutex<Vec<Arc<SlotUsage>>>,
    lanes: Vec<(Arc<JsLane>, Arc<HeaderSets>)>,
    ends: Mutex<Vec<Option<LoopEnd>>>,
}

struct Side(Rc<LoopSide>);

impl Wiring {
    fn new(settings: Settings, lane: &NativeLane) -> Arc<Self> {
        let loops = io_threads(&settings);
        Arc::new(Self {
            settings,
            shed: Arc::default(),
            paused: Arc::default(),
            slots: Mutex::default(),
            lanes: vec![(lane.lane().clone(), lane.header_sets().clone())],
            ends: Mutex::new((0..loops).map(|_| None).collect()),
        })
    }

    /// The bridge's end on `io_loop`; made when the first handler asks.
    pub fn side(&self, io_loop: &LoopHandle) -> Rc<LoopSide> {
        let side = io_loop.local(|| {
            let limits = &self.settings.limits;
            let slots = limits.in_flight.saturating_add(limits.connections);
            let windows = Windows { response: limits.response_buffer };
            let (paused, shed) = (self.paused.clone(), self.shed.clone());
            let patience = Patience { limit: limits.queue_age, paused, shed };
            let side = LoopSide::start(io_loop, &self.lanes, slots, windows, patience);
            self.slots.lock().unwrap_or_else(PoisonError::into_inner).push(side.slot_usage());
            let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(end) = ends.get_mut(usize::from(io_loop.index())) {
                *end = Some(side.end());
            }
            Side(side)
        });
        side.0.clone()
    }

    fn take_ends(&self) -> Result<Vec<LoopEnd>> {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.iter_mut().map(|end| end.take().ok_or_else(|| internal("a loop has no bridge"))).collect()
    }
}

/// A server with one JavaScript environment attached.
#[napi]
pub struct NativeServer {
    server: Arc<Server>,
    wiring: Arc<Wiring>,
    lane: Arc<JsLane>,
    /// The loop on the JavaScript thread, with the inline driver.
    inline: Option<Rc<Inline>>,
    /// Why there is none although it was asked for.
    fallback: Option<String>,
}

#[napi]
impl NativeServer {
    /// Validates `plan` (JSON, with `buffers` beside it), binds, and serves. `listen: false` starts the loops without any
    /// listener, for injected requests.
    #[napi(factory)]
    pub fn start(
        vm: Env,
        plan: String,
        buffers: Vec<Buffer>,
        env: String,
        listen: bool,
        lane: &NativeLane,
    ) -> Result<Self> {
        let plan = Plan::from_json(&plan)?;
        let (mut settings, production) = crate::options::resolve(plan.config.clone(), &env)?;
        settings.io_threads = crate::options::choose_driver(&settings);
        if !listen {
            settings.listen.clear();
        }
        inherited::adopt(&mut settings.listen);
        let (inline, fallback) = match settings.io_threads {
            IoMode::Inline => match lane.inline(vm) {
                Ok(inline) => (Some(inline), None),
                Err(error) => (None, Some(error.reason.clone())),
            },
            _ => (None, None),
        };
        if inline.is_none() && (!listen || fallback.is_some()) {
            // Injected requests go to the first loop; others would have nothing to do.
            settings.io_threads = if listen { IoMode::Auto } else { IoMode::Threads(1) };
        }
        let wiring = Wiring::new(settings.clone(), lane);
        let generation = plan.into_generation(&buffers, &wiring, production)?;
        let started = match &inline {
            Some(inline) => inline
                .with_host(|host| Server::start_inline(generation, settings, host))
                .unwrap_or_else(|| unreachable!("a loop that was just made has not ended")),
            None => Server::start(generation, settings),
        };
        let server = Arc::new(started.map_err(js)?);
        match inline {
            Some(inline) => Self::attach_inline(server, wiring, lane, inline),
            None => Self::attach_threads(server, wiring, lane, fallback),
        }
    }

    /// Threads that do IO; 0 with the inline driver.
    #[napi(getter)]
    pub fn io_threads(&self) -> u32 {
        if self.inline.is_some() { 0 } else { self.server.remotes().len() as u32 }
    }

    /// Why IO runs on threads although `io: 'inline'` was asked for.
    #[napi(getter)]
    pub fn fallback(&self) -> Option<String> {
        self.fallback.clone()
    }

    /// The addresses it listens on, as `host:port` or `unix:/path`.
    #[napi]
    pub fn addresses(&self) -> Vec<String> {
        self.server.addresses().iter().map(ToString::to_string).collect()
    }

    /// Counters and gauges, as JSON.
    #[napi]
    pub fn stats(&self) -> String {
        stats::server(self.server.metrics(), &self.wiring).to_string()
    }

    /// Sends a request through everything behind the protocol; the answer arrives as records with `id`.
    #[napi]
    pub fn inject(&self, id: u32, request: String, body: Option<Buffer>) -> Result<()> {
        let injection = Injection::from_json(&request)?;
        let body = body.map(|body| body.to_vec()).unwrap_or_default();
        let window = self.wiring.settings.limits.response_buffer;
        if inject::start(&self.server, self.lane.clone(), id, injection, body, window) {
            Ok(())
        } else {
            Err(internal("the server has ended"))
        }
    }

    /// Nobody waits for the answer to injection `id` any more. Its end arrives as a record all the same.
    #[napi]
    pub fn cancel_injection(&self, id: u32) {
        inject::with_flow(&self.server, id, Flow::cancel);
    }

    /// `bytes` of the answer to injection `id` were read.
    #[napi]
    pub fn grant_injection(&self, id: u32, bytes: u32) {
        inject::with_flow(&self.server, id, move |flow| flow.grant(bytes));
    }

    /// Lets handlers take, and requests wait, as long as they like.
    #[napi]
    pub fn pause_deadlines(&self, paused: bool) {
        self.wiring.paused.store(paused, Ordering::Relaxed);
        self.server.pause_deadlines(paused);
    }

    /// Drains for at most `drain` milliseconds; a record says when it is over.
    #[napi]
    pub fn close(&self, drain: f64) {
        let lane = self.lane.clone();
        self.server.close_with(Duration::from_millis(drain.max(0.0) as u64), move |closed| {
            let slot = SlotId { slot: 0, generation: 0 };
            let cut_off = closed.cut_off as u32;
            let _ = lane.push(|out| record::event(out, record::Kind::Closed, slot, cut_off));
        });
    }

    /// Ends the loops, waiting at most `patience` milliseconds for their threads.
    #[napi]
    pub fn stop(&self, patience: f64) {
        if let Some(inline) = &self.inline {
            inline.close();
        }
        self.server.stop(Duration::from_millis(patience.max(0.0) as u64));
    }
}

impl NativeServer {
    fn attach_threads(
        server: Arc<Server>,
        wiring: Arc<Wiring>,
        lane: &NativeLane,
        fallback: Option<String>,
    ) -> Result<Self> {
        lane.connect(Self::collect_ends(&server, &wiring)?);
        let (closing, remotes, shared) = (lane.lane().clone(), server.remotes().to_vec(), wiring.clone());
        lane.at_teardown(move || {
            for remote in remotes {
                let (wiring, lane) = (shared.clone(), closing.clone());
                remote.run(move |io_loop| wiring.side(io_loop).lane_closed(&lane));
            }
        });
        Ok(Self { server, wiring, lane: lane.lane().clone(), inline: None, fallback })
    }

    fn attach_inline(
        server: Arc<Server>,
        wiring: Arc<Wiring>,
        lane: &NativeLane,
        inline: Rc<Inline>,
    ) -> Result<Self> {
        let side = inline.with_host(|host| host.run(|io_loop| wiring.side(io_loop)));
        let side = side.ok_or_else(|| internal("the loop has ended"))?;
        lane.connect(wiring.take_ends()?);
        inline.watch(side)?;
        lane.drive(inline.clone());
        let (closing, shared) = (lane.lane().clone(), wiring.clone());
        inline.at_teardown(move |io_loop| shared.side(io_loop).lane_closed(&closing));
        // The first turn, which makes the loop accept.
        lane.lane().waker().0.notify();
        Ok(Self { server, wiring, lane: lane.lane().clone(), inline: Some(inline), fallback: None })
    }

    fn collect_ends(server: &Server, wiring: &Arc<Wiring>) -> Result<Vec<LoopEnd>> {
        let (done, built) = mpsc::channel();
        for remote in server.remotes() {
            let (wiring, done) = (wiring.clone(), done.clone());
            remote.run(move |io_loop| {
                wiring.side(io_loop);
                let _ = done.send(());
            });
        }
        for _ in server.remotes() {
            built.recv().map_err(|_| internal("an IO thread ended while it started"))?;
        }
        wiring.take_ends()
    }
}

impl Drop for NativeServer {
    /// Does nothing for a server that has been stopped. One that runs has lost its environment: the lane's cleanup hook
    /// has answered what waited, and these answers leave before the loops end.
    fn drop(&mut self) {
        if let Some(inline) = self.inline.take() {
            inline.close();
        }
        let (done, closed) = mpsc::sync_channel(1);
        self.server.close_with(LAST_WORDS, move |_| {
            let _ = done.send(());
        });
        let _ = closed.recv_timeout(LAST_WORDS);
        self.server.stop(LAST_WORDS);
    }
}
