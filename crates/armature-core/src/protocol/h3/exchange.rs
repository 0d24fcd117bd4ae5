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
use super::sending::{Sending, TOO_SLOW};
use super::shared::Shared;
use super::{code, encode};
use crate::http::{Body, CancelReason, Peer, Problem, RequestContext, Response};
use crate::io_loop::Sleep;
use crate::listener::quic::StreamId;
use crate::metrics::InFlight;
use crate::pipeline::LocalFuture;
use crate::protocol::Dispatch;
use crate::protocol::h2::encode::{Content, content};
use crate::protocol::unsent::Debt;

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
    /// Has the answer while there is no room for it: between two looks at the stream.
    debt: Option<Debt<Sending>>,
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
    /// The debt has the answer.
    Lent,
    Over,
}

/// What becomes of a stream.
pub(super) enum End {
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
        Self { server, peer, shared, outgoing, place, context: None, head_only: false, step, debt: None }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if let Some(debt) = &self.debt {
            let Some(sending) = debt.take() else { return Poll::Ready(TOO_SLOW) };
            self.step = Step::Sending(sending);
        }
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
            Step::Sending(sending) => match sending.poll(&self.shared, cx) {
                Poll::Pending if !self.lend(cx) => Poll::Ready(TOO_SLOW),
                end => end,
            },
            _ => Poll::Ready(End::Gone),
        }
    }

    /// Gives an answer for which there is no room to a debt, until the next look. False when it is given up.
    fn lend(&mut self, cx: &Context<'_>) -> bool {
        let mut sending = match std::mem::replace(&mut self.step, Step::Lent) {
            Step::Sending(sending) if sending.outgoing.length() > 0 => sending,
            step => {
                self.step = step;
                self.debt = None;
                return true;
            }
        };
        sending.outgoing.own(self.debt.is_none());
        let debt = self.debt.get_or_insert_with(|| self.shared.account.open());
        let taken = std::mem::take(&mut sending.taken);
        debt.keep(sending, taken, cx)
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
        // This one has its place.
        context.begin_beside(self.shared.open().saturating_sub(1));
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
        let outgoing = self.outgoing.clone();
        self.step = Step::Sending(Sending { outgoing, body, content, gathered, stalled: None, taken: 0 });
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
        self.debt = None;
        self.outgoing.forget();
        self.shared.leave(self.place);
    }
}
