//! Bytes to requests, responses to bytes. The only room that knows HTTP versions.

mod control;
pub(crate) mod date;
pub mod h1;
pub mod h2;
pub mod h3;
mod unsent;
pub mod ws;

pub use control::ConnectionControl;
pub use unsent::Ledger;
pub(crate) use unsent::Others;

use std::rc::Rc;

use http::HeaderValue;
use http::header::ALT_SVC;

use crate::config::Settings;
use crate::http::{Peer, Problem, Request, Response};
use crate::io_loop::LoopHandle;
use crate::listener::Stream;
use crate::metrics::{InFlight, Metrics};
use crate::pipeline::LocalFuture;

/// A connection that is to be served.
pub struct Arrival {
    /// Its bytes.
    pub stream: Stream,
    /// Its other end.
    pub peer: Peer,
    /// What was read of it before.
    pub early: Vec<u8>,
    /// When it was accepted, in ticks.
    pub since: u64,
}

/// Has `response` say where else its client is served, unless it does.
fn announce(response: &mut Response, alternative: Option<&HeaderValue>) {
    if let Some(alternative) = alternative
        && response.headers.get(&ALT_SVC).is_none()
    {
        response.headers.append(ALT_SVC, alternative.clone());
    }
}

/// What a protocol needs from the server above it.
pub trait Dispatch {
    /// Answers one request. It counts as in flight while the protocol keeps what comes with the future: until the head of
    /// the answer is there, or nobody waits for it any more.
    fn dispatch(self: Rc<Self>, request: Request) -> (LocalFuture<Response>, InFlight);
    /// Answers what came instead of a request; `request` has as much of it as could be understood.
    fn refuse(self: Rc<Self>, request: Request, problem: Problem) -> LocalFuture<Response>;
    /// Limits and timeouts.
    fn settings(&self) -> &Settings;
    /// Counters.
    fn metrics(&self) -> &Metrics;
    /// What answers wait on this loop for clients that are slow to take them.
    fn ledger(&self) -> &Rc<Ledger>;
    /// The loop that everything of this server on this thread runs on.
    fn io_loop(&self) -> &LoopHandle;
    /// Whether the server is draining: answers close their connections.
    fn is_draining(&self) -> bool;
}
