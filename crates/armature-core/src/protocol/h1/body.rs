//! Bodies between hyper and us.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as HttpBody;
use hyper::body::Incoming;

use super::state::State;
use crate::http::{Body, BodyError, BodyStream, Frame, RequestContext, SizeHint};
use crate::io_loop::Sleep;

/// A short unread body up to this size is drained and the connection kept; a longer one closes it.
pub(super) const DRAIN_BYTES: u64 = 64 * 1024;

/// A request body: hyper's, with the gap between bytes bounded and counted.
pub(super) struct RequestBody {
    /// `None` once the end or an error was reported.
    open: Option<Open>,
}

struct Open {
    incoming: Incoming,
    state: Rc<State>,
    context: Rc<RequestContext>,
    gap: Sleep,
    timeout: Duration,
    waiting: bool,
}

impl RequestBody {
    pub fn new(incoming: Incoming, state: Rc<State>, context: Rc<RequestContext>, timeout: Duration) -> Self {
        state.unread.set(true);
        let gap = state.io_loop.sleep();
        Self { open: Some(Open { incoming, state, context, gap, timeout, waiting: false }) }
    }
}

impl Open {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        loop {
            let frame = match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    if !self.waiting {
                        self.waiting = true;
                        self.gap.reset(self.timeout);
                        self.context.body_wait_begins(self.state.io_loop.now());
                    }
                    if self.gap.poll_fired(cx) {
                        return Poll::Ready(Some(Err(BodyError::Timeout)));
                    }
                    return Poll::Pending;
                }
            };
            self.wait_ends();
            return Poll::Ready(match frame {
                None => None,
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => continue,
                    Ok(data) => Some(Ok(Frame::Data(data))),
                    Err(frame) => match frame.into_trailers() {
                        Ok(trailers) => Some(Ok(Frame::Trailers(trailers))),
                        Err(_) => continue,
                    },
                },
                Some(Err(error)) => Some(Err(classify(&error))),
            });
        }
    }

    fn wait_ends(&mut self) {
        if std::mem::take(&mut self.waiting) {
            self.gap.clear();
            self.context.body_wait_ends(self.state.io_loop.now());
        }
    }
}

impl BodyStream for RequestBody {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let Some(open) = &mut self.open else { return Poll::Ready(None) };
        let frame = ready!(open.poll(cx));
        match &frame {
            None => {
                open.state.unread.set(false);
                self.open = None;
            }
            Some(Err(_)) => self.open = None,
            Some(Ok(_)) if open.incoming.is_end_stream() => open.state.unread.set(false),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn size_hint(&self) -> SizeHint {
        match self.open.as_ref().map(|open| open.incoming.size_hint().exact()) {
            None => SizeHint::Exact(0),
            Some(Some(n)) => SizeHint::Exact(n),
            Some(None) => SizeHint::Unknown,
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        open.wait_ends();
        let short = matches!(open.incoming.size_hint().exact(), Some(n) if n <= DRAIN_BYTES);
        // Outside the runtime the loop is ending, and the connection with it.
        if short && open.state.unread.get() && tokio::runtime::Handle::try_current().is_ok() {
            let io_loop = open.state.io_loop.clone();
            io_loop.spawn(async move {
                loop {
                    match poll_fn(|cx| open.poll(cx)).await {
                        Some(Ok(_)) => {}
                        Some(Err(_)) => return,
                        None => {
                            open.state.unread.set(false);
                            open.state.idle_since.set(open.state.io_loop.now());
                            return;
                        }
                    }
                }
            });
        }
    }
}

/// A client that left inside a body is an incomplete message or an IO error; what remains is broken framing, which hyper
/// reports as an IO error of the kinds `InvalidInput` and `InvalidData`.
fn classify(error: &hyper::Error) -> BodyError {
    use std::io::ErrorKind::{InvalidData, InvalidInput};
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return BodyError::Aborted;
    }
    match std::error::Error::source(error).and_then(|e| e.downcast_ref::<std::io::Error>()) {
        Some(io) if !matches!(io.kind(), InvalidInput | InvalidData) => BodyError::Aborted,
        _ => BodyError::Malformed,
    }
}

/// A response body for hyper, which drops it when it has taken all of it.
pub(super) struct ResponseBody {
    body: Body,
    state: Rc<State>,
}

impl ResponseBody {
    pub fn new(body: Body, state: Rc<State>) -> Self {
        Self { body, state }
    }
}

/// The producer failed after the head left; hyper drops the connection, and the driver resets it.
#[derive(Debug)]
pub(super) struct ResponseFailed;

impl std::fmt::Display for ResponseFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the response body failed")
    }
}

impl std::error::Error for ResponseFailed {}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = ResponseFailed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, ResponseFailed>>> {
        self.body.poll_frame(cx).map(|frame| {
            frame.map(|frame| match frame {
                Ok(Frame::Data(data)) => Ok(http_body::Frame::data(data)),
                Ok(Frame::Trailers(trailers)) => Ok(http_body::Frame::trailers(trailers)),
                Err(_) => {
                    self.state.reset.set(true);
                    Err(ResponseFailed)
                }
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.body, Body::Empty)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self.body.size_hint() {
            SizeHint::Exact(n) => http_body::SizeHint::with_exact(n),
            SizeHint::Unknown => http_body::SizeHint::default(),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.state.answering.set(false);
        self.state.request.borrow_mut().take();
        self.state.body_done.set(true);
    }
}
