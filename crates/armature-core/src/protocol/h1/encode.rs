//! The head of a response (RFC 9112 section 4).

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderValue, StatusCode};

use crate::http::{ContentLength, Headers, Response, SizeHint, TrailerField};
use crate::protocol::date::Date;

/// Whoever waits with the content of a request may send it.
pub(super) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How the content of a response is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delimiter {
    /// There is none, or none may follow.
    Nothing,
    /// `Content-Length`; the bytes that have to come.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunks,
    /// The end of the connection.
    Close,
}

/// What the request says about its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub http10: bool,
    /// HEAD: no content follows.
    pub head_only: bool,
}

/// How `response` will be delimited.
pub(super) fn delimiter(response: &Response, asked: Asked) -> Delimiter {
    if asked.head_only || response.is_bodiless() {
        return Delimiter::Nothing;
    }
    match response.body.size_hint() {
        SizeHint::Exact(length) => Delimiter::Length(length),
        SizeHint::Unknown if asked.http10 => Delimiter::Close,
        SizeHint::Unknown => Delimiter::Chunks,
    }
}

/// Whether the handler asks for the connection to be closed.
pub(super) fn asks_to_close(headers: &Headers) -> bool {
    // A shared block has no such field.
    let (_, own) = headers.parts();
    let mut values = own.iter().filter(|(name, _)| *name == CONNECTION).map(|(_, value)| value);
    values.any(|value| {
        super::grammar::list(value.as_bytes()).any(|option| option.eq_ignore_ascii_case(b"close"))
    })
}

/// Appends the head. `close` and `asked` decide about `Connection`; framing is never the handler's business.
pub(super) fn head(
    out: &mut Vec<u8>,
    response: &Response,
    delimiter: Delimiter,
    asked: Asked,
    close: bool,
    date: (&Date, u64),
) {
    status_line(out, response.status);
    let (mut has_date, mut names_protocol) = (false, false);
    let (shared, own) = response.headers.parts();
    if let Some(block) = shared {
        out.extend_from_slice(block.lines());
    }
    for (name, value) in own {
        if *name == CONNECTION || *name == TRANSFER_ENCODING || *name == CONTENT_LENGTH {
            continue;
        }
        has_date |= *name == DATE;
        names_protocol |= *name == UPGRADE;
        field(out, name.as_str(), value);
    }
    length(out, response, delimiter, asked);
    if close {
        out.extend_from_slice(b"connection: close\r\n");
    } else if asked.http10 {
        out.extend_from_slice(b"connection: keep-alive\r\n");
    }
    // Whoever names a protocol says that it is the connection's (RFC 9110 section 7.8).
    if names_protocol {
        out.extend_from_slice(b"connection: upgrade\r\n");
    }
    if !has_date {
        date.0.append(date.1, out);
    }
    out.extend_from_slice(b"\r\n");
}

fn length(out: &mut Vec<u8>, response: &Response, delimiter: Delimiter, asked: Asked) {
    if delimiter == Delimiter::Chunks {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n");
        return;
    }
    match response.content_length(asked.head_only) {
        ContentLength::Absent => {}
        ContentLength::Exact(length) => {
            out.extend_from_slice(b"content-length: ");
            decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        ContentLength::AsSet => {
            if let Some(own) = response.headers.get(&CONTENT_LENGTH) {
                field(out, "content-length", own);
            }
        }
    }
}

fn field(out: &mut Vec<u8>, name: &str, value: &HeaderValue) {
    // One reservation instead of four.
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The lines that most answers begin with are written from constants.
fn status_line(out: &mut Vec<u8>, status: StatusCode) {
    let constant: &[u8] = match status.as_u16() {
        200 => b"HTTP/1.1 200 OK\r\n",
        201 => b"HTTP/1.1 201 Created\r\n",
        204 => b"HTTP/1.1 204 No Content\r\n",
        304 => b"HTTP/1.1 304 Not Modified\r\n",
        400 => b"HTTP/1.1 400 Bad Request\r\n",
        404 => b"HTTP/1.1 404 Not Found\r\n",
        _ => {
            out.extend_from_slice(b"HTTP/1.1 ");
            out.extend_from_slice(status.as_str().as_bytes());
            out.push(b' ');
            out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
            b"\r\n"
        }
    };
    out.extend_from_slice(constant);
}

/// Appends a number in decimal.
pub(in crate::protocol) fn decimal(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a chunk's size line.
pub(super) fn chunk_size(out: &mut Vec<u8>, n: usize) {
    let mut digits = [0; 18];
    let mut at = 16;
    let mut left = n;
    digits[16] = b'\r';
    digits[17] = b'\n';
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdef"[left & 15];
        left >>= 4;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends the last chunk with its trailers, as far as they may be some.
pub(super) fn last_chunk(out: &mut Vec<u8>, trailers: Option<&http::HeaderMap>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.into_iter().flatten() {
        if TrailerField::of(name) == TrailerField::Allowed {
            field(out, name.as_str(), value);
        }
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
