//! A listener that sends its clients to HTTPS.

use std::rc::Rc;

use super::local::LoopServer;
use crate::config::Settings;
use crate::http::{Automatic, Forwarded, Problem, Request, Response};
use crate::io_loop::LoopHandle;
use crate::metrics::{InFlight, Metrics};
use crate::pipeline::LocalFuture;
use crate::protocol::Dispatch;

/// A server as the connections of such a listener see it.
pub(super) struct Redirecting {
    server: Rc<LoopServer>,
    port: u16,
}

impl Redirecting {
    /// Sends the clients of `server` to `port`.
    pub fn new(server: Rc<LoopServer>, port: u16) -> Self {
        Self { server, port }
    }

    /// Where `request` is answered; `None` when that cannot be said.
    fn location(&self, request: &Request, forwarded: &Forwarded) -> Option<String> {
        let target = request.head.target();
        let host = match &forwarded.host {
            Some(host) => host,
            None => std::str::from_utf8(request.head.get("host")?).ok()?,
        };
        // The port of HTTP is not that of HTTPS; the colons in brackets are those of an IPv6 address.
        let host = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        if host.is_empty() || !target.starts_with('/') {
            return None;
        }
        Some(match self.port {
            443 => format!("https://{host}{target}"),
            port => format!("https://{host}:{port}{target}"),
        })
    }
}

impl Dispatch for Redirecting {
    fn dispatch(self: Rc<Self>, request: Request) -> (LocalFuture<Response>, InFlight) {
        let forwarded = Forwarded::resolve(&request, &self.server.shared.settings.trust_proxy);
        if forwarded.secure {
            return self.server.clone().dispatch(request);
        }
        let answer = match self.location(&request, &forwarded) {
            Some(location) => Automatic::Redirect(location),
            None => Automatic::Refuse(Problem::BAD_REQUEST),
        };
        self.server.clone().answer(request, answer)
    }

    fn refuse(self: Rc<Self>, request: Request, problem: Problem) -> LocalFuture<Response> {
        self.server.clone().refuse(request, problem)
    }

    fn settings(&self) -> &Settings {
        self.server.settings()
    }

    fn metrics(&self) -> &Metrics {
        self.server.metrics()
    }

    fn io_loop(&self) -> &LoopHandle {
        self.server.io_loop()
    }

    fn is_draining(&self) -> bool {
        self.server.is_draining()
    }
}
