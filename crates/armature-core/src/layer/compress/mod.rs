//! `Compress`: content codings for answers, chosen by the client (RFC 9110 sections 8.4 and 12.5.3).

mod body;
mod brotli;
mod encoder;
mod memory;
mod negotiate;
mod types;

use std::cell::{Cell, RefCell};
use std::ops::RangeInclusive;
use std::rc::Rc;

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, VARY,
};
use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;

use crate::config::Size;
use crate::error::{Error, Result};
use crate::http::{Body, BodyError, BodyStream, Frame, Head, Headers, Request, Response, SizeHint};
use crate::io_loop::LoopHandle;
use crate::pipeline::{Layer, LayerFactory, LocalFuture, Next};
use body::Compressed;
pub(super) use body::Place;
use encoder::Encoder;
pub(crate) use negotiate::Accepted;
pub use negotiate::Coding;
use types::Types;

/// Bodies of up to this size are compressed at once; larger ones while they are sent.
const AT_ONCE: usize = 64 * 1024;
/// Fields that describe the content as it is: nobody could check them against another coding.
const DIGESTS: [&str; 4] = ["content-digest", "repr-digest", "digest", "content-md5"];

/// Options of the compression layer.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct CompressOptions {
    /// Codings that are offered, the best first: of those that a client likes equally it decides. Default `['zstd', 'br', 'gzip']`.
    pub codings: Option<Vec<Coding>>,
    /// Smallest body that is compressed; streams of unknown size always are. Up to 16mb, by default 1kb.
    pub min_size: Option<Size>,
    /// Types of content that are compressed, such as `'application/json'` or `'text/*'`; patterns of suffixes are on the page of the layer. Default: text of all kinds.
    pub types: Option<Vec<String>>,
    /// How hard each coding tries.
    pub levels: Option<CompressionLevels>,
    /// Most bodies that one IO loop compresses at the same time; further ones are sent as they are. From 1 to 100000, by default 256.
    pub concurrent: Option<u32>,
}

/// How hard a coding tries: more is smaller and slower.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct CompressionLevels {
    /// From 1 to 19, by default 3.
    pub zstd: Option<u32>,
    /// From 0 to 11, by default 4.
    pub br: Option<u32>,
    /// From 1 to 9, by default 6.
    pub gzip: Option<u32>,
}

/// Validated levels.
#[derive(Clone, Copy, Debug)]
struct Levels {
    zstd: u8,
    br: u8,
    gzip: u8,
}

/// Compresses answers.
#[derive(Clone, Debug)]
pub struct Compress {
    codings: Vec<Coding>,
    min_size: u64,
    types: Types,
    levels: Levels,
    concurrent: usize,
}

impl Compress {
    /// Validates `options`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` for a number out of its range, a type that is none, and codings that are named twice.
    pub fn new(options: CompressOptions) -> Result<Self> {
        let codings = options.codings.unwrap_or_else(|| Coding::ALL.to_vec());
        let twice = codings.iter().enumerate().find(|(at, coding)| codings[..*at].contains(coding));
        if let Some((_, coding)) = twice {
            return Err(Error::option("Compress.codings", coding.name(), "named once"));
        }
        if codings.is_empty() {
            return Err(Error::option(
                "Compress.codings",
                "an empty list",
                "a list of 'zstd', 'br' and 'gzip'",
            ));
        }
        let min_size = options.min_size.unwrap_or(Size::kb(1));
        if min_size > Size::mb(16) {
            return Err(Error::option("Compress.minSize", min_size, "a size from 0b to 16mb"));
        }
        let levels = options.levels.unwrap_or_default();
        Ok(Self {
            codings,
            min_size: min_size.0,
            types: Types::new(options.types)?,
            levels: Levels {
                zstd: number("Compress.levels.zstd", levels.zstd, 1..=19, 3)? as u8,
                br: number("Compress.levels.br", levels.br, 0..=11, 4)? as u8,
                gzip: number("Compress.levels.gzip", levels.gzip, 1..=9, 6)? as u8,
            },
            concurrent: number("Compress.concurrent", options.concurrent, 1..=100_000, 256)? as usize,
        })
    }

    /// Whether other requests for it could get it compressed: only then its caches have to know.
    fn is_eligible(&self, response: &Response) -> bool {
        let headers = &response.headers;
        let status = response.status.as_u16();
        let has_content =
            status >= 200 && !matches!(status, 204..=206) && !matches!(response.body, Body::Upgrade(_));
        has_content
            && !headers.contains(&CONTENT_ENCODING)
            && !headers.contains(&CONTENT_RANGE)
            && !headers.get_all(&CACHE_CONTROL).any(|value| has_directive(value, "no-transform"))
            && !headers.iter().any(|(name, _)| DIGESTS.contains(&name.as_str()))
            // A 304 is about the content that it does not have.
            && (status == 304 || self.has_type(headers))
    }

    fn has_type(&self, headers: &Headers) -> bool {
        headers
            .get(&CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|text| self.types.contain(text))
    }
}

