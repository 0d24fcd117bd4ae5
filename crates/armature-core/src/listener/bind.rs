//! Binding: from an address of the settings to a listening socket.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::ListenAddress;
use crate::error::{Error, Result};
use crate::http::Address;
use crate::platform;

/// Connections that the kernel may hold before they are accepted; it clamps this to its own limit.
const BACKLOG: i32 = 4096;
/// Bytes that the kernel may hold for a peer beyond what is on its way.
const UNSENT_BYTES: u32 = 128 * 1024;

/// A bound and listening socket. Loops accept from duplicates of it.
#[derive(Debug)]
pub struct BoundListener {
    pub(super) socket: Bound,
    address: Address,
}

#[derive(Debug)]
pub(super) enum Bound {
    Tcp(TcpListener),
    Unix(platform::UnixListener),
}

impl BoundListener {
    /// Binds `address`. There is no SO_REUSEPORT: a port that somebody listens on is an error.
    ///
    /// # Errors
    /// `ARMATURE_LISTEN` with the address and the error of the operating system.
    pub fn bind(address: &ListenAddress) -> Result<Self> {
        match address {
            ListenAddress::Tcp { host, port } => {
                bind_tcp(host, *port).map_err(|error| Error::listen(format!("{host}:{port}"), error))
            }
            ListenAddress::Unix { path } => platform::bind_unix(path)
                .map(|listener| Self {
                    socket: Bound::Unix(listener),
                    address: Address::Unix(Some(path.clone())),
                })
                .map_err(|error| Error::listen(format!("unix:{}", path.display()), error)),
        }
    }

    /// The address it listens on, with the port that was chosen for port 0.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

impl Drop for BoundListener {
    fn drop(&mut self) {
        if let (Bound::Unix(_), Address::Unix(Some(path))) = (&self.socket, &self.address) {
            // The file is ours; it may have been removed by an operator already.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn bind_tcp(host: &str, port: u16) -> io::Result<BoundListener> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    for address in (host, port).to_socket_addrs()? {
        match bind_address(address) {
            Ok(listener) => {
                let address = Address::Ip(listener.local_addr()?);
                return Ok(BoundListener { socket: Bound::Tcp(listener), address });
            }
            // A machine without IPv6 still serves `::` on IPv4, as Node does.
            Err(error) if address.ip().is_unspecified() && address.is_ipv6() && is_no_ipv6(&error) => {
                let listener = bind_address(SocketAddr::from(([0, 0, 0, 0], port)))?;
                let address = Address::Ip(listener.local_addr()?);
                return Ok(BoundListener { socket: Bound::Tcp(listener), address });
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn is_no_ipv6(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(platform::ADDRESS_FAMILY_UNSUPPORTED)
}

fn bind_address(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `::` takes IPv4 too; a given IPv6 address takes only itself either way.
        socket.set_only_v6(false)?;
    }
    platform::allow_rebind(&socket)?;
    platform::limit_unsent(&socket, UNSENT_BYTES);
    if platform::INHERITS_NODELAY {
        socket.set_tcp_nodelay(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
