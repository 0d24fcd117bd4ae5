//! Systems without Unix sockets, without descriptors that children inherit by number and without permissions of Unix.

use std::convert::Infallible;
use std::fs::{DirBuilder, OpenOptions};
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

/// Makes a folder, and those above it, with the permissions of the one above.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(path)
}

/// Opens files for reading and writing; they have the permissions of their folder.
pub fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options
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
