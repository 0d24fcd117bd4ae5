//! `RateLimit`: how much a client may ask for, counted in memory or in Redis.
//!
//! * `policy` decides, by the token `bucket` or the sliding `window`
//! * `table` has what is known of each key, in memory of a fixed size; `shared` has it in Redis
//! * `key` tells clients apart, `fields` tell them what is left

mod bucket;
mod fields;
mod key;
mod options;
mod policy;
mod shared;
mod table;
mod window;

use std::hash::Hasher;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::HeaderValue;
use http::header::RETRY_AFTER;

pub use key::{RateLimitKey, RateLimitKeyPart};
pub use options::{RateLimitAlgorithm, RateLimitFailure, RateLimitHeaders, RateLimitOptions};

use crate::config::TrustProxy;
use crate::error::{Error, Result};
use crate::http::{Problem, Request, Response};
use crate::io_loop::LoopHandle;
use crate::metrics::Counter;
use crate::pipeline::{Layer, LayerFactory, LocalFuture, Next};
use crate::store::redis::Redis;
use fields::Fields;
use key::Key;
use options::{Checked, Store, is_called};
use policy::{Policy, Verdict};
use shared::SharedCounters;
use table::Table;

/// The options of a rate limit, checked.
#[derive(Debug)]
pub struct RateLimit(Checked);

/// What a rate limit takes from the application that it is for.
#[derive(Clone, Debug, Default)]
pub struct RateLimitContext<'a> {
    /// The proxies that tell a client's address.
    pub trust: TrustProxy,
    /// Routes by their number.
    pub routes: &'a [RouteName],
    /// Where it counts what it does.
    pub counters: Arc<RateLimitCounters>,
}

/// What a route is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteName {
    /// `GET`, or `ANY`.
    pub method: String,
    /// `/users/:id`.
    pub pattern: String,
}

/// What rate limits do.
#[derive(Debug, Default)]
pub struct RateLimitCounters {
    /// Requests that were answered 429.
    pub limited: Counter,
    /// Keys that were forgotten before they had recovered, because there was no room.
    pub evicted: Counter,
    /// Requests that could not be counted, because Redis did not answer.
    pub uncounted: Counter,
}

/// Counts every request that passes, and answers those that are too many.
pub struct OpenRateLimit {
    inner: Arc<Inner>,
}

struct Inner {
    policy: Policy,
    key: Key,
    cost: u32,
    /// By the number of the route, where they differ from `cost`.
    costs: Box<[u32]>,
    fields: Option<Fields>,
    trust: TrustProxy,
    counters: Arc<RateLimitCounters>,
    place: Place,
}

/// Where it is counted.
enum Place {
    Memory(Table),
    Redis(SharedCounters),
}

/// The layer on one loop.
struct LocalRateLimit(Arc<Inner>);

impl RateLimit {
    /// Validates `options`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID`, which names the option.
    pub fn new(options: RateLimitOptions) -> Result<Self> {
        options.check().map(Self)
    }

    /// Starts counting, for an application without routes that have names.
    ///
    /// # Errors
    /// Those of [`RateLimit::open`].
    pub fn start(self) -> Result<OpenRateLimit> {
        self.open(RateLimitContext::default())
    }

    /// Starts counting; with Redis a connection is made in the background.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` when `costs` names a route that does not exist; `ARMATURE_IO` when there can be no thread for Redis.
    pub fn open(self, context: RateLimitContext<'_>) -> Result<OpenRateLimit> {
        let Checked { policy, window, limit, key, cost, costs, style, name, store } = self.0;
        let mut of_routes = if costs.is_empty() { Vec::new() } else { vec![cost; context.routes.len()] };
        for (called, special) in &costs {
            let mut found = false;
            for (cost, _) in
                of_routes.iter_mut().zip(context.routes).filter(|(_, route)| is_called(route, called))
            {
                (*cost, found) = (*special, true);
            }
            if !found {
                let what = "a route of this application, such as 'GET /users/:id' or '/users/:id'";
                return Err(Error::option("RateLimit.costs", format_args!("'{called}'"), what));
            }
        }
        let place = match store {
            Store::Memory { capacity } => Place::Memory(Table::new(capacity)),
            Store::Redis { settings, prefix, failure } => {
                let redis = Redis::connect(&settings)?;
                let start = format!("{prefix}{name}:{}:{}:", policy.describe(window), key.describe());
                let routes = context.routes.iter().map(|route| format!("{} {}", route.method, route.pattern));
                Place::Redis(SharedCounters::new(redis, start, routes.collect(), failure))
            }
        };
        let inner = Inner {
            fields: style.map(|style| Fields::new(style, &name, limit, window)),
            costs: of_routes.into(),
            trust: context.trust,
            counters: context.counters,
            policy,
            key,
            cost,
            place,
        };
        Ok(OpenRateLimit { inner: Arc::new(inner) })
    }
}

