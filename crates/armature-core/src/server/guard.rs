//! Around every handler, inside all layers: its deadline, a panic turned into a 500, and an upgrade that nobody asked for
//! into a 426.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Shared;
use crate::http::{CancelReason, Problem, Request, RequestContext, RequestId, Response};
use crate::io_loop::{LoopHandle, Sleep, ticks};
use crate::pipeline::{Handler, LocalFuture};

pub(super) struct Guarded {
    handler: Rc<dyn Handler>,
    timeout: Duration,
    io_loop: LoopHandle,
    shared: Arc<Shared>,
}

impl Guarded {
    pub fn new(
        handler: Rc<dyn Handler>,
        timeout: Duration,
        io_loop: LoopHandle,
        shared: Arc<Shared>,
    ) -> Rc<Self> {
        Rc::new(Self { handler, timeout, io_loop, shared })
    }
}

impl Handler for Guarded {
    fn call(self: Rc<Self>, request: Request) -> LocalFuture<Response> {
        let id = request.id.clone();
        let context = request.context.clone();
        match catch_unwind(AssertUnwindSafe(|| self.handler.clone().call(request))) {
            Ok(LocalFuture::Ready(Some(response))) if !response.is_final() => {
                LocalFuture::ready(response.permitted(&context, Some(&id)))
            }
            Ok(LocalFuture::Ready(response)) => LocalFuture::Ready(response),
            Ok(future) => {
                let started = self.io_loop.now();
                LocalFuture::new(Watch {
                    future: Some(future),
                    guard: self,
                    context,
                    id,
                    started,
                    sleep: None,
                })
            }
            Err(_) => LocalFuture::ready(panicked(&self.shared, &id)),
        }
    }
}

fn panicked(shared: &Shared, id: &RequestId) -> Response {
    shared.metrics.panics.add(1);
    Problem::INTERNAL.response(Some(id))
}

struct Watch {
    future: Option<LocalFuture<Response>>,
    guard: Rc<Guarded>,
    context: Rc<RequestContext>,
    id: RequestId,
    started: u64,
    /// Made when the first poll did not end it.
    sleep: Option<Sleep>,
}

impl Future for Watch {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let this = &mut *self;
        let Some(future) = this.future.as_mut() else {
            return Poll::Ready(Problem::INTERNAL.response(Some(&this.id)));
        };
        match catch_unwind(AssertUnwindSafe(|| Pin::new(future).poll(cx))) {
            Ok(Poll::Ready(response)) if !response.is_final() => {
                return Poll::Ready(response.permitted(&this.context, Some(&this.id)));
            }
            Ok(Poll::Ready(response)) => return Poll::Ready(response),
            Ok(Poll::Pending) => {}
            Err(_) => {
                // The future is in an unknown state; forgetting it would leak its slot, so it is dropped guarded too.
                let future = this.future.take();
                let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
                return Poll::Ready(panicked(&this.guard.shared, &this.id));
            }
        }
        let guard = &this.guard;
        let sleep = this.sleep.get_or_insert_with(|| {
            let sleep = guard.io_loop.sleep();
            sleep.reset_at(this.started + ticks(guard.timeout));
            sleep
        });
        while sleep.poll_fired(cx) {
            // Time spent waiting for the client's bytes is the client's, not the handler's.
            let now = guard.io_loop.now();
            let due = this.started + ticks(guard.timeout) + this.context.body_waited(now);
            if guard.shared.deadlines_paused.load(Ordering::Relaxed) {
                sleep.reset(guard.timeout);
                continue;
            }
            if due <= now {
                guard.shared.metrics.handler_timeouts.add(1);
                this.context.cancel(CancelReason::Deadline);
                this.future = None;
                return Poll::Ready(Problem::HANDLER_TIMEOUT.response(Some(&this.id)));
            }
            sleep.reset_at(due);
        }
        Poll::Pending
    }
}
