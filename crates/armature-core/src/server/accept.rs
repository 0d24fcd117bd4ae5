//! Accepting connections, within the limit.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use super::Shared;
use super::local::LoopServer;
use crate::http::{Address, Peer, Problem};
use crate::listener::{BoundListener, LocalListener, Stream};
use crate::protocol::h1;

/// Refused sockets that wait for their peer to read the refusal; more are closed at once.
const MAX_LINGERING: usize = 64;

/// Registers every listener with the loop and accepts until the server drains.
pub(super) fn start(server: &Rc<LoopServer>, listeners: Arc<Vec<BoundListener>>) -> io::Result<()> {
    let register = |listener| LocalListener::register(listener, &server.io_loop);
    let locals = listeners.iter().map(register).collect::<io::Result<Vec<_>>>()?;
    for local in locals {
        server.accepting.set(server.accepting.get() + 1);
        // The bound sockets stay open, and a Unix socket's file in place, while any loop accepts from them.
        let keep = listeners.clone();
        let server = server.clone();
        server.io_loop.clone().spawn(async move {
            accept(&server, &local).await;
            drop(local);
            drop(keep);
            server.accepting.set(server.accepting.get() - 1);
            server.quiet.notify_waiters();
        });
    }
    Ok(())
}

async fn accept(server: &Rc<LoopServer>, listener: &LocalListener) {
    let stop = server.stop_accepting.notified();
    tokio::pin!(stop);
    stop.as_mut().enable();
    while !server.draining.get() {
        tokio::select! {
            biased;
            accepted = listener.accept() => admit(server, accepted),
            () = &mut stop => break,
        }
    }
    // Whoever is in the accept queue has a connection already as far as he knows.
    while let Some(accepted) = listener.accept_now() {
        admit(server, accepted);
    }
}

fn admit(server: &Rc<LoopServer>, (stream, peer): (Stream, Address)) {
    let open = Open::new(&server.shared);
    server.shared.metrics.accepted.add(1);
    if open.number > server.shared.settings.limits.connections as i64 {
        drop(open);
        return refuse(server, stream);
    }
    let server = server.clone();
    server.io_loop.clone().spawn(async move {
        let _open = open;
        let mut registration = None;
        h1::serve(stream, Peer::new(peer, false), server.clone(), |control| {
            if server.draining.get() {
                control.drain();
            }
            registration = Some(server.register(control));
        })
        .await;
        drop(registration);
    });
}

fn refuse(server: &Rc<LoopServer>, stream: Stream) {
    server.shared.metrics.refused.add(1);
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

/// Counts a connection while it is open.
struct Open {
    shared: Arc<Shared>,
    number: i64,
}

impl Open {
    fn new(shared: &Arc<Shared>) -> Self {
        Self { number: shared.metrics.connections.enter(), shared: shared.clone() }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.metrics.connections.leave();
    }
}
