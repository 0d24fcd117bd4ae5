//! What one connection sends.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::Bytes;
use flate2::Compress;

use super::Deflate;
use super::budget::Held;
use super::codecs::{Outcome, compress, compressor, compressor_bytes};
use crate::protocol::ws::encode;
use crate::protocol::ws::header::Opcode;

/// Messages below this size are compressed for the sake of those that come after them, even if they get no smaller.
const WORTH_KNOWING: usize = 1024;

/// See the module.
pub(in crate::protocol::ws) struct Compressor {
    deflate: Rc<Deflate>,
    window_bits: u8,
    /// Messages may refer to earlier ones.
    takeover: bool,
    /// Made with the first message that is worth it, if there is memory left then.
    own: RefCell<Option<(Compress, Held)>>,
    /// The peer remembers what `own` does not: nothing before may be referred to.
    is_stale: Cell<bool>,
}

/// What decides how a message is compressed that many get: connections that agree in it get the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protocol::ws) struct Variant {
    level: u8,
    window_bits: u8,
}

impl Compressor {
    pub fn new(deflate: Rc<Deflate>, window_bits: u8, takeover: bool) -> Self {
        Self { deflate, window_bits, takeover, own: RefCell::new(None), is_stale: Cell::new(false) }
    }

    /// Appends `content` as a frame to `out`, compressed where that makes it smaller.
    pub fn frame(&self, out: &mut Vec<u8>, opcode: Opcode, content: &[u8]) {
        if !self.deflate.is_worth_it(content) {
            return encode::frame(out, opcode, content);
        }
        self.deflate.codecs.with_output(|compressed| match self.compress(content, compressed) {
            true => encode::compressed_frame(out, opcode, compressed),
            false => encode::frame(out, opcode, content),
        });
    }

    /// How a message that many get is compressed for this connection; `None` when it is not.
    pub fn variant(&self, content: &[u8]) -> Option<Variant> {
        let level = self.deflate.settings.level;
        self.deflate.is_worth_it(content).then_some(Variant { level, window_bits: self.window_bits })
    }

    /// A message as one frame for all connections with the same [`Variant`]: it refers to nothing before it, which every peer can
    /// read at any time. `None` when it is better sent as it is.
    pub fn frame_for_many(&self, opcode: Opcode, content: &[u8]) -> Option<Bytes> {
        let Deflate { settings, codecs, .. } = &*self.deflate;
        codecs.with_output(|compressed| {
            codecs.compress(settings.level, self.window_bits, content, compressed).then(|| {
                let mut frame = Vec::with_capacity(compressed.len() + encode::MAX_HEADER);
                encode::compressed_frame(&mut frame, opcode, compressed);
                frame.into()
            })
        })
    }

    /// A compressed frame was sent that is not from here: the peer remembers it and this side does not.
    pub fn forget(&self) {
        // Most connections that get such frames send no others, and a reset costs microseconds.
        self.is_stale.set(true);
    }

    fn compress(&self, content: &[u8], out: &mut Vec<u8>) -> bool {
        let Deflate { settings, codecs, budget } = &*self.deflate;
        let mut own = self.own.borrow_mut();
        if self.takeover && own.is_none() {
            *own = budget
                .hold(compressor_bytes(self.window_bits))
                .map(|held| (compressor(settings.level, self.window_bits), held));
        }
        if self.is_stale.take()
            && let Some((compressor, _)) = &mut *own
        {
            compressor.reset();
        }
        match &mut *own {
            None => codecs.compress(settings.level, self.window_bits, content, out),
            Some((compressor, _)) => {
                match compress(compressor, content, out) {
                    Outcome::Smaller => return true,
                    Outcome::NotSmaller if content.len() < WORTH_KNOWING => return true,
                    Outcome::NotSmaller => compressor.reset(),
                    Outcome::Broken => *own = None,
                }
                false
            }
        }
    }
}
