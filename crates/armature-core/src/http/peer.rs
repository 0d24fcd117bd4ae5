//! Who is at the other end of a connection.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::HeaderValue;

use crate::listener::tls::TlsInfo;

/// An address of a listener or a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP or UDP.
    Ip(SocketAddr),
    /// A Unix socket; peers usually have no path.
    Unix(Option<std::path::PathBuf>),
}

impl Address {
    /// The IP address, with IPv4 mapped into IPv6 shown as IPv4.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(address.ip().to_canonical()),
            Self::Unix(_) => None,
        }
    }

    /// The port, 0 for a Unix socket.
    pub fn port(&self) -> u16 {
        match self {
            Self::Ip(address) => address.port(),
            Self::Unix(_) => 0,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Self::Unix(None) => f.write_str("unix:"),
        }
    }
}

/// What does not change between the requests of one connection.
#[derive(Debug)]
pub struct Peer {
    /// The socket's remote end.
    pub remote: Address,
    /// The remote IP as text, made once per connection; empty for a Unix socket.
    pub remote_ip: Box<str>,
    /// Whether the connection is encrypted.
    pub secure: bool,
    /// What was agreed on, when it is our TLS that encrypts it.
    pub tls: Option<Box<TlsInfo>>,
    /// Where else clients are served, for answers to say so (RFC 7838).
    pub alternative: Option<Box<HeaderValue>>,
    /// Who made the requests, in the numbers of the host, where that matters to a handler; 0 for a connection.
    pub origin: u32,
}

impl Peer {
    /// A peer at `remote`.
    pub fn new(remote: Address, secure: bool) -> Self {
        let remote_ip = remote.ip().map_or_else(String::new, |ip| ip.to_string()).into_boxed_str();
        Self { remote, remote_ip, secure, tls: None, alternative: None, origin: 0 }
    }
}
