//! The price of the cache: a hit beside the fixed answer that it stands for, and a request that it has nothing to do with.

use std::hint::black_box;
use std::rc::Rc;

use armature_core::config::TrustProxy;
use armature_core::handler::Fixed;
use armature_core::http::{
    Address, Body, Head, HeaderValue, Method, Peer, Request, RequestId, Response, StatusCode, Version, header,
};
use armature_core::io_loop::HostLoop;
use armature_core::layer::{Cache, CacheOptions};
use armature_core::pipeline::{Chain, HandlerFactory, LayerFactory, LocalFuture};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

/// A request as browsers send it.
fn request(method: Method, peer: &Rc<Peer>) -> Request {
    let mut head = Head::new(method, Version::Http11, "/articles?page=2");
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

fn taken(answer: LocalFuture<Response>) -> Option<Response> {
    match answer {
        LocalFuture::Ready(response) => response,
        _ => None,
    }
}

fn cache(c: &mut Criterion) {
    let peer = Rc::new(Peer::new(Address::Unix(None), false));
    let host = HostLoop::new(0, || {}).expect("a loop");
    let fixed = |control: &'static str| {
        Fixed::new(StatusCode::OK, vec![b'x'; 2048])
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(header::CACHE_CONTROL, HeaderValue::from_static(control))
            .build(host.handle())
    };
    let layer =
        Cache::new(CacheOptions::default(), TrustProxy::default()).expect("options").open().expect("a store");
    let with = |control| Chain::new(vec![layer.build(host.handle())], fixed(control));
    let chains = [
        ("fixed", Method::GET, Chain::new(Vec::new(), fixed("max-age=3600"))),
        ("hit", Method::GET, with("max-age=3600")),
        ("another method", Method::OPTIONS, with("no-store")),
    ];
    // Fills the store.
    let fill = chains[1].2.run(request(Method::GET, &peer));
    let LocalFuture::Boxed(mut filling) = fill else { panic!("a miss is no answer at once") };
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(filling.as_mut().poll(&mut cx).is_ready());
    for (name, method, chain) in &chains {
        assert!(taken(chain.run(request(method.clone(), &peer))).is_some(), "{name}");
        c.bench_function(&format!("cache/{name}"), |b| {
            b.iter_batched(
                || request(method.clone(), &peer),
                |request| black_box(taken(chain.run(request))),
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, cache);
criterion_main!(benches);
