//! QUIC (RFC 9000), over the state machines of `quinn-proto`: one endpoint for each UDP address, on one loop.
//!
//! * `socket` carries datagrams, in batches where the system can
//! * `endpoint` says which connection a datagram is for, and asks a [`Door`] about new ones
//! * `connection` is one of them, with its streams; `driver` sends for it, and keeps its timers
//! * `session` is its TLS, with the certificates of the listener
//!
//! `quinn` would drive the same state machines, from tasks that may move between threads, behind locks, and with queues without an
//! end between them. What one loop owns needs none of that.

mod connection;
mod driver;
mod endpoint;
mod session;
mod settings;
mod socket;

pub use connection::{Connection, Lost, Met, ReadEnd, WriteEnd};
pub use endpoint::{Decision, Door, Endpoint};
pub use quinn_proto::{Dir, StreamId};
pub use settings::Terms;
