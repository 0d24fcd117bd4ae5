//! What a peer costs beyond its requests: resets, and frames that carry nothing.
//!
//! The state machine below answers a PING, a SETTINGS or a broken stream without telling anybody, so frames are counted where
//! their bytes pass. Each kind has an allowance that comes back with time; what stands for real work pays for the frames that
//! belong to it.

use super::frames::{CONTINUATION, DATA, END_HEADERS, END_STREAM, FrameHead, Frames, HEADERS, RST_STREAM};
use crate::config::Limits;

/// Ticks in which an allowance that was used up is whole again: ten seconds.
const PERIOD: u64 = 1000;
/// What one request pays for: the updates of the windows of its answer, and a sign of life.
const OF_REQUEST: u64 = 4;
/// What one frame of an answer pays for: the updates of both windows.
const OF_DATA: u64 = 2;
/// Below so many bytes a frame of an answer pays for nothing: somebody opens a window byte by byte.
const LEAST_DATA: u32 = 16;
/// Error codes (RFC 9113 section 7).
const NO_ERROR: u32 = 0;
const PROTOCOL_ERROR: u32 = 1;

/// So much in ten seconds, and as much at once.
#[derive(Debug)]
struct Allowance {
    most: u64,
    /// What has been used and has not come back, times [`PERIOD`].
    used: u64,
    /// In ticks.
    since: u64,
}

impl Allowance {
    fn new(most: usize) -> Self {
        Self { most: most as u64, used: 0, since: 0 }
    }

    /// Uses one. False when there is none.
    fn take(&mut self, now: u64) -> bool {
        let back = now.saturating_sub(self.since).saturating_mul(self.most);
        self.since = now;
        self.used = self.used.saturating_sub(back) + PERIOD;
        self.used <= self.most * PERIOD
    }

