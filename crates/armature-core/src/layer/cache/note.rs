//! `Cache-Status` (RFC 9211).

use std::fmt::Write as _;

use http::{HeaderName, HeaderValue, StatusCode};

pub(super) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Why a request went on to the handler (section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    UriMiss,
    VaryMiss,
    Stale,
    /// There is something, and the request does not want it.
    Request,
    /// There is something, and it is not for who asks.
    Bypass,
}

/// A request that went on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forwarded {
    pub why: Why,
    /// What the handler answered, where the client gets something else.
    pub status: Option<StatusCode>,
    pub stored: bool,
    /// It waited for another one.
    pub collapsed: bool,
}

pub(super) const HIT: HeaderValue = HeaderValue::from_static("armature; hit");
pub(super) const BYPASS: HeaderValue = HeaderValue::from_static("armature; fwd=bypass");
pub(super) const METHOD: HeaderValue = HeaderValue::from_static("armature; fwd=method");
/// There was nothing, and the request wanted nothing else.
pub(super) const NOTHING: HeaderValue = HeaderValue::from_static("armature; detail=only-if-cached");

/// A hit that is stale by so many milliseconds.
pub(super) fn stale_hit(stale: u64) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("armature; hit; ttl=-{}", stale.div_ceil(1000).max(1))).ok()
}

/// A request that went on, of which nothing else is to be said.
pub(super) fn of(why: Why) -> HeaderValue {
    HeaderValue::from_static(why.text())
}

impl Why {
    fn text(self) -> &'static str {
        match self {
            Self::UriMiss => "armature; fwd=uri-miss",
            Self::VaryMiss => "armature; fwd=vary-miss",
            Self::Stale => "armature; fwd=stale",
            Self::Request => "armature; fwd=request",
            Self::Bypass => "armature; fwd=bypass",
        }
    }
}

impl Forwarded {
    pub fn value(self) -> Option<HeaderValue> {
        let mut text = self.why.text().to_owned();
        if let Some(status) = self.status {
            let _ = write!(text, "; fwd-status={}", status.as_u16());
        }
        text += if self.stored { "; stored" } else { "" };
        text += if self.collapsed { "; collapsed" } else { "" };
        HeaderValue::try_from(text).ok()
    }
}
