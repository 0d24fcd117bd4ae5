//! The head of a request, which has been taken apart already: what its fields say, and what they may not say.
//!
//! The `h2` crate resets streams with pseudo fields that are missing, repeated, unknown or late, names that are not lower case,
//! fields of a connection, and content that is not as long as `Content-Length` says. What it lets pass is judged here.

use ::h2::ext::Protocol;
use http::header::{CONTENT_LENGTH, COOKIE, EXPECT, HOST};
use http::request::Parts;
use http::{HeaderMap, Method};

use crate::config::Limits;
use crate::http::{Head, Problem, Version};
use crate::protocol::h1::grammar::{is_host, is_target, number};
use crate::protocol::ws;

/// What a head says.
#[derive(Debug)]
pub(super) struct Parsed {
    /// As much as could be understood, where there is a problem.
    pub head: Head,
    /// The length of the content, where the request says so.
    pub length: Option<u64>,
    /// The client waits for a 100 before it sends the content.
    pub expects: bool,
    /// An extended CONNECT for a WebSocket (RFC 8441): what is a GET with an `Upgrade` field in HTTP/1.1.
    pub websocket: bool,
    pub problem: Option<Problem>,
}

/// Takes in a head; the memory of `spare` is used for it.
pub(super) fn read(parts: &Parts, spare: Head, limits: &Limits) -> Parsed {
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let mut head = spare;
    let is_good = is_target(target.as_bytes());
    let websocket = is_for_websocket(parts);
    let method = if websocket { Method::GET } else { parts.method.clone() };
    head.restart(method, Version::H2, if is_good { target } else { "" });
    let mut parsed = Parsed { head, length: None, expects: false, websocket, problem: None };
    parsed.problem = judge(parts, target, limits, &mut parsed).err();
    parsed
}

fn judge(parts: &Parts, target: &str, limits: &Limits, parsed: &mut Parsed) -> Result<(), Problem> {
    // Tells no more than the request has: logs show it.
    fields(parts, limits, &mut parsed.head)?;
    if parts.method == Method::CONNECT && !parsed.websocket {
        let is_extended = parts.extensions.get::<Protocol>().is_some();
        return Err(if is_extended { Problem::UNKNOWN_PROTOCOL } else { Problem::NO_TUNNEL });
    }
    let is_path = target.starts_with('/') || (target == "*" && parts.method == Method::OPTIONS);
    if !is_path || !is_target(target.as_bytes()) {
        return Err(Problem::BAD_TARGET);
    }
    if parts.uri.scheme_str().is_some_and(|scheme| scheme != "http" && scheme != "https") {
        return Err(Problem::BAD_TARGET);
    }
    let mut lengths = parts.headers.get_all(CONTENT_LENGTH).iter();
    if let Some(value) = lengths.next() {
        parsed.length = Some(number(value.as_bytes()).ok_or(Problem::BAD_LENGTH)?);
    }
    // What follows a CONNECT is no content.
    if lengths.next().is_some() || (parsed.websocket && parsed.length.is_some()) {
        return Err(Problem::BAD_LENGTH);
    }
    for value in parts.headers.get_all(EXPECT) {
        if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") {
            return Err(Problem::EXPECTATION_FAILED);
        }
        parsed.expects = true;
    }
    Ok(())
}

/// Names of protocols are compared as those of an `Upgrade` field.
fn is_for_websocket(parts: &Parts) -> bool {
    let protocol = parts.extensions.get::<Protocol>().filter(|_| parts.method == Method::CONNECT);
    protocol.is_some_and(|protocol| protocol.as_str().eq_ignore_ascii_case(ws::PROTOCOL))
}

/// Puts the fields into `head`, the host first.
fn fields(parts: &Parts, limits: &Limits, head: &mut Head) -> Result<(), Problem> {
    let host = host(parts)?;
    head.push_bytes(b"host", host);
    if parts.headers.len() > limits.headers {
        return Err(Problem::HEADERS_TOO_LARGE);
    }
    for (name, value) in &parts.headers {
        let value = value.as_bytes();
        // RFC 9113 section 8.2.1: what HTTP/1 would trim is no part of a value.
        if matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t']) {
            return Err(Problem::BAD_FIELD);
        }
        if *name != HOST && *name != COOKIE {
            head.push_bytes(name.as_str().as_bytes(), value);
        }
    }
    cookies(&parts.headers, head);
    if head.wire_len() > limits.header {
        return Err(Problem::HEADERS_TOO_LARGE);
    }
    Ok(())
}

/// The authority, which is that of `Host` when both are there (RFC 9113 section 8.3.1).
fn host(parts: &Parts) -> Result<&[u8], Problem> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let field = hosts.next().map(http::HeaderValue::as_bytes);
    if hosts.next().is_some() {
        return Err(Problem::BAD_HOST);
    }
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    let host = match (authority, field) {
        (Some(authority), Some(field)) if !authority.eq_ignore_ascii_case(field) => {
            return Err(Problem::BAD_HOST);
        }
        (Some(host), _) | (None, Some(host)) => host,
        (None, None) => return Err(Problem::BAD_HOST),
    };
    if is_host(host) { Ok(host) } else { Err(Problem::BAD_HOST) }
}

