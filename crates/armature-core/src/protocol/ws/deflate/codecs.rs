//! Compressors and decompressors that the connections of a loop share: one works at a time, so one of each kind is enough.

use std::cell::{Cell, RefCell};

use flate2::{Compress, Compression, Decompress, FlushCompress};

use super::TAIL;

/// Compressors that are kept; each has a few hundred kilobytes, and most loops need one.
const COMPRESSORS: usize = 4;
/// The largest output buffer that is kept.
const KEPT_CAPACITY: usize = 64 * 1024;

/// One for each loop.
#[derive(Default)]
pub(super) struct Codecs {
    /// With level and window bits, the one used last at the end.
    compressors: RefCell<Vec<((u8, u8), Compress)>>,
    decompressor: Cell<Option<Decompress>>,
    output: Cell<Vec<u8>>,
}

impl Codecs {
    /// Compresses `content` without a context, see [`compress`]. False when that would not be smaller.
    pub fn compress(&self, level: u8, window_bits: u8, content: &[u8], out: &mut Vec<u8>) -> bool {
        let kind = (level, window_bits);
        let mut compressors = self.compressors.borrow_mut();
        let known = compressors.iter().position(|(known, _)| *known == kind);
        let mut compressor = match known {
            Some(known) => compressors.remove(known).1,
            None => compressor(level, window_bits),
        };
        let outcome = compress(&mut compressor, content, out);
        if outcome != Outcome::Broken {
            compressor.reset();
            if compressors.len() == COMPRESSORS {
                compressors.remove(0);
            }
            compressors.push((kind, compressor));
        }
        outcome == Outcome::Smaller
    }

    /// Calls `work` with a decompressor for raw deflate with the largest window, which reads what was made for smaller ones too.
    pub fn with_decompressor<T>(&self, work: impl FnOnce(&mut Decompress) -> T) -> T {
        let mut decompressor = self.decompressor.take().unwrap_or_else(|| Decompress::new(false));
        decompressor.reset(false);
        let result = work(&mut decompressor);
        self.decompressor.set(Some(decompressor));
        result
    }

    /// Calls `work` with an empty buffer.
    pub fn with_output<T>(&self, work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut output = self.output.take();
        output.clear();
        let result = work(&mut output);
        if output.capacity() <= KEPT_CAPACITY {
            self.output.set(output);
        }
        result
    }
}

/// A compressor for raw deflate. A window of 8 bits is one of 9: of that, the library refers to the last 250 bytes only, as it
/// keeps room for what it looks ahead.
pub(super) fn compressor(level: u8, window_bits: u8) -> Compress {
    Compress::new_with_window_bits(Compression::new(u32::from(level)), false, window_bits.clamp(9, 15))
}

/// What [`compressor`] takes: window twice, chains, hash table, output and symbols, and what is left over for its state.
pub(super) fn compressor_bytes(window_bits: u8) -> usize {
    let window = 1_usize << window_bits.clamp(9, 15);
    4 * window + 128 * 1024 + 7 * 16 * 1024 + 8 * 1024
}

/// What came of compressing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Smaller,
    /// The message is better sent as it is; the compressor has to be reset, as it remembers what the peer does not.
    NotSmaller,
    /// The compressor must not be used again.
    Broken,
}

/// Appends `content` as a compressed message to `out`; of use only when it is smaller.
pub(super) fn compress(compressor: &mut Compress, content: &[u8], out: &mut Vec<u8>) -> Outcome {
    let (from, had) = (out.len(), compressor.total_in());
    // In one step, with room for the worst that can come of it: the library cannot be reset while it has output left.
    out.reserve(bound(content.len()));
    let status = compressor.compress_vec(content, out, FlushCompress::Sync);
    let is_complete = status.is_ok() && compressor.total_in() - had == content.len() as u64;
    if !is_complete || out.len() == out.capacity() || !out[from..].ends_with(&TAIL) {
        return Outcome::Broken;
    }
    out.truncate(out.len() - TAIL.len());
    if out.len() - from < content.len() { Outcome::Smaller } else { Outcome::NotSmaller }
}

/// More than `length` bytes can become: nine bits for each byte at the lowest level, and blocks.
fn bound(length: usize) -> usize {
    length + length / 8 + length / 64 + 64
}
