//! One request: waits for its head and for the answer, then sends that as fast as the client takes it.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use http::Method;

use super::body::RequestBody;
use super::frames::{Fault, Frames, Part};
use super::head::{self, Parsed, Unusable};
use super::outgoing::Outgoing;
use super::shared::Shared;
use super::{code, encode};
use crate::http::{Body, CancelReason, Frame, Peer, Problem, RequestContext, Response};
use crate::io_loop::Sleep;
use crate::listener::quic::StreamId;
use crate::metrics::InFlight;
use crate::pipeline::LocalFuture;
use crate::protocol::Dispatch;
use crate::protocol::h2::encode::{Content, content, trailers};
use crate::protocol::unsent::Debt;

/// Times that one poll sends before other streams have their turn.
const ROUNDS: usize = 16;
/// Bytes that are gathered before they are handed on.
const GATHER: usize = 16 * 1024;

/// See the module. Ready when the stream needs nobody any more.
pub(super) struct Exchange<D> {
    server: Rc<D>,
    peer: Rc<Peer>,
    shared: Rc<Shared>,
    outgoing: Rc<Outgoing>,
    /// Among the open streams.
    place: usize,
    context: Option<Rc<RequestContext>>,
    /// The method was HEAD.
    head_only: bool,
    step: Step,
}

enum Step {
    Reading {
        frames: Frames,
        /// Exists while the client keeps us waiting; it has until then.
        late: Option<Sleep>,
    },
    Waiting {
        answer: LocalFuture<Response>,
        /// Until the head of the answer is there.
        _in_flight: Option<InFlight>,
    },
    Sending(Sending),
    Over,
}

/// An answer whose head is on its way.
struct Sending {
    body: Body,
    content: Content,
    /// All of it has been gathered.
    gathered: bool,
    /// Exists while the client makes no room; it has until then.
    stalled: Option<Sleep>,
    /// From the first time on that there was no room.
    debt: Option<Debt>,
}

/// What becomes of a stream.
enum End {
    Complete,
    /// Nobody takes the answer.
    Gone,
    /// The client must not take what it got for all.
    Broken(u64),
}

