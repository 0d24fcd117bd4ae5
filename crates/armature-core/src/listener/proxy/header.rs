//! Bytes to what a PROXY header says. Where a header ends is found here, within fixed bounds; what a complete one says is read
//! by the crate ppp, which knows both versions.

use std::net::SocketAddr;

use ppp::v2::Type;
use ppp::{v1, v2};

use super::Announced;

/// The most bytes that a header may have. Version 2 could say 65551, but what is sent beside addresses - certificate names,
/// identities of cloud networks - is a few hundred.
pub(super) const MAX_BYTES: usize = 4096;
/// The longest line of version 1, with its CRLF.
const MAX_LINE: usize = 107;
/// How version 1 begins.
const V1: &[u8] = b"PROXY ";
/// How version 2 begins; no other protocol begins like that.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of version 2 up to its addresses.
const V2_FIXED: usize = 16;
/// The one transport there is here.
const STREAM: v2::Protocol = v2::Protocol::Stream;
/// PP2_CLIENT_SSL, in the first byte of PP2_TYPE_SSL.
const CLIENT_SSL: u8 = 1;

/// The bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The header that `input` begins with, and its length; `None` when it goes on, which it does for less than
/// [`MAX_BYTES`].
pub(super) fn read(input: &[u8]) -> Result<Option<(Announced, usize)>, Malformed> {
    let begins = |with: &[u8]| input.iter().zip(with).all(|(a, b)| a == b);
    if begins(V2) {
        let Some(length) = v2_length(input)? else { return Ok(None) };
        let Some(header) = input.get(..length) else { return Ok(None) };
        return Ok(Some((v2(header)?, length)));
    }
    if !begins(V1) {
        return Err(Malformed);
    }
    let most = &input[..input.len().min(MAX_LINE)];
    match most.iter().position(|b| *b == b'\n') {
        Some(end) => Ok(Some((v1(&most[..=end])?, end + 1))),
        None if most.len() == MAX_LINE => Err(Malformed),
        None => Ok(None),
    }
}

/// A line of version 1, with its end.
fn v1(line: &[u8]) -> Result<Announced, Malformed> {
    let text = line.strip_suffix(b"\r\n").ok_or(Malformed)?;
    if let Some(rest) = text.strip_prefix(b"PROXY UNKNOWN") {
        // Whatever follows means nothing.
        return if rest.is_empty() || rest[0] == b' ' { Ok(itself()) } else { Err(Malformed) };
    }
    // ppp takes a sign before a port, and stops at the first CR.
    if text.iter().any(|b| matches!(b, b'+' | b'\r')) {
        return Err(Malformed);
    }
    let client: SocketAddr = match v1::Header::try_from(line).map_err(|_| Malformed)?.addresses {
        v1::Addresses::Tcp4(ip) => (ip.source_address, ip.source_port).into(),
        v1::Addresses::Tcp6(ip) => (ip.source_address, ip.source_port).into(),
        v1::Addresses::Unknown => return Err(Malformed),
    };
    Ok(Announced { client: Some(client), secure: false })
}

/// The whole length of a header of version 2, once it is known.
fn v2_length(input: &[u8]) -> Result<Option<usize>, Malformed> {
    if let Some(version_and_command) = input.get(12)
        && !matches!(version_and_command, 0x20 | 0x21)
    {
        return Err(Malformed);
    }
    let Some(fixed) = input.first_chunk::<V2_FIXED>() else { return Ok(None) };
    let length = V2_FIXED + usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if length > MAX_BYTES { Err(Malformed) } else { Ok(Some(length)) }
}

/// A complete header of version 2.
fn v2(header: &[u8]) -> Result<Announced, Malformed> {
    if header[12] == 0x20 {
        // LOCAL: the family and all that follows mean nothing.
        return Ok(itself());
    }
    let header = v2::Header::try_from(header).map_err(|_| Malformed)?;
    let client = match header.addresses {
        // A transport that this is not: the connection speaks for itself.
        _ if header.protocol != STREAM => return Ok(itself()),
        v2::Addresses::Unspecified => return Ok(itself()),
        v2::Addresses::IPv4(ip) => Some((ip.source_address, ip.source_port).into()),
        v2::Addresses::IPv6(ip) => Some((ip.source_address, ip.source_port).into()),
        // A process on the proxy's machine, not on ours, where a Unix socket's peer would be.
        v2::Addresses::Unix(_) => None,
    };
    let mut secure = false;
    for addition in header.tlvs() {
        let addition = addition.map_err(|_| Malformed)?;
        if addition.kind == u8::from(Type::SSL) {
            secure |= addition.value.first().is_some_and(|client| client & CLIENT_SSL != 0);
        }
    }
    Ok(Announced { client, secure })
}

/// The proxy speaks for itself.
fn itself() -> Announced {
    Announced { client: None, secure: false }
}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
