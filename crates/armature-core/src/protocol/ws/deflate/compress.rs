//! What one connection sends.

use std::cell::RefCell;
use std::rc::Rc;

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
}

impl Compressor {
    pub fn new(deflate: Rc<Deflate>, window_bits: u8, takeover: bool) -> Self {
        Self { deflate, window_bits, takeover, own: RefCell::new(None) }
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

    /// Whether the peer can read frames that were compressed for the whole route.
    pub fn reads_shared(&self) -> bool {
        self.window_bits >= self.deflate.settings.window_bits
    }

    /// A frame was sent that is not from here. The peer remembers it and this side does not: nothing before it may be referred to.
    pub fn forget(&self) {
        if let Some((own, _)) = &mut *self.own.borrow_mut() {
            own.reset();
        }
    }

    fn compress(&self, content: &[u8], out: &mut Vec<u8>) -> bool {
        let Deflate { settings, codecs, budget } = &*self.deflate;
        let mut own = self.own.borrow_mut();
        if self.takeover && own.is_none() {
            *own = budget
                .hold(compressor_bytes(self.window_bits))
                .map(|held| (compressor(settings.level, self.window_bits), held));
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
