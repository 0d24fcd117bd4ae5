//! What layers do to the routes inside them before any request comes.

use std::rc::Rc;
use std::time::Duration;

use super::{Layer, LocalFuture, Next};
use crate::http::{Request, Response};

/// What a layer changes for the routes inside it, which is settled when chains are built: of two that change the same the
/// inner one counts, and what a route says itself counts more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    /// Nothing. It runs with each request.
    #[default]
    None,
    /// It runs with each request, and who is inside reads another body than the one that was sent: what a
    /// [`Effect::BodyLimit`] inside says counts for that one, too.
    Decodes,
    /// Handlers have this long, instead of `timeouts.handler`. There is nothing left to do with a request.
    Timeout(Duration),
    /// Bodies have at most this many bytes, instead of `limits.body`. There is nothing left to do with a request.
    BodyLimit(u64),
}

impl Effect {
    /// Whether the layer is a part of chains.
    pub fn runs(self) -> bool {
        matches!(self, Self::None | Self::Decodes)
    }
}

/// What layers build that do not run: whoever puts one into a chain all the same gets one that does nothing.
pub(crate) struct Inert;

impl Layer for Inert {
    fn call(self: Rc<Self>, request: Request, next: Next) -> LocalFuture<Response> {
        next.run(request)
    }
}
