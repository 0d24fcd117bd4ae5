//! Heads of responses: who delimits the content, and which fields the handler has a say in.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderName;

use super::*;
use crate::http::{Body, BodyError, BodyStream, Frame};

const GET: Asked = Asked { http10: false, head_only: false };
const HEAD: Asked = Asked { http10: false, head_only: true };
const GET10: Asked = Asked { http10: true, head_only: false };
const HEAD10: Asked = Asked { http10: true, head_only: true };

struct Promised(u64);

impl BodyStream for Promised {
    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::Exact(self.0)
    }
}

fn of(status: u16, body: Body) -> Response {
    Response::new(StatusCode::from_u16(status).unwrap()).with_body(body)
}

fn empty() -> Body {
    Body::Empty
}

fn text() -> Body {
    Body::from("hello")
}

fn promised() -> Body {
    Body::stream(Promised(7))
}

fn stream() -> Body {
    Body::chunks([Bytes::from_static(b"hello")])
}

/// The head that is written, without its Date.
fn lines(response: &Response, asked: Asked, close: bool) -> Vec<String> {
    let mut out = b"before".to_vec();
    head(&mut out, response, delimiter(response, asked), asked, close, (&Date::default(), 1));
    let text = String::from_utf8(out).unwrap();
    let lines = text.strip_prefix("before").unwrap().strip_suffix("\r\n\r\n").unwrap().split("\r\n");
    lines.filter(|line| !line.starts_with("date: ")).map(str::to_owned).collect()
}

#[test]
fn content_is_delimited() {
    use Delimiter::{Chunks, Close, Length, Nothing};
    const CHUNKED: &str = "transfer-encoding: chunked";
    for (status, body, asked, expected, field) in [
        (200, text as fn() -> Body, GET, Length(5), Some("content-length: 5")),
        (200, promised, GET, Length(7), Some("content-length: 7")),
        (200, empty, GET, Length(0), Some("content-length: 0")),
        (200, stream, GET, Chunks, Some(CHUNKED)),
        (404, text, GET, Length(5), Some("content-length: 5")),
        // HEAD has the fields of GET where they are known (RFC 9110 section 9.3.2).
        (200, text, HEAD, Nothing, Some("content-length: 5")),
        (200, promised, HEAD, Nothing, Some("content-length: 7")),
        (200, empty, HEAD, Nothing, Some("content-length: 0")),
        (200, stream, HEAD, Nothing, None),
        (200, text, HEAD10, Nothing, Some("content-length: 5")),
        (200, stream, HEAD10, Nothing, None),
        // No content, whatever the handler gives.
        (204, empty, GET, Nothing, None),
        (204, text, GET, Nothing, None),
        (204, stream, GET, Nothing, None),
        (204, empty, HEAD, Nothing, None),
        (205, empty, GET, Nothing, Some("content-length: 0")),
        (205, text, GET, Nothing, Some("content-length: 0")),
        (205, stream, HEAD, Nothing, Some("content-length: 0")),
        (304, empty, GET, Nothing, None),
        (304, text, GET, Nothing, Some("content-length: 5")),
        (304, stream, GET, Nothing, None),
        (304, empty, HEAD, Nothing, None),
        // HTTP/1.0 knows no chunks.
        (200, text, GET10, Length(5), Some("content-length: 5")),
        (200, stream, GET10, Close, None),
    ] {
        let response = of(status, body());
        let case = format!("{status} {:?} {asked:?}", response.body);
        assert_eq!(delimiter(&response, asked), expected, "{case}");
        let framing: Vec<_> = lines(&response, asked, false)
            .into_iter()
            .filter(|line| line.starts_with("content-length") || line.starts_with("transfer-encoding"))
            .collect();
        assert_eq!(framing, field.into_iter().collect::<Vec<_>>(), "{case}");
    }
}

#[test]
fn an_upgrade_is_named_twice() {
    let with = |status| of(status, empty()).with_header(UPGRADE, HeaderValue::from_static("a"));
    for (response, close, expected) in [
        (with(101), false, &["HTTP/1.1 101 Switching Protocols", "upgrade: a", "connection: upgrade"][..]),
        (
            with(426),
            false,
            &["HTTP/1.1 426 Upgrade Required", "upgrade: a", "content-length: 0", "connection: upgrade"],
        ),
        (
            with(426),
            true,
            &[
                "HTTP/1.1 426 Upgrade Required",
                "upgrade: a",
                "content-length: 0",
                "connection: close",
                "connection: upgrade",
            ],
        ),
        (with(200), false, &["HTTP/1.1 200 OK", "upgrade: a", "content-length: 0", "connection: upgrade"]),
        (of(426, empty()), false, &["HTTP/1.1 426 Upgrade Required", "content-length: 0"]),
    ] {
        assert_eq!(lines(&response, GET, close), expected);
    }
}

