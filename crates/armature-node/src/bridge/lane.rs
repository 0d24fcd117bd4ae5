//! `NativeLane`: the JavaScript end of a lane.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use armature_bridge::command::{self, Part};
use armature_bridge::{Generations, Lane, LaneReader, Mailbox, SlotId};
use armature_core::protocol::ws::topics::Refusal;
use napi::Env;
use napi::bindgen_prelude::{BufferSlice, Function};
use napi_derive::napi;

use super::headers::HeaderSets;
use super::inline::{Inline, Pump};
use super::topics::{Post, Topics, Waiting};
use super::waker::{JsWaker, SharedWaker};
use crate::census::{self, Live};
use crate::departure::Departure;
use crate::error::{Result, internal};
use crate::lock;

/// What [`NativeLane::turn`] returns for a loop that is not done. Records are longer.
const AGAIN: i32 = 1;

/// Batches of so many bytes are counted on their way; of those that are smaller nothing is kept but what is copied.
const LARGE: usize = super::commit::SHARE_BYTES;

/// What [`NativeLane::subscribe`] returns.
const NAME_IS_INVALID: u32 = 1;
const TOO_MANY_TOPICS: u32 = 2;
const SOCKET_IS_OVER: u32 = 3;

/// A lane whose reader is a JavaScript environment.
pub type JsLane = Lane<SharedWaker>;

/// Where one loop of a server is reached.
#[derive(Clone)]
pub struct LoopAddress {
    pub mailbox: Arc<Mailbox<Post>>,
    pub generations: Arc<Generations>,
    /// Bytes of large batches on their way to those who are answered, and how many there may be.
    pub crossing: Arc<AtomicUsize>,
    pub window: usize,
}

impl LoopAddress {
    fn send(&self, batch: Vec<u8>) {
        let crossing = (batch.len() >= LARGE).then(|| Waiting::new(&self.crossing, batch.len()));
        self.mailbox.send(Post::Commands(batch, crossing));
    }

    /// Whether the loop has to catch up before it is told more.
    fn is_crowded(&self) -> bool {
        self.crossing.load(Ordering::Relaxed) > self.window
    }
}

/// What a lane needs to know of a loop that answers come to.
pub struct LoopEnd {
    at: LoopAddress,
    _live: Live,
}

impl LoopEnd {
    fn new(at: LoopAddress) -> Self {
        Self { at, _live: Live::one_of(&census::ENDS) }
    }
}

/// The loops that a lane has requests from: all, or the one on its own thread.
pub struct LoopEnds {
    first: u8,
    ends: Vec<LoopEnd>,
    topics: Arc<Topics>,
}

impl LoopEnds {
    /// Those with the numbers from `first` on.
    pub fn new(first: u8, addresses: impl IntoIterator<Item = LoopAddress>, topics: Arc<Topics>) -> Self {
        Self { first, ends: addresses.into_iter().map(LoopEnd::new).collect(), topics }
    }

    fn get(&self, io_loop: u8) -> Option<&LoopEnd> {
        self.ends.get(usize::from(io_loop.checked_sub(self.first)?))
    }

    fn are_crowded(&self) -> bool {
        self.ends.iter().any(|end| end.at.is_crowded())
    }
}

/// One JavaScript environment's queue for one server.
#[napi]
pub struct NativeLane {
    lane: Arc<JsLane>,
    /// Shared with whoever takes back what was not handed over; nobody else takes the lock while JavaScript runs.
    reader: Arc<Mutex<LaneReader>>,
    loops: OnceLock<LoopEnds>,
    header_sets: Arc<HeaderSets>,
    /// The function that the waker calls.
    pump: Option<Pump>,
    /// The loop on this thread, with the inline driver.
    inline: OnceCell<Rc<Inline>>,
    /// Of a lane that may end while its server goes on.
    departure: OnceCell<Arc<Departure>>,
}

#[napi]
impl NativeLane {
    /// `pump` is called without arguments when the lane has something to drain. At most `limit` requests wait.
    #[napi(constructor)]
    pub fn new(env: Env, limit: u32, pump: Function<'_, (), ()>) -> Result<Self> {
        let again = pump.create_ref().map_err(|error| internal(error.to_string()))?;
        let waker = JsWaker::new(&env, pump)?;
        Ok(Self {
            lane: Arc::new(Lane::new(limit as usize, SharedWaker(waker))),
            reader: Arc::default(),
            loops: OnceLock::new(),
            header_sets: Arc::new(HeaderSets::default()),
            pump: Some(again),
            inline: OnceCell::new(),
            departure: OnceCell::new(),
        })
    }

    /// Commits the first `length` bytes of `commands`, then fills `records`. Returns the bytes written; 0 means that
    /// the lane is empty and that `pump` will be called for the next record, 1 that the caller has to come again once the rest of
    /// the process has had its turn: the loop on this thread has more to do, or another one has not caught up with what it was
    /// told. A negative number says that the next record needs a buffer of so many bytes. With an empty `records` it only commits.
    #[napi]
    pub fn turn(&mut self, commands: BufferSlice<'_>, length: u32, mut records: BufferSlice<'_>) -> i32 {
        let Some(loops) = self.loops.get() else { return 0 };
        let committed = &commands[..commands.len().min(length as usize)];
        match self.inline.get() {
            Some(inline) => inline.commit(committed),
            None if length > 0 => command::split_by_loop(committed, |part| match part {
                Part::Commands(io_loop, batch) => {
                    if let Some(end) = loops.get(io_loop) {
                        end.at.send(batch);
                    }
                }
                Part::Publish(command) => loops.topics.publish_command(command),
            }),
            None => {}
        }
        if loops.are_crowded() {
            return AGAIN;
        }
        let mut reader = lock(&self.reader);
        let drained = reader.drain(&self.lane, &mut records, |slot| {
            loops.get(slot.io_loop()).is_some_and(|end| end.at.generations.is_current(slot))
        });
        drop(reader);
        if drained.needs > 0 {
            return -(drained.needs as i32);
        }
        if drained.bytes == 0
            && let Some(inline) = self.inline.get()
        {
            if records.is_empty() {
                inline.after_commit(self.lane.is_armed());
            } else if inline.has_ready() {
                return AGAIN;
            }
        }
        drained.bytes as i32
    }

