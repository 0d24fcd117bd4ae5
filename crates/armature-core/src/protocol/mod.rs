//! Bytes to requests, responses to bytes. The only room that knows HTTP versions.

pub mod h1;

use std::rc::Rc;

use crate::config::Settings;
use crate::http::{Request, Response};
use crate::io_loop::LoopHandle;
use crate::metrics::Metrics;
use crate::pipeline::LocalFuture;

/// What a protocol needs from the server above it.
pub trait Dispatch {
    /// Answers one request.
    fn dispatch(self: Rc<Self>, request: Request) -> LocalFuture<Response>;
    /// Limits and timeouts.
    fn settings(&self) -> &Settings;
    /// Counters.
    fn metrics(&self) -> &Metrics;
    /// The loop that everything of this server on this thread runs on.
    fn io_loop(&self) -> &LoopHandle;
    /// Whether the server is draining: answers close their connections.
    fn is_draining(&self) -> bool;
}
