//! Counters and gauges of a server. Written by the loops, read by anybody.

mod loops;

pub use loops::{LoopMetrics, Tally};

use std::ops::Deref;
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Adds one and returns the new number.
    pub fn enter(&self) -> i64 {
        self.0.fetch_add(1, Relaxed) + 1
    }

    /// Takes one away.
    pub fn leave(&self) {
        self.0.fetch_sub(1, Relaxed);
    }

    /// What was `from` of it is `to`.
    pub(crate) fn change(&self, from: u64, to: u64) {
        self.0.fetch_add((to as i64).wrapping_sub(from as i64), Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// What a server counts.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Open connections.
    pub connections: Gauge,
    /// Requests between head and end of the answer's head.
    pub in_flight: Gauge,
    /// Connections accepted since the start.
    pub accepted: Counter,
    /// Connections refused because of `limits.connections`.
    pub refused: Counter,
    /// Connections refused because of `limits.connectionsPerIp`.
    pub refused_per_ip: Counter,
    /// Connections to a listener with `proxy` that came from somebody else than a proxy, or without a well-formed header in time.
    pub refused_proxy: Counter,
    /// TLS handshakes that succeeded since the start.
    pub handshakes: Counter,
    /// Those among them that took up an earlier session.
    pub resumed: Counter,
    /// TLS handshakes that failed since the start.
    pub failed_handshakes: Counter,
    /// QUIC handshakes whose clients had to show first that they are where they say.
    pub retries: Counter,
    /// Requests dispatched since the start.
    pub requests: Counter,
    /// Connections, and streams of HTTP/2, that left HTTP for another protocol since the start.
    pub upgrades: Counter,
    /// Open connections and streams that speak another protocol; the connections are among `connections`.
    pub upgraded: Gauge,
    /// What was refused because it was no request: malformed, too large, too slow.
    pub malformed: Counter,
    /// Connections closed because of `limits.resets` or `limits.controlFrames`, or because of more of either than anybody needs.
    pub floods: Counter,
    /// Bytes of answers that wait for slow clients, of connections that have more than what is kept for streams.
    pub unsent: Gauge,
    /// Answers given up because of `limits.unsent`.
    pub given_up: Counter,
    /// Requests answered 503 because of `limits.inFlight`.
    pub shed: Counter,
    /// Handlers that did not answer within `timeouts.handler`.
    pub handler_timeouts: Counter,
    /// Heads that did not arrive within `timeouts.header`.
    pub header_timeouts: Counter,
    /// Handlers in Rust, and continuations of upgrades, that panicked.
    pub panics: Counter,
    /// What each loop counts by itself.
    loops: Mutex<Vec<Arc<LoopMetrics>>>,
    /// What those have counted that have ended.
    gone: Mutex<LoopMetrics>,
}

impl Metrics {
    /// Adds what a loop counts.
    pub(crate) fn attach(&self, of_loop: Arc<LoopMetrics>) {
        self.loops.lock().unwrap_or_else(PoisonError::into_inner).push(of_loop);
    }

    /// A loop ends: what it has is gone, what has happened on it stays counted.
    pub(crate) fn detach(&self, of_loop: &Arc<LoopMetrics>) {
        let mut loops = self.loops.lock().unwrap_or_else(PoisonError::into_inner);
        let before = loops.len();
        loops.retain(|metrics| !Arc::ptr_eq(metrics, of_loop));
        if loops.len() < before {
            self.gone.lock().unwrap_or_else(PoisonError::into_inner).inherit(of_loop);
        }
    }

    /// The sum of what `of_loop` picks, over all loops.
    pub fn sum(&self, of_loop: impl Fn(&LoopMetrics) -> &Tally) -> u64 {
        let loops = self.loops.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        of_loop(&gone).get() + loops.iter().map(|metrics| of_loop(metrics).get()).sum::<u64>()
    }
}

/// A request in flight; dropping it takes it out of [`Metrics::in_flight`].
pub struct InFlight {
    metrics: Rc<LocalMetrics>,
}

/// A server's metrics with a loop's own count of references: a request must not touch what other loops touch more often
/// than it has to.
pub(crate) struct LocalMetrics(pub Arc<Metrics>);

impl Deref for LocalMetrics {
    type Target = Metrics;

    fn deref(&self) -> &Metrics {
        &self.0
    }
}

impl InFlight {
    /// Enters a request; returns how many there are now.
    pub(crate) fn enter(metrics: &Rc<LocalMetrics>) -> (Self, i64) {
        let number = metrics.in_flight.enter();
        (Self { metrics: metrics.clone() }, number)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.metrics.in_flight.leave();
    }
}