fn number(name: &'static str, value: Option<u32>, range: RangeInclusive<u32>, default: u32) -> Result<u32> {
    match value {
        Some(value) if !range.contains(&value) => {
            let allowed = format_args!("a whole number from {} to {}", range.start(), range.end());
            Err(Error::option(name, value, allowed))
        }
        value => Ok(value.unwrap_or(default)),
    }
}

/// The layer on one loop.
struct LocalCompress {
    options: Compress,
    /// Bodies that are compressed now.
    taken: Rc<Cell<usize>>,
    /// The last `Accept-Encoding`, and what came of it: most clients say the same, and comparing is less than reading it again.
    last: RefCell<(Vec<u8>, Accepted)>,
}

impl LocalCompress {
    fn accepted(&self, head: &Head) -> Accepted {
        let mut fields = head.get_all("accept-encoding");
        let (Some(field), None) = (fields.next(), fields.next()) else {
            return Accepted::of(head, &self.options.codings);
        };
        let mut last = self.last.borrow_mut();
        if last.0 != field {
            last.1 = Accepted::of(head, &self.options.codings);
            last.0.clear();
            last.0.extend_from_slice(field);
        }
        last.1
    }

    fn encode(&self, mut response: Response, accepted: Accepted, head_only: bool) -> Response {
        let options = &self.options;
        let length = length_of(&response, head_only);
        // Who cannot take it as it is gets it compressed, however small it is. Looked at first, because it is most answers.
        if length.is_some_and(|length| length < options.min_size) && accepted.identity {
            return response;
        }
        if !options.is_eligible(&response) {
            return response;
        }
        response.headers.append_token(VARY, "accept-encoding");
        let Some(coding) = accepted.coding else { return response };
        if response.status == StatusCode::NOT_MODIFIED {
            weaken(&mut response.headers);
            return response;
        }
        if head_only {
            // The size that GET would have is not known without compressing.
            response.body = Body::stream(Nothing);
        } else if !self.encode_body(&mut response, coding, accepted.identity, length) {
            return response;
        }
        let headers = &mut response.headers;
        headers.remove(&CONTENT_LENGTH);
        // Ranges would be those of the coding, which is made anew each time.
        headers.remove(&ACCEPT_RANGES);
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        weaken(headers);
        response
    }

    /// Returns false when the body stays as it is.
    fn encode_body(
        &self,
        response: &mut Response,
        coding: Coding,
        may_stay: bool,
        length: Option<u64>,
    ) -> bool {
        let Some(place) = Place::take(&self.taken, self.options.concurrent) else { return false };
        let mut encoder = Encoder::new(coding, &self.options.levels, length);
        match &response.body {
            Body::Bytes(bytes) if bytes.len() <= AT_ONCE => {
                let done = encoder.push(bytes).and_then(|()| encoder.finish());
                let output = encoder.take();
                // Nothing has been sent: what cannot be compressed, or gets no smaller, is sent as it is.
                if done.is_err() || may_stay && output.len() >= bytes.len() {
                    return false;
                }
                response.body = output.into();
            }
            Body::Bytes(_) | Body::Stream(_) => {
                let body = std::mem::take(&mut response.body);
                response.body = Body::stream(Compressed::new(body, encoder, place));
            }
            Body::Empty | Body::Upgrade(_) => return false,
        }
        true
    }
}

impl Layer for LocalCompress {
    fn call(self: Rc<Self>, request: Request, next: Next) -> LocalFuture<Response> {
        let accepted = self.accepted(&request.head);
        let head_only = request.head.method() == Method::HEAD;
        match next.run(request) {
            LocalFuture::Ready(Some(response)) => {
                LocalFuture::ready(self.encode(response, accepted, head_only))
            }
            future => LocalFuture::new(async move { self.encode(future.await, accepted, head_only) }),
        }
    }
}

impl LayerFactory for Compress {
    fn build(&self, _: &LoopHandle) -> Rc<dyn Layer> {
        let last = RefCell::new((Vec::new(), Accepted::ANY));
        Rc::new(LocalCompress { options: self.clone(), taken: Rc::default(), last })
    }
}

/// Stands for content that a HEAD does not send, and whose length nobody knows.
struct Nothing;

impl BodyStream for Nothing {
    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<std::result::Result<Frame, BodyError>>> {
        std::task::Poll::Ready(None)
    }
}

/// What is known of the content's length; of HEAD, what its handler says.
fn length_of(response: &Response, head_only: bool) -> Option<u64> {
    match response.body.size_hint() {
        SizeHint::Exact(0) if head_only || response.status == StatusCode::NOT_MODIFIED => {
            response.headers.get(&CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
        }
        SizeHint::Exact(length) => Some(length),
        SizeHint::Unknown => None,
    }
}

/// A coding of the content is other bytes of the same meaning (RFC 9110 section 8.8.1).
fn weaken(headers: &mut Headers) {
    let weak = headers
        .get(&ETAG)
        .filter(|tag| tag.as_bytes().starts_with(b"\""))
        .and_then(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok());
    if let Some(weak) = weak {
        headers.insert(ETAG, weak);
    }
}

fn has_directive(value: &HeaderValue, name: &str) -> bool {
    value.to_str().is_ok_and(|text| text.split(',').any(|item| item.trim().eq_ignore_ascii_case(name)))
}
