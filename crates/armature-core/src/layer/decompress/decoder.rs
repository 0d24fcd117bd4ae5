//! A body whose coding is undone while it is read.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use compression_codecs::zstd::params::DParameter;
use compression_codecs::{BrotliDecoder, DecodeV2, GzipDecoder, ZlibDecoder, ZstdDecoder};
use compression_core::util::{PartialBuffer, WriteBuffer};

use super::ContentCoding;
use crate::http::{Body, BodyError, BodyStream, Frame};
use crate::metrics::LoopMetrics;

/// Room for output: what one step can give at most.
const ROOM: usize = 16 * 1024;
/// Output that no ratio is asked of: a few repetitions in a short text are no attack.
const RATIO_FREE: u64 = 64 * 1024;
/// The largest window that a recipient has to have (RFC 9659), in bits.
const ZSTD_WINDOW_BITS: u32 = 23;

/// What bounds the output.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes.
    pub size: u64,
    /// Bytes of output for each byte of input.
    pub ratio: u64,
}

/// Undoes one coding of `body`.
pub(super) struct Decoded {
    body: Body,
    decoder: Box<dyn DecodeV2>,
    coding: ContentCoding,
    bounds: Bounds,
    input: Bytes,
    received: u64,
    produced: u64,
    /// The decoder may have more than there was room for.
    full: bool,
    /// A member or frame is complete; another one may follow.
    complete: bool,
    /// `body` has nothing more.
    exhausted: bool,
    trailers: Option<http::HeaderMap>,
    metrics: Arc<LoopMetrics>,
}

impl Decoded {
    pub fn new(body: Body, coding: ContentCoding, bounds: Bounds, metrics: Arc<LoopMetrics>) -> Self {
        let decoder: Box<dyn DecodeV2> = match coding {
            ContentCoding::Gzip => Box::new(GzipDecoder::new()),
            ContentCoding::Deflate => Box::new(ZlibDecoder::new()),
            ContentCoding::Br => Box::new(BrotliDecoder::new()),
            ContentCoding::Zstd => {
                Box::new(ZstdDecoder::new_with_params(&[DParameter::window_log_max(ZSTD_WINDOW_BITS)]))
            }
        };
        Self {
            body,
            decoder,
            coding,
            bounds,
            input: Bytes::new(),
            received: 0,
            produced: 0,
            full: false,
            complete: false,
            exhausted: false,
            trailers: None,
            metrics,
        }
    }

    /// One step of the decoder; its output may be empty.
    fn step(&mut self) -> Result<Vec<u8>, BodyError> {
        let mut output = vec![0; ROOM];
        let mut room = WriteBuffer::new_initialized(&mut output);
        if self.input.is_empty() {
            // What it kept for want of room.
            self.decoder.flush(&mut room).map_err(|_| BodyError::Malformed)?;
        } else {
            if std::mem::take(&mut self.complete) {
                let may_follow = matches!(self.coding, ContentCoding::Gzip | ContentCoding::Zstd);
                let again = may_follow && self.decoder.reinit().is_ok();
                if !again {
                    return Err(BodyError::Malformed);
                }
            }
            let mut input = PartialBuffer::new(&self.input[..]);
            let decoded = self.decoder.decode(&mut input, &mut room);
            let used = input.written_len();
            self.complete = decoded.map_err(|_| BodyError::Malformed)?;
            if used == 0 && room.written_len() == 0 && !self.complete {
                return Err(BodyError::Malformed);
            }
            self.input.advance(used);
        }
        self.full = room.has_no_spare_space() && !self.complete;
        let length = room.written_len();
        self.count(length)?;
        output.truncate(length);
        Ok(output)
    }

    fn count(&mut self, length: usize) -> Result<(), BodyError> {
        self.produced += length as u64;
        let allowed = self.received.saturating_mul(self.bounds.ratio).max(RATIO_FREE);
        if self.produced <= self.bounds.size.min(allowed) {
            return Ok(());
        }
        self.metrics.large_bodies.add(1);
        Err(BodyError::TooLarge)
    }

    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        loop {
            if !self.input.is_empty() || self.full {
                let output = self.step()?;
                if !output.is_empty() {
                    return Poll::Ready(Ok(Some(output.into())));
                }
                continue;
            }
            if self.exhausted {
                let whole = self.complete
                    || self
                        .decoder
                        .finish(&mut WriteBuffer::new_initialized(&mut [0; 64]))
                        .is_ok_and(|done| done);
                return Poll::Ready(if whole { Ok(None) } else { Err(BodyError::Malformed) });
            }
            match std::task::ready!(self.body.poll_frame(cx)) {
                Some(Ok(Frame::Data(data))) => {
                    self.received += data.len() as u64;
                    self.input = data;
                }
                Some(Ok(Frame::Trailers(trailers))) => {
                    self.trailers = Some(trailers);
                    self.exhausted = true;
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => self.exhausted = true,
            }
        }
    }
}

impl BodyStream for Decoded {
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let this = self.get_mut();
        Poll::Ready(match std::task::ready!(this.advance(cx)) {
            Ok(Some(data)) => Some(Ok(Frame::Data(data))),
            Ok(None) => this.trailers.take().map(|trailers| Ok(Frame::Trailers(trailers))),
            Err(error) => {
                this.body = Body::Empty;
                Some(Err(error))
            }
        })
    }
}
