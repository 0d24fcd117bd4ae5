//! What one connection receives.

use std::rc::Rc;

use flate2::{Decompress, FlushDecompress, Status};

use super::Deflate;
use super::budget::Held;
use crate::protocol::ws::decode::Violation;

/// What a sender takes off (RFC 7692 section 7.2.2), and an empty block that is the last one: when the decompressor ends with that,
/// the message ended where a block ends.
const TAIL: [u8; 9] = [0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff];
/// The largest window, and how far back deflate can refer at all.
const WINDOW: usize = 1 << 15;
/// The least that output grows by.
const ROOM: usize = 1024;

/// See the module. The decompressor is that of the loop; a connection keeps the end of what came before, and that only when the
/// client may refer to it.
pub(in crate::protocol::ws) struct Inflater {
    pub(super) deflate: Rc<Deflate>,
    /// How far back the client may refer.
    window: usize,
    /// The end of what came before.
    history: Vec<u8>,
    /// Exists when messages may refer to earlier ones.
    held: Option<Held>,
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inflater({} of {} bytes)", self.history.len(), self.window)
    }
}

impl Inflater {
    /// `held` is the memory for a window of `window_bits`.
    pub(super) fn new(deflate: Rc<Deflate>, window_bits: u8, held: Option<Held>) -> Self {
        Self { deflate, window: 1 << window_bits, history: Vec::new(), held }
    }

    /// Memory that is kept between messages.
    pub fn kept(&self) -> usize {
        self.history.capacity()
    }

    /// Calls `on` with the message that came as `compressed`, if it has no more than `limit` bytes: not more than a little beyond
    /// that is ever decompressed.
    pub fn inflate<T>(
        &mut self,
        compressed: &[u8],
        limit: usize,
        on: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, Violation> {
        let deflate = self.deflate.clone();
        deflate.codecs.with_output(|output| {
            deflate.codecs.with_decompressor(|decompressor| {
                let (history, output) = (&self.history[..], &mut *output);
                Message { decompressor, history, output, limit }.run(compressed)
            })?;
            if self.held.is_some() {
                self.remember(output);
            }
            Ok(on(&output[..]))
        })
    }

    fn remember(&mut self, message: &[u8]) {
        let message = &message[message.len().saturating_sub(self.window)..];
        let over = (self.history.len() + message.len()).saturating_sub(self.window);
        self.history.drain(..over);
        let needed = self.history.len() + message.len();
        if needed > self.history.capacity() {
            let capacity = needed.next_power_of_two().min(self.window);
            self.history.reserve_exact(capacity - self.history.len());
        }
        self.history.extend_from_slice(message);
    }
}

/// A message that is decompressed.
struct Message<'a> {
    decompressor: &'a mut Decompress,
    history: &'a [u8],
    output: &'a mut Vec<u8>,
    limit: usize,
}

impl Message<'_> {
    fn run(&mut self, compressed: &[u8]) -> Result<(), Violation> {
        self.refer()?;
        // The last block may say that it is the last one (RFC 7692 section 7.2.3.4).
        if self.feed(compressed)? || self.feed(&TAIL)? { Ok(()) } else { Err(Violation::DEFLATE) }
    }

    /// Decompresses `input`. True when it ends with a last block.
    fn feed(&mut self, mut input: &[u8]) -> Result<bool, Violation> {
        loop {
            self.grow(input.len());
            let (had, came) = (self.decompressor.total_in(), self.output.len());
            let status = self.decompressor.decompress_vec(input, self.output, FlushDecompress::None);
            let status = status.map_err(|_| Violation::DEFLATE)?;
            if self.output.len() > self.limit {
                return Err(Violation::MESSAGE);
            }
            let read = (self.decompressor.total_in() - had) as usize;
            input = &input[read..];
            match status {
                Status::StreamEnd if input.is_empty() => return Ok(true),
                Status::StreamEnd => {
                    // More blocks may follow the last one, and refer to what is before it.
                    self.decompressor.reset(false);
                    self.refer()?;
                }
                // There may be more to come out, unless there was room for it.
                Status::Ok | Status::BufError => {
                    if input.is_empty() && self.output.len() < self.output.capacity() {
                        return Ok(false);
                    }
                    if read == 0 && self.output.len() == came {
                        return Err(Violation::DEFLATE);
                    }
                }
            }
        }
    }

    /// Has the decompressor know what came before.
    fn refer(&mut self) -> Result<(), Violation> {
        let here = &self.output[self.output.len().saturating_sub(WINDOW)..];
        let before = &self.history[self.history.len().saturating_sub(WINDOW - here.len())..];
        for part in [before, here] {
            if !part.is_empty() {
                self.decompressor.set_dictionary(part).map_err(|_| Violation::DEFLATE)?;
            }
        }
        Ok(())
    }

    /// Has room for output: as much again as there is, and one byte beyond the limit at most.
    fn grow(&mut self, input: usize) {
        if self.output.len() == self.output.capacity() {
            let most = self.limit.saturating_add(1).saturating_sub(self.output.len());
            let more = ROOM.max(4 * input).max(self.output.len()).min(most);
            self.output.reserve_exact(more);
        }
    }
}
