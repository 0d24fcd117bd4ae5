//! HTTP/2 (RFC 9113), over the state machine of the `h2` crate.
//!
//! * `connection` drives one connection: it begins streams, and knows when to give up
//! * `exchange` is one stream: from its request to the last byte of the answer; `tunnel` one that leaves HTTP
//! * `head` judges what the fields of a request say, `body` is the way of its content, `encode` makes the head of an answer
//! * `wire` are the bytes below, which `meter` counts by `frames`
//! * `stage` is how far the state machine is, `streams` what a connection and its streams share

mod body;
mod connection;
pub(super) mod encode;
mod exchange;
mod frames;
mod head;
mod meter;
mod stage;
mod streams;
mod tunnel;
mod wire;

use std::future::Future;
use std::rc::Rc;

pub(super) use connection::run;

use super::control::{ConnectionControl, Control};
use super::{Arrival, Dispatch, h1};

/// What every connection begins with (RFC 9113 section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whether `bytes`, with which a connection begins, are those of HTTP/2 as far as they go.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    let length = bytes.len().min(PREFACE.len());
    bytes[..length] == PREFACE[..length]
}

/// Serves a connection that is known to speak HTTP/2, until it closes. `register` receives the server's hold on it, at once;
/// what it returns is kept for as long.
pub fn serve<D: Dispatch + 'static, K: 'static>(
    arrival: Arrival,
    server: Rc<D>,
    register: impl FnOnce(ConnectionControl) -> K + 'static,
) -> impl Future<Output = ()> + 'static {
    let control = Control::new(h1::loop_metrics(server.io_loop()));
    let keep = register(ConnectionControl(control.clone()));
    let Arrival { stream, peer, early, since } = arrival;
    let serving = run((stream, Rc::new(peer), early, since), server, control);
    async move {
        serving.await;
        drop(keep);
    }
}
