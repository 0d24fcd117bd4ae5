//! Bodies in both directions, a scope with a layer of its own, and a tower service:
//! `cargo run -p armature-core --example echo`, then `curl -T some-file localhost:3000/echo`.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use armature_core::config::{Config, Environment, Settings};
use armature_core::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use armature_core::pipeline::tower::TowerHandler;
use armature_core::pipeline::{HandlerFn, LayerFn, Next};
use armature_core::server::{App, Scope, Server};
use tower_service::Service;

/// A service as tower knows them.
#[derive(Clone)]
struct Version;

impl Service<Request> for Version {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        ready(Ok(Response::text(env!("CARGO_PKG_VERSION"))))
    }
}

fn main() -> Result<(), armature_core::error::Error> {
    let marked = LayerFn(|request: Request, next: Next| async move {
        let name = HeaderName::from_static("x-scope");
        next.run(request).await.with_header(name, HeaderValue::from_static("about"))
    });
    let app = App::new()
        .route(
            Method::PUT,
            "/echo",
            // The body is handed on as it arrives; nothing is kept.
            HandlerFn(|request: Request| async move {
                Response::new(StatusCode::OK).with_body(request.into_body())
            }),
        )
        .scope(Scope::new("/about").layer(marked).route(Method::GET, "/version", TowerHandler(Version)));
    let server = Server::start(
        app.build()?,
        Settings::resolve(
            Config::from_json(r#"{ "limits": { "body": "1gb" } }"#)?,
            &Environment { port: std::env::var("PORT").ok(), ..Environment::default() },
        )?,
    )?;
    #[allow(clippy::print_stdout, reason = "an example tells people where it listens")]
    for address in server.addresses() {
        println!("http://{address}/");
    }
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    server.close(Duration::from_secs(5));
    Ok(())
}
