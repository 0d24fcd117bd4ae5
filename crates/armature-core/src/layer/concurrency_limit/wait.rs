//! Standing in line for a place.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::LocalLimiter;
use super::limiter::Entry;
use super::place::Place;
use crate::http::RequestContext;
use crate::io_loop::{LoopHandle, Sleep};

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// As many wait as may.
    Full,
    /// It took too long.
    Late,
    /// Nobody waits for the answer any more.
    Gone,
}

/// Resolves to a place. Whoever drops it before leaves the line.
pub(super) struct Wait {
    limiter: Rc<LocalLimiter>,
    sleep: Sleep,
    patience: Duration,
    context: Rc<RequestContext>,
    ticket: Option<u64>,
}

impl Wait {
    pub fn new(
        limiter: Rc<LocalLimiter>,
        patience: Duration,
        io_loop: &LoopHandle,
        context: Rc<RequestContext>,
    ) -> Self {
        Self { limiter, sleep: io_loop.sleep(), patience, context, ticket: None }
    }

    fn give_up(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.limiter.give_up(ticket);
        }
    }
}

impl Future for Wait {
    type Output = Result<Place, Refused>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(ticket) = this.ticket else {
            match this.limiter.enter(cx.waker()) {
                Entry::Place => return Poll::Ready(Ok(Place::granted(&this.limiter))),
                Entry::Full => return Poll::Ready(Err(Refused::Full)),
                Entry::Ticket(ticket) => this.ticket = Some(ticket),
            }
            this.sleep.reset(this.patience);
            this.sleep.poll_fired(cx);
            // The handler is asked later, so nobody else waits for it yet.
            this.context.on_cancel(cx.waker());
            return Poll::Pending;
        };
        if this.limiter.is_granted(ticket, cx.waker()) {
            this.ticket = None;
            return Poll::Ready(Ok(Place::granted(&this.limiter)));
        }
        let refused = if this.context.cancelled().is_some() {
            Refused::Gone
        } else if this.sleep.poll_fired(cx) {
            Refused::Late
        } else {
            this.context.on_cancel(cx.waker());
            return Poll::Pending;
        };
        this.give_up();
        Poll::Ready(Err(refused))
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.give_up();
    }
}