impl Inner {
    fn cost(&self, request: &Request) -> u32 {
        let of_route = request.matched.route.and_then(|route| self.costs.get(route.0 as usize));
        of_route.copied().unwrap_or(self.cost)
    }

    fn ask_memory(&self, table: &Table, request: &Request, cost: u32) -> Verdict {
        let mut hasher = table.hasher();
        self.key.write(request, &self.trust, &mut hasher);
        table.take(hasher.finish(), &self.policy, now(), cost, &self.counters.evicted)
    }

    /// 429 (RFC 6585 section 4).
    fn refuse(&self, request: &Request, verdict: &Verdict) -> Response {
        self.counters.limited.add(1);
        let mut refusal = Problem::RATE_LIMITED.response(Some(&request.id));
        refusal.headers.append(RETRY_AFTER, HeaderValue::from(verdict.retry));
        self.decorate(refusal, verdict)
    }

    fn decorate(&self, mut response: Response, verdict: &Verdict) -> Response {
        if let Some(fields) = &self.fields {
            fields.add(&mut response.headers, verdict);
        }
        response
    }

    /// Answers a request that has been counted.
    fn go_on(self: &Arc<Self>, request: Request, next: Next, verdict: Verdict) -> LocalFuture<Response> {
        if !verdict.allowed {
            return LocalFuture::ready(self.refuse(&request, &verdict));
        }
        match next.run(request) {
            LocalFuture::Ready(Some(response)) => LocalFuture::ready(self.decorate(response, &verdict)),
            future if self.fields.is_none() => future,
            future => {
                let inner = self.clone();
                LocalFuture::new(async move { inner.decorate(future.await, &verdict) })
            }
        }
    }

    /// Answers a request that cannot be counted.
    fn go_on_uncounted(
        &self,
        failure: RateLimitFailure,
        request: Request,
        next: Next,
    ) -> LocalFuture<Response> {
        self.counters.uncounted.add(1);
        match failure {
            RateLimitFailure::Open => next.run(request),
            RateLimitFailure::Closed => {
                LocalFuture::ready(Problem::STORE_UNAVAILABLE.response(Some(&request.id)))
            }
        }
    }
}

impl Layer for LocalRateLimit {
    fn call(self: Rc<Self>, request: Request, next: Next) -> LocalFuture<Response> {
        let inner = &self.0;
        let cost = inner.cost(&request);
        if cost == 0 {
            return next.run(request);
        }
        match &inner.place {
            Place::Memory(table) => {
                let verdict = inner.ask_memory(table, &request, cost);
                inner.go_on(request, next, verdict)
            }
            Place::Redis(shared) => {
                let asked =
                    shared.ask(&inner.policy, cost, |sink| inner.key.write(&request, &inner.trust, sink));
                let Some(asked) = asked else {
                    return inner.go_on_uncounted(shared.failure, request, next);
                };
                let (inner, failure) = (inner.clone(), shared.failure);
                LocalFuture::new(async move {
                    match asked.verdict().await {
                        Some(verdict) => inner.go_on(request, next, verdict).await,
                        None => inner.go_on_uncounted(failure, request, next).await,
                    }
                })
            }
        }
    }
}

impl LayerFactory for OpenRateLimit {
    fn build(&self, _: &LoopHandle) -> Rc<dyn Layer> {
        Rc::new(LocalRateLimit(self.inner.clone()))
    }
}

/// Nanoseconds of the process, with which every loop counts.
fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    // 584 years have so many.
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}
