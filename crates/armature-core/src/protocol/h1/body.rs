//! The body of a request that has not arrived as a whole: whoever reads it reads the socket.
//!
//! The connection does not read while a [`Channel`] is open. It takes over when the reader is done, when the reader has
//! dropped the body and little is left of it, or when the answer is complete.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use super::buffers::Buffers;
use super::content::{Decoder, Step};
use super::counted::Counted;
use super::framing::Framing;
use super::head::HeadLimits;
use crate::http::{BodyError, BodyStream, CancelReason, Frame, RequestContext, SizeHint};
use crate::io_loop::{LoopHandle, Sleep};
use crate::listener::Stream;
use crate::protocol::control::Control;

/// Who may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// The handler's side.
    Open,
    /// The connection: the handler has dropped the body, or has answered already.
    Taken,
    /// Nobody: all of it has been read, what follows is the next request.
    Complete,
    /// Nobody: the framing is broken, or the client left.
    Failed,
}

/// The way of one body from the socket to its reader.
pub(super) struct Channel {
    stream: Stream,
    buffers: Rc<Buffers>,
    control: Rc<Control>,
    limits: HeadLimits,
    status: Cell<Status>,
    /// The client waits for a 100.
    expects: Cell<bool>,
    /// The reader waits for the client, which waits for a 100.
    wants_continue: Cell<bool>,
    /// The client has been waited for in vain, and that has been counted.
    timed_out: Cell<bool>,
    inner: RefCell<Inner>,
}

struct Inner {
    decoder: Decoder,
    /// Received and not yet decoded.
    input: Vec<u8>,
    /// Set with the last content; the trailers, if there were any.
    end: Option<Option<HeaderMap>>,
    counted: Counted,
}

/// A piece, or the end.
enum Content {
    Data(Vec<u8>),
    End(Option<HeaderMap>),
}

impl Channel {
    pub fn new(
        stream: Stream,
        (buffers, control): (Rc<Buffers>, Rc<Control>),
        limits: HeadLimits,
        framing: Framing,
        expects: bool,
        input: &[u8],
    ) -> Rc<Self> {
        let mut inner = Inner {
            decoder: Decoder::new(framing),
            input: input.to_vec(),
            end: None,
            counted: Counted::default(),
        };
        inner.count(&control);
        Rc::new(Self {
            stream,
            buffers,
            control,
            limits,
            status: Cell::new(Status::Open),
            // Whoever has sent a part of the body does not wait.
            expects: Cell::new(expects && input.is_empty()),
            wants_continue: Cell::new(false),
            timed_out: Cell::new(false),
            inner: RefCell::new(inner),
        })
    }

    /// Bytes of content that have not been read, where that is known.
    pub fn remaining(&self) -> Option<u64> {
        self.inner.borrow().decoder.remaining()
    }

    /// Whether all of the body has arrived and the next request may begin.
    pub fn is_complete(&self) -> bool {
        self.status.get() == Status::Complete
    }

    /// Whether the client still waits for a 100.
    pub fn expects(&self) -> bool {
        self.expects.get()
    }

    /// Whether a 100 has to be written; once.
    pub fn take_continue(&self) -> bool {
        self.wants_continue.take() && self.expects.replace(false)
    }

    /// Nothing came for too long. Counted once: whoever discards the rest of such a body waits again.
    pub fn count_timeout(&self) {
        if !self.timed_out.replace(true) {
            self.control.metrics.body_timeouts.add(1);
        }
    }

    /// Whether nothing came for too long.
    pub fn timed_out(&self) -> bool {
        self.timed_out.get()
    }

    /// What was received after the body.
    pub fn take_rest(&self) -> Vec<u8> {
        let mut inner = self.inner.borrow_mut();
        let rest = std::mem::take(&mut inner.input);
        inner.count(&self.control);
        rest
    }

    /// Reads and throws away what is left, which nobody else reads from now on. `Ok(true)` at the end, `Ok(false)` when
    /// something came.
    pub fn poll_discard(&self, cx: &mut Context<'_>) -> Poll<Result<bool, BodyError>> {
        if self.status.get() == Status::Failed {
            return Poll::Ready(Err(BodyError::Malformed));
        }
        if self.status.get() == Status::Complete {
            return Poll::Ready(Ok(true));
        }
        self.status.set(Status::Taken);
        self.poll_content(cx).map_ok(|content| matches!(content, Content::End(_)))
    }

    fn poll_content(&self, cx: &mut Context<'_>) -> Poll<Result<Content, BodyError>> {
        let inner = &mut *self.inner.borrow_mut();
        let content = self.poll_inner(inner, cx);
        inner.count(&self.control);
        content
    }

