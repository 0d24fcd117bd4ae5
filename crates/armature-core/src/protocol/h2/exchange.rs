//! One stream: waits for the answer to its request, then sends it as fast as the client takes it.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use ::h2::{Reason, RecvStream, SendStream};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::body::Respond;
use super::encode::{self, Content};
use super::streams::Streams;
use super::tunnel::Tunnel;
use crate::http::{Body, CancelReason, Frame, Problem, RequestContext, Response};
use crate::io_loop::Sleep;
use crate::metrics::InFlight;
use crate::pipeline::LocalFuture;
use crate::protocol::unsent::{Debt, Waiting, kept, own};
use crate::protocol::{Dispatch, announce};

/// Pieces that one poll sends before other streams have their turn.
const ROUNDS: usize = 16;

/// See the module. Ready when the stream needs nobody any more.
pub(super) struct Exchange {
    respond: Respond,
    streams: Rc<Streams>,
    /// Among the open streams.
    place: usize,
    context: Option<Rc<RequestContext>>,
    /// The method was HEAD.
    head_only: bool,
    /// Exists while the stream may leave HTTP.
    way_out: Option<Box<WayOut>>,
    step: Step,
    /// Has the answer while there is no room for it: between two looks at the stream.
    debt: Option<Debt<Sending>>,
}

/// What a stream that leaves HTTP needs.
pub(super) struct WayOut {
    pub received: RecvStream,
    pub server: Rc<dyn Dispatch>,
}

enum Step {
    Waiting {
        answer: LocalFuture<Response>,
        /// Until the head of the answer is there.
        _in_flight: Option<InFlight>,
    },
    Sending(Sending),
    /// The debt has the answer.
    Lent,
    /// It has left HTTP.
    Tunnel(Box<Tunnel>),
}

/// An answer whose head has been sent.
struct Sending {
    stream: SendStream<Bytes>,
    body: Body,
    content: Content,
    /// What the client has not made room for.
    piece: Bytes,
    /// Bytes of it when it came.
    whole: usize,
    /// The piece is what is left of a larger one.
    is_rest: bool,
    /// Exists while the client makes no room; it has until then.
    stalled: Option<Sleep>,
    /// Bytes that were sent since somebody asked.
    taken: usize,
}

/// What becomes of a stream.
enum End {
    Complete,
    /// Nobody takes the answer.
    Gone,
    /// The client must not take what it got for all.
    Broken(Reason),
}

/// Too much waits for clients, and this answer has cost most.
const TOO_SLOW: Reason = Reason::ENHANCE_YOUR_CALM;

impl Exchange {
    pub fn new(
        respond: Respond,
        streams: Rc<Streams>,
        context: Rc<RequestContext>,
        (head_only, way_out): (bool, Option<Box<WayOut>>),
        answer: LocalFuture<Response>,
        in_flight: Option<InFlight>,
    ) -> Self {
        let place = streams.enter(context.clone());
        let step = Step::Waiting { answer, _in_flight: in_flight };
        Self { respond, streams, place, context: Some(context), head_only, way_out, step, debt: None }
    }

    /// Whether the answer is there already.
    pub fn is_answered(&self) -> bool {
        matches!(self.step, Step::Waiting { answer: LocalFuture::Ready(_), .. })
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if let Some(debt) = &self.debt {
            let Some(sending) = debt.take() else { return Poll::Ready(End::Broken(TOO_SLOW)) };
            self.step = Step::Sending(sending);
        }
        if let Step::Waiting { answer, .. } = &mut self.step {
            let response = match Pin::new(answer).poll(cx) {
                Poll::Ready(response) => response,
                Poll::Pending => {
                    // The client's interest may end before there is an answer.
                    let reset = self.respond.borrow_mut().stream.poll_reset(cx);
                    return reset.map(|_| End::Gone);
                }
            };
            match self.start(response) {
                Ok(step) => self.step = step,
                Err(end) => return Poll::Ready(end),
            }
        }
        match &mut self.step {
            Step::Sending(sending) => match sending.poll(&self.streams, cx) {
                Poll::Pending if !self.lend(cx) => Poll::Ready(End::Broken(TOO_SLOW)),
                end => end,
            },
            Step::Tunnel(tunnel) => Pin::new(&mut **tunnel).poll(cx).map(|()| End::Complete),
            Step::Waiting { .. } | Step::Lent => Poll::Ready(End::Gone),
        }
    }

