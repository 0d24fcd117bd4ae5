//! `RequestId`: shows the request's id to the client, and takes one over from a trusted proxy.

use std::rc::Rc;

use http::{HeaderName, HeaderValue};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::http::{Request, RequestId, Response};
use crate::io_loop::LoopHandle;
use crate::pipeline::{Layer, LayerFactory, LocalFuture, Next};

/// Longest id that is taken over.
const MAX_LENGTH: usize = 128;

/// Options of the request-id layer.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct RequestIdOptions {
    /// Response header that carries the id, and request header that is read with `trust`. Default `x-request-id`.
    pub header: Option<String>,
    /// Takes over the id of the request, when it has one of at most 128 visible ASCII characters. Only for servers that
    /// nobody but a proxy can reach. Default `false`.
    pub trust: Option<bool>,
}

/// Adds the request id to every answer.
#[derive(Clone, Debug)]
pub struct RequestIdLayer {
    header: HeaderName,
    trust: bool,
}

impl RequestIdLayer {
    /// Validates `options`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` when `header` is not a header name.
    pub fn new(options: RequestIdOptions) -> Result<Self> {
        let name = options.header.as_deref().unwrap_or("x-request-id");
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Error::option("RequestId.header", name, "a header name"))?;
        Ok(Self { header, trust: options.trust.unwrap_or(false) })
    }
}

impl Layer for RequestIdLayer {
    fn call(self: Rc<Self>, mut request: Request, next: Next) -> LocalFuture<Response> {
        if self.trust {
            let given = request.head.get_str(self.header.as_str()).filter(|id| {
                (1..=MAX_LENGTH).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
            });
            if let Some(id) = given {
                request.id = RequestId::Given(id.into());
            }
        }
        let value = HeaderValue::try_from(request.id.to_string());
        match next.run(request) {
            LocalFuture::Ready(Some(response)) => LocalFuture::ready(self.mark(response, value.ok())),
            future => LocalFuture::new(async move { self.mark(future.await, value.ok()) }),
        }
    }
}

impl RequestIdLayer {
    fn mark(&self, mut response: Response, value: Option<HeaderValue>) -> Response {
        if let Some(value) = value {
            response.headers.insert(self.header.clone(), value);
        }
        response
    }
}

impl LayerFactory for RequestIdLayer {
    fn build(&self, _: &LoopHandle) -> Rc<dyn Layer> {
        Rc::new(self.clone())
    }
}
