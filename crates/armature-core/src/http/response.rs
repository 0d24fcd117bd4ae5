//! A response on its way through the layers to the protocol.

use http::{HeaderName, HeaderValue, StatusCode};

use super::{Body, Headers, SizeHint};

/// Status, fields and body of an answer.
#[derive(Debug)]
pub struct Response {
    /// Status code, 200 to 599; 101 in answers made by [`Response::upgrade`] only.
    pub status: StatusCode,
    /// Fields; `Date`, `Content-Length` and `Connection` are the protocol's business.
    pub headers: Headers,
    /// Content.
    pub body: Body,
}

/// What `Content-Length` says (RFC 9110 section 8.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentLength {
    /// Nothing: the length is not known, or the status has none.
    Absent,
    /// This many bytes.
    Exact(u64),
    /// What the handler set, where no content follows that would tell.
    AsSet,
}

impl Response {
    /// Whether the status forbids content (RFC 9110 sections 15.2, 15.3.5, 15.3.6 and 15.4.5).
    pub fn is_bodiless(&self) -> bool {
        matches!(self.status.as_u16(), 101 | 204 | 205 | 304)
    }

    /// What `Content-Length` has to say in the answer to a request; `head_only` when its method was HEAD.
    pub fn content_length(&self, head_only: bool) -> ContentLength {
        match (self.status.as_u16(), self.body.size_hint()) {
            (101 | 204, _) => ContentLength::Absent,
            (205, _) => ContentLength::Exact(0),
            (304, SizeHint::Exact(length)) if length > 0 => ContentLength::Exact(length),
            (304, _) => ContentLength::AsSet,
            // What GET would have: the handler may know it without having the content.
            (_, SizeHint::Exact(0)) if head_only && self.headers.contains(&http::header::CONTENT_LENGTH) => {
                ContentLength::AsSet
            }
            (_, SizeHint::Exact(length)) => ContentLength::Exact(length),
            (_, SizeHint::Unknown) if head_only => ContentLength::AsSet,
            (_, SizeHint::Unknown) => ContentLength::Absent,
        }
    }

    /// An empty answer.
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: Headers::new(), body: Body::Empty }
    }

    /// 200 with text.
    pub fn text(text: impl Into<Body>) -> Self {
        Self::new(StatusCode::OK)
            .with_body(text)
            .with_header(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))
    }

    /// The same with another body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }
}
