//! Another protocol at a path.

use std::future::Future;
use std::rc::Rc;

use crate::http::{Request, Response, Upgraded};
use crate::io_loop::LoopHandle;
use crate::pipeline::{Handler, HandlerFactory, LocalFuture};

/// Speaks `protocol` with every client that asks for it: answers 101 and runs `serve` on the connection, or 426 when the
/// request does not ask for it. See [`Response::upgrade`], which is for handlers that look at the request first.
///
/// ```
/// use armature_core::handler::upgrade;
/// use armature_core::http::Method;
/// use armature_core::server::App;
///
/// let echo = upgrade("echo", |io| async move {
///     let mut buf = vec![0; 4096];
///     // 0 is the end: the client has said all it had to say.
///     while let Ok(n @ 1..) = io.read(&mut buf).await {
///         if io.write_all(&buf[..n]).await.is_err() {
///             break;
///         }
///     }
/// });
/// let generation = App::new().route(Method::GET, "/echo", echo).build()?;
/// # Ok::<(), armature_core::error::Error>(())
/// ```
pub fn upgrade<F, Fut>(protocol: &'static str, serve: F) -> UpgradeHandler<F>
where
    F: Fn(Upgraded) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    UpgradeHandler { protocol, serve }
}

/// What [`upgrade`] makes.
#[derive(Clone, Debug)]
pub struct UpgradeHandler<F> {
    protocol: &'static str,
    serve: F,
}

impl<F, Fut> Handler for UpgradeHandler<F>
where
    F: Fn(Upgraded) -> Fut + 'static,
    Fut: Future<Output = ()> + 'static,
{
    fn call(self: Rc<Self>, _: Request) -> LocalFuture<Response> {
        // The server turns it into a 426 for those who did not ask.
        LocalFuture::ready(Response::upgrade(self.protocol, move |io| (self.serve)(io)))
    }
}

impl<F, Fut> HandlerFactory for UpgradeHandler<F>
where
    F: Fn(Upgraded) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    fn build(&self, _: &LoopHandle) -> Rc<dyn Handler> {
        Rc::new(self.clone())
    }
}
