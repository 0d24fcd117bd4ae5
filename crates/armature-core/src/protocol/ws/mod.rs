//! WebSocket (RFC 6455), behind the upgrade of a request.
//!
//! * `handshake` checks the request and makes the 101
//! * `header` and `decode` turn bytes into messages, `encode` the other way round; `mask`, `utf8` and `close` are parts of that
//! * `deflate` compresses messages where client and route agree on it
//! * `outbox` has what waits to be written, in `pieces`; `connection` reads, writes and keeps the time
//! * `flusher` writes what was published to many of them
//! * [`topics`] has who subscribes to what, and sends a message to all of them
//!
//! [`Link`] is who gets the messages, [`Outbox`] how to send some: what the application is, this room does not know.

mod close;
mod connection;
mod decode;
mod deflate;
mod encode;
mod flusher;
#[cfg(test)]
mod flusher_tests;
mod handshake;
mod header;
mod mask;
mod outbox;
mod pieces;
mod scratch;
mod settings;
#[cfg(test)]
mod tests;
pub mod topics;
mod utf8;

pub use close::{CloseCode, Farewell};
pub use connection::{Link, Room, serve};
pub use decode::{Decoder, Event, Text, Violation};
pub use deflate::{Agreement, Deflate};
pub use handshake::Handshake;
pub(in crate::protocol) use handshake::PROTOCOL;
pub use outbox::Outbox;
pub use settings::{DeflateSettings, WsSettings};
