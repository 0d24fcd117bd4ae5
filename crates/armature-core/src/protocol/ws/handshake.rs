//! The opening handshake (RFC 6455 section 4.2).

use std::future::Future;
use std::rc::Rc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::deflate::{Agreement, Deflate};
use crate::config::WsOrigins;
use crate::http::{HeaderName, HeaderValue, Headers, Method, Problem, Request, Response, Upgraded, Version};

/// The name of the protocol, for an `Upgrade` field or a `:protocol` of HTTP/2.
pub(in crate::protocol) const PROTOCOL: &str = "websocket";
const VERSION: HeaderName = HeaderName::from_static("sec-websocket-version");
const ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");
const EXTENSIONS: HeaderName = HeaderName::from_static("sec-websocket-extensions");
/// RFC 6455 section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A request that may become a WebSocket.
#[derive(Debug)]
pub struct Handshake {
    /// `Sec-WebSocket-Accept`; HTTP/2 has nothing like it.
    accept: Option<HeaderValue>,
    extensions: Option<HeaderValue>,
}

impl Handshake {
    /// Checks `request`, of which trusted proxies say that it was for `host`.
    ///
    /// # Errors
    /// The refusal: 426 when it does not ask for a WebSocket of version 13, 400 without a well-formed key over HTTP/1.1, 403 for
    /// an origin that `origins` does not allow.
    pub fn check(request: &Request, origins: &WsOrigins, host: &str) -> Result<Self, Response> {
        let id = Some(&request.id);
        let required = || Problem::upgrade_required(&HeaderValue::from_static(PROTOCOL), id);
        if *request.method() != Method::GET || !request.asks_for_upgrade(PROTOCOL) {
            return Err(required());
        }
        if only(request, "sec-websocket-version") != Some(b"13") {
            return Err(required().with_header(VERSION, HeaderValue::from_static("13")));
        }
        let accept = match request.head.version() {
            // RFC 8441 section 5.1: what the key is for is in the request itself.
            Version::H2 | Version::H3 => None,
            Version::Http10 | Version::Http11 => {
                let key = only(request, "sec-websocket-key").filter(|key| is_key(key));
                Some(key.and_then(accept_of).ok_or_else(|| Problem::BAD_WEBSOCKET.response(id))?)
            }
        };
        // A browser sends the origin of the page, and cookies whatever the page is; who is no browser could send anything.
        let mut sent = request.head.get_all("origin");
        if !sent.all(|origin| origins.allow(origin, host)) {
            return Err(Problem::ORIGIN_FORBIDDEN.response(id));
        }
        Ok(Self { accept, extensions: None })
    }

    /// Agrees on compression with the client of `request`, if it offers some that can be had. The agreement is for
    /// [`super::Outbox::deflating`].
    ///
    /// # Errors
    /// The refusal: 400 when the client's offers are malformed.
    pub fn deflate(
        &mut self,
        deflate: &Rc<Deflate>,
        request: &Request,
    ) -> Result<Option<Agreement>, Response> {
        let agreement = deflate.negotiate(request)?;
        self.extensions = agreement.as_ref().and_then(Agreement::answer);
        Ok(agreement)
    }

    /// The 101 with `headers`, which HTTP/2 makes a 200 of; `serve` gets the connection.
    pub fn accept<F, Fut>(self, headers: Headers, serve: F) -> Response
    where
        F: FnOnce(Upgraded) -> Fut + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let mut response = Response::upgrade(PROTOCOL, serve);
        response.headers = headers;
        if let Some(accept) = self.accept {
            response.headers.insert(ACCEPT, accept);
        }
        // What nobody agreed on is not announced, whoever sets the field.
        response.headers.remove(&EXTENSIONS);
        if let Some(extensions) = self.extensions {
            response.headers.insert(EXTENSIONS, extensions);
        }
        response
    }
}

/// The value of a field that stands there once.
fn only<'a>(request: &'a Request, name: &'a str) -> Option<&'a [u8]> {
    let mut values = request.head.get_all(name);
    values.next().filter(|_| values.next().is_none())
}

/// What proves that somebody has understood `key`.
fn accept_of(key: &[u8]) -> Option<HeaderValue> {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, GUID].concat());
    HeaderValue::from_str(&STANDARD.encode(digest)).ok()
}

/// 16 bytes in base64.
fn is_key(key: &[u8]) -> bool {
    key.len() == 24 && STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Address, Body, Head, Peer, RequestId};

    fn request(method: Method, fields: &[(&str, &str)]) -> Request {
        let mut head = Head::new(method, Version::Http11, "/");
        for (name, value) in fields {
            head.push(name, value.as_bytes());
        }
        let request = Request::new(
            head,
            Body::Empty,
            Rc::new(Peer::new(Address::Unix(None), false)),
            RequestId::Sequence(1),
        );
        request.note_upgrade();
        request
    }

    fn check(fields: &[(&str, &str)], origins: &WsOrigins) -> Result<Handshake, Response> {
        Handshake::check(&request(Method::GET, fields), origins, "a.example")
    }

    const UPGRADE: (&str, &str) = ("upgrade", "websocket");
    const THIRTEEN: (&str, &str) = ("sec-websocket-version", "13");
    const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");

    #[test]
    fn accepts_the_example_of_the_rfc() {
        let handshake = check(&[UPGRADE, THIRTEEN, KEY], &WsOrigins::Same).unwrap();
        assert_eq!(handshake.accept.unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn refuses_what_is_no_handshake() {
        let status = |fields: &[(&str, &str)]| check(fields, &WsOrigins::Same).unwrap_err().status.as_u16();
        assert_eq!(status(&[]), 426);
        assert_eq!(status(&[("upgrade", "h2c"), THIRTEEN, KEY]), 426);
        let old = check(&[UPGRADE, ("sec-websocket-version", "8"), KEY], &WsOrigins::Same).unwrap_err();
        assert_eq!((old.status.as_u16(), old.headers.get(&VERSION).unwrap().as_bytes()), (426, &b"13"[..]));
        assert_eq!(status(&[UPGRADE, THIRTEEN]), 400);
        assert_eq!(status(&[UPGRADE, THIRTEEN, KEY, KEY]), 400);
        assert_eq!(status(&[UPGRADE, THIRTEEN, ("sec-websocket-key", "dGhlIHNhbXBsZQ==")]), 400);
        assert_eq!(status(&[UPGRADE, THIRTEEN, ("sec-websocket-key", "????????????????????????")]), 400);
        let post = Handshake::check(&request(Method::POST, &[UPGRADE, THIRTEEN, KEY]), &WsOrigins::Any, "a");
        assert_eq!(post.unwrap_err().status.as_u16(), 426);
    }

    #[test]
    fn checks_the_origin() {
        let list = WsOrigins::List(vec!["https://b.example".into()]);
        for (origin, same, listed) in [
            ("https://a.example", true, false),
            ("http://A.example", true, false),
            ("https://a.example:8443", false, false),
            ("https://b.example", false, true),
            ("null", false, false),
            ("https://evil-a.example", false, false),
        ] {
            let fields = [UPGRADE, THIRTEEN, KEY, ("origin", origin)];
            assert_eq!(check(&fields, &WsOrigins::Same).is_ok(), same, "{origin}");
            assert_eq!(check(&fields, &list).is_ok(), listed, "{origin}");
            assert!(check(&fields, &WsOrigins::Any).is_ok());
        }
        let two = [UPGRADE, THIRTEEN, KEY, ("origin", "https://a.example"), ("origin", "https://b.example")];
        assert_eq!(check(&two, &WsOrigins::Same).unwrap_err().status.as_u16(), 403);
    }
}
