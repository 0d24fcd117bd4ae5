//! Where to listen, as text: `'host:port'`, `':port'`, `'port'`, `'[ipv6]:port'`, `'unix:/path'` or `'fd:3'`.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    path::PathBuf,
};

use super::{descriptor::Descriptor, listen::ListenerConfig};

/// A resolved place to listen. Names are looked up by the listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// A TCP socket.
    Tcp {
        /// An IP address without brackets, or a name.
        host: String,
        /// 0 lets the system choose.
        port: u16,
    },
    /// A Unix domain socket.
    Unix {
        /// Of the socket file, relative to the working directory unless absolute.
        path: PathBuf,
        /// Permissions of the file; `None` for what the umask leaves.
        mode: Option<u32>,
    },
    /// A socket that somebody else has bound.
    Inherited(Descriptor),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix { path, .. } => write!(f, "unix:{}", path.display()),
            Self::Inherited(descriptor) => write!(f, "fd:{}", descriptor.number()),
        }
    }
}

/// The error is what is allowed instead.
pub(super) fn parse(text: &str) -> Result<ListenerConfig, &'static str> {
    const FORMS: &str = "an address; use 'host:port', ':port', a port, '[ipv6]:port', 'unix:/path' or 'fd:3'";
    if let Some(path) = text.strip_prefix("unix:") {
        let path = (!path.is_empty()).then(|| path.into());
        return path
            .map_or(Err(FORMS), |path| Ok(ListenerConfig { path: Some(path), ..ListenerConfig::default() }));
    }
    if let Some(number) = text.strip_prefix("fd:") {
        let fd = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok()).flatten();
        return fd.map_or(Err(FORMS), |fd| Ok(ListenerConfig { fd: Some(fd), ..ListenerConfig::default() }));
    }
    if text.contains("://") {
        return Err("an address; leave out the scheme and the path: 'host:port'");
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match (host, bracketed) {
        ("", _) => None,
        (_, Some(host)) if is_ipv6(host) => Some(host),
        (host, None) if host.contains(':') && !host.contains('[') => {
            return Err("an address; put an IPv6 address in brackets: '[::1]:8080'");
        }
        (host, None) if is_host(host) => Some(host),
        _ => return Err(FORMS),
    };
    let port = parse_port(port).ok_or(FORMS)?;
    Ok(ListenerConfig { port: Some(port), host: host.map(Into::into), ..ListenerConfig::default() })
}

/// Decimal digits only: `u16::from_str` would take a sign.
pub(super) fn parse_port(text: &str) -> Option<u16> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Whether `host` can be an IP address, without brackets, or a name.
pub(super) fn is_host(host: &str) -> bool {
    let word = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    // A last label of digits is a mistyped IPv4 address.
    let number = name.rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    host.parse::<IpAddr>().is_ok()
        || is_ipv6(host)
        || (!number && name.len() <= 253 && name.split('.').all(word))
}

/// Also with a zone, as in `fe80::1%eth0`.
fn is_ipv6(host: &str) -> bool {
    let (address, zone) = host.split_once('%').unwrap_or((host, "-"));
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty() && !zone.contains(['%', '[', ']', '/'])
}
