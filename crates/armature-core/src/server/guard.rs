//! Around every handler, inside all layers: its deadline, a panic turned into a 500, and an upgrade that nobody asked for
//! into a 426.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use slab::Slab;

use super::Shared;
use crate::http::{CancelReason, Problem, Request, RequestContext, RequestId, Response};
use crate::io_loop::{LoopHandle, Sleep, ticks};
use crate::pipeline::{Handler, Keeper, LocalFuture};

pub(super) struct Guarded {
    handler: Rc<dyn Handler>,
    /// In ticks.
    timeout: u64,
    io_loop: LoopHandle,
    shared: Arc<Shared>,
    /// Answers that are waited for.
    watches: RefCell<Slab<Watch>>,
}

struct Watch {
    /// Taken out while it is polled.
    future: LocalFuture<Response>,
    context: Rc<RequestContext>,
    id: RequestId,
    /// In ticks.
    started: u64,
    /// Made when the first poll did not end it.
    sleep: Option<Sleep>,
}

impl Guarded {
    pub fn new(
        handler: Rc<dyn Handler>,
        timeout: Duration,
        io_loop: LoopHandle,
        shared: Arc<Shared>,
    ) -> Rc<Self> {
        Rc::new(Self { handler, timeout: ticks(timeout), io_loop, shared, watches: RefCell::default() })
    }

    fn end(&self, key: u64) -> Option<Watch> {
        self.watches.borrow_mut().try_remove(key as usize)
    }

    fn panicked(&self, id: &RequestId) -> Response {
        self.shared.metrics.panics.add(1);
        Problem::INTERNAL.response(Some(id))
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
                let watch = Watch { future, context, id, started: self.io_loop.now(), sleep: None };
                let key = self.watches.borrow_mut().insert(watch) as u64;
                LocalFuture::kept(self, key)
            }
            Err(_) => LocalFuture::ready(self.panicked(&id)),
        }
    }
}

impl Keeper<Response> for Guarded {
    fn poll(&self, key: u64, cx: &mut Context<'_>) -> Poll<Response> {
        let taken = match self.watches.borrow_mut().get_mut(key as usize) {
            Some(watch) => std::mem::replace(&mut watch.future, LocalFuture::Ready(None)),
            None => return Poll::Ready(Problem::INTERNAL.response(None)),
        };
        let mut future = taken;
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut future).poll(cx))) {
            Ok(Poll::Ready(response)) => {
                let watch = self.end(key);
                return Poll::Ready(match watch {
                    Some(watch) if !response.is_final() => {
                        response.permitted(&watch.context, Some(&watch.id))
                    }
                    _ => response,
                });
            }
            Ok(Poll::Pending) => {}
            Err(_) => {
                // The future is in an unknown state; forgetting it would leak its slot, so it is dropped guarded too.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
                let id = self.end(key).map(|watch| watch.id);
                return Poll::Ready(self.panicked(&id.unwrap_or(RequestId::Sequence(0))));
            }
        }
        let mut watches = self.watches.borrow_mut();
        let Some(watch) = watches.get_mut(key as usize) else { return Poll::Pending };
        watch.future = future;
        if !watch.is_due(self, cx) {
            return Poll::Pending;
        }
        drop(watches);
        self.shared.metrics.handler_timeouts.add(1);
        let Some(watch) = self.end(key) else { return Poll::Pending };
        watch.context.cancel(CancelReason::Deadline);
        Poll::Ready(Problem::HANDLER_TIMEOUT.response(Some(&watch.id)))
    }

    fn drop_future(&self, key: u64) {
        // Dropped after the borrow: it runs code of others.
        let watch = self.end(key);
        drop(watch);
    }
}

impl Watch {
    fn is_due(&mut self, guard: &Guarded, cx: &mut Context<'_>) -> bool {
        let Some(sleep) = &self.sleep else {
            self.sleep = Some(guard.io_loop.sleep_until(self.started + guard.timeout, cx));
            return false;
        };
        while sleep.poll_fired(cx) {
            // Time spent waiting for the client's bytes is the client's, not the handler's.
            let now = guard.io_loop.now();
            let due = self.started + guard.timeout + self.context.body_waited(now);
            if guard.shared.deadlines_paused.load(Ordering::Relaxed) {
                sleep.reset_at(now + guard.timeout);
                continue;
            }
            if due <= now {
                return true;
            }
            sleep.reset_at(due);
        }
        false
    }
}
