//! What has to hold for every PROXY header: for the target of `fuzz/`, the property tests, and the test that replays what
//! the fuzzer has found.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Announced;
use super::header::{MAX_BYTES, Malformed, read};

/// A header and what follows it. What it is does not depend on how it arrives, and is what a reader says that was written from
/// the specification alone.
pub fn header(input: &[u8]) {
    let at_once = read(input);
    // The first word that is said about a part of it is the last one.
    let in_pieces = (0..=input.len()).map(|end| read(&input[..end])).find(|said| *said != Ok(None));
    assert_eq!(at_once, in_pieces.unwrap_or(Ok(None)), "in pieces it is something else");
    match &at_once {
        Ok(Some((_, used))) => assert!(*used <= MAX_BYTES.min(input.len()), "{used} bytes"),
        Ok(None) => assert!(input.len() < MAX_BYTES, "{} bytes are waited with", input.len()),
        Err(Malformed) => {}
    }
    assert_eq!(at_once.ok().flatten(), model(input));
}

/// A complete header that is all right.
fn model(input: &[u8]) -> Option<(Announced, usize)> {
    match input.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n") {
        Some(rest) => model_2(rest).map(|(announced, used)| (announced, 12 + used)),
        None => model_1(input),
    }
}

fn model_1(input: &[u8]) -> Option<(Announced, usize)> {
    let end = input.windows(2).take(106).position(|two| two[1] == b'\n')?;
    let line = input[..end + 2].strip_suffix(b"\r\n")?;
    let itself = Announced { client: None, secure: false };
    if line == b"PROXY UNKNOWN" || line.starts_with(b"PROXY UNKNOWN ") {
        return Some((itself, end + 2));
    }
    let words: Vec<_> = std::str::from_utf8(line).ok()?.split(' ').collect();
    let [proxy, family, from, to, from_port, to_port] = words[..] else { return None };
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| port.to_string() == text);
    let (from_port, _) = (port(from_port)?, port(to_port)?);
    let client: SocketAddr = match (proxy, family) {
        ("PROXY", "TCP4") => {
            to.parse::<Ipv4Addr>().ok()?;
            (from.parse::<Ipv4Addr>().ok()?, from_port).into()
        }
        ("PROXY", "TCP6") => {
            to.parse::<Ipv6Addr>().ok()?;
            (from.parse::<Ipv6Addr>().ok()?, from_port).into()
        }
        _ => return None,
    };
    Some((Announced { client: Some(client), secure: false }, end + 2))
}

/// What follows the signature.
fn model_2(rest: &[u8]) -> Option<(Announced, usize)> {
    let (fixed, rest) = rest.split_at_checked(4)?;
    let length = usize::from(fixed[2]) << 8 | usize::from(fixed[3]);
    let rest = rest.get(..length).filter(|_| length <= MAX_BYTES - 16)?;
    let itself = Some((Announced { client: None, secure: false }, 4 + length));
    let addresses = match (fixed[0], fixed[1] >> 4, fixed[1] & 15) {
        (0x20, _, _) => return itself,
        (0x21, 0, 0..=2) => return itself,
        (0x21, 1, 0..=2) => 12,
        (0x21, 2, 0..=2) => 36,
        (0x21, 3, 0..=2) => 216,
        _ => return None,
    };
    let (addresses, mut additions) = rest.split_at_checked(addresses)?;
    if fixed[1] & 15 != 1 {
        return itself;
    }
    let port = |at: usize| u16::from_be_bytes([addresses[at], addresses[at + 1]]);
    let client = match fixed[1] >> 4 {
        1 => Some((<[u8; 4]>::try_from(&addresses[..4]).ok()?, port(8)).into()),
        2 => Some((<[u8; 16]>::try_from(&addresses[..16]).ok()?, port(32)).into()),
        _ => None,
    };
    let mut secure = false;
    while !additions.is_empty() {
        let (kind, value) = additions.split_at_checked(3)?;
        let (value, after) = value.split_at_checked(usize::from(kind[1]) << 8 | usize::from(kind[2]))?;
        secure |= kind[0] == 0x20 && value.first().is_some_and(|bits| bits & 1 == 1);
        additions = after;
    }
    Some((Announced { client, secure }, 4 + length))
}

#[cfg(test)]
#[path = "fuzzing_tests.rs"]
mod tests;
