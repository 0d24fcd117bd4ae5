//! A body that is compressed while it is sent.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::encoder::{Broken, Encoder};
use crate::http::{Body, BodyError, BodyStream, Frame};

/// Bytes that are compressed at once: a loop has other connections, so larger ones have to wait for their next turn.
pub(super) const PIECE: usize = 32 * 1024;

/// One of the bodies that a layer may work on at the same time, on one loop.
pub(in crate::layer) struct Place(Rc<Cell<usize>>);

impl Place {
    /// `None` when `limit` are taken.
    pub fn take(taken: &Rc<Cell<usize>>, limit: usize) -> Option<Self> {
        (taken.get() < limit).then(|| {
            taken.set(taken.get() + 1);
            Self(taken.clone())
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Compresses what `body` gives. What waits in the encoder is flushed whenever `body` has nothing more for now: who sends
/// events gets them through one by one, and who sends without a pause loses nothing of the ratio.
pub(super) struct Compressed {
    body: Body,
    encoder: Encoder,
    /// What came and was not compressed yet.
    rest: Bytes,
    /// Bytes went into the encoder since it was flushed.
    unflushed: bool,
    /// Bytes that may be compressed before the loop has another turn.
    budget: usize,
    /// Comes after the end of the content.
    trailers: Option<http::HeaderMap>,
    ended: bool,
    /// Given back with the encoder.
    _place: Place,
}

impl Compressed {
    pub fn new(body: Body, encoder: Encoder, place: Place) -> Self {
        Self {
            body,
            encoder,
            rest: Bytes::new(),
            unflushed: false,
            budget: PIECE,
            trailers: None,
            ended: false,
            _place: place,
        }
    }

    fn take(&mut self) -> Option<Frame> {
        let output = self.encoder.take();
        (!output.is_empty()).then(|| Frame::Data(output.into()))
    }

    fn end(&mut self) -> Result<Option<Frame>, Broken> {
        self.ended = true;
        self.encoder.finish()?;
        Ok(self.take())
    }

    /// The next frame, or `None` to wait for more.
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, BodyError>> {
        let failed = |Broken| BodyError::Failed;
        loop {
            if !self.rest.is_empty() {
                if self.budget == 0 {
                    self.budget = PIECE;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let piece = self.rest.split_to(self.rest.len().min(self.budget));
                self.budget -= piece.len();
                self.encoder.push(&piece).map_err(failed)?;
                self.unflushed = true;
                if let Some(frame) = self.take() {
                    return Poll::Ready(Ok(Some(frame)));
                }
                continue;
            }
            match self.body.poll_frame(cx) {
                Poll::Ready(Some(Ok(Frame::Data(data)))) => self.rest = data,
                Poll::Ready(Some(Ok(Frame::Trailers(trailers)))) => {
                    self.trailers = Some(trailers);
                    return Poll::Ready(self.end().map_err(failed));
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => return Poll::Ready(self.end().map_err(failed)),
                Poll::Pending => {
                    self.budget = PIECE;
                    if std::mem::take(&mut self.unflushed) {
                        self.encoder.flush().map_err(failed)?;
                        if let Some(frame) = self.take() {
                            return Poll::Ready(Ok(Some(frame)));
                        }
                    }
                    return Poll::Pending;
                }
            }
        }
    }
}

impl BodyStream for Compressed {
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let this = self.get_mut();
        if !this.ended {
            match std::task::ready!(this.advance(cx)) {
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::Trailers(trailers))))
    }

    fn buffered(&self) -> usize {
        self.rest.len() + self.body.buffered()
    }
}