/// Clients may cut a cookie field into pieces; applications see one (RFC 9113 section 8.2.3).
fn cookies(fields: &HeaderMap, head: &mut Head) {
    let mut crumbs = fields.get_all(COOKIE).iter();
    let Some(first) = crumbs.next() else { return };
    let rest: Vec<_> = crumbs.map(http::HeaderValue::as_bytes).collect();
    if rest.is_empty() {
        head.push_bytes(b"cookie", first.as_bytes());
        return;
    }
    let whole = std::iter::once(first.as_bytes()).chain(rest).collect::<Vec<_>>().join(&b"; "[..]);
    head.push_bytes(b"cookie", &whole);
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn parsed(request: Request<()>) -> Parsed {
        read(&request.into_parts().0, Head::default(), &Limits { headers: 10, ..Limits::default() })
    }

    fn get(uri: &str, fields: &[(&str, &str)]) -> Parsed {
        let mut request = Request::builder().uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        parsed(request.body(()).unwrap())
    }

    #[track_caller]
    fn refused(parsed: &Parsed, problem: Problem) {
        assert_eq!(parsed.problem.map(|p| p.detail), Some(problem.detail));
    }

    #[test]
    fn a_request_is_the_same_as_in_http_1() {
        let fields = [("cookie", "a=1"), ("accept", "*/*"), ("cookie", "b=2"), ("content-length", "5")];
        let parsed = get("https://example.com:8443/a%20b?x=1", &fields);
        assert!(parsed.problem.is_none());
        let head = &parsed.head;
        assert_eq!((head.method(), head.version(), head.target()), (&Method::GET, Version::H2, "/a%20b?x=1"));
        let seen: Vec<_> = head.iter().map(|(n, v)| (n, std::str::from_utf8(v).unwrap())).collect();
        let expected = [
            ("host", "example.com:8443"),
            ("accept", "*/*"),
            ("content-length", "5"),
            ("cookie", "a=1; b=2"),
        ];
        assert_eq!(seen, expected);
        assert_eq!((parsed.length, parsed.expects), (Some(5), false));
        assert!(get("http://h/", &[("expect", "100-Continue")]).expects);
    }

    #[test]
    fn hosts_agree() {
        assert!(get("http://h/", &[("host", "H")]).problem.is_none());
        assert!(get("/", &[("host", "h:80")]).problem.is_none());
        for (uri, hosts) in [
            ("http://h/", &["other"][..]),
            ("http://h/", &["h", "h"]),
            ("http://user@h/", &[]),
            ("/", &[]),
            ("/", &["a b"]),
        ] {
            let fields: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            refused(&get(uri, &fields), Problem::BAD_HOST);
        }
    }

    #[test]
    fn targets_lengths_and_expectations() {
        refused(&get("http://h/\u{e9}", &[]), Problem::BAD_TARGET);
        refused(&get("ftp://h/", &[]), Problem::BAD_TARGET);
        refused(&get("*", &[("host", "h")]), Problem::BAD_TARGET);
        let options = Request::builder().method("OPTIONS").uri("*").header("host", "h").body(()).unwrap();
        assert_eq!(parsed(options).head.target(), "*");
        let connect = Request::builder().method("CONNECT").uri("h:443").body(()).unwrap();
        refused(&parsed(connect), Problem::NO_TUNNEL);
        let extended = |protocol: &'static str, length: Option<&str>| {
            let mut request = Request::builder().method("CONNECT").uri("https://h/chat");
            request = request.extension(Protocol::from_static(protocol));
            if let Some(length) = length {
                request = request.header("content-length", length);
            }
            parsed(request.body(()).unwrap())
        };
        let websocket = extended("WebSocket", None);
        assert!(websocket.websocket && websocket.problem.is_none());
        assert_eq!((websocket.head.method(), websocket.head.target()), (&Method::GET, "/chat"));
        refused(&extended("websocket", Some("0")), Problem::BAD_LENGTH);
        let other = extended("connect-udp", None);
        assert_eq!(other.head.method(), Method::CONNECT);
        refused(&other, Problem::UNKNOWN_PROTOCOL);
        let twice = [("content-length", "5"), ("content-length", "5")];
        refused(&get("http://h/", &twice), Problem::BAD_LENGTH);
        refused(&get("http://h/", &[("content-length", "+5")]), Problem::BAD_LENGTH);
        refused(&get("http://h/", &[("expect", "tea")]), Problem::EXPECTATION_FAILED);
    }

    #[test]
    fn fields_have_limits() {
        for value in [" a", "a ", "\ta", "a\t"] {
            refused(&get("http://h/", &[("x", value)]), Problem::BAD_FIELD);
        }
        assert!(get("http://h/", &[("x", ""), ("y", "a b")]).problem.is_none());
        refused(&get("http://h/", &[("x", "1"); 11]), Problem::HEADERS_TOO_LARGE);
        refused(&get("http://h/", &[("x", &"1".repeat(20_000))]), Problem::HEADERS_TOO_LARGE);
    }
}
