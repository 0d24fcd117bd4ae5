//! The price of compressing an answer of 50 KB, at the default levels and with each coding, and of leaving it as it is.

use std::fmt::Write as _;
use std::hint::black_box;
use std::rc::Rc;

use armature_core::handler::Fixed;
use armature_core::http::{
    Address, Body, Head, HeaderValue, Method, Peer, Request, RequestId, Response, StatusCode, Version, header,
};
use armature_core::io_loop::HostLoop;
use armature_core::layer::{Compress, CompressOptions};
use armature_core::pipeline::{Chain, HandlerFactory, LayerFactory, LocalFuture};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

const SIZE: usize = 50_000;
const WORDS: [&str; 16] = [
    "delivered",
    "with",
    "care",
    "to",
    "the",
    "front",
    "desk",
    "please",
    "ring",
    "twice",
    "if",
    "nobody",
    "answers",
    "invoice",
    "by",
    "mail",
];

/// Orders as the API of a shop lists them.
fn orders() -> String {
    let mut state = 1_u32;
    let mut next = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((u64::from(state) * u64::from(below)) >> 32) as u32
    };
    let mut text = String::from("[");
    while text.len() < SIZE {
        let _ = write!(
            text,
            r#"{{"id":"{:08x}-{:04x}","number":{},"createdAt":"2026-05-28T{:02}:27:00.049Z","customer":{{"id":{},"email":"a{:x}@example.com"}},"items":[{{"sku":"{:08X}","quantity":{},"price":{}.{}}}],"note":""#,
            next(u32::MAX),
            next(65_536),
            100_000 + next(1000),
            next(24),
            next(1_000_000),
            next(65_536),
            next(u32::MAX),
            1 + next(5),
            next(1000),
            next(100),
        );
        for _ in 0..4 + next(16) {
            let _ = write!(text, "{} ", WORDS[next(16) as usize]);
        }
        text.push_str("\"},");
    }
    text.pop();
    text + "]"
}

fn request(peer: &Rc<Peer>, coding: &str) -> Request {
    let mut head = Head::new(Method::GET, Version::Http11, "/orders");
    head.push("host", b"localhost");
    head.push("accept-encoding", coding.as_bytes());
    Request::new(head, Body::Empty, peer.clone(), RequestId::Sequence(1))
}

fn taken(answer: LocalFuture<Response>) -> Option<Response> {
    match answer {
        LocalFuture::Ready(response) => response,
        _ => None,
    }
}

fn compress(c: &mut Criterion) {
    let peer = Rc::new(Peer::new(Address::Unix(None), false));
    let host = HostLoop::new(0, || {}).expect("a loop");
    let handler = Fixed::new(StatusCode::OK, orders())
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .build(host.handle());
    let layer = Compress::new(CompressOptions::default()).expect("a layer").build(host.handle());
    let chain = Chain::new(vec![layer], handler);
    for coding in ["identity", "gzip", "br", "zstd"] {
        let response = taken(chain.run(request(&peer, coding))).expect("an answer at once");
        let has = response.headers.get(&header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
        assert_eq!(has, (coding != "identity").then_some(coding.as_bytes()));
        c.bench_function(&format!("compress/{coding}"), |b| {
            b.iter_batched(
                || request(&peer, coding),
                |request| black_box(taken(chain.run(request))),
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, compress);
criterion_main!(benches);