    /// Has [`turn`](Self::turn) hand over `most` requests at a time from now on.
    #[napi]
    pub fn hand_over(&self, most: u32) {
        lock(&self.reader).limit(most as usize);
    }

    /// Has a socket subscribe to `topic`, from behind the commands that were committed. Returns 0, or why not: 1 for its name, 2
    /// when there are too many topics, 3 when the socket is over.
    #[napi]
    pub fn subscribe(&self, slot: u32, generation: u32, topic: String) -> u32 {
        let slot = SlotId { slot, generation };
        let Some(loops) = self.loops.get() else { return SOCKET_IS_OVER };
        let Some(end) = loops.get(slot.io_loop()).filter(|end| end.at.generations.is_current(slot)) else {
            return SOCKET_IS_OVER;
        };
        match loops.topics.directory.subscribe(&topic, slot.io_loop(), slot.to_bits()) {
            Err(Refusal::Name) => return NAME_IS_INVALID,
            Err(Refusal::Full) => return TOO_MANY_TOPICS,
            Ok(subscription) => match self.inline.get() {
                Some(inline) => drop(inline.with_side(|side| side.subscribe(slot, subscription))),
                None => end.at.mailbox.send(Post::Subscribe(slot, subscription)),
            },
        }
        0
    }

    /// Has a socket subscribe to `topic` no longer, from behind the commands that were committed.
    #[napi]
    pub fn unsubscribe(&self, slot: u32, generation: u32, topic: String) {
        let slot = SlotId { slot, generation };
        let Some(loops) = self.loops.get() else { return };
        let Some(end) = loops.get(slot.io_loop()) else { return };
        // It is not counted from now on, whenever the loop gets to it.
        if loops.topics.directory.unsubscribe(&topic, slot.to_bits()) {
            match self.inline.get() {
                Some(inline) => drop(inline.with_side(|side| side.unsubscribe(slot, &topic))),
                None => end.at.mailbox.send(Post::Unsubscribe(slot, topic)),
            }
        }
    }

    /// How many sockets subscribe to `topic`.
    #[napi]
    pub fn subscribers(&self, topic: String) -> u32 {
        self.loops.get().map_or(0, |loops| loops.topics.directory.subscribers(&topic) as u32)
    }

    /// Registers a list of header names and values (alternating); 0 when no more can be registered.
    #[napi]
    pub fn register_headers(&self, pairs: Vec<String>) -> Result<u32> {
        self.header_sets.register(&pairs).ok_or_else(|| internal("a registered header is not valid"))
    }

    /// Keeps the process alive, or no longer.
    #[napi]
    pub fn set_referenced(&self, env: Env, referenced: bool) -> Result<()> {
        self.lane.waker().0.set_referenced(&env, referenced)
    }

    /// Ends the lane: nothing is queued any more and `pump` is not called again. What it held goes now; the garbage
    /// collector sees a small object and may take its time. When the server goes on, other lanes take what had not been
    /// handed over.
    #[napi]
    pub fn close(&mut self, env: Env) {
        if let Some(departure) = self.departure.take() {
            departure.depart();
        }
        self.lane.close();
        self.lane.waker().0.close(&env);
        self.reader = Arc::default();
        self.loops.take();
        self.pump = None;
        self.inline.take();
    }
}

impl NativeLane {
    pub(crate) fn lane(&self) -> &Arc<JsLane> {
        &self.lane
    }

    /// Makes loop `index`, of the inline driver. It is the lane's from [`NativeLane::drive`] on.
    pub(crate) fn inline(&self, env: Env, index: u8) -> Result<Rc<Inline>> {
        let pump = self.pump.as_ref().ok_or_else(|| internal("the lane is closed"))?;
        let pump = pump.borrow_back(&env).and_then(|pump| pump.create_ref());
        Inline::new(env, index, self.lane.clone(), pump.map_err(|error| internal(error.to_string()))?)
    }

    /// Has calls of JavaScript drive `inline`.
    pub(crate) fn drive(&self, inline: Rc<Inline>) {
        // A lane belongs to one server; a second one would be a defect and changes nothing.
        let _ = self.inline.set(inline);
    }

    pub(crate) fn header_sets(&self) -> &Arc<HeaderSets> {
        &self.header_sets
    }

    pub(crate) fn reader(&self) -> &Arc<Mutex<LaneReader>> {
        &self.reader
    }

    pub(crate) fn connect(&self, ends: LoopEnds) {
        // A lane belongs to one server; a second connect would be a defect and changes nothing.
        let _ = self.loops.set(ends);
    }

    /// Has `departure` take place when the environment ends while the lane is open.
    pub(crate) fn at_teardown(&self, departure: Arc<Departure>) {
        self.lane.waker().0.at_teardown(Box::new(move || departure.depart()));
    }

    /// The same, and when the lane is closed by JavaScript: its server goes on without it.
    pub(crate) fn depart_by(&self, departure: Arc<Departure>) {
        self.at_teardown(departure.clone());
        // A lane belongs to one server; a second one would be a defect and changes nothing.
        let _ = self.departure.set(departure);
    }
}