#[test]
fn a_length_of_the_handler_counts_where_no_content_follows() {
    let with = |status, body| of(status, body).with_header(CONTENT_LENGTH, HeaderValue::from_static("42"));
    for (response, asked, expected) in [
        (with(200, empty()), HEAD, Some("content-length: 42")),
        (with(200, stream()), HEAD, Some("content-length: 42")),
        (with(304, empty()), GET, Some("content-length: 42")),
        // Here it is known better.
        (with(200, text()), HEAD, Some("content-length: 5")),
        (with(200, text()), GET, Some("content-length: 5")),
        (with(200, empty()), GET, Some("content-length: 0")),
        (with(200, stream()), GET, None),
        (with(204, empty()), GET, None),
        (with(205, empty()), GET, Some("content-length: 0")),
    ] {
        let lines = lines(&response, asked, false);
        let found = lines.iter().find(|line| line.starts_with("content-length")).map(String::as_str);
        assert_eq!(found, expected, "{response:?} {asked:?}");
    }
}

#[test]
fn framing_is_never_the_handlers_business() {
    let response = of(200, text())
        .with_header(TRANSFER_ENCODING, HeaderValue::from_static("gzip"))
        .with_header(CONNECTION, HeaderValue::from_static("upgrade"))
        .with_header(CONTENT_LENGTH, HeaderValue::from_static("1"))
        .with_header(CONTENT_LENGTH, HeaderValue::from_static("2"))
        .with_header(HeaderName::from_static("x"), HeaderValue::from_static("y"));
    assert_eq!(lines(&response, GET, false), ["HTTP/1.1 200 OK", "x: y", "content-length: 5"]);
}

#[test]
fn connection() {
    for (asked, close, expected) in [
        (GET, false, None),
        (GET, true, Some("connection: close")),
        (GET10, false, Some("connection: keep-alive")),
        (GET10, true, Some("connection: close")),
    ] {
        let lines = lines(&of(200, text()), asked, close);
        let found = lines.iter().find(|line| line.starts_with("connection")).map(String::as_str);
        assert_eq!(found, expected, "{asked:?} {close}");
    }
    for (value, expected) in [("close", true), ("x, CLOSE", true), ("closed", false), ("keep-alive", false)] {
        let mut headers = Headers::new();
        headers.append(CONNECTION, HeaderValue::from_static(value));
        assert_eq!(asks_to_close(&headers), expected, "{value}");
    }
    assert!(!asks_to_close(&Headers::new()));
}

#[test]
fn status_lines() {
    for (status, expected) in [
        (200, "HTTP/1.1 200 OK"),
        (201, "HTTP/1.1 201 Created"),
        (204, "HTTP/1.1 204 No Content"),
        (304, "HTTP/1.1 304 Not Modified"),
        (400, "HTTP/1.1 400 Bad Request"),
        (404, "HTTP/1.1 404 Not Found"),
        (418, "HTTP/1.1 418 I'm a teapot"),
        (503, "HTTP/1.1 503 Service Unavailable"),
        // RFC 9112 section 4: the space stays without a reason.
        (599, "HTTP/1.1 599 "),
    ] {
        for asked in [GET, GET10] {
            assert_eq!(lines(&of(status, empty()), asked, false)[0], expected);
        }
    }
}

#[test]
fn has_one_date() {
    let dates = |response: &Response| {
        let mut out = Vec::new();
        head(&mut out, response, delimiter(response, GET), GET, false, (&Date::default(), 1));
        let text = String::from_utf8(out).unwrap();
        text.lines().filter(|line| line.starts_with("date: ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let own = dates(&of(200, empty()));
    assert_eq!((own.len(), own[0].len()), (1, "date: Sun, 06 Nov 1994 08:49:37 GMT".len()));
    let given = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(dates(&of(200, empty()).with_header(DATE, given)), ["date: Sun, 06 Nov 1994 08:49:37 GMT"]);
}

#[test]
fn numbers() {
    for n in [0, 1, 9, 10, 99, 100, 12_345, u64::from(u32::MAX), u64::MAX] {
        let mut out = Vec::new();
        decimal(&mut out, n);
        assert_eq!(out, n.to_string().as_bytes());
        out.clear();
        chunk_size(&mut out, n as usize);
        assert_eq!(out, format!("{n:x}\r\n").as_bytes());
    }
}

#[test]
fn last_chunks() {
    let mut out = Vec::new();
    last_chunk(&mut out, None);
    assert_eq!(out, b"0\r\n\r\n");
    let mut trailers = http::HeaderMap::new();
    for (name, value) in
        [("x-sum", "1"), ("content-length", "5"), ("transfer-encoding", "gzip"), ("set-cookie", "a=b")]
    {
        trailers.append(name, HeaderValue::from_static(value));
    }
    trailers.append("x-sum", HeaderValue::from_static("2"));
    out.clear();
    last_chunk(&mut out, Some(&trailers));
    assert_eq!(out, b"0\r\nx-sum: 1\r\nx-sum: 2\r\n\r\n");
}
