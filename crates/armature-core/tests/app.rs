//! Scopes, layers, fallbacks, the tower adapter: what surrounds a handler.

use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use armature_core::handler::Fixed;
use armature_core::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use armature_core::layer::{
    BodyLimit, ConcurrencyLimit, Cors, CorsOptions, Health, HealthCheck, HealthCheckOptions, HealthOptions,
    RequestIdLayer, RequestIdOptions, Timeout, Vitals,
};
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

#[test]
fn scopes_have_limits_of_their_own() {
    let body = |max: &str| {
        BodyLimit::new(armature_core::config::parse(&format!(r#"{{ "max": "{max}" }}"#)).unwrap()).unwrap()
    };
    let timeout = armature_core::config::parse(r#"{ "handler": "20ms" }"#).unwrap();
    let read = || {
        HandlerFn(|request: Request| async move {
            let limit = request.matched.body_limit;
            match request.into_body().collect(u64::MAX).await {
                Ok(bytes) => Response::text(format!("{} of {limit}", bytes.len())),
                Err(error) => Response::text(error.code()),
            }
        })
    };
    let app = App::new().layer(body("10b")).route(Method::POST, "/", read()).scope(
        Scope::new("/more")
            .layer(body("20b"))
            .layer(Timeout::new(timeout).unwrap())
            .route(Method::POST, "/", read())
            .route(Method::GET, "/never", HandlerFn(|_: Request| std::future::pending::<Response>()))
            .fallback(read()),
    );
    let server = serve(app, r#"{ "timeouts": { "handler": "1h" } }"#).unwrap();
    let mut client = Client::connect(&server).unwrap();
    let mut post = |path: &str, length: usize| {
        let body = "x".repeat(length);
        client
            .send(format!("POST {path} HTTP/1.1\r\nhost: t\r\ncontent-length: {length}\r\n\r\n{body}"))
            .unwrap();
        let reply = client.read().unwrap();
        (reply.status, if reply.status == 200 { reply.text() } else { String::new() })
    };
    assert_eq!(post("/", 10), (200, "10 of 10".into()));
    assert_eq!(post("/more", 20), (200, "20 of 20".into()));
    assert_eq!(post("/more/nowhere", 20), (200, "20 of 20".into()));
    assert_eq!(post("/more/nowhere", 21), (413, String::new()));
    let mut client = Client::connect(&server).unwrap();
    client
        .send("POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n")
        .unwrap();
    assert!(client.read().unwrap().text().contains("ARMATURE_BODY_TOO_LARGE"));
    assert_eq!(server.metrics().sum(|of_loop| &of_loop.large_bodies), 2);
    let mut client = Client::connect(&server).unwrap();
    assert_eq!(client.get("/more/never").unwrap().status, 503);
}

/// Answers when its client has left.
async fn until_cancelled(request: Request) -> Response {
    poll_fn(|cx| {
        request.context.on_cancel(cx.waker());
        if request.context.cancelled().is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    Response::text("too late")
}

#[test]
fn a_place_is_free_again_when_the_answer_is() {
    let limit = ConcurrencyLimit::new(armature_core::config::parse(r#"{ "max": 1 }"#).unwrap()).unwrap();
    let app = App::new().layer(limit.clone()).route(Method::GET, "/", Fixed::new(StatusCode::OK, "x")).route(
        Method::GET,
        "/never",
        HandlerFn(until_cancelled),
    );
    let server = serve(app, "{}").unwrap();
    let mut first = Client::connect(&server).unwrap();
    for _ in 0..3 {
        assert_eq!(first.get("/").unwrap().status, 200);
    }
    let mut second = Client::connect(&server).unwrap();
    second.send("GET /never HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    while limit.usage().taken == 0 {
        std::thread::yield_now();
    }
    assert_eq!(first.get("/").unwrap().status, 503);
    drop(second);
    while limit.usage().taken > 0 {
        std::thread::yield_now();
    }
    assert_eq!(first.get("/").unwrap().status, 200);
    assert_eq!(limit.usage().refused, 1);
}

#[test]
fn health_is_what_was_reported() {
    let check = HealthCheck::new("db", HealthCheckOptions::default()).unwrap();
    let vitals = Arc::new(Vitals::new(vec![check], Arc::default()));
    let health =
        Health::new(HealthOptions { details: Some(true), ..HealthOptions::default() }, vitals.clone());
    let server = serve(App::new().layer(health.unwrap()), "{}").unwrap();
    let mut client = Client::connect(&server).unwrap();
    let mut ready = || {
        let reply = client.get("/readyz").unwrap();
        (reply.status, reply.text())
    };
    let fails = |why: &str| {
        (503, format!(r#"{{"checks":{{"db":[{{"output":"{why}","status":"fail"}}]}},"status":"fail"}}"#))
    };
    assert_eq!(ready(), fails("pending"));
    vitals.report(0, 0, true);
    assert_eq!(ready(), (200, r#"{"checks":{"db":[{"status":"pass"}]},"status":"pass"}"#.into()));
    vitals.report(0, 0, false);
    assert_eq!(ready(), fails("failed"));
}
