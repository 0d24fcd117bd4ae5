//! What is counted while a connection is open.

use std::sync::Arc;

use super::Shared;
use super::per_ip::Client;
use crate::http::Address;

/// A connection that is open.
pub(super) struct Open {
    shared: Arc<Shared>,
    /// With `limits.connectionsPerIp`, and of a client that is counted.
    client: Option<Client>,
}

impl Open {
    /// Counts a connection; `None` when there are `limits.connections` already.
    pub fn enter(shared: &Arc<Shared>) -> Option<Self> {
        let number = shared.metrics.connections.enter();
        let open = Self { shared: shared.clone(), client: None };
        (number <= shared.settings.limits.connections as i64).then_some(open)
    }

    /// Whether `client` has fewer connections than it may.
    pub fn may_enter(shared: &Shared, client: &Address) -> bool {
        let Some((per_ip, client)) = shared.per_ip.as_ref().zip(counted(shared, client)) else { return true };
        per_ip.has_room(client)
    }

    /// Counts it as one of `client`; false when that has as many as it may. Trusted proxies connect for many, and a Unix socket
    /// says nothing of who does.
    pub fn take_place_of(&mut self, client: &Address) -> bool {
        let Some(per_ip) = &self.shared.per_ip else { return true };
        let Some(client) = counted(&self.shared, client) else { return true };
        let entered = per_ip.enter(client);
        self.client = entered.then_some(client);
        entered
    }
}

fn counted(shared: &Shared, client: &Address) -> Option<Client> {
    client.ip().filter(|ip| !shared.settings.trust_proxy.contains(*ip)).map(Client::from)
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.metrics.connections.leave();
        if let (Some(client), Some(per_ip)) = (self.client, &self.shared.per_ip) {
            per_ip.leave(client);
        }
    }
}
