//! One adapter: a `tower` service as a handler.

use std::future::poll_fn;
use std::rc::Rc;

use tower_service::Service;

use super::{Handler, HandlerFactory, LocalFuture};
use crate::http::{Problem, Request, Response};
use crate::io_loop::LoopHandle;

/// Mounts a [`tower_service::Service`] of our [`Request`] and [`Response`].
///
/// Every call clones the service and waits until the clone is ready, as tower asks. An error of the service is a 500
/// problem; its text stays here.
#[derive(Clone, Debug)]
pub struct TowerHandler<S>(pub S);

impl<S> Handler for TowerHandler<S>
where
    S: Service<Request, Response = Response> + Clone + 'static,
    S::Future: 'static,
{
    fn call(self: Rc<Self>, request: Request) -> LocalFuture<Response> {
        let mut service = self.0.clone();
        LocalFuture::new(async move {
            let id = request.id.clone();
            let answer = match poll_fn(|cx| service.poll_ready(cx)).await {
                Ok(()) => service.call(request).await,
                Err(error) => Err(error),
            };
            answer.unwrap_or_else(|_| Problem::INTERNAL.response(Some(&id)))
        })
    }
}

impl<S> HandlerFactory for TowerHandler<S>
where
    S: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
    S::Future: 'static,
{
    fn build(&self, _: &LoopHandle) -> Rc<dyn Handler> {
        Rc::new(self.clone())
    }
}
