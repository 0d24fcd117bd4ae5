//! The price of a chain: dispatch through 0, 1 and 3 layers that do nothing, to a handler that is ready.

use std::hint::black_box;
use std::rc::Rc;

use armature_core::handler::Fixed;
use armature_core::http::{Address, Response};
use armature_core::http::{Body, Head, Method, Peer, Request, RequestId, StatusCode, Version};
use armature_core::io_loop::HostLoop;
use armature_core::pipeline::{Chain, Handler, HandlerFactory, Layer, LocalFuture, Next};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

struct PassThrough;

impl Layer for PassThrough {
    fn call(self: Rc<Self>, request: Request, next: Next) -> LocalFuture<Response> {
        next.run(request)
    }
}

fn request(peer: &Rc<Peer>) -> Request {
    let mut head = Head::new(Method::GET, Version::Http11, "/users/42");
    head.push("host", b"localhost");
    Request::new(head, Body::Empty, peer.clone(), RequestId::Sequence(1))
}

fn chains(c: &mut Criterion) {
    let peer = Rc::new(Peer::new(Address::Unix(None), false));
    let host = HostLoop::new(0, || {}).expect("a loop");
    let handler: Rc<dyn Handler> = Fixed::new(StatusCode::OK, "hello").build(host.handle());
    let mut measure = |name: &str, layers: Vec<Rc<dyn Layer>>| {
        let chain = Chain::new(layers, handler.clone());
        c.bench_function(&format!("chain/{name}"), |b| {
            b.iter_batched(
                || request(&peer),
                |request| match chain.run(request) {
                    LocalFuture::Ready(response) => black_box(response),
                    _ => None,
                },
                BatchSize::SmallInput,
            );
        });
    };
    for layers in [0, 1, 3] {
        let list = (0..layers).map(|_| Rc::new(PassThrough) as Rc<dyn Layer>).collect();
        measure(&format!("{layers} layers"), list);
    }
}

criterion_group!(benches, chains);
criterion_main!(benches);
