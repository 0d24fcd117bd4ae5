//! One encoder for each coding, fed piece by piece.

use compression_codecs::flate::params::FlateEncoderParams;
use compression_codecs::zstd::params::CParameter;
use compression_codecs::{EncodeV2, GzipEncoder, ZstdEncoder};
use compression_core::Level;
use compression_core::util::{PartialBuffer, WriteBuffer};

use super::brotli::Brotli;
use super::{Coding, Levels};

/// Window of what is compressed, in bits: what an encoder remembers, and most of the memory that it takes.
const WINDOW_BITS: u8 = 18;
/// Room that output grows by.
const ROOM: usize = 8 * 1024;

/// Compresses one body.
pub(super) struct Encoder {
    inner: Box<dyn EncodeV2>,
    output: Vec<u8>,
    written: usize,
}

/// An encoder that failed; it cannot go on, and neither can its body.
#[derive(Debug)]
pub(super) struct Broken;

impl Encoder {
    /// `size` is that of the whole body, when it is known.
    pub fn new(coding: Coding, levels: &Levels, size: Option<u64>) -> Self {
        // A window larger than the content is memory that is cleared for nothing.
        let fitting = size.map_or(WINDOW_BITS, |size| bits(size).clamp(10, WINDOW_BITS));
        let inner: Box<dyn EncodeV2> = match coding {
            Coding::Gzip => {
                let level = Level::Precise(i32::from(levels.gzip));
                Box::new(GzipEncoder::new(FlateEncoderParams::from(level)))
            }
            Coding::Br => {
                let size = size.map_or(0, |size| usize::try_from(size).unwrap_or(usize::MAX));
                Box::new(Brotli::new(levels.br, fitting, size))
            }
            Coding::Zstd => {
                let window = CParameter::window_log(u32::from(fitting));
                Box::new(ZstdEncoder::new_with_params(i32::from(levels.zstd), &[window]))
            }
        };
        Self { inner, output: Vec::new(), written: 0 }
    }

    /// Takes all of `piece`.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Broken> {
        let mut input = PartialBuffer::new(piece);
        while !input.unwritten().is_empty() {
            self.step(|inner, room| inner.encode(&mut input, room))?;
        }
        Ok(())
    }

    /// Has everything so far in the output, so that the client can read it.
    pub fn flush(&mut self) -> Result<(), Broken> {
        while !self.step(|inner, room| inner.flush(room))? {}
        Ok(())
    }

    /// Ends the content.
    pub fn finish(&mut self) -> Result<(), Broken> {
        while !self.step(|inner, room| inner.finish(room))? {}
        Ok(())
    }

    /// What there is of the output.
    pub fn take(&mut self) -> Vec<u8> {
        self.output.truncate(self.written);
        self.written = 0;
        std::mem::take(&mut self.output)
    }

    fn step<T>(
        &mut self,
        work: impl FnOnce(&mut dyn EncodeV2, &mut WriteBuffer<'_>) -> std::io::Result<T>,
    ) -> Result<T, Broken> {
        if self.output.len() - self.written < ROOM / 2 {
            self.output.resize(self.written + ROOM, 0);
        }
        let mut room = WriteBuffer::new_initialized(&mut self.output[self.written..]);
        let result = work(&mut *self.inner, &mut room).map_err(|_| Broken);
        self.written += room.written_len();
        result
    }
}

/// Bits that numbers up to `size` need.
fn bits(size: u64) -> u8 {
    (u64::BITS - size.leading_zeros()) as u8
}

#[cfg(test)]
mod tests {
    use compression_codecs::{BrotliDecoder, DecodeV2, GzipDecoder, ZstdDecoder};

    use super::*;

    fn decode(coding: Coding, bytes: &[u8], most: usize) -> Vec<u8> {
        let mut decoder: Box<dyn DecodeV2> = match coding {
            Coding::Gzip => Box::new(GzipDecoder::new()),
            Coding::Br => Box::new(BrotliDecoder::new()),
            Coding::Zstd => Box::new(ZstdDecoder::new()),
        };
        let mut output = vec![0; most + 1];
        let mut input = PartialBuffer::new(bytes);
        let mut room = WriteBuffer::new_initialized(&mut output);
        let ended = decoder.decode(&mut input, &mut room).unwrap();
        assert!(ended && input.unwritten().is_empty(), "{coding:?}");
        let length = room.written_len();
        output.truncate(length);
        output
    }

    /// What repeats, with what does not in between.
    fn content(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut noise = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..length).map(|at| if at % 700 < 300 { noise() } else { b"armature "[at % 9] }).collect()
    }

    #[test]
    fn what_goes_in_comes_out() {
        for coding in Coding::ALL {
            for length in [0, 1, 1000, 40_000, 700_000] {
                let content = content(length);
                for (low, levels) in
                    [(true, Levels { zstd: 1, br: 0, gzip: 1 }), (false, Levels { zstd: 9, br: 9, gzip: 9 })]
                {
                    for size in [None, Some(length as u64)] {
                        let mut encoder = Encoder::new(coding, &levels, size);
                        let mut output = Vec::new();
                        for (number, piece) in content.chunks(10_007).enumerate() {
                            encoder.push(piece).unwrap();
                            if number % 3 == 0 {
                                encoder.flush().unwrap();
                                encoder.flush().unwrap();
                            }
                            output.extend(encoder.take());
                        }
                        encoder.finish().unwrap();
                        output.extend(encoder.take());
                        assert!(
                            decode(coding, &output, length) == content,
                            "{coding:?} {length} {low} {size:?}"
                        );
                        assert!(
                            length < 40_000 || output.len() < length * 2 / 3,
                            "{coding:?} {length} {low}"
                        );
                    }
                }
            }
        }
    }
}
