//! HTTP/1.1 and 1.0 (RFC 9112), by hyper. No hyper type leaves this room.
//!
//! * `connection` drives one connection: deadlines, drain, lingering close
//! * `io` is the socket as hyper sees it, and what it tells the driver
//! * `state` is what the parts of a connection share
//! * `output` gathers what is written
//! * `service` turns hyper's requests into ours and our responses into hyper's
//! * `body` does the same for bodies

mod body;
mod connection;
mod io;
mod linger;
mod output;
mod service;
mod state;

pub(crate) use connection::last_words;
pub use connection::serve;
pub use linger::refuse;
pub use state::ConnectionControl;
