//! Accepting connections, within the limit.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use super::local::LoopServer;
use super::open::Open;
use super::redirecting::{Detour, Redirecting};
use super::{proxied, secured};
use crate::http::{Address, Peer, Problem};
use crate::listener::tls::Alpn;
use crate::listener::{BoundListener, Entrance, LocalListener, Stream, Transport};
use crate::metrics::Counter;
use crate::protocol::{Arrival, ConnectionControl, Dispatch, h1, h2};

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
            accept(&server, &local, keep[index].entrance()).await;
            drop(local);
            drop(keep);
            drop(accepting);
        });
    }
    Ok(())
}

/// Accepts until the server drains.
async fn accept(server: &Rc<LoopServer>, listener: &LocalListener, entrance: &Arc<Entrance>) {
    let stop = server.stop_accepting.notified();
    tokio::pin!(stop);
    stop.as_mut().enable();
    while !server.draining.get() {
        tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => admit(server, accepted, entrance),
        }
    }
    if server.leaving.get() {
        return;
    }
    // Whoever is in the accept queue has a connection already as far as he knows.
    while let Some(accepted) = listener.accept_now() {
        admit(server, accepted, entrance);
    }
}

/// A connection from accept to the first byte of HTTP.
pub(super) struct Newcomer {
    pub transport: Transport,
    pub peer: Peer,
    /// What was read of it before.
    pub early: Vec<u8>,
    /// When it was accepted, in ticks.
    pub since: u64,
    pub open: Open,
}

fn admit(server: &Rc<LoopServer>, (transport, peer): (Transport, Address), entrance: &Arc<Entrance>) {
    let metrics = &server.shared.metrics;
    metrics.accepted.add(1);
    let Some(open) = Open::enter(&server.shared) else {
        return refuse(server, transport, entrance, &metrics.refused);
    };
    let since = server.io_loop.now();
    match &entrance.proxy {
        None => {
            let early = Vec::new();
            enter(server, entrance, Newcomer { transport, peer: Peer::new(peer, false), early, since, open });
        }
        Some(_) => proxied::serve(server, entrance, transport, peer, open),
    }
}

/// Goes on with a connection whose client is known.
pub(super) fn enter(server: &Rc<LoopServer>, entrance: &Arc<Entrance>, newcomer: Newcomer) {
    let Newcomer { transport, peer, early, since, mut open } = newcomer;
    if !open.take_place_of(&peer.remote) {
        drop(open);
        return refuse(server, transport, entrance, &server.shared.metrics.refused_per_ip);
    }
    if entrance.tls.is_some() {
        return secured::serve(server, entrance, Newcomer { transport, peer, early, since, open });
    }
    serve(
        server,
        Arrival { stream: Stream::Plain(transport), peer, early, since },
        Alpn::Http1,
        Detour::of(entrance),
        open,
    );
}

/// Serves a connection that begins to speak `protocol`, or takes its requests to `detour`.
pub(super) fn serve(
    server: &Rc<LoopServer>,
    arrival: Arrival,
    protocol: Alpn,
    detour: Option<Detour>,
    open: Open,
) {
    let registry = server.clone();
    let register = move |control: ConnectionControl| {
        if registry.draining.get() {
            control.drain();
        }
        (open, registry.register(control))
    };
    match (protocol, detour) {
        (Alpn::Http1, Some(detour)) => {
            let server = Rc::new(Redirecting::new(server.clone(), detour));
            server.io_loop().spawn(h1::serve(arrival, server.clone(), register));
        }
        (Alpn::Http1, None) => server.io_loop.spawn(h1::serve(arrival, server.clone(), register)),
        (Alpn::Http2, _) => server.io_loop.spawn(h2::serve(arrival, server.clone(), register)),
        // An authority has seen what it came for.
        (Alpn::Acme, _) => drop(arrival),
    }
}

/// Closes a connection that is not served. Whoever expects TLS would not understand why.
fn refuse(server: &Rc<LoopServer>, transport: Transport, entrance: &Entrance, counter: &Counter) {
    counter.add(1);
    if entrance.tls.is_none() {
        dismiss(server, transport, Problem::OVERLOADED);
    }
}

/// Says why a connection is not served, without encryption, and closes it.
pub(super) fn dismiss(server: &Rc<LoopServer>, transport: Transport, problem: Problem) {
    let words = h1::last_words(problem, &server.io_loop);
    leave(server, transport, &words);
}

/// Writes `words` and closes, so that they arrive.
pub(super) fn leave(server: &Rc<LoopServer>, transport: Transport, words: &[u8]) {
    transport.write_now(words);
    if server.lingering.get() >= MAX_LINGERING {
        return;
    }
    server.lingering.set(server.lingering.get() + 1);
    let server = server.clone();
    server.io_loop.clone().spawn(async move {
        h1::linger(Stream::Plain(transport), server.io_loop.clone()).await;
        server.lingering.set(server.lingering.get() - 1);
    });
}
