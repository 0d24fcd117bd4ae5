//! HTTP/3: one endpoint for each UDP address, on one loop.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use super::local::LoopServer;
use super::open::Open;
use crate::config::Http3;
use crate::http::{Address, Peer};
use crate::listener::quic::{Connection, Decision, Door, Endpoint, Lost, Met};
use crate::listener::tls::Certificates;
use crate::listener::{BoundListener, Entrance};
use crate::protocol::{ConnectionControl, h3};

/// Starts the endpoints that are this loop's, of `loops`.
pub(super) fn start(
    server: &Rc<LoopServer>,
    listeners: &Arc<Vec<BoundListener>>,
    loops: usize,
) -> io::Result<()> {
    let own = usize::from(server.io_loop.index());
    let with_udp = listeners.iter().filter_map(|listener| Some((listener, listener.udp()?)));
    for (index, (listener, socket)) in with_udp.enumerate() {
        let entrance = listener.entrance();
        let (Some(http3), Some(tls)) = (entrance.http3, &entrance.tls) else { continue };
        if index.checked_rem(loops) == Some(own) {
            let terms = h3::terms(&server.shared.settings);
            let endpoint = Endpoint::new(socket.try_clone()?, &server.io_loop, &terms, tls.quic())?;
            let keep = listeners.clone();
            let hall =
                Hall { server: server.clone(), entrance: entrance.clone(), http3, strangers: Rc::default() };
            server.io_loop.spawn(serve(endpoint, hall, keep));
        }
    }
    Ok(())
}

/// Takes in datagrams until the server has drained, and the last connection is over.
async fn serve(endpoint: Endpoint, hall: Hall, keep: Arc<Vec<BoundListener>>) {
    let server = hall.server.clone();
    let mut accepting = Some(server.accepting());
    let stop = server.stop_accepting.notified();
    tokio::pin!(stop);
    stop.as_mut().enable();
    poll_fn(|cx| {
        if accepting.is_some() && (server.draining.get() || stop.as_mut().poll(cx).is_ready()) {
            accepting = None;
        }
        if endpoint.poll(cx, &hall).is_ready() {
            return Poll::Ready(());
        }
        // A server that has drained does not wait for peers to forget their connections.
        if accepting.is_none() && server.is_quiet() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    drop(keep);
}

/// Where clients are met.
struct Hall {
    server: Rc<LoopServer>,
    entrance: Arc<Entrance>,
    http3: Http3,
    /// Handshakes of those who may be somewhere else.
    strangers: Rc<Cell<usize>>,
}

impl Door for Hall {
    fn knock(&self, peer: SocketAddr, proven: bool) -> Decision {
        let shared = &self.server.shared;
        if self.server.draining.get() {
            return Decision::Refuse;
        }
        if !proven && self.strangers.get() >= self.http3.strangers {
            shared.metrics.retries.add(1);
            return Decision::Prove;
        }
        // Whoever is not proven might spend the connections of somebody else: those are counted when the handshake is over.
        if shared.metrics.connections.get() >= shared.settings.limits.connections as i64 {
            shared.metrics.accepted.add(1);
            shared.metrics.refused.add(1);
            return Decision::Refuse;
        }
        if proven && !Open::may_enter(shared, &Address::Ip(peer)) {
            shared.metrics.accepted.add(1);
            shared.metrics.refused_per_ip.add(1);
            return Decision::Refuse;
        }
        Decision::Accept
    }

    fn enter(&self, connection: Rc<Connection>, proven: bool) {
        let server = self.server.clone();
        let metrics = &server.shared.metrics;
        metrics.accepted.add(1);
        let Some(open) = Open::enter(&server.shared) else {
            metrics.refused.add(1);
            return h3::refuse(&connection);
        };
        let stranger = (!proven).then(|| Stranger::enter(&self.strangers));
        // A server that drains waits for it.
        let accepting = server.accepting();
        server.io_loop.clone().spawn(async move {
            greet(&server, &connection, open, stranger).await;
            drop(accepting);
        });
    }

    fn tls(&self) -> Arc<rustls::ServerConfig> {
        // An endpoint has certificates.
        self.entrance.tls.as_ref().map(Certificates::quic).unwrap_or_else(|| unreachable!("HTTP/3 has tls"))
    }
}

/// Waits for the handshake, within `timeouts.header` of its beginning, then serves.
async fn greet(
    server: &Rc<LoopServer>,
    connection: &Rc<Connection>,
    mut open: Open,
    stranger: Option<Stranger>,
) {
    let metrics = &server.shared.metrics;
    let since = server.io_loop.now();
    let patience = server.io_loop.sleep();
    patience.reset(server.shared.settings.timeouts.header);
    let met = poll_fn(|cx| match connection.poll_met(cx) {
        Poll::Pending if patience.poll_fired(cx) => Poll::Ready(None),
        polled => polled.map(Some),
    })
    .await;
    drop(stranger);
    let Met { info, resumed } = match met {
        Some(Ok(met)) => met,
        Some(Err(Lost::Gone | Lost::Closed)) => return,
        Some(Err(Lost::Failed)) => return metrics.failed_handshakes.add(1),
        None => {
            metrics.failed_handshakes.add(1);
            return h3::refuse(connection);
        }
    };
    metrics.handshakes.add(1);
    metrics.resumed.add(u64::from(resumed));
    let peer = Peer { tls: Some(Box::new(info)), ..Peer::new(Address::Ip(connection.peer()), true) };
    if !open.take_place_of(&peer.remote) {
        metrics.refused_per_ip.add(1);
        return h3::refuse(connection);
    }
    let registry = server.clone();
    let register = move |control: ConnectionControl| {
        if registry.draining.get() {
            control.drain();
        }
        (open, registry.register(control))
    };
    server.io_loop.spawn(h3::serve(connection.clone(), (peer, since), server.clone(), register));
}

/// A handshake of somebody whose address is not proven.
struct Stranger(Rc<Cell<usize>>);

impl Stranger {
    fn enter(strangers: &Rc<Cell<usize>>) -> Self {
        strangers.set(strangers.get() + 1);
        Self(strangers.clone())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
