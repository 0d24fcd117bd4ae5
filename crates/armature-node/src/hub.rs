//! What the JavaScript threads of one server share, and the one table of the process, in which they find it by number.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use armature_core::config::{IoMode, Settings};
use armature_core::server::Server;
use napi_derive::napi;
use serde_json::Value;

use crate::bridge::inline::Inline;
use crate::error::{JsError, Result};
use crate::lock;
use crate::seats::Seats;
use crate::server::Generations;
use crate::stats;
use crate::wiring::Wiring;

static HUBS: Mutex<Vec<(u32, Weak<Hub>)>> = Mutex::new(Vec::new());
static LAST: AtomicU32 = AtomicU32::new(0);

/// A running server.
pub struct Hub {
    pub id: u32,
    pub server: Server,
    pub wiring: Arc<Wiring>,
    pub seats: Seats,
    /// The options as they were given, before the machine had its say.
    pub asked: Settings,
    /// What JavaScript needs of them.
    settings: Value,
    pub generations: Mutex<Generations>,
}

impl Hub {
    /// Enters a server into the table. `plan` is what it serves, `settings` how.
    pub fn new(
        server: Server,
        wiring: Arc<Wiring>,
        plan: String,
        asked: Settings,
        settings: Value,
    ) -> Arc<Self> {
        let id = LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let generations = Mutex::new(Generations::new(plan));
        let hub =
            Arc::new(Self { id, server, wiring, seats: Seats::default(), asked, settings, generations });
        let mut hubs = lock(&HUBS);
        hubs.retain(|(_, hub)| hub.strong_count() > 0);
        hubs.push((id, Arc::downgrade(&hub)));
        hub
    }

    /// The server with number `id`.
    ///
    /// # Errors
    /// `ARMATURE_SERVER_CLOSED` when it has ended.
    pub fn find(id: u32) -> Result<Arc<Self>> {
        let hub = lock(&HUBS).iter().find(|(number, _)| *number == id).and_then(|(_, hub)| hub.upgrade());
        hub.ok_or_else(Self::closed)
    }

    /// Whether each JavaScript thread has a loop of its own.
    pub fn is_inline(&self) -> bool {
        self.wiring.settings.io_threads == IoMode::Inline
    }

    /// The thread of `inline` ends, and the loop with it; the others go on.
    pub fn leave_loop(&self, inline: &Inline) {
        inline.with_host(|host| self.server.leave(host));
        self.wiring.forget_loop(inline.index());
    }

    /// Where it listens, as `host:port` or `unix:/path`.
    pub fn addresses(&self) -> Vec<String> {
        self.server.addresses().iter().map(ToString::to_string).collect()
    }

    pub fn closed() -> JsError {
        JsError::new(
            "ARMATURE_SERVER_CLOSED".to_owned(),
            "the server has ended before this thread attached to it".to_owned(),
        )
    }
}

/// How server `id` serves, as JSON.
#[napi]
pub fn server_settings(id: u32) -> Result<String> {
    Ok(Hub::find(id)?.settings.to_string())
}

/// The addresses of server `id`, for a thread that does not serve it.
#[napi]
pub fn server_addresses(id: u32) -> Result<Vec<String>> {
    Ok(Hub::find(id)?.addresses())
}

/// Its numbers, as JSON.
#[napi]
pub fn server_stats(id: u32) -> Result<String> {
    Ok(stats::server(&*Hub::find(id)?).to_string())
}
