//! Who the client is when trusted proxies are in between: X-Forwarded-For, -Proto and -Host, or Forwarded (RFC 7239).
//!
//! The fields count only when the peer of the connection is trusted. Of the addresses, the rightmost one that is not a
//! trusted proxy is the client; everything left of it was written by somebody we do not know. `Forwarded` is read only
//! where there is no `X-Forwarded-For`, so that a client cannot override what a proxy of the older kind says.

use std::net::IpAddr;

use super::{Address, Head, Request};
use crate::config::TrustProxy;

/// What trusted proxies say about a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// The client's address, when it is not that of the socket.
    pub ip: Option<String>,
    /// The host that the client asked for.
    pub host: Option<String>,
    /// Whether the client's own connection is encrypted.
    pub secure: bool,
}

impl Forwarded {
    /// Reads the fields of `request` as far as `trust` allows.
    pub fn resolve(request: &Request, trust: &TrustProxy) -> Self {
        let secure = request.peer.secure;
        if trust.0.is_empty() || !is_trusted(&request.peer.remote, trust) {
            return Self { secure, ..Self::default() };
        }
        let head = &request.head;
        let ip = ip(head, trust);
        if head.get("x-forwarded-for").is_some() {
            let proto = nearest_in_list(head, "x-forwarded-proto");
            return Self {
                ip: ip.map(|ip| ip.to_string()),
                host: nearest_in_list(head, "x-forwarded-host").as_deref().and_then(valid_host),
                secure: proto.map_or(secure, |proto| proto.eq_ignore_ascii_case("https")),
            };
        }
        let elements = lists(head.get_all("forwarded"));
        // The element nearest to us was written by the proxy that we trust for certain.
        let nearest = |name| elements.iter().rev().find_map(|e| parameter(e, name)).map(str::to_owned);
        let proto = nearest("proto").or_else(|| nearest_in_list(head, "x-forwarded-proto"));
        let host = nearest("host").or_else(|| nearest_in_list(head, "x-forwarded-host"));
        Self {
            ip: ip.map(|ip| ip.to_string()),
            host: host.as_deref().and_then(valid_host),
            secure: proto.map_or(secure, |proto| proto.eq_ignore_ascii_case("https")),
        }
    }
}

/// The client's address, when it is not that of the socket; see [`Forwarded`].
pub(crate) fn client_ip(request: &Request, trust: &TrustProxy) -> Option<IpAddr> {
    let trusted = !trust.0.is_empty() && is_trusted(&request.peer.remote, trust);
    trusted.then(|| ip(&request.head, trust)).flatten()
}

/// Allocates nothing: layers ask with each request.
fn ip(head: &Head, trust: &TrustProxy) -> Option<IpAddr> {
    if head.get("x-forwarded-for").is_some() {
        return client(items(head.get_all("x-forwarded-for")), trust);
    }
    let elements = items(head.get_all("forwarded"));
    client(elements.filter_map(|e| parameter(e, "for")), trust)
}

/// A Unix socket's peer is on this machine and counts as the loopback address.
fn is_trusted(peer: &Address, trust: &TrustProxy) -> bool {
    trust.contains(peer.ip().unwrap_or(IpAddr::from([127, 0, 0, 1])))
}

fn lists<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    items(values).map(str::to_owned).collect()
}

fn items<'a>(values: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a str> {
    values
        .filter_map(|value| std::str::from_utf8(value).ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// The rightmost of `hops` that is not trusted; when all are, the leftmost. What cannot be read was not written by a proxy we
/// trust: of what stands before it nothing counts.
fn client<'a>(hops: impl Iterator<Item = &'a str>, trust: &TrustProxy) -> Option<IpAddr> {
    let (mut untrusted, mut leftmost) = (None, None);
    for hop in hops {
        match parse_node(hop) {
            None => (untrusted, leftmost) = (None, None),
            Some(ip) if trust.contains(ip) => leftmost = leftmost.or(Some(ip)),
            Some(ip) => untrusted = Some(ip),
        }
    }
    untrusted.or(leftmost).map(|ip| ip.to_canonical())
}

/// `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn parse_node(node: &str) -> Option<IpAddr> {
    if let Ok(ip) = node.parse() {
        return Some(ip);
    }
    if let Some(rest) = node.strip_prefix('[') {
        return rest.split_once(']')?.0.parse().ok();
    }
    node.rsplit_once(':')?.0.parse().ok()
}

/// A parameter of one Forwarded element, unquoted.
fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    element.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
        key.trim().eq_ignore_ascii_case(name).then_some(value)
    })
}

/// The last entry: what stands before it was there when the nearest proxy got the request.
fn nearest_in_list(head: &Head, name: &str) -> Option<String> {
    lists(head.get_all(name)).pop()
}

fn valid_host(host: &str) -> Option<String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~:[]%".contains(&b);
    (!host.is_empty() && host.bytes().all(allowed)).then(|| host.to_owned())
}

#[cfg(test)]
mod tests;
