//! What `server.stats()` shows. `src/stats.ts` has the same names, and what they mean.

use std::time::SystemTime;

use armature_core::listener::tls::acme::AcmeStatus;
use armature_core::metrics::{Counter, Gauge};
use serde_json::{Value, json};

use crate::bridge::clock;
use crate::bridge::lane::JsLane;
use crate::hub::Hub;
use crate::lock;
use crate::wiring::Wiring;

/// Requests answered 503 because of a limit of the bridge.
#[derive(Default)]
pub struct Shed {
    /// As many waited for JavaScript as may.
    pub queue: Counter,
    /// They had waited too long for JavaScript, or somebody before them has.
    pub queue_age: Counter,
    /// All slots of the loop were taken.
    pub slots: Counter,
}

/// The WebSockets of a server.
#[derive(Default)]
pub struct SocketCounts {
    /// Those that are open.
    pub open: Gauge,
    /// Times that another lane has taken one up.
    pub reopened: Counter,
    /// Those that were closed because their handlers went away.
    pub restarted: Counter,
}

/// The numbers of a server and of its lanes.
pub fn server(hub: &Hub) -> Value {
    let (metrics, wiring) = (hub.server.metrics(), &hub.wiring);
    let shed = &wiring.shed;
    let (in_flight, queue) = (metrics.shed.get(), shed.queue.get());
    let (queue_age, slots) = (shed.queue_age.get(), shed.slots.get());
    let concurrency = wiring.concurrency.usage();
    let limited = concurrency.refused + concurrency.late;
    let files = wiring.files.stats();
    let refused = metrics.refused.get();
    let (per_ip, proxy) = (metrics.refused_per_ip.get(), metrics.refused_proxy.get());
    let (used, limit) = {
        let usages = lock(&wiring.slots);
        usages.iter().fold((0, 0), |(used, limit), (_, usage)| (used + usage.used(), limit + usage.limit()))
    };
    json!({
        "connections": metrics.connections.get(),
        "busyConnections": metrics.sum(|of_loop| &of_loop.busy),
        "inFlight": metrics.in_flight.get(),
        "accepted": metrics.accepted.get(),
        "refused": refused + per_ip + proxy,
        "refusedBy": { "connections": refused, "connectionsPerIp": per_ip, "proxy": proxy },
        "tls": {
            "handshakes": metrics.handshakes.get(),
            "resumed": metrics.resumed.get(),
            "failed": metrics.failed_handshakes.get(),
            "acme": hub.server.acme().iter().map(acme).collect::<Vec<_>>(),
            "retries": metrics.retries.get(),
        },
        "requests": metrics.requests.get(),
        "malformed": metrics.malformed.get(),
        "floods": metrics.floods.get(),
        "unsentBytes": metrics.unsent.get(),
        "givenUp": metrics.given_up.get(),
        "shed": in_flight + queue + queue_age + slots + limited + files.shed,
        "shedBy": {
            "inFlight": in_flight,
            "queue": queue,
            "queueAge": queue_age,
            "slots": slots,
            "concurrency": limited,
            "files": files.shed,
        },
        "concurrency": {
            "taken": concurrency.taken,
            "waiting": concurrency.waiting,
            "refused": concurrency.refused,
            "late": concurrency.late,
        },
        "handlerTimeouts": metrics.handler_timeouts.get(),
        "headerTimeouts": metrics.header_timeouts.get(),
        "largeBodies": metrics.sum(|of_loop| &of_loop.large_bodies),
        "bodyTimeouts": metrics.sum(|of_loop| &of_loop.body_timeouts),
        "idleTimeouts": metrics.sum(|of_loop| &of_loop.idle_timeouts),
        "writeTimeouts": metrics.sum(|of_loop| &of_loop.write_timeouts),
        "panics": metrics.panics.get(),
        "health": wiring.health.stats(),
        "slots": { "used": used, "limit": limit },
        "cors": {
            "preflights": wiring.cors.preflights.get(),
            "refused": wiring.cors.refused.get(),
        },
        "rateLimits": {
            "limited": wiring.rate_limits.limited.get(),
            "evicted": wiring.rate_limits.evicted.get(),
            "uncounted": wiring.rate_limits.uncounted.get(),
        },
        "files": {
            "threads": files.threads,
            "queued": files.queued,
            "open": files.open,
            "cached": files.cached,
            "kept": files.kept,
        },
        "cache": wiring.caches.stats(),
        "log": wiring.logs.stats(&wiring.settings.log),
        "webSockets": web_sockets(wiring),
        "bufferedBytes": metrics.sum(|of_loop| &of_loop.buffered),
        "lanes": hub.seats.stats(wiring),
    })
}

fn web_sockets(wiring: &Wiring) -> Value {
    let directory = &wiring.topics.directory;
    let counts = &directory.counts;
    json!({
        "open": wiring.sockets.open.get(),
        "reopened": wiring.sockets.reopened.get(),
        "restarted": wiring.sockets.restarted.get(),
        "topics": directory.topics(),
        "subscriptions": directory.subscriptions(),
        "published": counts.published.get(),
        "delivered": counts.delivered.get(),
        "compressed": counts.compressed.get(),
        "skipped": counts.skipped.get(),
        "slow": counts.slow.get(),
        "dropped": counts.dropped.get(),
    })
}

fn acme(status: &AcmeStatus) -> Value {
    let millis =
        |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    json!({
        "domains": status.domains,
        "state": status.state.name(),
        "ordering": status.ordering,
        "expires": status.not_after.map(millis),
        "next": status.next.map(millis),
        "obtained": status.obtained,
        "failed": status.failed,
        "error": status.error,
    })
}

/// Whose lane it is.
pub struct Thread {
    pub worker: u32,
    pub thread: u32,
    pub generation: u32,
    pub restarts: u32,
    pub state: &'static str,
}

/// The numbers of a lane in which `given_up` of the waiting requests are waited for by nobody.
pub fn lane(lane: &JsLane, given_up: usize, of: Thread) -> Value {
    // What a lane had that has ended is answered, or another lane's.
    let pending = if lane.is_closed() { 0 } else { lane.load() };
    let waiting = lane.waiting();
    let sizes = lane.batches().sizes();
    // Producers push before they count, so what waits may be ahead for a moment.
    let handed_over = pending.saturating_sub(waiting.requests.saturating_sub(given_up));
    json!({
        "worker": of.worker,
        "threadId": of.thread,
        "generation": of.generation,
        "state": of.state,
        "restarts": of.restarts,
        "queued": waiting.requests,
        "queuedBytes": waiting.bytes,
        "oldestAge": waiting.since.map_or(0, |since| clock::now().saturating_sub(since)),
        "handedOver": handed_over,
        "pending": pending,
        "batches": sizes.iter().sum::<usize>(),
        "batchSizes": sizes,
    })
}
