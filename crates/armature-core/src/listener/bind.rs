//! Binding: from an address of the settings to a listening socket.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::sync::Arc;

use http::HeaderValue;
use socket2::{Domain, Protocol, Socket, Type};

use super::inherited;
use super::tls::Certificates;
use super::tls::acme::Challenges;
use crate::config::{AcmeChallenge, Announce, Http3, Listen, ListenAddress, RedirectHttps, TrustProxy};
use crate::error::{Error, Result};
use crate::http::Address;
use crate::platform;

/// Connections that the kernel may hold before they are accepted; it clamps this to its own limit.
const BACKLOG: i32 = 4096;
/// Bytes that the kernel may hold for a peer beyond what is on its way.
pub(super) const UNSENT_BYTES: u32 = 128 * 1024;

/// Ports that are tried when the system chooses, and somebody has the one it has chosen for UDP.
const CHOICES: usize = 16;

/// How long clients may remember that there is HTTP/3, in seconds.
const FRESH: u32 = 86_400;

/// A bound and listening socket. Loops accept from duplicates of it.
#[derive(Debug)]
pub struct BoundListener {
    pub(super) socket: Bound,
    address: Address,
    entrance: Arc<Entrance>,
    /// For HTTP/3, at the same address.
    udp: Option<UdpSocket>,
    /// Removed when the listener is dropped.
    _file: Option<platform::SocketFile>,
}

/// What a connection meets before HTTP.
#[derive(Debug)]
pub struct Entrance {
    /// The peers that say with the PROXY protocol for whom they connect; `None` where nobody does.
    pub proxy: Option<TrustProxy>,
    /// Certificates, where connections are encrypted.
    pub tls: Option<Certificates>,
    /// HTTP/3, where it is served beside.
    pub http3: Option<Http3>,
    /// What clients are told of it.
    pub alternative: Option<Box<HeaderValue>>,
    /// The port of HTTPS that clients are sent to instead of being served.
    pub redirect: Option<u16>,
    /// The answers to authorities, which may look for them here.
    pub challenges: Option<Arc<Challenges>>,
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
    /// `ARMATURE_TLS` when certificates cannot be used, `ARMATURE_LISTEN` with the address and the error of the operating system.
    pub fn bind(listen: &Listen) -> Result<Self> {
        let tls = listen.tls.as_ref().map(Certificates::load).transpose()?;
        let redirect = match listen.redirect {
            Some(RedirectHttps::ToPort(port)) => Some(port),
            _ => None,
        };
        let choices = if matches!(listen.address, ListenAddress::Tcp { port: 0, .. }) { CHOICES } else { 1 };
        let open = || open(&listen.address).map_err(|error| Error::listen(listen, error));
        let ((socket, address, file), beside) =
            with_beside(choices, open, |(_, address, _)| match (&listen.http3, address) {
                (Some(http3), Address::Ip(at)) => {
                    let udp = bind_udp(*at).map_err(|error| (error, format!("{at} (UDP)")))?;
                    Ok(Some((udp, alternative(http3.announce, at.port()))))
                }
                _ => Ok(None),
            })?;
        let (udp, alternative) = beside.map_or((None, None), |(udp, alternative)| (Some(udp), alternative));
        let (proxy, http3) = (listen.proxy.clone(), listen.http3);
        let entrance = Arc::new(Entrance { proxy, tls, http3, alternative, redirect, challenges: None });
        Ok(Self { socket, address, entrance, udp, _file: file })
    }

    /// Binds all of `listen`. Those that send their clients to HTTPS learn where that is, and all that an authority may come to learn
    /// what it looks for.
    ///
    /// # Errors
    /// Those of [`BoundListener::bind`].
    pub fn bind_all(listen: &[Listen]) -> Result<Vec<Self>> {
        let mut bound = listen.iter().map(Self::bind).collect::<Result<Vec<_>>>()?;
        let is_https = |listener: &&Self| listener.entrance.tls.is_some() && listener.address.port() != 0;
        let https = bound.iter().find(is_https).map(|listener| listener.address.port());
        let proofs: Vec<_> =
            listen.iter().filter_map(|listen| Some(listen.tls.as_ref()?.acme.as_ref()?.challenge)).collect();
        let challenges = Arc::new(Challenges::default());
        for (listener, listen) in bound.iter_mut().zip(listen) {
            let Some(entrance) = Arc::get_mut(&mut listener.entrance) else { continue };
            if listen.redirect == Some(RedirectHttps::ToTls) {
                entrance.redirect = https;
            }
            let here = if listen.tls.is_some() { AcmeChallenge::TlsAlpn } else { AcmeChallenge::Http };
            entrance.challenges = proofs.contains(&here).then(|| challenges.clone());
        }
        Ok(bound)
    }

