//! `BodyLimit`: how large the request bodies of a scope or a route may be.

use std::rc::Rc;
use std::sync::Arc;

use serde::Deserialize;

use crate::config::{Size, check_body_limit};
use crate::error::Result;
use crate::http::{Problem, Request, Response, limit};
use crate::io_loop::LoopHandle;
use crate::metrics::LoopMetrics;
use crate::pipeline::{Effect, Inert, Layer, LayerFactory, LocalFuture, Next};

/// Options of the body-limit layer.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct BodyLimitOptions {
    /// Replaces `limits.body`, also by more: largest request body, also when it is streamed. Beyond it the answer is 413.
    /// From 1b to 1tb, by default 1mb.
    pub max: Option<Size>,
}

/// Allows bodies more bytes than the server does, or fewer. It is settled when chains are built: a request pays nothing.
#[derive(Clone, Debug)]
pub struct BodyLimit {
    max: u64,
}

impl BodyLimit {
    /// Validates `options`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` when `max` is out of its range.
    pub fn new(options: BodyLimitOptions) -> Result<Self> {
        Ok(Self { max: check_body_limit("BodyLimit.max", options.max.unwrap_or(Size::mb(1)))? })
    }
}

impl LayerFactory for BodyLimit {
    fn effect(&self) -> Effect {
        Effect::BodyLimit(self.max)
    }

    fn build(&self, _: &LoopHandle) -> Rc<dyn Layer> {
        Rc::new(Inert)
    }
}

/// Holds bodies whose coding was undone to a limit that was declared inside of that. Others have been held to it before.
pub(crate) struct DecodedLimit {
    /// In bytes.
    pub max: u64,
    pub metrics: Arc<LoopMetrics>,
}

impl Layer for DecodedLimit {
    fn call(self: Rc<Self>, mut request: Request, next: Next) -> LocalFuture<Response> {
        // Whoever undoes a coding says how large the result may be.
        if request.matched.body_limit > self.max {
            request.matched.body_limit = self.max;
            if !limit(&mut request.body, self.max, &self.metrics) {
                return LocalFuture::ready(Problem::BODY_TOO_LARGE.response(Some(&request.id)));
            }
        }
        next.run(request)
    }
}
