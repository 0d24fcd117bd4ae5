//! Listening sockets: bound once, accepted on every loop.

mod accept;
mod bind;
mod inherited;
pub mod proxy;
mod stream;

pub use accept::LocalListener;
pub use bind::BoundListener;
pub use stream::Stream;
