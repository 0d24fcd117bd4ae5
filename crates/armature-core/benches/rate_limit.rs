//! The price of a rate limit in memory: for requests of 1,024 known addresses that are allowed, with and without fields, for
//! those that are refused, and for new addresses with a full table. Subtract `rate_limit/none`.

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::rc::Rc;

use armature_core::handler::Fixed;
use armature_core::http::{Address, Body, Head, Method, Peer, Request, RequestId, StatusCode, Version};
use armature_core::io_loop::HostLoop;
use armature_core::layer::{RateLimit, RateLimitOptions};
use armature_core::pipeline::{Chain, HandlerFactory, LayerFactory, LocalFuture};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

const CLIENTS: u32 = 1024;

fn options(json: &str) -> RateLimitOptions {
    armature_core::config::parse(json).expect("options")
}

fn request(peer: &Rc<Peer>) -> Request {
    let mut head = Head::new(Method::GET, Version::Http11, "/users/42");
    head.push("host", b"localhost");
    Request::new(head, Body::Empty, peer.clone(), RequestId::Sequence(1))
}

fn peers(count: u32) -> Vec<Rc<Peer>> {
    let address = |n: u32| Address::Ip((Ipv4Addr::from_bits(0x0a00_0000 + n), 9).into());
    (0..count).map(|n| Rc::new(Peer::new(address(n), false))).collect()
}

fn limits(c: &mut Criterion) {
    let host = HostLoop::new(0, || {}).expect("a loop");
    // Enough for any machine: a million a second for each address.
    let plenty = r#""limit": 1000000, "window": "1s""#;
    let cases = [
        ("none", None, CLIENTS),
        ("allowed, no fields", Some(format!(r#"{{ {plenty}, "headers": false }}"#)), CLIENTS),
        ("allowed, fields", Some(format!("{{ {plenty} }}")), CLIENTS),
        (
            "allowed, sliding window, no fields",
            Some(format!(r#"{{ {plenty}, "headers": false, "algorithm": "sliding-window" }}"#)),
            CLIENTS,
        ),
        ("refused", Some(r#"{ "limit": 1, "window": "24h" }"#.to_owned()), CLIENTS),
        (
            "new addresses, full table",
            Some(r#"{ "limit": 10, "window": "24h", "headers": false, "capacity": 10000 }"#.to_owned()),
            1_000_000,
        ),
    ];
    for (name, json, clients) in cases {
        let handler = Fixed::new(StatusCode::OK, "hello").build(host.handle());
        let layer = json.map(|json| {
            let limit = RateLimit::new(options(&json)).and_then(RateLimit::start).expect("a limit");
            limit.build(host.handle())
        });
        let chain = Chain::new(layer.into_iter().collect(), handler);
        let (peers, mut n) = (peers(clients), 0);
        c.bench_function(&format!("rate_limit/{name}"), |b| {
            b.iter_batched(
                || {
                    n = (n + 1) % peers.len();
                    request(&peers[n])
                },
                |request| match chain.run(request) {
                    LocalFuture::Ready(response) => black_box(response),
                    _ => None,
                },
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, limits);
criterion_main!(benches);