impl<D: Dispatch + 'static> Exchange<D> {
    /// Begins with the stream `id`.
    pub fn new(server: Rc<D>, peer: Rc<Peer>, shared: Rc<Shared>, id: StreamId) -> Self {
        let place = shared.enter();
        let outgoing = Rc::new(Outgoing::new(shared.connection.clone(), id));
        let frames = Frames::new(shared.connection.clone(), id, shared.section);
        let step = Step::Reading { frames, late: None };
        Self { server, peer, shared, outgoing, place, context: None, head_only: false, step }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if matches!(self.step, Step::Reading { .. }) {
            let end = ready!(self.poll_head(cx));
            if let Err(end) = end {
                return Poll::Ready(end);
            }
        }
        if let Step::Waiting { answer, .. } = &mut self.step {
            match Pin::new(answer).poll(cx) {
                Poll::Ready(response) => self.start(response),
                // The client's interest may end before there is an answer.
                Poll::Pending => {
                    if self.outgoing.poll_flush(cx).is_pending() {
                        return Poll::Pending;
                    }
                    return self.outgoing.poll_stopped(cx).map(|()| End::Gone);
                }
            }
        }
        match &mut self.step {
            Step::Sending(sending) => sending.poll(&self.shared, &self.outgoing, cx),
            _ => Poll::Ready(End::Gone),
        }
    }

    /// Waits for the head, and hands the request to the server.
    fn poll_head(&mut self, cx: &Context<'_>) -> Poll<Result<(), End>> {
        let Step::Reading { frames, late } = &mut self.step else { return Poll::Ready(Ok(())) };
        let next = frames.poll_next(cx);
        self.shared.carried_nothing(frames.take_idle());
        let problem = match next {
            Poll::Pending => {
                let late = late.get_or_insert_with(|| {
                    let timer = self.shared.io_loop.sleep();
                    timer.reset_at(self.shared.io_loop.now() + self.shared.header_timeout);
                    timer
                });
                if !late.poll_fired(&mut Context::from_waker(cx.waker())) {
                    return Poll::Pending;
                }
                self.server.metrics().header_timeouts.add(1);
                Problem::REQUEST_TIMEOUT
            }
            Poll::Ready(Ok(Part::Section(section))) => return Poll::Ready(self.begin(&section, cx)),
            Poll::Ready(Err(Fault::TooLarge)) => Problem::HEADERS_TOO_LARGE,
            // RFC 9114 section 4.1: a client that says too little is told so.
            Poll::Ready(Ok(Part::End)) => {
                return Poll::Ready(Err(End::Broken(code::REQUEST_INCOMPLETE)));
            }
            Poll::Ready(Ok(Part::Data(_))) => {
                self.shared.fail(code::FRAME_UNEXPECTED);
                return Poll::Ready(Err(End::Gone));
            }
            Poll::Ready(Err(Fault::Connection(code))) => {
                self.shared.fail(code);
                return Poll::Ready(Err(End::Gone));
            }
            Poll::Ready(Err(Fault::Gone)) => return Poll::Ready(Err(End::Gone)),
        };
        self.dispatch(head::unread(problem), None, cx);
        Poll::Ready(Ok(()))
    }

    /// Hands a request to the server.
    fn begin(&mut self, section: &[u8], cx: &Context<'_>) -> Result<(), End> {
        let Step::Reading { mut frames, .. } = std::mem::replace(&mut self.step, Step::Over) else {
            return Err(End::Gone);
        };
        let spare = self.shared.take_spare();
        match head::read(section, spare, &self.server.settings().limits) {
            Ok(parsed) => {
                self.dispatch(parsed, Some(frames), cx);
                Ok(())
            }
            Err(Unusable::Undecodable) => {
                self.shared.fail(code::DECOMPRESSION_FAILED);
                Err(End::Gone)
            }
            Err(Unusable::Malformed) => {
                self.server.metrics().malformed.add(1);
                frames.stop_with(code::MESSAGE_ERROR);
                Err(End::Broken(code::MESSAGE_ERROR))
            }
        }
    }

    fn dispatch(&mut self, parsed: Parsed, frames: Option<Frames>, cx: &Context<'_>) {
        let Parsed { head, length, expects, problem } = parsed;
        self.head_only = *head.method() == Method::HEAD;
        let id = self.shared.io_loop.next_request_id();
        let (mut request, spare) = self.shared.local.requests.request(head, &self.peer, id);
        self.shared.keep_spare(spare);
        let context = request.context.clone();
        self.shared.begin(self.place, context.clone());
        self.context = Some(context.clone());
        let (answer, in_flight) = match problem {
            Some(problem) => {
                self.server.metrics().malformed.add(1);
                (self.server.clone().refuse(request, problem), None)
            }
            None => {
                if let Some(mut frames) = frames {
                    // Most requests end with their head.
                    let next = match frames.poll_next(cx) {
                        Poll::Ready(Ok(Part::End)) if length.is_none_or(|length| length == 0) => None,
                        Poll::Ready(next) => Some(Some(next)),
                        Poll::Pending => Some(None),
                    };
                    self.shared.carried_nothing(frames.take_idle());
                    if let Some(next) = next {
                        let (shared, outgoing) = (self.shared.clone(), self.outgoing.clone());
                        let body =
                            RequestBody::new(frames, shared, context, outgoing, (length, expects), next);
                        request.body = Body::stream(body);
                    }
                }
                let (answer, in_flight) = self.server.clone().dispatch(request);
                (answer, Some(in_flight))
            }
        };
        self.step = Step::Waiting { answer, _in_flight: in_flight };
    }

    /// Begins to send an answer.
    fn start(&mut self, mut response: Response) {
        if !response.is_final()
            && let Some(context) = &self.context
        {
            // No stream leaves HTTP.
            response = response.permitted(context, None);
        }
        let content = content(&response, self.head_only);
        let date = self.shared.local.date.value(self.shared.io_loop.now());
        let mut head = encode::head(&response, self.head_only, date);
        if let Content::Length(length @ 1..) = content {
            encode::data(&mut head, length);
        }
        self.outgoing.answer(head.into());
        let gathered = matches!(content, Content::Nothing | Content::Length(0));
        let body = response.body;
        self.step = Step::Sending(Sending { body, content, gathered, stalled: None, debt: None });
    }
}

