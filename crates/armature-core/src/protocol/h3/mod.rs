//! HTTP/3 (RFC 9114), over the connections of `listener::quic`.
//!
//! * `connection` drives one connection: it begins streams, and knows when to give up; `control` are the streams that are no requests
//! * `exchange` is one request: from its head to the last byte of the answer, which `sending` sends
//! * `frames` takes a stream apart, `head` judges what the fields of a request say, `body` is the way of its content
//! * `outgoing` is what an answer becomes, `encode` makes its head, `qpack` is how fields are written
//! * `model` judges fields once more, for `fuzzing` and tests, which compare
//! * `shared` is what a connection and its streams share, `code` why a stream or a connection ends
//!
//! The `h3` crate takes repeated and misplaced pseudo fields, keeps whole frames of any length in memory, and a place for every
//! stream that ever was; what it would have to be told is most of what there is to do.

mod body;
mod code;
mod connection;
mod control;
mod encode;
mod exchange;
mod frames;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod head;
#[cfg(any(test, fuzzing))]
mod model;
mod outgoing;
mod qpack;
mod sending;
mod shared;
mod varint;

use std::rc::Rc;

use super::control::{ConnectionControl, Control};
use super::{Dispatch, h1};
use crate::http::Peer;
use crate::listener::quic;

/// Closes a connection that is not served, so that the peer comes again later.
pub fn refuse(connection: &quic::Connection) {
    connection.close(code::EXCESSIVE_LOAD);
}

/// Serves a connection whose handshake is over, until it closes. `register` receives the server's hold on it, at once; what it
/// returns is kept for as long. `since` is when it began, in ticks.
pub fn serve<D: Dispatch + 'static, K: 'static>(
    connection: Rc<quic::Connection>,
    (peer, since): (Peer, u64),
    server: Rc<D>,
    register: impl FnOnce(ConnectionControl) -> K + 'static,
) -> impl Future<Output = ()> + 'static {
    let control = Control::new(h1::loop_metrics(server.io_loop()));
    let keep = register(ConnectionControl(control.clone()));
    let serving = connection::run(connection, (Rc::new(peer), since), server, control);
    async move {
        serving.await;
        drop(keep);
    }
}

/// What one connection may have, for its handshake.
pub fn terms(settings: &crate::config::Settings) -> quic::Terms {
    let limits = &settings.limits;
    quic::Terms {
        streams: limits.streams,
        stream_window: limits.request_buffer,
        window: limits.request_buffer.saturating_mul(WINDOWS),
        send_window: limits.response_buffer.saturating_mul(WINDOWS),
        idle: settings.timeouts.idle,
    }
}

/// Bodies that may wait unread, or unconfirmed, before those of other streams are held up.
const WINDOWS: usize = 16;
