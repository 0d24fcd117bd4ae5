//! A listener that sends its clients to HTTPS, or answers authorities that look for tokens (RFC 8555 section 8.3).

use std::rc::Rc;
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use super::local::LoopServer;
use crate::config::Settings;
use crate::http::{Automatic, Forwarded, Problem, Request, Response};
use crate::io_loop::LoopHandle;
use crate::listener::Entrance;
use crate::listener::tls::acme::Challenges;
use crate::metrics::{InFlight, Metrics};
use crate::pipeline::LocalFuture;
use crate::protocol::{Dispatch, Ledger};

/// What requests of a listener meet before its server.
pub(super) struct Detour {
    /// They are sent there.
    redirect: Option<u16>,
    /// An authority may have sent them.
    challenges: Option<Arc<Challenges>>,
}

impl Detour {
    /// `None` for listeners that only serve.
    pub fn of(entrance: &Entrance) -> Option<Self> {
        let Entrance { redirect, challenges, .. } = entrance;
        let there_is = redirect.is_some() || challenges.is_some();
        there_is.then(|| Self { redirect: *redirect, challenges: challenges.clone() })
    }
}

/// A server as the connections of such a listener see it.
pub(super) struct Redirecting {
    server: Rc<LoopServer>,
    detour: Detour,
}

impl Redirecting {
    /// Has the clients of `server` make `detour`.
    pub fn new(server: Rc<LoopServer>, detour: Detour) -> Self {
        Self { server, detour }
    }

    /// What an authority looks for. No layer sees it: none of them can refuse what the certificate depends on.
    fn token(&self, request: &Request) -> Option<Response> {
        let answer = self.detour.challenges.as_ref()?.answer(request.head.path())?;
        let kind = HeaderValue::from_static("application/octet-stream");
        Some(Response::new(StatusCode::OK).with_header(CONTENT_TYPE, kind).with_body(answer))
    }

    /// Where `request` is answered; `None` when that cannot be said.
    fn location(&self, request: &Request, forwarded: &Forwarded, port: u16) -> Option<String> {
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
        Some(match port {
            443 => format!("https://{host}{target}"),
            port => format!("https://{host}:{port}{target}"),
        })
    }
}

impl Dispatch for Redirecting {
    fn dispatch(self: Rc<Self>, request: Request) -> (LocalFuture<Response>, InFlight) {
        if let Some(answer) = self.token(&request) {
            self.server.metrics.requests.add(1);
            return (LocalFuture::ready(answer), InFlight::enter(&self.server.metrics).0);
        }
        let Some(port) = self.detour.redirect else { return self.server.clone().dispatch(request) };
        let forwarded = Forwarded::resolve(&request, &self.server.shared.settings.trust_proxy);
        if forwarded.secure {
            return self.server.clone().dispatch(request);
        }
        let answer = match self.location(&request, &forwarded, port) {
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

    fn ledger(&self) -> &Rc<Ledger> {
        self.server.ledger()
    }

    fn io_loop(&self) -> &LoopHandle {
        self.server.io_loop()
    }

    fn is_draining(&self) -> bool {
        self.server.is_draining()
    }
}
