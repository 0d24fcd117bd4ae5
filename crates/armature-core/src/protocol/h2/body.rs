//! The content of a request: what has arrived is taken when it is read, and only then may the client send more.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use ::h2::RecvStream;
use ::h2::server::SendResponse;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::streams::Streams;
use crate::http::{BodyError, BodyStream, CancelReason, Frame, RequestContext, SizeHint, TrailerField};
use crate::io_loop::Sleep;

/// The end of a stream that answers.
pub(super) struct Responder {
    pub stream: SendResponse<Bytes>,
    /// The head of the answer has been sent.
    pub answered: bool,
}

/// The same, for the answer and for a 100 before it.
pub(super) type Respond = Rc<RefCell<Responder>>;

/// The reader's end, with the gap between bytes bounded.
pub(super) struct RequestBody {
    received: RecvStream,
    streams: Rc<Streams>,
    context: Rc<RequestContext>,
    /// What is left, where that is known.
    left: Option<u64>,
    /// The client waits for a 100, which is sent here.
    expects: Option<Respond>,
    /// Exists while the client keeps the reader waiting.
    gap: Option<Sleep>,
    /// When the gap began, or saw a byte; in ticks.
    since: u64,
    step: Step,
}

#[derive(PartialEq, Eq)]
enum Step {
    Content,
    Trailers,
    Done,
}

impl RequestBody {
    pub fn new(
        received: RecvStream,
        streams: Rc<Streams>,
        context: Rc<RequestContext>,
        length: Option<u64>,
        expects: Option<Respond>,
    ) -> Self {
        Self { received, streams, context, left: length, expects, gap: None, since: 0, step: Step::Content }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        while self.step == Step::Content {
            match self.received.poll_data(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(data))) => {
                    self.expects = None;
                    // Whoever reads has room, so the client may send as much again.
                    let released = self.received.flow_control().release_capacity(data.len());
                    if let Err(error) = released {
                        return Poll::Ready(Some(Err(self.fault(&error))));
                    }
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    if !data.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::Data(data))));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(self.fault(&error)))),
                Poll::Ready(None) => self.step = Step::Trailers,
            }
        }
        let trailers = match self.received.poll_trailers(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(trailers)) => trailers.map(|all| trailers_of(all, self.streams.trailers)),
            Poll::Ready(Err(error)) => Some(Err(self.fault(&error))),
        };
        match trailers {
            Some(Ok(trailers)) if trailers.is_empty() => Poll::Ready(None),
            trailers => Poll::Ready(trailers.map(|trailers| trailers.map(Frame::Trailers))),
        }
    }

    fn fault(&self, error: &::h2::Error) -> BodyError {
        // A stream that this side resets has broken the protocol, as with a length that is not that of the content.
        if error.is_reset() && error.is_library() {
            return BodyError::Malformed;
        }
        self.context.cancel(CancelReason::ClientGone);
        BodyError::Aborted
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        if let Some(respond) = self.expects.take() {
            let mut respond = respond.borrow_mut();
            if !respond.answered {
                let mut head = http::Response::new(());
                *head.status_mut() = StatusCode::CONTINUE;
                // A stream that is gone is seen by whoever polls it the next time.
                let _ = respond.stream.send_informational(head);
            }
        }
        let now = self.streams.io_loop.now();
        let timeout = self.streams.body_timeout;
        if self.gap.is_none() {
            self.context.body_wait_begins(now);
            self.since = now;
            let gap = self.streams.io_loop.sleep();
            gap.reset_at(now + timeout);
            self.gap = Some(gap);
        }
        while let Some(gap) = &self.gap
            && gap.poll_fired(cx)
        {
            // A part of a frame is not handed over, but it is a sign of life.
            let heard = self.streams.pulse.meter.borrow().content_heard(self.received.stream_id().as_u32());
            let since = self.since.max(heard.unwrap_or(0));
            if since + timeout > now {
                gap.reset_at(since + timeout);
                continue;
            }
            self.wait_ends();
            self.step = Step::Done;
            self.streams.control.metrics.body_timeouts.add(1);
            return Poll::Ready(Some(Err(BodyError::Timeout)));
        }
        Poll::Pending
    }

    fn wait_ends(&mut self) {
        if self.gap.take().is_some() {
            self.context.body_wait_ends(self.streams.io_loop.now());
        }
    }
}

/// The trailers that may be some, at most `most`.
fn trailers_of(all: HeaderMap, most: usize) -> Result<HeaderMap, BodyError> {
    if all.len() > most || all.keys().any(|name| TrailerField::of(name) == TrailerField::Forbidden) {
        return Err(BodyError::Malformed);
    }
    Ok(super::encode::trailers(all))
}

impl BodyStream for RequestBody {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let this = &mut *self;
        if this.step == Step::Done {
            return Poll::Ready(None);
        }
        let next = this.poll_next(cx);
        if next.is_pending() {
            return this.wait(cx);
        }
        this.wait_ends();
        if !matches!(next, Poll::Ready(Some(Ok(Frame::Data(_))))) {
            this.step = Step::Done;
        }
        next
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            _ if self.step == Step::Done => SizeHint::Exact(0),
            Some(left) => SizeHint::Exact(left),
            None => SizeHint::Unknown,
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.wait_ends();
    }
}
