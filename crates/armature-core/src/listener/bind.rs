//! Binding: from an address of the settings to a listening socket.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

use super::inherited;
use crate::config::{Listen, ListenAddress, TrustProxy};
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
    proxy: Option<TrustProxy>,
    /// Removed when the listener is dropped.
    _file: Option<platform::SocketFile>,
}

#[derive(Debug)]
pub(super) enum Bound {
    Tcp(TcpListener),
    Unix(platform::UnixListener),
}

impl BoundListener {
    /// Binds what `listen` names. There is no SO_REUSEPORT: a port that somebody listens on is an error.
    ///
    /// # Errors
    /// `ARMATURE_LISTEN` with the address and the error of the operating system.
    pub fn bind(listen: &Listen) -> Result<Self> {
        let (socket, address, file) = match &listen.address {
            ListenAddress::Tcp { host, port } => {
                bind_tcp(host, *port).map(|(tcp, address)| (Bound::Tcp(tcp), address, None))
            }
            ListenAddress::Unix { path, mode } => platform::bind_unix(path, *mode, BACKLOG)
                .map(|(unix, file)| (Bound::Unix(unix), Address::Unix(Some(path.clone())), Some(file))),
            ListenAddress::Inherited(descriptor) => {
                inherited::open(descriptor).map(|(socket, address)| (socket, address, None))
            }
        }
        .map_err(|error| Error::listen(listen, error))?;
        Ok(Self { socket, address, proxy: listen.proxy.clone(), _file: file })
    }

    /// The address it listens on, with the port that was chosen for port 0.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The peers that say with the PROXY protocol for whom they connect; `None` where nobody does.
    pub fn proxy(&self) -> Option<&TrustProxy> {
        self.proxy.as_ref()
    }
}

/// What accepted sockets inherit from theirs.
pub(super) fn prepare(socket: &Socket) -> io::Result<()> {
    platform::limit_unsent(socket, UNSENT_BYTES);
    if platform::INHERITS_NODELAY {
        socket.set_tcp_nodelay(true)?;
    }
    Ok(())
}

fn bind_tcp(host: &str, port: u16) -> io::Result<(TcpListener, Address)> {
    let with_address = |listener: TcpListener| {
        let address = Address::Ip(listener.local_addr()?);
        Ok((listener, address))
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    for address in (host, port).to_socket_addrs()? {
        match bind_address(address) {
            Ok(listener) => return with_address(listener),
            // A machine without IPv6 still serves `::` on IPv4, as Node does.
            Err(error) if address.ip().is_unspecified() && address.is_ipv6() && is_no_ipv6(&error) => {
                return with_address(bind_address(SocketAddr::from(([0, 0, 0, 0], port)))?);
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
    prepare(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
