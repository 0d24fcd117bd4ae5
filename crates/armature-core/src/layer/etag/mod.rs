//! `ETag`: a validator for answers that have none, and conditional requests (RFC 9110 sections 8.8 and 13).

use std::rc::Rc;

use aws_lc_rs::digest;
use http::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED,
};
use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;

use crate::config::Size;
use crate::error::{Error, Result};
use crate::http::{Body, Head, Problem, Request, RequestId, Response, Verdict, judge};
use crate::io_loop::LoopHandle;
use crate::pipeline::{Layer, LayerFactory, LocalFuture, Next};

/// Hashing this much takes a loop a few milliseconds.
const LARGEST: Size = Size::mb(16);
/// Bytes of the hash that a tag has; what they have in common is no accident.
const HASH_BYTES: usize = 16;

/// What a request says that its answer depends on.
const CONDITIONS: [&str; 4] = ["if-none-match", "if-modified-since", "if-match", "if-unmodified-since"];

/// Options of the ETag layer.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "ETagOptions"))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct EtagOptions {
    /// Whether tags are weak: `W/"…"`, which says that the content means the same, not that each byte is. Default `false`.
    pub weak: Option<bool>,
    /// Largest body that gets a tag; larger ones and streams have the one that their handler sets. From 1b to 16mb, by default 1mb.
    pub max_size: Option<Size>,
}

/// Adds `ETag` to answers of GET and HEAD, and answers 304 and 412.
#[derive(Clone, Debug)]
pub struct Etag {
    weak: bool,
    max_size: usize,
}

impl Etag {
    /// Validates `options`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` when `maxSize` is out of its range.
    pub fn new(options: EtagOptions) -> Result<Self> {
        let max_size = options.max_size.unwrap_or(Size::mb(1));
        if !(Size(1)..=LARGEST).contains(&max_size) {
            return Err(Error::option("ETag.maxSize", max_size, format_args!("a size from 1b to {LARGEST}")));
        }
        Ok(Self { weak: options.weak.unwrap_or(false), max_size: max_size.bytes() })
    }

    fn validate(&self, mut response: Response, asked: &Asked) -> Response {
        if response.status != StatusCode::OK {
            return response;
        }
        if !response.headers.contains(&ETAG)
            && let Some(tag) = self.tag(&response.body, asked.head_only)
        {
            response.headers.append(ETAG, tag);
        }
        let Some(head) = &asked.conditions else { return response };
        let etag = response.headers.get(&ETAG).map(HeaderValue::as_bytes);
        let modified = response.headers.get(&LAST_MODIFIED).and_then(|value| value.to_str().ok());
        match judge(head, etag, modified.and_then(|text| httpdate::parse_http_date(text.trim()).ok())) {
            Verdict::Proceed => response,
            Verdict::NotModified => not_modified(response),
            Verdict::Failed => failed(response, &asked.id),
        }
    }

    fn tag(&self, body: &Body, head_only: bool) -> Option<HeaderValue> {
        let bytes = match body {
            Body::Bytes(bytes) if bytes.len() <= self.max_size => &bytes[..],
            // Of HEAD it says nothing about what GET would have.
            Body::Empty if !head_only => &[],
            _ => return None,
        };
        let hash = digest::digest(&digest::SHA256, bytes);
        let mut text = String::with_capacity(HASH_BYTES * 2 + 4);
        text.push_str(if self.weak { "W/\"" } else { "\"" });
        for byte in hash.as_ref().iter().take(HASH_BYTES) {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
        text.push('"');
        HeaderValue::try_from(text).ok()
    }
}

/// What has to be known of a request when its answer is there.
struct Asked {
    head_only: bool,
    /// Fields with its conditions, if there are any.
    conditions: Option<Head>,
    id: RequestId,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let head = &request.head;
        let mut conditions: Option<Head> = None;
        for (name, value) in
            head.iter().filter(|(name, _)| name.starts_with("if-") && CONDITIONS.contains(name))
        {
            conditions.get_or_insert_default().push(name, value);
        }
        Self { head_only: head.method() == Method::HEAD, conditions, id: request.id.clone() }
    }
}

impl Layer for Etag {
    fn call(self: Rc<Self>, request: Request, next: Next) -> LocalFuture<Response> {
        if !matches!(*request.head.method(), Method::GET | Method::HEAD) {
            return next.run(request);
        }
        let asked = Asked::of(&request);
        match next.run(request) {
            LocalFuture::Ready(Some(response)) => LocalFuture::ready(self.validate(response, &asked)),
            future => LocalFuture::new(async move { self.validate(future.await, &asked) }),
        }
    }
}

impl LayerFactory for Etag {
    fn build(&self, _: &LoopHandle) -> Rc<dyn Layer> {
        Rc::new(self.clone())
    }
}

/// 304 without the content and without what describes it (RFC 9110 section 15.4.5).
pub(super) fn not_modified(mut response: Response) -> Response {
    response.status = StatusCode::NOT_MODIFIED;
    response.body = Body::Empty;
    for name in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_RANGE] {
        response.headers.remove(&name);
    }
    if response.headers.contains(&ETAG) {
        response.headers.remove(&LAST_MODIFIED);
    }
    response
}

/// 412 with the tag that there is.
fn failed(response: Response, id: &RequestId) -> Response {
    let mut refusal = Problem::PRECONDITION_FAILED.response(Some(id));
    if let Some(tag) = response.headers.get(&ETAG) {
        refusal.headers.append(ETAG, tag.clone());
    }
    refusal
}
