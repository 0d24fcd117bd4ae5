//! `Timeout`: how long the handlers of a scope or a route may take.

use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;

use crate::config::{Millis, check_handler_timeout};
use crate::error::Result;
use crate::io_loop::LoopHandle;
use crate::pipeline::{Effect, Inert, Layer, LayerFactory};

/// Options of the timeout layer.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct TimeoutLayerOptions {
    /// Replaces `timeouts.handler`: from dispatch to the head of the answer, not counting waits for the client's body. Beyond
    /// it the answer is 503. From 1ms to 24h, by default 30s.
    pub handler: Option<Millis>,
}

/// Gives handlers more time than the server does, or less. It is settled when chains are built: a request pays nothing.
#[derive(Clone, Debug)]
pub struct Timeout {
    handler: Duration,
}

impl Timeout {
    /// Validates `options`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` when `handler` is out of its range.
    pub fn new(options: TimeoutLayerOptions) -> Result<Self> {
        let handler = options.handler.unwrap_or(Millis::seconds(30));
        Ok(Self { handler: check_handler_timeout("Timeout.handler", handler)? })
    }
}

impl LayerFactory for Timeout {
    fn effect(&self) -> Effect {
        Effect::Timeout(self.handler)
    }

    fn build(&self, _: &LoopHandle) -> Rc<dyn Layer> {
        Rc::new(Inert)
    }
}
