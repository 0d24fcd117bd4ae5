//! A response on its way through the layers to the protocol.

use http::{HeaderName, HeaderValue, StatusCode};

use super::{Body, Headers};

/// Status, fields and body of an answer.
#[derive(Debug)]
pub struct Response {
    /// Status code, 200 to 599.
    pub status: StatusCode,
    /// Fields; `Date`, `Content-Length` and `Connection` are the protocol's business.
    pub headers: Headers,
    /// Content.
    pub body: Body,
}

impl Response {
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
