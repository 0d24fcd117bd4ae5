//! Requests that may change something: what is stored for their address goes (RFC 9111 section 4.4).

use std::rc::Rc;
use std::sync::Arc;

use http::header::{CONTENT_LOCATION, HOST, LOCATION};

use super::LocalCache;
use super::key::write_origin;
use super::note;
use super::purge::{Purge, PurgeUrl};
use super::store::Store;
use crate::http::{Forwarded, Request, Response};
use crate::pipeline::{LocalFuture, Next};

/// What may be changed by a request. Dropped without an answer, nobody knows whether it was: then it was.
struct Change {
    store: Arc<Store>,
    /// `None` when it was not.
    url: Option<PurgeUrl>,
    /// Scheme and host, as in a key.
    origin: Vec<u8>,
}

impl Change {
    fn of(layer: &LocalCache, request: &Request) -> Self {
        let head = &request.head;
        let host = head.get(HOST.as_str()).unwrap_or_default();
        let trust = &layer.store.options.keys.trust;
        let mut origin = Vec::new();
        if trust.0.is_empty() {
            write_origin(request.peer.secure, host, &mut origin);
        } else {
            let forwarded = Forwarded::resolve(request, trust);
            let host = forwarded.host.as_deref().map_or(host, str::as_bytes);
            write_origin(forwarded.secure, host, &mut origin);
        }
        origin.pop();
        let url = Some(PurgeUrl::of_target(head.path(), head.query()));
        Self { store: layer.store.clone(), url, origin }
    }

    fn answered(mut self, response: &Response) {
        if response.status.is_client_error() || response.status.is_server_error() {
            // What failed has changed nothing (section 4.4).
            self.url = None;
            return;
        }
        for name in [LOCATION, CONTENT_LOCATION] {
            let named = response.headers.get_all(&name);
            for url in named.filter_map(|value| PurgeUrl::of_location(value.as_bytes(), &self.origin)) {
                self.store.purge(Purge::Url(url));
            }
        }
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        if let Some(url) = self.url.take() {
            self.store.purge(Purge::Url(url));
        }
    }
}

impl LocalCache {
    pub(super) fn write(self: Rc<Self>, request: Request, next: Next) -> LocalFuture<Response> {
        self.counters.bypassed.add(1);
        let change = Change::of(&self, &request);
        match next.run(request) {
            LocalFuture::Ready(Some(response)) => {
                change.answered(&response);
                LocalFuture::ready(self.noted(response, note::METHOD))
            }
            future => LocalFuture::new(async move {
                let response = future.await;
                change.answered(&response);
                self.noted(response, note::METHOD)
            }),
        }
    }
}
