//! Listening sockets: bound once, accepted on every loop.

mod bind;
mod stream;

pub use bind::BoundListener;
pub use stream::{LocalListener, Stream};
