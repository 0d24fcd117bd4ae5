//! The price of each native layer that has nothing to do for a request, and of ten of them: with an answer that is there at
//! once, and with one that comes later, as those of JavaScript do. Subtract `idle/none` and `idle later/none`.

use std::future::poll_fn;
use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use armature_core::config::{LogFileConfig, LogOutput, TrustProxy};
use armature_core::handler::Fixed;
use armature_core::http::{
    Address, Body, Head, HeaderValue, Method, Peer, Request, RequestId, Response, StatusCode, Version, header,
};
use armature_core::io_loop::HostLoop;
use armature_core::layer::{
    BodyLimit, Cache, Compress, ConcurrencyLimit, Cors, Decompress, Etag, Health, Logger, RateLimit,
    SecurityHeaders, Timeout, Vitals,
};
use armature_core::pipeline::{Chain, Handler, HandlerFactory, Layer, LayerFactory, LocalFuture};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use serde::de::DeserializeOwned;

/// A request as browsers send it.
fn request(peer: &Rc<Peer>, method: &Method) -> Request {
    let mut head = Head::new(method.clone(), Version::Http11, "/users/42");
    for (name, value) in [
        ("host", "example.com"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("accept-language", "en-US,en;q=0.5"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
    ] {
        head.push(name, value.as_bytes());
    }
    Request::new(head, Body::Empty, peer.clone(), RequestId::Sequence(1))
}

/// Answers like its handler, one poll later.
struct Later(Rc<dyn Handler>);

impl Handler for Later {
    fn call(self: Rc<Self>, request: Request) -> LocalFuture<Response> {
        let (mut answer, mut waited) = (self.0.clone().call(request), false);
        LocalFuture::new(poll_fn(move |cx| {
            if std::mem::replace(&mut waited, true) { Pin::new(&mut answer).poll(cx) } else { Poll::Pending }
        }))
    }
}

fn answer(mut future: LocalFuture<Response>) -> Response {
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(response) = Pin::new(&mut future).poll(&mut cx) {
            return response;
        }
    }
}

fn options<T: DeserializeOwned>(json: &str) -> T {
    armature_core::config::parse(json).expect("options")
}

/// Each layer with what leaves it nothing to do: no origin, no body, a small answer, a path that is not logged.
fn layers() -> Vec<(&'static str, Arc<dyn LayerFactory>)> {
    let mut logger = options::<armature_core::layer::LoggerOptions>(r#"{ "skip": ["/users"] }"#);
    logger.output = Some(LogOutput::File(LogFileConfig { path: "/dev/null".into(), ..Default::default() }));
    let vitals = Arc::new(Vitals::new(Vec::new(), Arc::default()));
    let plenty = r#"{ "limit": 1000000, "window": "1s", "headers": false }"#;
    let off = [
        "contentSecurityPolicy",
        "crossOriginOpenerPolicy",
        "crossOriginResourcePolicy",
        "originAgentCluster",
        "referrerPolicy",
        "strictTransportSecurity",
        "xContentTypeOptions",
        "xDnsPrefetchControl",
        "xDownloadOptions",
        "xFrameOptions",
        "xPermittedCrossDomainPolicies",
        "xXssProtection",
    ]
    .map(|name| format!(r#""{name}": false"#))
    .join(", ");
    vec![
        ("Health", Arc::new(Health::new(options("{}"), vitals).expect("a layer"))),
        ("Logger", Arc::new(Logger::new(logger).and_then(Logger::start).expect("a layer"))),
        ("Cors", Arc::new(Cors::new(options(r#"{ "origins": ["https://a.example"] }"#)).expect("a layer"))),
        ("RateLimit", Arc::new(RateLimit::new(options(plenty)).and_then(RateLimit::start).expect("a layer"))),
        ("ConcurrencyLimit", Arc::new(ConcurrencyLimit::new(options("{}")).expect("a layer"))),
        ("Timeout", Arc::new(Timeout::new(options("{}")).expect("a layer"))),
        ("Compress", Arc::new(Compress::new(options("{}")).expect("a layer"))),
        ("Decompress", Arc::new(Decompress::new(options("{}")).expect("a layer"))),
        ("BodyLimit", Arc::new(BodyLimit::new(options("{}")).expect("a layer"))),
        ("ETag", Arc::new(Etag::new(options(r#"{ "maxSize": "1b" }"#)).expect("a layer"))),
        (
            "SecurityHeaders",
            Arc::new(SecurityHeaders::new(options(&format!("{{ {off} }}"))).expect("a layer")),
        ),
        (
            "Cache",
            Arc::new(
                Cache::new(options("{}"), TrustProxy::default()).and_then(Cache::open).expect("a layer"),
            ),
        ),
    ]
}

/// How many of [`layers`] there are in a chain of ten.
const TEN: usize = 10;

fn idle(c: &mut Criterion) {
    let peer = Rc::new(Peer::new(Address::Ip(([10, 0, 0, 1], 9).into()), false));
    let host = HostLoop::new(0, || {}).expect("a loop");
    let fixed = Fixed::new(StatusCode::OK, r#"{"id":"42","name":"Alice"}"#)
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .build(host.handle());
    let later: Rc<dyn Handler> = Rc::new(Later(fixed.clone()));
    let layers = layers();
    let build = |list: &[(&str, Arc<dyn LayerFactory>)]| -> Vec<Rc<dyn Layer>> {
        list.iter().map(|(_, factory)| factory.build(host.handle())).collect()
    };
    let mut cases = vec![("none", Vec::new())];
    cases.extend(layers.iter().map(|each| (each.0, build(std::slice::from_ref(each)))));
    cases.push(("ten layers", build(&layers[..TEN])));
    for (kind, handler) in [("idle", fixed), ("idle later", later)] {
        for (name, list) in &cases {
            // What it has nothing to do with is another method.
            let method = if *name == "Cache" { Method::OPTIONS } else { Method::GET };
            let chain = Chain::new(list.clone(), handler.clone());
            c.bench_function(&format!("{kind}/{name}"), |b| {
                b.iter_batched(
                    || request(&peer, &method),
                    |request| black_box(answer(chain.run(request))),
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

criterion_group!(benches, idle);
criterion_main!(benches);
