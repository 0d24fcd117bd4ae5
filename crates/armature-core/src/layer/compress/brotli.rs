//! The encoder of the `brotli` crate, with memory that is used again.

use std::io;

use brotli::enc::BrotliEncoderParams;
use brotli::enc::encode::{BrotliEncoderOperation, BrotliEncoderStateStruct};
use compression_codecs::EncodeV2;
use compression_core::util::{PartialBuffer, WriteBuffer};

use super::memory::Memory;

pub(super) struct Brotli(BrotliEncoderStateStruct<Memory>);

impl Brotli {
    /// A window of `window` bits; `size` is that of the whole body, 0 when it is not known.
    pub fn new(quality: u8, window: u8, size: usize) -> Self {
        let mut state = BrotliEncoderStateStruct::new(Memory);
        state.params = BrotliEncoderParams {
            quality: quality.into(),
            lgwin: window.into(),
            size_hint: size,
            ..BrotliEncoderParams::default()
        };
        Self(state)
    }

    fn step(
        &mut self,
        operation: BrotliEncoderOperation,
        input: &mut PartialBuffer<&[u8]>,
        output: &mut WriteBuffer<'_>,
    ) -> io::Result<()> {
        let (from, to) = (input.unwritten(), output.initialize_unwritten());
        let (mut available, mut room) = (from.len(), to.len());
        let (mut read, mut written) = (0, 0);
        let went_well = self.0.compress_stream(
            operation,
            &mut available,
            from,
            &mut read,
            &mut room,
            to,
            &mut written,
            &mut None,
            &mut |_, _, _, _| (),
        );
        if !went_well {
            return Err(io::Error::other("the encoder failed"));
        }
        input.advance(read);
        output.advance(written);
        Ok(())
    }

    fn end(&mut self, operation: BrotliEncoderOperation, output: &mut WriteBuffer<'_>) -> io::Result<()> {
        self.step(operation, &mut PartialBuffer::new(&[][..]), output)
    }
}

impl EncodeV2 for Brotli {
    fn encode(&mut self, input: &mut PartialBuffer<&[u8]>, output: &mut WriteBuffer<'_>) -> io::Result<()> {
        self.step(BrotliEncoderOperation::BROTLI_OPERATION_PROCESS, input, output)
    }

    fn flush(&mut self, output: &mut WriteBuffer<'_>) -> io::Result<bool> {
        self.end(BrotliEncoderOperation::BROTLI_OPERATION_FLUSH, output)?;
        Ok(!self.0.has_more_output())
    }

    fn finish(&mut self, output: &mut WriteBuffer<'_>) -> io::Result<bool> {
        self.end(BrotliEncoderOperation::BROTLI_OPERATION_FINISH, output)?;
        Ok(self.0.is_finished())
    }
}