impl<D: Dispatch + 'static> Future for Exchange<D> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let code = match ready!(this.poll_end(cx)) {
            End::Complete => return Poll::Ready(()),
            End::Gone => {
                this.shared.given_up();
                code::REQUEST_CANCELLED
            }
            End::Broken(code) => {
                this.shared.given_up();
                code
            }
        };
        if let Some(context) = &this.context {
            context.cancel(CancelReason::ClientGone);
        }
        this.outgoing.reset(code);
        Poll::Ready(())
    }
}

impl<D> Drop for Exchange<D> {
    fn drop(&mut self) {
        // Whoever leaves last gives the context back.
        self.context = None;
        self.step = Step::Over;
        self.outgoing.forget();
        self.shared.leave(self.place);
    }
}

impl Sending {
    fn poll(&mut self, shared: &Shared, outgoing: &Outgoing, cx: &mut Context<'_>) -> Poll<End> {
        for _ in 0..ROUNDS {
            let waits = match self.gather(outgoing, cx) {
                Ok(waits) => waits,
                Err(end) => return Poll::Ready(end),
            };
            match outgoing.poll_flush(cx) {
                Poll::Ready(Ok(())) => (self.stalled, self.debt) = (None, None),
                Poll::Ready(Err(_)) => return Poll::Ready(End::Gone),
                Poll::Pending => return self.stall(shared, outgoing, cx),
            }
            if self.gathered {
                return Poll::Ready(if outgoing.finish().is_ok() { End::Complete } else { End::Gone });
            }
            if waits {
                return outgoing.poll_stopped(cx).map(|()| End::Gone);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Gathers content. True when there is none yet.
    fn gather(&mut self, outgoing: &Outgoing, cx: &mut Context<'_>) -> Result<bool, End> {
        while !self.gathered && outgoing.length() < GATHER {
            match self.body.poll_frame(cx) {
                Poll::Pending => return Ok(true),
                Poll::Ready(Some(Ok(Frame::Data(data)))) => match &mut self.content {
                    Content::Length(left) => {
                        *left = left.checked_sub(data.len() as u64).ok_or(BROKEN)?;
                        self.gathered = *left == 0;
                        outgoing.push(data);
                    }
                    Content::Open => {
                        let mut beginning = Vec::new();
                        encode::data(&mut beginning, data.len() as u64);
                        outgoing.push(beginning.into());
                        outgoing.push(data);
                    }
                    Content::Nothing => {}
                },
                Poll::Ready(Some(Ok(Frame::Trailers(fields)))) => {
                    self.end()?;
                    let fields = trailers(fields);
                    if !fields.is_empty() {
                        outgoing.push(encode::trailers(&fields));
                    }
                }
                Poll::Ready(None) => self.end()?,
                Poll::Ready(Some(Err(_))) => return Err(BROKEN),
            }
        }
        Ok(false)
    }

    /// The content has ended, and must be all that was promised.
    fn end(&mut self) -> Result<(), End> {
        self.gathered = true;
        if matches!(self.content, Content::Length(left) if left > 0) { Err(BROKEN) } else { Ok(()) }
    }

    /// Nobody waits for a client for ever.
    fn stall(&mut self, shared: &Shared, outgoing: &Outgoing, cx: &mut Context<'_>) -> Poll<End> {
        let taken = outgoing.take_progress();
        if taken > 0 {
            self.stalled = None;
        }
        let debt = match &self.debt {
            Some(debt) => debt,
            None => {
                outgoing.own();
                self.debt.insert(shared.account.open())
            }
        };
        if !debt.update(1, outgoing.length() + self.body.buffered(), taken, cx) {
            return Poll::Ready(End::Broken(code::EXCESSIVE_LOAD));
        }
        let stalled = self.stalled.get_or_insert_with(|| {
            let timer = shared.io_loop.sleep();
            timer.reset_at(shared.io_loop.now() + shared.write_timeout);
            timer
        });
        if !stalled.poll_fired(cx) {
            return Poll::Pending;
        }
        shared.control.metrics.write_timeouts.add(1);
        Poll::Ready(End::Broken(code::REQUEST_CANCELLED))
    }
}

/// The content failed after the head left.
const BROKEN: End = End::Broken(code::INTERNAL_ERROR);
