//! The head of a response, and its trailers.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, DATE};

use super::qpack::Section;
use super::varint;
use crate::http::{ContentLength, Response};
use crate::protocol::h1::encode::decimal;
use crate::protocol::h2::encode::is_of_connection;

const DATA: u64 = 0x00;
const HEADERS: u64 = 0x01;

/// The head of `response` as a frame.
pub(super) fn head(response: &Response, head_only: bool, date: Option<http::HeaderValue>) -> Vec<u8> {
    let mut section = Section::new();
    section.field(":status", response.status.as_str().as_bytes());
    let mut has_date = false;
    for (name, value) in response.headers.iter() {
        if !is_of_connection(name) && *name != CONTENT_LENGTH {
            has_date |= *name == DATE;
            section.field(name.as_str(), value.as_bytes());
        }
    }
    match response.content_length(head_only) {
        ContentLength::Absent => {}
        ContentLength::Exact(length) => {
            let mut text = Vec::new();
            decimal(&mut text, length);
            section.field("content-length", &text);
        }
        ContentLength::AsSet => {
            if let Some(value) = response.headers.get(&CONTENT_LENGTH) {
                section.field("content-length", value.as_bytes());
            }
        }
    }
    if let Some(date) = date.filter(|_| !has_date) {
        section.field("date", date.as_bytes());
    }
    frame(section)
}

/// The head that lets a client go on with its content.
pub(super) fn go_on() -> Bytes {
    let mut section = Section::new();
    section.field(":status", b"100");
    frame(section).into()
}

/// `trailers` as a frame; those that may be some.
pub(super) fn trailers(trailers: &HeaderMap) -> Bytes {
    let mut section = Section::new();
    for (name, value) in trailers {
        section.field(name.as_str(), value.as_bytes());
    }
    frame(section).into()
}

/// Appends the beginning of a frame with `length` bytes of content.
pub(super) fn data(out: &mut Vec<u8>, length: u64) {
    varint::put(out, DATA);
    varint::put(out, length);
}

fn frame(section: Section) -> Vec<u8> {
    let section = section.into_bytes();
    let mut out = Vec::with_capacity(section.len() + 16);
    varint::put(&mut out, HEADERS);
    varint::put(&mut out, section.len() as u64);
    out.extend_from_slice(&section);
    out
}
