//! The same answer for every request.

use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::http::{HeaderBlock, Headers, Request, RequestPool, Response};
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

/// A [`Fixed`] on one loop.
struct LocalFixed {
    answer: Fixed,
    requests: Rc<RequestPool>,
}

impl Handler for LocalFixed {
    fn call(self: Rc<Self>, request: Request) -> LocalFuture<Response> {
        self.requests.recycle(request);
        let Fixed { status, headers, body } = &self.answer;
        LocalFuture::ready(Response { status: *status, headers: headers.clone(), body: body.clone().into() })
    }
}

impl HandlerFactory for Fixed {
    fn build(&self, io_loop: &LoopHandle) -> Rc<dyn Handler> {
        let mut answer = self.clone();
        if let Some(block) = HeaderBlock::new(self.headers.clone()) {
            answer.headers = Headers::from_block(block.into());
        }
        Rc::new(LocalFixed { answer, requests: io_loop.local(RequestPool::default) })
    }
}
