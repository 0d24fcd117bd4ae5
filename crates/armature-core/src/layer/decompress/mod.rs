//! `Decompress`: undoes content codings of requests (RFC 9110 section 8.4), within bounds.

mod decoder;

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::HeaderValue;
use http::header::ACCEPT_ENCODING;
use serde::Deserialize;

use super::compress::Place;
use crate::config::Size;
use crate::error::{Error, Result};
use crate::http::{Body, BodyError, BodyStream, Frame, Problem, Request, Response};
use crate::io_loop::LoopHandle;
use crate::metrics::LoopMetrics;
use crate::pipeline::{Effect, Layer, LayerFactory, LocalFuture, Next};
use crate::protocol::h1::loop_metrics;
use decoder::{Bounds, Decoded};

/// Codings one inside the other; nobody who means well sends more.
const MAX_NESTED: usize = 2;

/// Options of the decompression layer.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct DecompressOptions {
    /// Codings that are undone; others are answered 415. Default `['gzip', 'deflate', 'br', 'zstd']`.
    pub codings: Option<Vec<ContentCoding>>,
    /// Largest body when it is decompressed. From 1b to 1tb, by default what `limits.body` of the route says, which counts for the
    /// compressed bytes in any case. Beyond it the answer is 413.
    pub max_size: Option<Size>,
    /// Most bytes that one byte may become, from the first 64kb on. From 2 to 10000, by default 100. Beyond it the answer is 413.
    pub max_ratio: Option<u32>,
    /// Most bodies that one IO loop decompresses at the same time. From 1 to 100000, by default 64. Beyond it the answer is 503.
    pub concurrent: Option<u32>,
}

/// A content coding that requests may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, ts(rename_all = "lowercase"))]
pub enum ContentCoding {
    /// gzip (RFC 1952).
    Gzip,
    /// zlib (RFC 1950).
    Deflate,
    /// Brotli (RFC 7932).
    Br,
    /// zstd (RFC 8878).
    Zstd,
}

impl ContentCoding {
    const ALL: [Self; 4] = [Self::Gzip, Self::Deflate, Self::Br, Self::Zstd];

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Br => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The aliases are those of RFC 9110 section 8.4.1.
    fn is_named(self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.name().as_bytes())
            || self == Self::Gzip && name.eq_ignore_ascii_case(b"x-gzip")
    }
}

/// Decompresses requests.
#[derive(Clone, Debug)]
pub struct Decompress {
    codings: Vec<ContentCoding>,
    accept: HeaderValue,
    max_size: Option<u64>,
    max_ratio: u64,
    concurrent: usize,
}

impl Decompress {
    /// Validates `options`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` for a number out of its range, and without a coding.
    pub fn new(options: DecompressOptions) -> Result<Self> {
        let codings = options.codings.unwrap_or_else(|| ContentCoding::ALL.to_vec());
        let names: Vec<_> = codings.iter().map(|coding| coding.name()).collect();
        let none = || {
            Error::option(
                "Decompress.codings",
                "an empty list",
                "a list of 'gzip', 'deflate', 'br' and 'zstd'",
            )
        };
        if names.is_empty() {
            return Err(none());
        }
        let within = |name: &str, value: Option<u32>, from: u32, to: u32, default: u32| match value {
            Some(value) if !(from..=to).contains(&value) => {
                Err(Error::option(name, value, format_args!("a whole number from {from} to {to}")))
            }
            value => Ok(value.unwrap_or(default)),
        };
        if let Some(size) = options.max_size.filter(|size| !(Size(1)..=Size(1 << 40)).contains(size)) {
            return Err(Error::option("Decompress.maxSize", size, "a size from 1b to 1tb"));
        }
        Ok(Self {
            accept: HeaderValue::try_from(names.join(", ")).map_err(|_| none())?,
            codings,
            max_size: options.max_size.map(|size| size.0),
            max_ratio: u64::from(within("Decompress.maxRatio", options.max_ratio, 2, 10_000, 100)?),
            concurrent: within("Decompress.concurrent", options.concurrent, 1, 100_000, 64)? as usize,
        })
    }

    /// What was done to the content, in that order; `None` when something in it is not accepted.
    fn codings_of(&self, request: &Request) -> Option<Vec<ContentCoding>> {
        let mut codings = Vec::new();
        for value in request.head.get_all("content-encoding") {
            for name in value.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
                if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
                    continue;
                }
                codings.push(*self.codings.iter().find(|coding| coding.is_named(name))?);
            }
        }
        (codings.len() <= MAX_NESTED).then_some(codings)
    }
}

/// The layer on one loop.
struct LocalDecompress {
    options: Decompress,
    /// Bodies that are decompressed now.
    taken: Rc<Cell<usize>>,
    metrics: Arc<LoopMetrics>,
}

impl Layer for LocalDecompress {
    fn call(self: Rc<Self>, mut request: Request, next: Next) -> LocalFuture<Response> {
        if request.head.get("content-encoding").is_none() || request.body.is_empty() {
            return next.run(request);
        }
        let Some(codings) = self.options.codings_of(&request) else {
            let mut refusal = Problem::CODING_UNSUPPORTED.response(Some(&request.id));
            refusal.headers.append(ACCEPT_ENCODING, self.options.accept.clone());
            return LocalFuture::ready(refusal);
        };
        request.head.remove("content-encoding");
        if codings.is_empty() {
            return next.run(request);
        }
        let Some(place) = Place::take(&self.taken, self.options.concurrent) else {
            return LocalFuture::ready(Problem::OVERLOADED.response(Some(&request.id)));
        };
        request.head.remove("content-length");
        let size = self.options.max_size.unwrap_or(request.matched.body_limit);
        request.matched.body_limit = size;
        let bounds = Bounds { size, ratio: self.options.max_ratio };
        let mut body = std::mem::take(&mut request.body);
        for coding in codings.into_iter().rev() {
            body = Body::stream(Decoded::new(body, coding, bounds, self.metrics.clone()));
        }
        request.body = Body::stream(Placed { body, _place: place });
        next.run(request)
    }
}

impl LayerFactory for Decompress {
    fn effect(&self) -> Effect {
        Effect::Decodes
    }

    fn build(&self, io_loop: &LoopHandle) -> Rc<dyn Layer> {
        let metrics = loop_metrics(io_loop);
        Rc::new(LocalDecompress { options: self.clone(), taken: Rc::default(), metrics })
    }
}

/// A body that gives its place back when it is gone.
struct Placed {
    body: Body,
    _place: Place,
}

impl BodyStream for Placed {
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame, BodyError>>> {
        self.body.poll_frame(cx)
    }
}
