//! The chain from a matched route to its answer: layers around a handler, built once per IO loop.
//!
//! [`Handler`] and [`Layer`] are local (`Rc`, no `Send`): a chain belongs to one loop. What crosses threads is the
//! factory that builds it.

mod chain;
mod effect;
mod future;
pub mod tower;

pub use chain::{Chain, Next};
pub use effect::Effect;
pub(crate) use effect::Inert;
pub use future::{Keeper, Kept, LocalFuture};

use std::future::Future;
use std::rc::Rc;

use crate::http::{Request, Response};
use crate::io_loop::LoopHandle;

/// Produces the answer to a request. Infallible: a failure becomes a response inside.
pub trait Handler {
    /// Answers `request`.
    fn call(self: Rc<Self>, request: Request) -> LocalFuture<Response>;
}

/// Runs around a handler, whatever the route is.
pub trait Layer {
    /// Answers `request`, usually by calling [`Next::run`].
    fn call(self: Rc<Self>, request: Request, next: Next) -> LocalFuture<Response>;
}

/// Builds a handler for one IO loop.
pub trait HandlerFactory: Send + Sync + 'static {
    /// Called once per loop at start, on the loop's thread.
    fn build(&self, io_loop: &LoopHandle) -> Rc<dyn Handler>;
}

/// Builds a layer for one IO loop.
pub trait LayerFactory: Send + Sync + 'static {
    /// What it changes for the routes inside it before any request comes.
    fn effect(&self) -> Effect {
        Effect::None
    }

    /// Called once per loop at start, on the loop's thread.
    fn build(&self, io_loop: &LoopHandle) -> Rc<dyn Layer>;
}

/// An async function as a handler: `Request` in, [`Response`] out.
#[derive(Clone, Debug)]
pub struct HandlerFn<F>(pub F);

impl<F, Fut> Handler for HandlerFn<F>
where
    F: Fn(Request) -> Fut + 'static,
    Fut: Future<Output = Response> + 'static,
{
    fn call(self: Rc<Self>, request: Request) -> LocalFuture<Response> {
        LocalFuture::new((self.0)(request))
    }
}

impl<F, Fut> HandlerFactory for HandlerFn<F>
where
    F: Fn(Request) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response> + 'static,
{
    fn build(&self, _: &LoopHandle) -> Rc<dyn Handler> {
        Rc::new(self.clone())
    }
}

/// An async function as a layer.
#[derive(Clone, Debug)]
pub struct LayerFn<F>(pub F);

impl<F, Fut> Layer for LayerFn<F>
where
    F: Fn(Request, Next) -> Fut + 'static,
    Fut: Future<Output = Response> + 'static,
{
    fn call(self: Rc<Self>, request: Request, next: Next) -> LocalFuture<Response> {
        LocalFuture::new((self.0)(request, next))
    }
}

impl<F, Fut> LayerFactory for LayerFn<F>
where
    F: Fn(Request, Next) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response> + 'static,
{
    fn build(&self, _: &LoopHandle) -> Rc<dyn Layer> {
        Rc::new(self.clone())
    }
}
