//! Systems without Unix sockets and without descriptors that children inherit by number.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::path::Path;

use super::UnixListener;
use crate::http::Address;

/// Cannot exist here.
#[derive(Debug)]
pub struct OwnedDescriptor(Infallible);

/// Cannot exist here.
#[derive(Debug)]
pub struct SocketFile(Infallible);

/// What may be inherited elsewhere.
#[derive(Debug)]
pub enum Inherited {
    /// IPv4 or IPv6.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
}

/// Always an error.
pub fn bind_unix(_: &Path, _: Option<u32>, _: i32) -> io::Result<(UnixListener, SocketFile)> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "Unix sockets are not available on this platform"))
}

/// Never called: there is no descriptor.
pub fn inherit(descriptor: &OwnedDescriptor) -> io::Result<(Inherited, Address)> {
    match descriptor.0 {}
}

/// Whether both are of one file, which nobody can move while it is open.
pub fn is_same_file(_: &std::fs::Metadata, _: &std::fs::Metadata) -> bool {
    true
}
