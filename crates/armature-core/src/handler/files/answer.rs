//! The answer about a file: all of it, parts of it, or only that it is still the same (RFC 9110 sections 13 and 14).

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, ETAG};
use http::{HeaderValue, Method, StatusCode};

use super::body::{FileBody, Part};
use super::found::{Content, Found};
use super::open::Sending;
use super::ranges::Ranges;
use super::readers::Shared;
use crate::http::{Body, Head, Headers, Problem, RequestId, Response, Verdict, judge, range_counts};
use crate::io_loop::LoopHandle;

/// What answers are made of, beside the file.
pub(super) struct Answerer {
    pub shared: Arc<Shared>,
    pub io_loop: LoopHandle,
    /// Ranges that one request may ask for.
    pub ranges: usize,
}

impl Answerer {
    /// Answers the request with `head`, which is a GET or HEAD.
    pub fn answer(&self, found: &Found, head: &Head, id: &RequestId) -> Response {
        let fields = &found.fields;
        let etag = Some(fields.etag.as_bytes());
        match judge(head, etag, fields.modified) {
            Verdict::Proceed => {}
            Verdict::NotModified => {
                let mut response = Response::new(StatusCode::NOT_MODIFIED);
                response.headers.extend(fields.kept.iter().cloned());
                return response;
            }
            Verdict::Failed => {
                let refusal = Problem::PRECONDITION_FAILED.response(Some(id));
                return refusal.with_header(ETAG, fields.etag.clone());
            }
        }
        // Ranges are for GET alone (section 14.2).
        let range = head.get("range").filter(|_| *head.method() == Method::GET);
        let range = range.filter(|_| range_counts(head, etag, fields.modified, fields.is_settled));
        match range.map_or(Ranges::Whole, |range| Ranges::parse(range, found.length, self.ranges)) {
            Ranges::Whole => self.whole(found, StatusCode::OK, id),
            Ranges::Unsatisfiable => {
                let refusal = Problem::RANGE_NOT_SATISFIABLE.response(Some(id));
                let length = HeaderValue::try_from(format!("bytes */{}", found.length));
                match length {
                    Ok(value) => refusal.with_header(CONTENT_RANGE, value),
                    Err(_) => refusal,
                }
            }
            Ranges::Parts(parts) => match &parts[..] {
                [part] => self.part(found, part.clone(), id),
                _ => self.parts(found, &parts, id),
            },
        }
    }

    /// All of it, whatever the request asks for.
    pub fn whole(&self, found: &Found, status: StatusCode, id: &RequestId) -> Response {
        let body = match &found.content {
            Content::Whole(bytes) => Some(bytes.clone().into()),
            _ => self.body(found, [Part::Range(0..found.length)].into()),
        };
        let Some(body) = body else { return self.overloaded(id) };
        let mut response = Response::new(status);
        response.headers = Headers::from_block(found.fields.block.clone());
        response.body = body;
        response
    }

    fn part(&self, found: &Found, part: Range<u64>, id: &RequestId) -> Response {
        let range = HeaderValue::try_from(content_range(&part, found.length));
        let body = match &found.content {
            Content::Whole(bytes) => Some(slice(bytes, &part).into()),
            _ => self.body(found, [Part::Range(part)].into()),
        };
        let Some(body) = body else { return self.overloaded(id) };
        let mut response = Response::new(StatusCode::PARTIAL_CONTENT);
        response.headers = Headers::from_block(found.fields.block.clone());
        if let Ok(value) = range {
            response.headers.append(CONTENT_RANGE, value);
        }
        response.body = body;
        response
    }

    /// `multipart/byteranges` (section 14.6).
    fn parts(&self, found: &Found, parts: &[Range<u64>], id: &RequestId) -> Response {
        let Some(boundary) = boundary() else { return self.whole(found, StatusCode::OK, id) };
        let mut body = VecDeque::with_capacity(parts.len() * 2 + 1);
        let content_type = found.fields.content_type.to_str().unwrap_or("application/octet-stream");
        for part in parts {
            let range = content_range(part, found.length);
            let head =
                format!("\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {range}\r\n\r\n");
            body.push_back(Part::Bytes(head.into()));
            body.push_back(match &found.content {
                Content::Whole(bytes) => Part::Bytes(slice(bytes, part)),
                _ => Part::Range(part.clone()),
            });
        }
        body.push_back(Part::Bytes(format!("\r\n--{boundary}--\r\n").into()));
        let body = match &found.content {
            Content::Whole(_) => {
                let pieces = body.into_iter().map(|part| match part {
                    Part::Bytes(bytes) => bytes,
                    Part::Range(_) => Bytes::new(),
                });
                Some(pieces.collect::<Vec<_>>().concat().into())
            }
            _ => self.body(found, body),
        };
        let Some(body) = body else { return self.overloaded(id) };
        let mut response = Response::new(StatusCode::PARTIAL_CONTENT);
        response.headers = Headers::from_block(found.fields.block.clone());
        if let Ok(value) = HeaderValue::try_from(format!("multipart/byteranges; boundary={boundary}")) {
            response.headers.insert(CONTENT_TYPE, value);
        }
        response.body = body;
        response
    }

    /// A body of `parts` of an open file, which begins with what was read already. `None` when as many are being sent as may be.
    fn body(&self, found: &Found, mut parts: VecDeque<Part>) -> Option<Body> {
        let (sending, beginning) = match &found.content {
            Content::Whole(_) => return Some(Body::Empty),
            Content::Open(sending, beginning) => (sending.clone(), beginning.as_ref()),
            Content::Kept(file) => (Sending::new(file.clone(), self.shared.permit()?), None),
        };
        if let (Some(bytes), Some(Part::Range(range))) = (beginning, parts.front_mut())
            && range.start == 0
            && range.end >= bytes.len() as u64
        {
            range.start = bytes.len() as u64;
            parts.push_front(Part::Bytes(bytes.clone()));
        }
        Some(Body::stream(FileBody::new(self.shared.clone(), self.io_loop.clone(), sending, parts)))
    }

    /// The answer when as many files are being read or sent as may be.
    pub fn overloaded(&self, id: &RequestId) -> Response {
        self.shared.shed.add(1);
        Problem::OVERLOADED.response(Some(id))
    }
}

fn content_range(part: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", part.start, part.end - 1)
}

/// A part of content in memory, which is as long as its ranges say.
fn slice(bytes: &Bytes, part: &Range<u64>) -> Bytes {
    bytes.slice(part.start as usize..part.end as usize)
}

/// Text that no file has in it.
fn boundary() -> Option<String> {
    let mut random = [0; 16];
    aws_lc_rs::rand::fill(&mut random).ok()?;
    Some(random.iter().fold(String::with_capacity(32), |text, byte| text + &format!("{byte:02x}")))
}
