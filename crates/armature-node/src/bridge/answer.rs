//! The answer of a native handler inside JavaScript middleware: JavaScript decides first, then the handler is asked.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use armature_bridge::SlotId;
use armature_core::http::{Problem, Request, Response};
use armature_core::pipeline::{Handler, LocalFuture};

use super::headers::HeaderChange;
use super::loop_side::LoopSide;
use super::slot::Reply;

/// Waits for the reply to one slot. Dropping it tells JavaScript that nobody waits.
pub struct Answer {
    pub side: Rc<LoopSide>,
    pub slot: SlotId,
    pub state: State,
}

/// How far an answer is.
pub enum State {
    /// JavaScript has not answered. The native handler, and the request that it will get.
    Waiting(Rc<dyn Handler>, Request),
    /// The native handler works; this is done to the headers of what it gives.
    Native(LocalFuture<Response>, HeaderChange),
    /// The response was handed on.
    Done,
}

impl Future for Answer {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let this = &mut *self;
        if let State::Waiting(..) = this.state {
            let (reply, id) = ready!(this.side.poll_reply(this.slot, cx));
            let State::Waiting(handler, request) = std::mem::replace(&mut this.state, State::Done) else {
                return Poll::Ready(Problem::INTERNAL.response(Some(&id)));
            };
            match reply {
                Reply::Response(response) => return Poll::Ready(response),
                Reply::Native(change) => this.state = State::Native(handler.call(request), change),
                Reply::Lost(problem) => return Poll::Ready(problem.response(Some(&id))),
                Reply::Shed => return Poll::Ready(Problem::OVERLOADED.response(Some(&id))),
                Reply::Broken => return Poll::Ready(Problem::INTERNAL.response(Some(&id))),
            }
        }
        let State::Native(future, change) = &mut this.state else {
            return Poll::Ready(Problem::INTERNAL.response(None));
        };
        let mut response = ready!(Pin::new(future).poll(cx));
        std::mem::take(change).apply(&mut response.headers);
        this.state = State::Done;
        Poll::Ready(response)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let State::Waiting(..) = self.state {
            self.side.give_up(self.slot);
        }
    }
}
