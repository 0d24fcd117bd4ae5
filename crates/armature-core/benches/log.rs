//! The price of a line of the access log: a request through `Logger` beside one without, whose handler is ready.

use std::hint::black_box;
use std::rc::Rc;

use armature_core::config::{LogFileConfig, LogOutput};
use armature_core::handler::Fixed;
use armature_core::http::{Address, Body, Head, Method, Peer, Request, RequestId, StatusCode, Version};
use armature_core::io_loop::HostLoop;
use armature_core::layer::{LogFormat, Logger, LoggerOptions};
use armature_core::pipeline::{Chain, HandlerFactory, LayerFactory, LocalFuture};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

fn request(peer: &Rc<Peer>) -> Request {
    let mut head = Head::new(Method::GET, Version::Http11, "/users/42");
    head.push("host", b"localhost");
    head.push("user-agent", b"curl/8.5.0");
    Request::new(head, Body::Empty, peer.clone(), RequestId::Sequence(1))
}

fn lines(c: &mut Criterion) {
    let peer = Rc::new(Peer::new(Address::Ip(([127, 0, 0, 1], 1).into()), false));
    let host = HostLoop::new(0, || {}).expect("a loop");
    let handler = Fixed::new(StatusCode::OK, "hello").build(host.handle());
    // What the thread does with lines is not what is measured.
    let output = LogOutput::File(LogFileConfig { path: "/dev/null".into(), ..Default::default() });
    let formats = [LogFormat::Json, LogFormat::Common, LogFormat::Combined, LogFormat::Dev];
    let cases = formats.map(|format| (format!("{format:?}"), Some((format, "/skipped"))));
    let others = [("skipped".to_owned(), Some((LogFormat::Json, "/users"))), ("no logger".to_owned(), None)];
    for (name, case) in others.into_iter().chain(cases) {
        let layers = case.map(|(format, skip)| {
            let options = LoggerOptions {
                format: Some(format),
                output: Some(output.clone()),
                skip: Some(vec![skip.into()]),
                ..Default::default()
            };
            Logger::new(options).and_then(Logger::start).expect("a logger").build(host.handle())
        });
        let chain = Chain::new(layers.into_iter().collect(), handler.clone());
        c.bench_function(&format!("log/{name}"), |b| {
            b.iter_batched(
                || request(&peer),
                |request| match chain.run(request) {
                    LocalFuture::Ready(response) => black_box(response),
                    _ => None,
                },
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, lines);
criterion_main!(benches);
