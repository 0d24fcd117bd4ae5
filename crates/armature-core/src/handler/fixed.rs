//! The same answer for every request.

use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::http::{Headers, Request, Response};
use crate::io_loop::LoopHandle;
use crate::pipeline::{Handler, HandlerFactory, LocalFuture};

/// Answers with one response, without asking anybody.
#[derive(Clone, Debug)]
pub struct Fixed {
    status: StatusCode,
    headers: Headers,
    body: Bytes,
}

impl Fixed {
    /// An answer of `status` with `body`.
    pub fn new(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Headers::new(), body: body.into() }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }
}

impl Handler for Fixed {
    fn call(self: Rc<Self>, _: Request) -> LocalFuture<Response> {
        LocalFuture::ready(Response {
            status: self.status,
            headers: self.headers.clone(),
            body: self.body.clone().into(),
        })
    }
}

impl HandlerFactory for Fixed {
    fn build(&self, _: &LoopHandle) -> Rc<dyn Handler> {
        Rc::new(self.clone())
    }
}
