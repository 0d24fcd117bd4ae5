//! Systems without Unix sockets in the standard library: listening on one is an error that says so.

use std::convert::Infallible;
use std::io;

use mio::event::Source;
use mio::{Interest, Registry, Token};

pub use mio::net::TcpStream as UnixStream;

/// Cannot exist here.
#[derive(Debug)]
pub struct UnixListener(Infallible);

/// Cannot exist here.
#[derive(Debug)]
pub struct LocalUnixListener(Infallible);

/// WSAEAFNOSUPPORT.
pub const ADDRESS_FAMILY_UNSUPPORTED: i32 = 10047;

/// Windows' SO_REUSEADDR would let another process take the port; its default already allows a quick restart.
pub fn allow_rebind(_: &socket2::Socket) -> io::Result<()> {
    Ok(())
}

/// Never called: there is no listener.
pub fn duplicate_unix(listener: &UnixListener) -> io::Result<LocalUnixListener> {
    match listener.0 {}
}

/// Never called: there is no listener.
pub fn accept_unix(listener: &LocalUnixListener) -> io::Result<UnixStream> {
    match listener.0 {}
}

impl Source for LocalUnixListener {
    fn register(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        match self.0 {}
    }

    fn reregister(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        match self.0 {}
    }

    fn deregister(&mut self, _: &Registry) -> io::Result<()> {
        match self.0 {}
    }
}

/// There are none to connect to.
pub async fn connect_unix(_: &std::path::Path) -> io::Result<tokio::net::TcpStream> {
    Err(io::ErrorKind::Unsupported.into())
}

/// There is no such option here.
pub fn limit_unsent(_: &socket2::Socket, _: u32) {}
