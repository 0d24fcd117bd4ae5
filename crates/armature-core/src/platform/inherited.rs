//! A listening socket out of a descriptor that somebody else has made.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use socket2::{Domain, Socket, Type};

use crate::http::Address;

/// A descriptor that this process owns.
pub type OwnedDescriptor = std::os::fd::OwnedFd;

/// What may be inherited.
#[derive(Debug)]
pub enum Inherited {
    /// IPv4 or IPv6.
    Tcp(TcpListener),
    /// A Unix socket; its file is somebody else's.
    Unix(UnixListener),
}

/// The listening socket that `descriptor` is, and its address.
///
/// # Errors
/// What it is instead.
pub fn inherit(descriptor: &OwnedDescriptor) -> io::Result<(Inherited, Address)> {
    let socket = Socket::from(descriptor.try_clone()?);
    let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}")));
    match socket.r#type() {
        Ok(Type::STREAM) => {}
        Ok(_) => return wrong("a datagram or raw socket, not a stream"),
        Err(_) => return wrong("not a socket"),
    }
    if !listens(&socket)? {
        return wrong("a socket that does not listen: call listen() before it is passed on");
    }
    let address = socket.local_addr()?;
    socket.set_nonblocking(true)?;
    match address.domain() {
        Domain::UNIX => {
            let path = address.as_pathname().map(ToOwned::to_owned);
            Ok((Inherited::Unix(socket.into()), Address::Unix(path)))
        }
        Domain::IPV4 | Domain::IPV6 => match address.as_socket() {
            Some(ip) => Ok((Inherited::Tcp(socket.into()), Address::Ip(ip))),
            None => wrong("a socket without an address"),
        },
        _ => wrong("a socket of another family than IPv4, IPv6 and Unix"),
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn listens(socket: &Socket) -> io::Result<bool> {
    socket.is_listener()
}

/// Elsewhere accepting tells.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn listens(_: &Socket) -> io::Result<bool> {
    Ok(true)
}