    /// Gives an answer for which there is no room to a debt, until the next look. False when it is given up.
    fn lend(&mut self, cx: &Context<'_>) -> bool {
        let mut sending = match std::mem::replace(&mut self.step, Step::Lent) {
            Step::Sending(sending) if !sending.piece.is_empty() => sending,
            step => {
                self.step = step;
                self.debt = None;
                return true;
            }
        };
        own(&mut sending.piece, &mut sending.whole);
        let debt = self.debt.get_or_insert_with(|| self.streams.account.open());
        let taken = std::mem::take(&mut sending.taken);
        // What the state machine took while the socket takes nothing, the client has not.
        let taken = if self.streams.pulse.stalled.get().is_some() { 0 } else { taken };
        debt.keep(sending, taken, cx)
    }

    /// Sends the head. An error says that nothing follows.
    fn start(&mut self, mut response: Response) -> Result<Step, End> {
        if !response.is_final()
            && let Some(context) = self.context.clone()
        {
            response = response.permitted(&context, None);
            if !response.is_final() {
                return self.leave(response, context);
            }
        }
        if self.way_out.take().is_some() && response.status.is_success() {
            // A success would say that the stream has left HTTP (RFC 8441 section 5).
            response = Problem::UNKNOWN_PROTOCOL.response(None);
        }
        announce(&mut response, self.streams.peer.alternative.as_deref());
        let content = encode::content(&response, self.head_only);
        let date = self.streams.local.date.value(self.streams.io_loop.now());
        let head = encode::head(&response, self.head_only, date);
        let head = head.ok_or(End::Broken(Reason::INTERNAL_ERROR))?;
        let is_over = matches!(content, Content::Nothing | Content::Length(0));
        // What fails here fails because the stream is gone.
        let mut respond = self.respond.borrow_mut();
        respond.answered = true;
        let stream = respond.stream.send_response(head, is_over).map_err(|_| End::Gone)?;
        if is_over {
            return Err(End::Complete);
        }
        let (piece, whole, body) = (Bytes::new(), 0, response.body);
        let (is_rest, stalled, taken) = (false, None, 0);
        Ok(Step::Sending(Sending { stream, body, content, piece, whole, is_rest, stalled, taken }))
    }

    /// Sends the 200 of a stream that leaves HTTP, which is the 101 of HTTP/1.
    fn leave(&mut self, mut response: Response, context: Rc<RequestContext>) -> Result<Step, End> {
        let date = self.streams.local.date.value(self.streams.io_loop.now());
        let head = encode::head(&response, false, date);
        let (Some(mut head), Some(way_out)) = (head, self.way_out.take()) else {
            return Err(End::Broken(Reason::INTERNAL_ERROR));
        };
        let Body::Upgrade(upgrade) = std::mem::take(&mut response.body) else {
            return Err(End::Broken(Reason::INTERNAL_ERROR));
        };
        *head.status_mut() = StatusCode::OK;
        let mut respond = self.respond.borrow_mut();
        respond.answered = true;
        let sending = respond.stream.send_response(head, false).map_err(|_| End::Gone)?;
        let WayOut { received, server } = *way_out;
        let streams = self.streams.clone();
        Ok(Step::Tunnel(Box::new(Tunnel::new(*upgrade, (received, sending), context, streams, server))))
    }
}

impl Future for Exchange {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        match ready!(this.poll_end(cx)) {
            End::Complete => {}
            End::Gone => {
                if let Some(context) = &this.context {
                    context.cancel(CancelReason::ClientGone);
                }
            }
            End::Broken(reason) => {
                if let Some(context) = &this.context {
                    context.cancel(CancelReason::ClientGone);
                }
                this.respond.borrow_mut().stream.send_reset(reason);
            }
        }
        Poll::Ready(())
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // Whoever leaves last gives the context back.
        self.context = None;
        self.streams.leave(self.place);
    }
}

