//! The content of a request out of its framing: a known length, or chunks with trailers (RFC 9112 sections 6 and 7).

use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memchr;

use super::framing::Framing;
use super::grammar::{has_control, is_token, trim};
use super::head::HeadLimits;
use crate::http::TrailerField;

/// Longest line with a chunk's size and its extensions.
const CHUNK_LINE: usize = 1024;
/// Bytes of chunk extensions in one body: nobody needs them, so they are a way to send much that is never counted.
const EXTENSION_BYTES: usize = 16 * 1024;

/// What a step of decoding gave.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Everything was taken and more is needed.
    More,
    /// The content is complete, with its trailers if there were any.
    End(Option<HeaderMap>),
}

/// The framing breaks the protocol, or trailers are larger than a head may be.
#[derive(Debug, PartialEq)]
pub(super) struct Malformed;

/// Undoes the framing of one body.
#[derive(Debug)]
pub(super) struct Decoder {
    state: State,
    extensions: usize,
    trailers: HeaderMap,
    trailer_fields: usize,
    trailer_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Length(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers,
    Done,
}

impl Decoder {
    pub fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::ChunkSize,
        };
        Self { state, extensions: 0, trailers: HeaderMap::new(), trailer_fields: 0, trailer_bytes: 0 }
    }

    /// Bytes of content to come, where it is known.
    pub fn remaining(&self) -> Option<u64> {
        match self.state {
            State::Length(left) => Some(left),
            State::Done => Some(0),
            _ => None,
        }
    }

    /// Moves content from `input` to `out` and returns how many bytes of `input` are done with. What is left of `input`
    /// has to come again, with more behind it.
    pub fn decode(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        limits: &HeadLimits,
    ) -> Result<(usize, Step), Malformed> {
        let mut at = 0;
        loop {
            let rest = &input[at..];
            match &mut self.state {
                State::Length(left) => {
                    at += take(rest, left, out);
                    if *left == 0 {
                        self.state = State::Done;
                        return Ok((at, Step::End(None)));
                    }
                    return Ok((at, Step::More));
                }
                State::ChunkData(left) => {
                    at += take(rest, left, out);
                    if *left > 0 {
                        return Ok((at, Step::More));
                    }
                    self.state = State::ChunkEnd;
                }
                State::ChunkEnd => match rest {
                    [b'\r', b'\n', ..] => {
                        at += 2;
                        self.state = State::ChunkSize;
                    }
                    [] | [b'\r'] => return Ok((at, Step::More)),
                    _ => return Err(Malformed),
                },
                State::ChunkSize => {
                    let Some(line) = line(rest, CHUNK_LINE)? else { return Ok((at, Step::More)) };
                    at += line.len() + 2;
                    self.state = match self.chunk_size(line)? {
                        0 => State::Trailers,
                        size => State::ChunkData(size),
                    };
                }
                State::Trailers => {
                    let Some(line) = line(rest, limits.bytes)? else { return Ok((at, Step::More)) };
                    at += line.len() + 2;
                    if line.is_empty() {
                        self.state = State::Done;
                        let trailers = std::mem::take(&mut self.trailers);
                        return Ok((at, Step::End((!trailers.is_empty()).then_some(trailers))));
                    }
                    self.trailer(line, limits)?;
                }
                State::Done => return Ok((at, Step::End(None))),
            }
        }
    }

    /// `chunk-size [ chunk-ext ]`.
    fn chunk_size(&mut self, line: &[u8]) -> Result<u64, Malformed> {
        let digits = line.iter().position(|b| !b.is_ascii_hexdigit()).unwrap_or(line.len());
        // Sixteen digits fill 64 bits; nobody has that much to send.
        if digits == 0 || digits > 15 {
            return Err(Malformed);
        }
        let size = line[..digits].iter().fold(0, |n, b| n << 4 | u64::from(hex(*b)));
        let extensions = &line[digits..];
        if !extensions.is_empty() {
            self.extensions += extensions.len();
            if self.extensions > EXTENSION_BYTES || !are_extensions(extensions) {
                return Err(Malformed);
            }
        }
        Ok(size)
    }

    fn trailer(&mut self, line: &[u8], limits: &HeadLimits) -> Result<(), Malformed> {
        self.trailer_bytes += line.len() + 2;
        if self.trailer_bytes > limits.bytes || self.trailer_fields == limits.fields {
            return Err(Malformed);
        }
        self.trailer_fields += 1;
        let colon = memchr(b':', line).ok_or(Malformed)?;
        let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
        if !is_token(name) || has_control(value) {
            return Err(Malformed);
        }
        let name = HeaderName::from_bytes(name).map_err(|_| Malformed)?;
        let value = HeaderValue::from_bytes(value).map_err(|_| Malformed)?;
        match TrailerField::of(&name) {
            TrailerField::Allowed => drop(self.trailers.append(name, value)),
            TrailerField::Ignored => {}
            TrailerField::Forbidden => return Err(Malformed),
        }
        Ok(())
    }
}

fn take(input: &[u8], left: &mut u64, out: &mut Vec<u8>) -> usize {
    let n = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
    out.extend_from_slice(&input[..n]);
    *left -= n as u64;
    n
}

/// The first line of `input` without its CRLF, `None` while it is incomplete.
fn line(input: &[u8], limit: usize) -> Result<Option<&[u8]>, Malformed> {
    match memchr(b'\n', input) {
        Some(end) if end > limit => Err(Malformed),
        Some(end) => input[..end].strip_suffix(b"\r").ok_or(Malformed).map(Some),
        None if input.len() > limit => Err(Malformed),
        None => Ok(None),
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`; a value is a token or a quoted string.
fn are_extensions(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        let Some(after) = skip_space(rest).strip_prefix(b";") else { return false };
        let Some(after) = skip_token(skip_space(after)) else { return false };
        rest = match skip_space(after).strip_prefix(b"=") {
            None => after,
            Some(value) => {
                let value = skip_space(value);
                match value.strip_prefix(b"\"").map_or_else(|| skip_token(value), skip_quoted) {
                    Some(after) => after,
                    None => return false,
                }
            }
        };
    }
    true
}

fn skip_space(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(bytes.len());
    &bytes[end..]
}

fn skip_token(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|b| !is_token(&[*b])).unwrap_or(bytes.len());
    (end > 0).then(|| &bytes[end..])
}

/// What follows the closing quote; `bytes` begins after the opening one.
fn skip_quoted(bytes: &[u8]) -> Option<&[u8]> {
    let mut escaped = false;
    for (at, b) in bytes.iter().enumerate() {
        match b {
            _ if has_control(&[*b]) => return None,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(&bytes[at + 1..]),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
#[path = "content_tests.rs"]
mod tests;
