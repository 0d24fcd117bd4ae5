//! Accepting connections, within the limit.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use super::local::LoopServer;
use super::open::Open;
use super::proxied;
use crate::config::TrustProxy;
use crate::http::{Address, Peer, Problem};
use crate::listener::{BoundListener, LocalListener, Stream};
use crate::metrics::Counter;
use crate::protocol::{Arrival, h1};

/// Refused sockets that wait for their peer to read the refusal; more are closed at once.
const MAX_LINGERING: usize = 64;

/// Registers every listener with the loop and accepts until the server drains.
pub(super) fn start(server: &Rc<LoopServer>, listeners: Arc<Vec<BoundListener>>) -> io::Result<()> {
    let register = |listener| LocalListener::register(listener, &server.io_loop);
    let locals = listeners.iter().map(register).collect::<io::Result<Vec<_>>>()?;
    for (index, local) in locals.into_iter().enumerate() {
        // The bound sockets stay open, and a Unix socket's file in place, while any loop accepts from them.
        let keep = listeners.clone();
        let server = server.clone();
        let accepting = server.accepting();
        server.io_loop.clone().spawn(async move {
            accept(&server, &local, keep[index].proxy()).await;
            drop(local);
            drop(keep);
            drop(accepting);
        });
    }
    Ok(())
}

/// Accepts until the server drains; `proxies` say for whom they connect.
async fn accept(server: &Rc<LoopServer>, listener: &LocalListener, proxies: Option<&TrustProxy>) {
    let stop = server.stop_accepting.notified();
    tokio::pin!(stop);
    stop.as_mut().enable();
    while !server.draining.get() {
        tokio::select! {
            biased;
            accepted = listener.accept() => admit(server, accepted, proxies),
            () = &mut stop => break,
        }
    }
    // Whoever is in the accept queue has a connection already as far as he knows.
    while let Some(accepted) = listener.accept_now() {
        admit(server, accepted, proxies);
    }
}

fn admit(server: &Rc<LoopServer>, (stream, peer): (Stream, Address), proxies: Option<&TrustProxy>) {
    let metrics = &server.shared.metrics;
    metrics.accepted.add(1);
    let Some(open) = Open::enter(&server.shared) else {
        return refuse(server, stream, &metrics.refused);
    };
    match proxies {
        None => {
            let (early, since) = (Vec::new(), server.io_loop.now());
            serve(server, Arrival { stream, peer: Peer::new(peer, false), early, since }, open);
        }
        Some(proxies) => proxied::serve(server, stream, peer, proxies, open),
    }
}

/// Serves a connection whose client is known.
pub(super) fn serve(server: &Rc<LoopServer>, arrival: Arrival, mut open: Open) {
    if !open.take_place_of(&arrival.peer.remote) {
        drop(open);
        return refuse(server, arrival.stream, &server.shared.metrics.refused_per_ip);
    }
    let registry = server.clone();
    let connection = h1::serve(arrival, server.clone(), move |control| {
        if registry.draining.get() {
            control.drain();
        }
        (open, registry.register(control))
    });
    server.io_loop.spawn(connection);
}

fn refuse(server: &Rc<LoopServer>, stream: Stream, counter: &Counter) {
    counter.add(1);
    if server.lingering.get() >= MAX_LINGERING {
        stream.write_now(&h1::last_words(Problem::OVERLOADED, &server.io_loop));
        return;
    }
    server.lingering.set(server.lingering.get() + 1);
    let server = server.clone();
    server.io_loop.clone().spawn(async move {
        h1::refuse(stream, Problem::OVERLOADED, server.io_loop.clone()).await;
        server.lingering.set(server.lingering.get() - 1);
    });
}