    fn poll_inner(&self, inner: &mut Inner, cx: &mut Context<'_>) -> Poll<Result<Content, BodyError>> {
        loop {
            if let Some(trailers) = inner.end.take() {
                self.status.set(Status::Complete);
                self.control.wake();
                return Poll::Ready(Ok(Content::End(trailers)));
            }
            let mut out = Vec::new();
            let decoded = if inner.input.is_empty() {
                ready!(self.read(inner, &mut out, cx))
            } else {
                let input = std::mem::take(&mut inner.input);
                let before = input.len();
                let decoded = inner.decode(&input, &mut out, &self.limits);
                if decoded.is_ok() && out.is_empty() && inner.end.is_none() && inner.input.len() == before {
                    // A part of a chunk's line: it has to be seen together with what follows.
                    ready!(self.read_more(inner, cx))
                } else {
                    decoded
                }
            };
            if let Err(error) = decoded {
                self.status.set(Status::Failed);
                self.control.wake();
                return Poll::Ready(Err(error));
            }
            if !out.is_empty() {
                if inner.end.as_ref().is_some_and(Option::is_none) {
                    // What follows is known already: the connection need not wait until the reader asks again.
                    self.status.set(Status::Complete);
                    self.control.wake();
                }
                return Poll::Ready(Ok(Content::Data(out)));
            }
        }
    }

    /// Decodes straight from the loop's read buffer.
    fn read(
        &self,
        inner: &mut Inner,
        out: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), BodyError>> {
        self.buffers.with_scratch(|scratch| {
            let n = ready!(self.poll_read(scratch, cx))?;
            Poll::Ready(inner.decode(&scratch[..n], out, &self.limits))
        })
    }

    /// Reads behind what could not be decoded.
    fn read_more(&self, inner: &mut Inner, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        self.buffers.with_scratch(|scratch| {
            let n = ready!(self.poll_read(scratch, cx))?;
            inner.input.extend_from_slice(&scratch[..n]);
            Poll::Ready(Ok(()))
        })
    }

    fn poll_read(&self, buf: &mut [u8], cx: &mut Context<'_>) -> Poll<Result<usize, BodyError>> {
        match self.stream.poll_read(cx, buf) {
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Err(BodyError::Aborted)),
            Poll::Ready(Ok(n)) => {
                self.expects.set(false);
                Poll::Ready(Ok(n))
            }
            Poll::Pending => {
                if self.expects.get() && !self.wants_continue.replace(true) {
                    self.control.wake();
                }
                Poll::Pending
            }
        }
    }
}

impl Inner {
    fn count(&mut self, control: &Control) {
        self.counted.set(self.input.capacity(), &control.metrics);
    }

    fn decode(&mut self, input: &[u8], out: &mut Vec<u8>, limits: &HeadLimits) -> Result<(), BodyError> {
        out.reserve(input.len());
        let (used, step) = self.decoder.decode(input, out, limits).map_err(|_| BodyError::Malformed)?;
        self.input.extend_from_slice(&input[used..]);
        if let Step::End(trailers) = step {
            self.end = Some(trailers);
        }
        Ok(())
    }
}

/// The reader's end, with the gap between bytes bounded.
pub(super) struct RequestBody {
    channel: Rc<Channel>,
    context: Rc<RequestContext>,
    io_loop: LoopHandle,
    timeout: Duration,
    /// Exists while the client keeps the reader waiting.
    gap: Option<Sleep>,
    done: bool,
}

impl RequestBody {
    pub fn new(
        channel: Rc<Channel>,
        context: Rc<RequestContext>,
        io_loop: LoopHandle,
        timeout: Duration,
    ) -> Self {
        Self { channel, context, io_loop, timeout, gap: None, done: false }
    }

    fn wait_ends(&mut self) {
        if self.gap.take().is_some() {
            self.context.body_wait_ends(self.io_loop.now());
        }
    }
}

impl BodyStream for RequestBody {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let this = &mut *self;
        if this.done {
            return Poll::Ready(None);
        }
        let content = match this.channel.status.get() {
            Status::Open => this.channel.poll_content(cx),
            Status::Complete => Poll::Ready(Ok(Content::End(None))),
            Status::Taken | Status::Failed => Poll::Ready(Err(BodyError::Aborted)),
        };
        match content {
            Poll::Pending => {
                let gap = this.gap.get_or_insert_with(|| {
                    this.context.body_wait_begins(this.io_loop.now());
                    let gap = this.io_loop.sleep();
                    gap.reset(this.timeout);
                    gap
                });
                if !gap.poll_fired(cx) {
                    return Poll::Pending;
                }
                this.wait_ends();
                this.done = true;
                this.channel.count_timeout();
                Poll::Ready(Some(Err(BodyError::Timeout)))
            }
            Poll::Ready(content) => {
                this.wait_ends();
                Poll::Ready(match content {
                    Ok(Content::Data(data)) => Some(Ok(Frame::Data(Bytes::from(data)))),
                    Ok(Content::End(trailers)) => {
                        this.done = true;
                        trailers.map(|trailers| Ok(Frame::Trailers(trailers)))
                    }
                    Err(error) => {
                        this.done = true;
                        if error == BodyError::Aborted {
                            this.context.cancel(CancelReason::ClientGone);
                        }
                        Some(Err(error))
                    }
                })
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.channel.remaining() {
            _ if self.done => SizeHint::Exact(0),
            Some(left) => SizeHint::Exact(left),
            None => SizeHint::Unknown,
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.wait_ends();
        if self.channel.status.get() == Status::Open {
            self.channel.status.set(Status::Taken);
            self.channel.control.wake();
        }
    }
}
