//! What the handlers of a server share, whichever JavaScript threads serve.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use armature_bridge::{SlotId, SlotUsage};
use armature_core::config::{IoMode, Settings};
use armature_core::handler::{FileReaders, FileSender};
use armature_core::io_loop::LoopHandle;
use armature_core::layer::{CorsCounters, RateLimitCounters};
use armature_core::server::io_threads;

use crate::bridge::lane::{LoopAddress, LoopEnds};
use crate::bridge::lanes::LaneSeed;
use crate::bridge::loop_side::{LoopSide, Windows};
use crate::bridge::patience::Patience;
use crate::bridge::rebind::Revivals;
use crate::bridge::topics::Topics;
use crate::cache::Caches;
use crate::concurrency::ConcurrencyLimits;
use crate::health::HealthBook;
use crate::lock;
use crate::log::Logs;
use crate::stats::{Shed, SocketCounts};

/// The part of `limits.unsent` that may be on its way to one loop.
const CROSSING: usize = 16;

/// Settings, counters, and the ways to its loops.
pub struct Wiring {
    pub settings: Settings,
    pub shed: Arc<Shed>,
    pub logs: Logs,
    pub concurrency: ConcurrencyLimits,
    pub health: HealthBook,
    pub cors: Arc<CorsCounters>,
    pub rate_limits: Arc<RateLimitCounters>,
    /// Threads that read files.
    pub files: FileReaders,
    pub caches: Caches,
    pub topics: Arc<Topics>,
    pub sockets: Arc<SocketCounts>,
    pub revivals: Arc<Revivals>,
    /// Nothing is answered because it took JavaScript too long.
    paused: Arc<AtomicBool>,
    /// Of each loop.
    pub slots: Mutex<Vec<(u16, Arc<SlotUsage>)>>,
    /// The lane of the thread that started the server.
    first: LaneSeed,
    loops: Mutex<Vec<Option<LoopAddress>>>,
}

struct Side(Rc<LoopSide>);

impl Wiring {
    pub fn new(settings: Settings, first: LaneSeed) -> Arc<Self> {
        let loops = io_threads(&settings);
        let files = FileReaders::new(settings.files.clone());
        Arc::new(Self {
            topics: Topics::new(&settings.limits),
            sockets: Arc::default(),
            revivals: Arc::default(),
            settings,
            files,
            shed: Arc::default(),
            logs: Logs::default(),
            concurrency: ConcurrencyLimits::default(),
            health: HealthBook::default(),
            cors: Arc::default(),
            rate_limits: Arc::default(),
            caches: Caches::default(),
            paused: Arc::default(),
            slots: Mutex::default(),
            first,
            loops: Mutex::new((0..loops).map(|_| None).collect()),
        })
    }

    /// The bridge's end on `io_loop`; made when the first handler asks.
    pub fn side(&self, io_loop: &LoopHandle) -> Rc<LoopSide> {
        self.side_with(io_loop, &self.first)
    }

    /// The same; `lane` is its first one.
    pub fn side_with(&self, io_loop: &LoopHandle, lane: &LaneSeed) -> Rc<LoopSide> {
        let side = io_loop.local(|| {
            let limits = &self.settings.limits;
            let slots = limits.in_flight.saturating_add(limits.connections);
            let windows = Windows { response: limits.response_buffer, answers: limits.unsent / CROSSING };
            let (paused, shed) = (self.paused.clone(), self.shed.clone());
            let patience = Patience { limit: limits.queue_age, paused, shed };
            let files = Rc::new(FileSender::new(&self.files, io_loop));
            let side = LoopSide::start(io_loop, slots, windows, patience, files, self.web_sockets());
            side.add_lane(lane);
            let (number, index) = (io_loop.index(), usize::from(io_loop.index()));
            lock(&self.slots).push((number, side.slot_usage()));
            let mut loops = lock(&self.loops);
            if loops.len() <= index {
                loops.resize(index + 1, None);
            }
            loops[index] = Some(side.address());
            Side(side)
        });
        side.0.clone()
    }

    fn web_sockets(&self) -> (Arc<Topics>, Arc<SocketCounts>, Option<Arc<Revivals>>) {
        let outlives = self.settings.io_threads != IoMode::Inline;
        (self.topics.clone(), self.sockets.clone(), outlives.then(|| self.revivals.clone()))
    }

    /// Requests may wait for JavaScript as long as they like, or no longer.
    pub fn pause_deadlines(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// An end of every loop, for one more lane; `None` when a loop has not started, or all have ended.
    pub fn ends(&self) -> Option<LoopEnds> {
        let loops = lock(&self.loops);
        let addresses: Option<Vec<_>> = loops.iter().cloned().collect();
        let addresses = addresses.filter(|addresses| !addresses.is_empty())?;
        Some(LoopEnds::new(0, addresses, self.topics.clone()))
    }

    /// An end of loop `index` alone, for the lane that is on its thread.
    pub fn own_end(&self, index: u8) -> Option<LoopEnds> {
        let address = lock(&self.loops).get(usize::from(index)).cloned().flatten()?;
        Some(LoopEnds::new(index, [address], self.topics.clone()))
    }

    /// Loop `index` ends; the others go on.
    pub fn forget_loop(&self, index: u8) {
        lock(&self.slots).retain(|(of, _)| *of != u16::from(index));
        if let Some(address) = lock(&self.loops).get_mut(usize::from(index)) {
            *address = None;
        }
    }

    /// Whether somebody still waits for the answer to `slot`.
    pub fn is_current(&self, slot: SlotId) -> bool {
        let loops = lock(&self.loops);
        let address = loops.get(usize::from(slot.io_loop())).and_then(Option::as_ref);
        address.is_some_and(|address| address.generations.is_current(slot))
    }

    /// The loops have ended. Whoever holds this is a small object to a garbage collector and may be around for long.
    pub fn forget_loops(&self) {
        lock(&self.loops).clear();
    }
}
