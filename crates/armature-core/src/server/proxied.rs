//! Connections that begin with a PROXY header, which says for whom they are.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use super::accept::{self, Newcomer};
use super::local::LoopServer;
use super::open::Open;
use crate::http::{Address, Peer};
use crate::listener::proxy::{Greeting, Missing};
use crate::listener::{Entrance, Transport};

/// Waits for the header on a connection from `socket`, then goes on with whom it names. Without one, and from anybody but the
/// listener's proxies, the connection is closed without a word: an answer would tell a stranger what there is, and a proxy nothing.
pub(super) fn serve(
    server: &Rc<LoopServer>,
    entrance: &Arc<Entrance>,
    transport: Transport,
    socket: Address,
    open: Open,
) {
    // As for `trustProxy`: the peer of a Unix socket is on this machine.
    let is_proxy = |ip| entrance.proxy.as_ref().is_some_and(|proxies| proxies.contains(ip));
    if !is_proxy(socket.ip().unwrap_or(IpAddr::from([127, 0, 0, 1]))) {
        server.shared.metrics.refused_proxy.add(1);
        return;
    }
    let (server, entrance) = (server.clone(), entrance.clone());
    let since = server.io_loop.now();
    // A server that drains waits for it.
    let accepting = server.accepting();
    server.io_loop.clone().spawn(async move {
        let patience = server.io_loop.sleep();
        patience.reset(server.shared.settings.timeouts.header);
        let stop = server.stop_accepting.notified();
        tokio::pin!(stop);
        stop.as_mut().enable();
        let said = Greeting::new(&transport).wait(&patience, stop, || server.draining.get()).await;
        match said {
            Ok((announced, early)) => {
                let peer = Peer::new(announced.client.map_or(socket, Address::Ip), announced.secure);
                accept::enter(&server, &entrance, Newcomer { transport, peer, early, since, open });
            }
            Err(Missing::Malformed | Missing::Late) => server.shared.metrics.refused_proxy.add(1),
            // A health check that only connects; a server that ends.
            Err(Missing::Gone | Missing::Stopped) => {}
        }
        drop(accepting);
    });
}
