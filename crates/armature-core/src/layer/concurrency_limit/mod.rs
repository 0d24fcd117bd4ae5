//! `ConcurrencyLimit`: at most so many requests in flight, on all loops together; the rest waits in line or is refused.

mod limiter;
#[cfg(test)]
mod limiter_tests;
mod place;
mod sync;
mod wait;

use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::config::{Millis, check_wait};
use crate::error::{Error, Result};
use crate::http::{Problem, Request, Response};
use crate::io_loop::LoopHandle;
use crate::metrics::Counter;
use crate::pipeline::{Layer, LayerFactory, LocalFuture, Next};
use limiter::Limiter;
use place::Place;
use wait::{Refused, Wait};

/// As many as a server may have connections, or requests.
const MOST: u32 = 10_000_000;
/// As many as may wait for JavaScript.
const LONGEST_QUEUE: u32 = 1_000_000;

/// Options of the concurrency limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct ConcurrencyLimitOptions {
    /// Most requests at the same time, on all IO loops together: from before the handler is asked until the answer is sent.
    /// From 1 to 10000000, by default 1000.
    pub max: Option<u32>,
    /// Most requests that wait for a place, first come first served; further ones are answered 503. From 0 to 1000000, by
    /// default 0.
    pub queue: Option<u32>,
    /// How long a request may wait. Beyond it the answer is 503. From 1ms to 24h, by default 10s.
    pub queue_timeout: Option<Millis>,
}

/// Bounds the requests in flight. Clones, and the layers that it builds for each loop, share one number.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit {
    shared: Arc<Limiter>,
    counts: Arc<Counts>,
    patience: Duration,
}

#[derive(Debug, Default)]
struct Counts {
    refused: Counter,
    late: Counter,
}

/// What a [`ConcurrencyLimit`] has and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConcurrencyUsage {
    /// Requests that have a place.
    pub taken: u64,
    /// Requests that wait for one.
    pub waiting: u64,
    /// Requests answered 503 because as many waited as may.
    pub refused: u64,
    /// Requests answered 503 because they had waited for `queueTimeout`.
    pub late: u64,
}

impl ConcurrencyLimit {
    /// Validates `options`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` for a number or a duration out of its range.
    pub fn new(options: ConcurrencyLimitOptions) -> Result<Self> {
        let within = |name: &str, value: u32, from: u32, to: u32| match value {
            value if (from..=to).contains(&value) => Ok(value),
            value => Err(Error::option(name, value, format_args!("a whole number from {from} to {to}"))),
        };
        let max = within("ConcurrencyLimit.max", options.max.unwrap_or(1000), 1, MOST)?;
        let queue = within("ConcurrencyLimit.queue", options.queue.unwrap_or(0), 0, LONGEST_QUEUE)?;
        let patience = options.queue_timeout.unwrap_or(Millis::seconds(10));
        Ok(Self {
            shared: Arc::new(Limiter::new(max, queue as usize)),
            counts: Arc::default(),
            patience: check_wait("ConcurrencyLimit.queueTimeout", patience)?,
        })
    }

    /// Its numbers, now.
    pub fn usage(&self) -> ConcurrencyUsage {
        ConcurrencyUsage {
            taken: self.shared.taken(),
            waiting: self.shared.waiting() as u64,
            refused: self.counts.refused.get(),
            late: self.counts.late.get(),
        }
    }
}

/// The limiter with a count of this loop's own references.
struct LocalLimiter(Arc<Limiter>);

impl Deref for LocalLimiter {
    type Target = Limiter;

    fn deref(&self) -> &Limiter {
        &self.0
    }
}

/// The layer on one loop.
struct LocalLimit {
    /// Counted on this loop once more: a request must not touch what other loops touch more often than it has to.
    limiter: Rc<LocalLimiter>,
    counts: Arc<Counts>,
    patience: Duration,
    io_loop: LoopHandle,
}

impl LocalLimit {
    fn refuse(&self, refused: Refused, request: &Request) -> Response {
        match refused {
            Refused::Full => self.counts.refused.add(1),
            Refused::Late => self.counts.late.add(1),
            Refused::Gone => {}
        }
        Problem::OVERLOADED.response(Some(&request.id))
    }
}

impl Layer for LocalLimit {
    fn call(self: Rc<Self>, request: Request, next: Next) -> LocalFuture<Response> {
        if let Some(place) = Place::take(&self.limiter) {
            return match next.run(request) {
                LocalFuture::Ready(Some(response)) => LocalFuture::ready(place.until_sent(response)),
                future => LocalFuture::new(async move { place.until_sent(future.await) }),
            };
        }
        if !self.limiter.has_queue() {
            return LocalFuture::ready(self.refuse(Refused::Full, &request));
        }
        let context = request.context.clone();
        let wait = Wait::new(self.limiter.clone(), self.patience, &self.io_loop, context);
        LocalFuture::new(async move {
            match wait.await {
                Ok(place) => place.until_sent(next.run(request).await),
                Err(refused) => self.refuse(refused, &request),
            }
        })
    }
}

impl LayerFactory for ConcurrencyLimit {
    fn build(&self, io_loop: &LoopHandle) -> Rc<dyn Layer> {
        Rc::new(LocalLimit {
            limiter: Rc::new(LocalLimiter(self.shared.clone())),
            counts: self.counts.clone(),
            patience: self.patience,
            io_loop: io_loop.clone(),
        })
    }
}