impl Waiting for Sending {
    fn answers(&self) -> usize {
        1
    }

    fn bytes(&self) -> usize {
        kept(&self.piece, self.whole) + self.body.buffered()
    }

    fn give_up(mut self) {
        // What the state machine has of it goes as well, and may be a part of the same memory.
        self.stream.send_reset(TOO_SLOW);
    }
}

impl Sending {
    fn poll(&mut self, streams: &Streams, cx: &mut Context<'_>) -> Poll<End> {
        for _ in 0..ROUNDS {
            if !self.piece.is_empty() {
                match ready!(self.send_piece(streams, cx)) {
                    Ok(true) => return Poll::Ready(End::Complete),
                    Ok(false) => {}
                    Err(end) => return Poll::Ready(end),
                }
                continue;
            }
            match self.body.poll_frame(cx) {
                Poll::Pending => return self.stream.poll_reset(cx).map(|_| End::Gone),
                Poll::Ready(Some(Ok(Frame::Data(data)))) => {
                    if let Content::Length(left) = &mut self.content {
                        let Some(rest) = left.checked_sub(data.len() as u64) else { return broken() };
                        *left = rest;
                    }
                    (self.whole, self.is_rest) = (data.len(), false);
                    self.piece = data;
                }
                Poll::Ready(Some(Ok(Frame::Trailers(trailers)))) => {
                    return self.end(Some(encode::trailers(trailers)));
                }
                Poll::Ready(None) => return self.end(None),
                Poll::Ready(Some(Err(_))) => return broken(),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Sends as much of the piece as there is room for. True when that was the last of all.
    fn send_piece(&mut self, streams: &Streams, cx: &mut Context<'_>) -> Poll<Result<bool, End>> {
        let is_last = self.content == Content::Length(0);
        self.stream.reserve_capacity(self.piece.len());
        loop {
            let room = self.stream.capacity().min(self.piece.len());
            if room > 0 {
                self.stalled = None;
                let part = self.piece.split_to(room);
                self.is_rest |= !self.piece.is_empty();
                // A frame on its way to a socket that takes nothing must not keep all of a large answer.
                let part = if self.is_rest { Bytes::copy_from_slice(&part) } else { part };
                let ends = is_last && self.piece.is_empty();
                streams.pulse.queued.set(streams.pulse.queued.get() + room);
                self.taken += room;
                if self.stream.send_data(part, ends).is_err() {
                    return Poll::Ready(Err(End::Gone));
                }
                if self.piece.is_empty() {
                    return Poll::Ready(Ok(ends));
                }
            }
            match self.stream.poll_capacity(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Err(End::Gone)),
                Poll::Pending => break,
            }
        }
        // Nobody waits for a client for ever, and the other streams have nothing to do with it.
        let stalled = self.stalled.get_or_insert_with(|| {
            let timer = streams.io_loop.sleep();
            timer.reset_at(streams.io_loop.now() + streams.write_timeout);
            timer
        });
        if !stalled.poll_fired(cx) {
            return Poll::Pending;
        }
        streams.control.metrics.write_timeouts.add(1);
        Poll::Ready(Err(End::Broken(Reason::CANCEL)))
    }

    /// Ends the content, which must be all that was promised.
    fn end(&mut self, trailers: Option<HeaderMap>) -> Poll<End> {
        if matches!(self.content, Content::Length(left) if left > 0) {
            return broken();
        }
        let sent = match trailers.filter(|trailers| !trailers.is_empty()) {
            Some(trailers) => self.stream.send_trailers(trailers),
            None => self.stream.send_data(Bytes::new(), true),
        };
        Poll::Ready(if sent.is_ok() { End::Complete } else { End::Gone })
    }
}

/// The content failed after the head left.
fn broken() -> Poll<End> {
    Poll::Ready(End::Broken(Reason::INTERNAL_ERROR))
}
