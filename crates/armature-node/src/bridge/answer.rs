//! The future of an answer that JavaScript gives.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use armature_bridge::SlotId;
use armature_core::http::{CancelReason, Problem, Request, RequestContext, RequestId, Response};
use armature_core::pipeline::{Handler, LocalFuture};

use super::headers::HeaderChange;
use super::loop_side::{LoopSide, Reply};

/// Waits for the reply to one slot. Dropping it tells JavaScript that nobody waits.
pub struct Answer {
    pub side: Rc<LoopSide>,
    pub slot: SlotId,
    pub context: Rc<RequestContext>,
    pub id: RequestId,
    /// The native handler inside the JavaScript middleware, and the request it will get.
    pub native: Option<(Rc<dyn Handler>, Request)>,
    pub state: State,
}

/// How far an answer is.
pub enum State {
    /// JavaScript has not answered; whether it knows that the client left.
    Waiting { announced: bool },
    /// The native handler works; this is done to the headers of what it gives.
    Native(LocalFuture<Response>, HeaderChange),
    /// The response was handed on.
    Done,
}

impl Future for Answer {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                State::Waiting { announced } => {
                    let Some(reply) = this.side.poll_reply(this.slot, cx.waker()) else {
                        match this.context.cancelled() {
                            Some(reason) if !*announced => {
                                *announced = true;
                                this.side.announce_abort(this.slot, reason);
                            }
                            Some(_) => {}
                            None => this.context.on_cancel(cx.waker()),
                        }
                        return Poll::Pending;
                    };
                    if !this.side.is_streaming(this.slot) {
                        this.side.release(this.slot);
                    }
                    this.state = State::Done;
                    match reply {
                        Reply::Response(response) => return Poll::Ready(response),
                        Reply::Native(change) => {
                            if let Some((handler, request)) = this.native.take() {
                                this.state = State::Native(handler.call(request), change);
                                continue;
                            }
                        }
                        Reply::Lost => return Poll::Ready(Problem::CLOSING.response(Some(&this.id))),
                        Reply::Broken => {}
                    }
                    return Poll::Ready(Problem::INTERNAL.response(Some(&this.id)));
                }
                State::Native(future, change) => {
                    let mut response = std::task::ready!(Pin::new(future).poll(cx));
                    std::mem::take(change).apply(&mut response.headers);
                    this.state = State::Done;
                    return Poll::Ready(response);
                }
                State::Done => return Poll::Ready(Problem::INTERNAL.response(Some(&this.id))),
            }
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let State::Waiting { .. } = self.state {
            self.side.abandon(self.slot, self.context.cancelled().unwrap_or(CancelReason::ClientGone));
        }
    }
}
