//! Streams of server-sent events: what keeps an idle one open, and their end when the server or their thread stops.

use std::task::Context;
use std::time::Duration;

use armature_bridge::{SlotId, record};
use armature_core::http::CancelReason;
use armature_core::io_loop::{LoopHandle, Sleep};
use bytes::Bytes;

use super::lanes::LaneSeed;
use super::loop_side::LoopSide;

/// What an idle stream says: a comment, which clients ignore, and an empty line, for those who read block by block.
pub const HEARTBEAT: &[u8] = b":\n\n";

/// What a stream of events has beyond other streams.
pub struct Events {
    opening: Bytes,
    every: Duration,
    /// None when idle streams say nothing.
    timer: Option<Sleep>,
    /// Something was said since the timer was set.
    is_fresh: bool,
    /// The last bytes that were sent: only between two events there is an empty line.
    last: [u8; 2],
}

impl Events {
    /// From the body of its command, which JavaScript wrote.
    pub fn new(content: &[u8], io_loop: &LoopHandle) -> Self {
        let (millis, opening) = content.split_first_chunk().unwrap_or((&[0; 4], &[]));
        let every = Duration::from_millis(u32::from_le_bytes(*millis).into());
        Self {
            opening: Bytes::copy_from_slice(opening),
            every,
            timer: (!every.is_zero()).then(|| io_loop.sleep()),
            is_fresh: true,
            last: [b'\n'; 2],
        }
    }

    /// What the stream begins with, once. Not counted as credit: JavaScript did not write it as a piece.
    pub fn take_opening(&mut self) -> Option<Bytes> {
        (!self.opening.is_empty()).then(|| std::mem::take(&mut self.opening))
    }

    /// Notices a piece of the stream.
    pub fn sent(&mut self, piece: &[u8]) {
        self.is_fresh = true;
        self.last = match *piece {
            [.., before, last] => [before, last],
            [last] => [self.last[1], last],
            [] => self.last,
        };
    }

    /// Whether the stream has been idle for so long that it has to say something; else the task of `cx` is woken then.
    pub fn is_due(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(timer) = &self.timer else { return false };
        if std::mem::take(&mut self.is_fresh) {
            timer.reset(self.every);
        }
        if !timer.poll_fired(cx) {
            return false;
        }
        timer.reset(self.every);
        // A long event crosses in several pieces: nothing comes between them.
        if self.last == *b"\n\n" {
            return true;
        }
        timer.poll_fired(cx)
    }
}

impl LoopSide {
    /// Ends all streams of events, those that begin later too: they would not end by themselves, and their clients connect
    /// again, to whoever serves then.
    pub fn end_events(&self) {
        self.ends_events.set(true);
        self.stop_events(|_| true);
        self.forget_what_is_over();
    }

    /// The same for those of one lane.
    pub fn end_events_of(&self, seed: &LaneSeed) {
        let lane = self.all_lanes().into_iter().find(|lane| lane.id == seed.id);
        if let Some(lane) = lane {
            lane.ends_events.set(true);
        }
        self.stop_events(|lane| lane == seed.id);
    }

    fn stop_events(&self, of_lane: impl Fn(u32) -> bool) {
        let streams = self.slots.borrow_mut().filter(|entry| {
            let is_over = entry.streams.as_ref().is_none_or(|streams| streams.complete);
            !is_over && of_lane(entry.lane.id) && entry.response().is_some_and(|stream| stream.is_events())
        });
        for slot in streams {
            self.stop_stream(slot);
        }
    }

    /// Ends the stream behind what has been written; its producer hears that the server stops.
    pub(super) fn stop_stream(&self, slot: SlotId) {
        let mut slots = self.slots.borrow_mut();
        let Some(entry) = slots.get_mut(slot) else { return };
        let Some(stream) = entry.response().cloned() else { return };
        entry.streams().complete = true;
        let (lane, is_taken) = (entry.lane.clone(), entry.reply.is_none());
        drop(slots);
        stream.end();
        let reason = CancelReason::Shutdown as u32;
        let _ = lane.lane.push(|out| record::event(out, record::Kind::Abort, slot, reason));
        // The head may still wait to be taken.
        if is_taken {
            self.release(slot);
        }
    }
}
