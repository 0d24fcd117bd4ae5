//! A place in flight: from before the handler is asked until its answer is sent, or nobody waits for it any more.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::LocalLimiter;
use super::limiter::Limiter;
use crate::http::{Body, BodyError, BodyStream, FilePart, Frame, Response, SizeHint};

/// Content up to this size is copied together with its head: whoever hands it over is done with it.
const COPIED: usize = 16 * 1024;

/// One that is taken. `None` when it was handed on.
pub(super) struct Place(Option<Rc<LocalLimiter>>);

/// The same on its way with bytes, which may be dropped on another thread.
struct Sent {
    bytes: Bytes,
    limiter: Option<Arc<Limiter>>,
}

/// The same on its way with a stream.
struct Held {
    stream: Pin<Box<dyn BodyStream>>,
    _place: Place,
}

impl Place {
    /// `None` when all are taken, or somebody waits for one.
    pub fn take(limiter: &Rc<LocalLimiter>) -> Option<Self> {
        limiter.try_enter().then(|| Self::granted(limiter))
    }

    /// One that the limiter has given already.
    pub fn granted(limiter: &Rc<LocalLimiter>) -> Self {
        Self(Some(limiter.clone()))
    }

    /// Has `response` keep the place until it is sent or dropped; an upgrade until the connection is gone.
    pub fn until_sent(mut self, mut response: Response) -> Response {
        response.body = match response.body {
            Body::Bytes(bytes) if bytes.len() > COPIED => {
                let limiter = self.0.take().map(|limiter| limiter.0.clone());
                Body::Bytes(Bytes::from_owner(Sent { bytes, limiter }))
            }
            Body::Stream(stream) => Body::stream(Held { stream, _place: self }),
            Body::Upgrade(upgrade) => Body::Upgrade(Box::new(upgrade.keeping(self))),
            body => body,
        };
        response
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(limiter) = &self.0 {
            limiter.leave();
        }
    }
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if let Some(limiter) = &self.limiter {
            limiter.leave();
        }
    }
}

impl BodyStream for Held {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        self.stream.as_mut().poll_frame(cx)
    }

    fn next_file(mut self: Pin<&mut Self>) -> Option<FilePart> {
        self.stream.as_mut().next_file()
    }

    fn size_hint(&self) -> SizeHint {
        self.stream.size_hint()
    }
}
