//! Listening sockets: bound once, accepted on every loop.

mod accept;
mod bind;
mod inherited;
pub mod proxy;
pub mod quic;
mod stream;
pub mod tls;
mod transport;

pub use accept::LocalListener;
pub use bind::{BoundListener, Entrance};
pub use stream::Stream;
pub use transport::Transport;
