//! Scopes, layers, fallbacks, the tower adapter: what surrounds a handler.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use armature_core::handler::Fixed;
use armature_core::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use armature_core::layer::{Cors, CorsOptions, RequestIdLayer, RequestIdOptions};
use armature_core::pipeline::tower::TowerHandler;
use armature_core::pipeline::{HandlerFn, LayerFactory, LayerFn, Next};
use armature_core::router::MethodPattern;
use armature_core::server::{App, Scope};
use armature_core::testing::{Client, Reply, serve};
use tower_service::Service;

/// Adds its name to the answer, so that the order of layers shows.
fn ring(name: &'static str) -> impl LayerFactory {
    LayerFn(move |request: Request, next: Next| async move {
        next.run(request).await.with_header(HeaderName::from_static("x-ring"), HeaderValue::from_static(name))
    })
}

fn rings(reply: &Reply) -> Vec<&str> {
    reply.headers.iter().filter(|(name, _)| name == "x-ring").map(|(_, value)| value.as_str()).collect()
}

#[test]
fn layers_of_a_scope_surround_everything_below_its_prefix_and_nothing_beside_it() {
    let app = App::new()
        .layer(ring("app"))
        .route(Method::GET, "/beside", Fixed::new(StatusCode::OK, "beside"))
        .scope(
            Scope::new("/api")
                .layer(ring("api 1"))
                .layer(ring("api 2"))
                .route(Method::GET, "/", Fixed::new(StatusCode::OK, "root"))
                .scope(
                    Scope::new("/:org")
                        .layer(ring("org"))
                        .route(Method::GET, "/users", Fixed::new(StatusCode::OK, "users"))
                        .fallback(HandlerFn(|_: Request| async {
                            Response::text("no such thing in the org")
                        })),
                ),
        );
    let server = serve(app, "{}").unwrap();
    let mut client = Client::connect(&server).unwrap();
    let mut at = |path: &str| {
        let reply = client.get(path).unwrap();
        (reply.status, rings(&reply).join(" < "), reply.text())
    };
    assert_eq!(at("/beside"), (200, "app".into(), "beside".into()));
    assert_eq!(at("/api"), (200, "api 2 < api 1 < app".into(), "root".into()));
    assert_eq!(at("/api/a/users"), (200, "org < api 2 < api 1 < app".into(), "users".into()));
    assert_eq!(
        at("/api/a/nope"),
        (200, "org < api 2 < api 1 < app".into(), "no such thing in the org".into())
    );
    let (status, found, _) = at("/nope");
    assert_eq!((status, found.as_str()), (404, "app"));
    // Answers that the server gives by itself pass the layers of the scope too.
    client.send("DELETE /api/a/users HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    let reply = client.read().unwrap();
    assert_eq!((reply.status, rings(&reply).join(" < ").as_str()), (405, "org < api 2 < api 1 < app"));
}

#[test]
fn any_method_and_extension_methods() {
    let app = App::new().route(
        MethodPattern::Any,
        "/",
        HandlerFn(|request: Request| async move { Response::text(request.method().to_string()) }),
    );
    let server = serve(app, "{}").unwrap();
    let mut client = Client::connect(&server).unwrap();
    for method in ["GET", "OPTIONS", "PROPFIND", "X-Y"] {
        client.send(format!("{method} / HTTP/1.1\r\nhost: t\r\n\r\n")).unwrap();
        assert_eq!(client.read().unwrap().text(), method);
    }
}

#[derive(Clone)]
struct Picky(bool);

impl Service<Request> for Picky {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Not ready at first, as a service that waits for a connection.
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, request: Request) -> Self::Future {
        assert!(self.0, "called before it was ready");
        ready(Ok(Response::text(request.path().to_owned())))
    }
}

#[test]
fn a_tower_service_is_a_handler() {
    let server = serve(App::new().route(Method::GET, "/t", TowerHandler(Picky(false))), "{}").unwrap();
    assert_eq!(Client::connect(&server).unwrap().get("/t").unwrap().text(), "/t");
}

#[test]
fn cors_answers_preflights_of_routes_that_it_surrounds() {
    let options: CorsOptions =
        armature_core::config::parse(r#"{ "origins": ["https://a.example"], "credentials": true }"#).unwrap();
    let app = App::new()
        .layer(Cors::new(options).unwrap())
        .layer(RequestIdLayer::new(RequestIdOptions::default()).unwrap())
        .route(Method::PUT, "/", Fixed::new(StatusCode::OK, "x"));
    let server = serve(app, "{}").unwrap();
    let mut client = Client::connect(&server).unwrap();
    let preflight = |origin: &str| {
        format!(
            "OPTIONS / HTTP/1.1\r\nhost: t\r\norigin: {origin}\r\naccess-control-request-method: PUT\r\n\r\n"
        )
    };
    client.send(preflight("https://a.example")).unwrap();
    let reply = client.read().unwrap();
    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://a.example"));
    assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(reply.header("x-request-id"), None, "nothing behind CORS runs for a preflight");
    client.send(preflight("https://b.example")).unwrap();
    assert_eq!(client.read().unwrap().header("access-control-allow-origin"), None);
    client.send("PUT / HTTP/1.1\r\nhost: t\r\norigin: https://a.example\r\n\r\n").unwrap();
    let reply = client.read().unwrap();
    assert_eq!((reply.status, reply.header("vary")), (200, Some("origin")));
    assert!(reply.header("x-request-id").is_some());
}

#[test]
fn conflicts_and_bad_patterns_name_the_routes() {
    let build = |app: App| app.build().err().unwrap();
    let fixed = || Fixed::new(StatusCode::OK, "");
    let conflict =
        build(App::new().route(Method::GET, "/a/:x", fixed()).route(Method::GET, "/a/:y", fixed()));
    assert_eq!(conflict.code(), "ARMATURE_ROUTE_CONFLICT");
    assert!(conflict.to_string().contains("/a/:x") && conflict.to_string().contains("/a/:y"), "{conflict}");
    let pattern = build(App::new().route(Method::GET, "/a/{x}", fixed()));
    assert_eq!(pattern.code(), "ARMATURE_ROUTE_PATTERN");
    assert!(pattern.to_string().contains(":x"), "{pattern}");
}
