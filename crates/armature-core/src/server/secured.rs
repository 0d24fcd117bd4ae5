//! Connections that begin with a TLS handshake.

use std::rc::Rc;
use std::sync::Arc;

use super::accept::{self, Newcomer};
use super::local::LoopServer;
use crate::http::{Peer, Problem};
use crate::io_loop::ticks;
use crate::listener::tls::{Failed, Secured};
use crate::listener::{Entrance, Stream};
use crate::protocol::Arrival;

/// Waits for the handshake, within `timeouts.header` of the accept, then serves.
pub(super) fn serve(server: &Rc<LoopServer>, entrance: &Arc<Entrance>, newcomer: Newcomer) {
    let Newcomer { transport, peer, early, since, open } = newcomer;
    let Some(certificates) = &entrance.tls else { return };
    let alternative = entrance.alternative.clone();
    let handshake = certificates.greet(transport.clone(), &early, entrance.challenges.as_ref());
    let server = server.clone();
    // A server that drains waits for it.
    let accepting = server.accepting();
    server.io_loop.clone().spawn(async move {
        let patience = server.io_loop.sleep();
        patience.reset_at(since + ticks(server.shared.settings.timeouts.header));
        let stop = server.stop_accepting.notified();
        tokio::pin!(stop);
        stop.as_mut().enable();
        let secured = match handshake {
            Ok(handshake) => handshake.run(&patience, stop, || server.draining.get()).await,
            Err(failed) => Err(failed),
        };
        let metrics = &server.shared.metrics;
        match secured {
            Ok(Secured { stream, info, alpn, resumed }) => {
                metrics.handshakes.add(1);
                metrics.resumed.add(u64::from(resumed));
                let peer = Peer { secure: true, tls: Some(Box::new(info)), alternative, ..peer };
                let arrival = Arrival { stream: Stream::Tls(stream), peer, early: Vec::new(), since };
                accept::serve(&server, arrival, alpn, None, open);
            }
            Err(failed) => {
                drop(open);
                match failed {
                    Failed::PlainHttp => {
                        metrics.failed_handshakes.add(1);
                        accept::dismiss(&server, transport, Problem::PLAIN_HTTP);
                    }
                    Failed::Refused(_) => {
                        metrics.failed_handshakes.add(1);
                        // The alert has been written; it has to arrive.
                        accept::leave(&server, transport, &[]);
                    }
                    Failed::Late => metrics.failed_handshakes.add(1),
                    Failed::Gone | Failed::Stopped => {}
                }
            }
        }
        drop(accepting);
    });
}