    fn pay(&mut self, n: u64) {
        self.used = self.used.saturating_sub(n * PERIOD);
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Meter {
    received: Frames,
    sent: Frames,
    costs: Costs,
    /// HEADERS have come, and not their end.
    block: bool,
    /// Since when a frame other than DATA, or a head, is not complete; in ticks.
    unfinished: Option<u64>,
    /// When something was received; in ticks.
    heard: u64,
    /// When a part of an answer was sent; in ticks.
    answered: u64,
}

#[derive(Debug)]
struct Costs {
    resets: Allowance,
    control: Allowance,
    exceeded: bool,
    /// Streams that were reset because the peer broke the protocol, and that have not been counted.
    malformed: u64,
}

impl Meter {
    /// For a connection whose first `preface` bytes are no frames.
    pub fn new(limits: &Limits, preface: usize) -> Self {
        let costs = Costs {
            resets: Allowance::new(limits.resets),
            control: Allowance::new(limits.control_frames),
            exceeded: false,
            malformed: 0,
        };
        Self {
            received: Frames::behind(preface),
            sent: Frames::default(),
            costs,
            block: false,
            unfinished: None,
            heard: 0,
            answered: 0,
        }
    }

    /// Takes note of what the peer sent.
    pub fn receive(&mut self, bytes: &[u8], now: u64) {
        let Self { received, costs, block, .. } = self;
        self.heard = now;
        received.pass(bytes, |head| {
            if matches!(head.kind, HEADERS | CONTINUATION) {
                *block = head.flags & END_HEADERS == 0;
            }
            costs.received(head, now);
        });
        // Content has a timeout of its own.
        let is_content = received.unfinished().is_some_and(|head| head.kind == DATA);
        if *block || !(received.is_between() || is_content) {
            self.unfinished.get_or_insert(now);
        } else {
            self.unfinished = None;
        }
    }

    /// Takes note of what the peer was sent.
    pub fn send(&mut self, bytes: &[u8], now: u64) {
        let Self { sent, costs, .. } = self;
        let mut answers = sent.unfinished().is_some_and(|head| head.kind == DATA);
        sent.pass(bytes, |head| {
            answers |= matches!(head.kind, HEADERS | DATA);
            costs.sent(head, now);
        });
        if answers {
            self.answered = now;
        }
    }

    /// Whether the peer costs more than it may.
    pub fn is_exceeded(&self) -> bool {
        self.costs.exceeded
    }

    /// When a part of an answer was sent. What only answers a sign of life does not count.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// Streams that broke the protocol since the last call.
    pub fn take_malformed(&mut self) -> u64 {
        std::mem::take(&mut self.costs.malformed)
    }

    /// Since when a head is not complete.
    pub fn unfinished_since(&self) -> Option<u64> {
        self.unfinished
    }

    /// When the last byte came of a frame with content of `stream` that is not complete.
    pub fn content_heard(&self, stream: u32) -> Option<u64> {
        self.received
            .unfinished()
            .filter(|head| head.kind == DATA && head.stream == stream)
            .map(|_| self.heard)
    }
}

impl Costs {
    fn received(&mut self, head: &FrameHead, now: u64) {
        let good = match head.kind {
            DATA if head.length > 0 || head.flags & END_STREAM != 0 => {
                self.control.pay(u64::from(head.length / 1024));
                true
            }
            HEADERS => {
                self.control.pay(OF_REQUEST);
                true
            }
            RST_STREAM => self.resets.take(now),
            _ => self.control.take(now),
        };
        self.exceeded |= !good;
    }

    fn sent(&mut self, head: &FrameHead, now: u64) {
        match head.kind {
            DATA if head.length >= LEAST_DATA => {
                self.control.pay(OF_DATA + u64::from(head.length / 1024));
            }
            // An early answer, of whose request nothing more is wanted, is no mistake of the peer.
            RST_STREAM if head.code != NO_ERROR => {
                self.exceeded |= !self.resets.take(now);
                self.malformed += u64::from(head.code == PROTOCOL_ERROR);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter() -> Meter {
        Meter::new(&Limits { resets: 10, control_frames: 20, ..Limits::default() }, 0)
    }

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn resets_of_both_sides_have_one_allowance_that_comes_back() {
        let mut meter = meter();
        for n in 0..5 {
            meter.receive(&frame(RST_STREAM, 0, &[0, 0, 0, 8]), 100);
            meter.send(&frame(RST_STREAM, 0, &[0, 0, 0, 1]), 100);
            meter.send(&frame(RST_STREAM, 0, &[0, 0, 0, 0]), 100);
            assert!(!meter.is_exceeded(), "round {n}");
        }
        assert_eq!(meter.take_malformed(), 5);
        assert_eq!(meter.take_malformed(), 0);
        // A tenth of ten seconds for one of ten.
        meter.receive(&frame(RST_STREAM, 0, &[0, 0, 0, 8]), 200);
        assert!(!meter.is_exceeded());
        meter.receive(&frame(RST_STREAM, 0, &[0, 0, 0, 8]), 299);
        assert!(meter.is_exceeded());
    }

    #[test]
    fn frames_without_content_are_paid_by_work() {
        let floods: [(u8, u8, &[u8]); 6] = [
            (6, 0, &[0; 8]),
            (4, 0, &[]),
            (2, 0, &[0; 5]),
            (8, 0, &[0, 0, 0, 1]),
            (DATA, 0, &[]),
            (200, 0, &[]),
        ];
        for (kind, flags, payload) in floods {
            let mut meter = meter();
            (0..20).for_each(|_| meter.receive(&frame(kind, flags, payload), 1));
            assert!(!meter.is_exceeded(), "{kind}");
            meter.receive(&frame(HEADERS, END_HEADERS, &[]), 1);
            (0..4).for_each(|_| meter.receive(&frame(kind, flags, payload), 1));
            assert!(!meter.is_exceeded(), "{kind}");
            // One byte for each byte of window pays for nothing.
            meter.send(&frame(DATA, 0, &[0; 1]), 1);
            meter.receive(&frame(kind, flags, payload), 1);
            assert!(meter.is_exceeded(), "{kind}");
        }
        let mut streaming = meter();
        for _ in 0..200 {
            streaming.send(&frame(DATA, 0, &[0; 16]), 1);
            streaming.receive(&frame(8, 0, &[0, 0, 0, 16]), 1);
            streaming.receive(&frame(8, 0, &[0, 0, 0, 16]), 1);
            streaming.receive(&frame(DATA, 0, &[0; 16]), 1);
        }
        assert!(!streaming.is_exceeded());
    }

    #[test]
    fn what_answers_a_ping_is_no_answer() {
        let mut meter = meter();
        meter.send(&frame(6, 1, &[0; 8]), 5);
        assert_eq!(meter.answered(), 0);
        let content = frame(DATA, 0, b"hello");
        meter.send(&content[..10], 6);
        assert_eq!(meter.answered(), 6);
        meter.send(&content[10..], 7);
        assert_eq!(meter.answered(), 7);
    }

    #[test]
    fn a_head_is_unfinished_from_its_first_byte_to_its_last() {
        let mut meter = meter();
        let head = frame(HEADERS, 0, b"abc");
        meter.receive(&head[..1], 5);
        meter.receive(&head[1..], 6);
        assert_eq!(meter.unfinished_since(), Some(5));
        meter.receive(&frame(CONTINUATION, END_HEADERS, b"d"), 7);
        assert_eq!(meter.unfinished_since(), None);
        let content = frame(DATA, 0, b"hello");
        meter.receive(&content[..12], 8);
        assert_eq!((meter.unfinished_since(), meter.content_heard(1)), (None, Some(8)));
        assert_eq!(meter.content_heard(3), None);
        meter.receive(&content[12..], 9);
        assert_eq!(meter.content_heard(1), None);
    }
}