    /// The address it listens on, with the port that was chosen for port 0.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The UDP socket at the same address, for HTTP/3.
    pub fn udp(&self) -> Option<&UdpSocket> {
        self.udp.as_ref()
    }

    /// What its connections meet before HTTP.
    pub fn entrance(&self) -> &Arc<Entrance> {
        &self.entrance
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

type Opened = (Bound, Address, Option<platform::SocketFile>);

fn open(address: &ListenAddress) -> io::Result<Opened> {
    match address {
        ListenAddress::Tcp { host, port } => {
            bind_tcp(host, *port).map(|(tcp, address)| (Bound::Tcp(tcp), address, None))
        }
        ListenAddress::Unix { path, mode } => platform::bind_unix(path, *mode, BACKLOG)
            .map(|(unix, file)| (Bound::Unix(unix), Address::Unix(Some(path.clone())), Some(file))),
        ListenAddress::Inherited(descriptor) => {
            inherited::open(descriptor).map(|(socket, address)| (socket, address, None))
        }
    }
}

/// What `open` opens, with what belongs `beside` it at the same address. Where that is somebody else's already, up to `choices` are
/// opened; the first ones stay open meanwhile, so that the system chooses others.
fn with_beside<T, U>(
    choices: usize,
    open: impl Fn() -> Result<T>,
    beside: impl Fn(&T) -> std::result::Result<U, (io::Error, String)>,
) -> Result<(T, U)> {
    let mut refused = Vec::new();
    loop {
        let opened = open()?;
        match beside(&opened) {
            Ok(both) => return Ok((opened, both)),
            Err((error, _)) if error.kind() == io::ErrorKind::AddrInUse && refused.len() + 1 < choices => {
                refused.push(opened);
            }
            Err((error, place)) => return Err(Error::listen(place, error)),
        }
    }
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

/// A UDP socket at the address of a TCP listener.
fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// What clients are told of HTTP/3 (RFC 7838 section 3).
fn alternative(announce: Announce, own: u16) -> Option<Box<HeaderValue>> {
    let port = match announce {
        Announce::Nothing => return None,
        Announce::Own => own,
        Announce::Port(port) => port,
    };
    HeaderValue::try_from(format!("h3=\":{port}\"; ma={FRESH}")).ok().map(Box::new)
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// How many were opened, and what came of it, when the first `taken` have something of `kind` against them.
    fn tried(choices: usize, taken: usize, kind: io::ErrorKind) -> (usize, Result<(usize, usize)>) {
        let opened = Cell::new(0);
        let open = || {
            opened.set(opened.get() + 1);
            Ok(opened.get())
        };
        let result = with_beside(choices, open, |n| match *n {
            n if n > taken => Ok(n * 10),
            n => Err((kind.into(), format!("place {n}"))),
        });
        (opened.get(), result)
    }

    #[test]
    fn another_port_is_chosen_when_somebody_has_the_first_for_udp() {
        let (opened, result) = tried(3, 2, io::ErrorKind::AddrInUse);
        assert_eq!((opened, result.unwrap()), (3, (3, 30)));
    }

    #[test]
    fn choices_are_bounded_and_a_given_port_is_none() {
        for choices in [1, 3] {
            let (opened, result) = tried(choices, 9, io::ErrorKind::AddrInUse);
            assert_eq!(opened, choices);
            assert!(result.unwrap_err().to_string().contains(&format!("place {choices}")));
        }
    }

    #[test]
    fn other_errors_are_told_at_once() {
        assert_eq!(tried(3, 2, io::ErrorKind::PermissionDenied).0, 1);
    }
}
