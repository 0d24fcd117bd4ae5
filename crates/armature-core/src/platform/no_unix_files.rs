//! Systems without Unix sockets, without descriptors that children inherit by number and without permissions of Unix.

use std::convert::Infallible;
use std::fs::{DirBuilder, File, OpenOptions};
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

/// Cannot exist here: folders are not opened.
#[derive(Debug)]
pub struct OwnedFolder(Infallible);

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

impl OwnedFolder {
    /// Always an error.
    pub fn open(_: &Path) -> io::Result<Self> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "keeping answers on disk is not available on this platform",
        ))
    }

    /// Never called, as all that follow: there is no folder.
    pub fn is_open_to_others(&self) -> io::Result<bool> {
        match self.0 {}
    }

    /// Never called.
    pub fn is_gone(&self) -> bool {
        match self.0 {}
    }

    /// Never called.
    pub fn lock(&self, _: &str) -> io::Result<Option<File>> {
        match self.0 {}
    }

    /// Never called.
    pub fn list(&self, _: impl FnMut(&str)) -> io::Result<()> {
        match self.0 {}
    }

    /// Never called.
    pub fn length(&self, _: &str) -> io::Result<Option<u64>> {
        match self.0 {}
    }

    /// Never called.
    pub fn read(&self, _: &str) -> io::Result<Option<File>> {
        match self.0 {}
    }

    /// Never called.
    pub fn create(&self, _: &str) -> io::Result<File> {
        match self.0 {}
    }

    /// Never called.
    pub fn append(&self, _: &str) -> io::Result<File> {
        match self.0 {}
    }

    /// Never called.
    pub fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        match self.0 {}
    }

    /// Never called.
    pub fn remove(&self, _: &str) -> io::Result<()> {
        match self.0 {}
    }

    /// Never called.
    pub fn sync(&self) -> io::Result<()> {
        match self.0 {}
    }
}
