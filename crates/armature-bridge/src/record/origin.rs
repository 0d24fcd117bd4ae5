//! Who a request is from, read from its record.

use std::net::IpAddr;

use super::{HEAD_WORDS, word};

/// The client that asks, and on which connection, as far as a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin<'a> {
    /// The client's address, as trusted proxies tell it.
    pub client: Client<'a>,
    /// The other end of the connection: the address, where that is another one, and the port.
    pub connection: (&'a [u8], u32),
}

/// Whoever has an IPv6 address has all of its /64 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Client<'a> {
    V4(u32),
    V6(u64),
    /// No address: a Unix socket, or what a proxy calls it.
    Other(&'a [u8]),
}

impl<'a> Origin<'a> {
    /// Of a record that `Request::encode` has written.
    pub fn read(record: &'a [u8]) -> Self {
        let params = (word(record, 15) >> 16) as usize;
        let params: usize = (0..params).map(|n| word(record, HEAD_WORDS + n) as usize).sum();
        let ip = (word(record, 16) as usize).saturating_add(params);
        let remote = ip.saturating_add(word(record, 19) as usize);
        let end = remote.saturating_add(word(record, 20) as usize);
        let bytes = |from, to| record.get(from..to).unwrap_or_default();
        Self { client: Client::of(bytes(ip, remote)), connection: (bytes(remote, end), word(record, 18)) }
    }
}

impl<'a> Client<'a> {
    fn of(ip: &'a [u8]) -> Self {
        match std::str::from_utf8(ip)
            .ok()
            .and_then(|ip| ip.parse::<IpAddr>().ok())
            .map(|ip| ip.to_canonical())
        {
            Some(IpAddr::V4(ip)) => Self::V4(ip.to_bits()),
            Some(IpAddr::V6(ip)) => Self::V6((ip.to_bits() >> 64) as u64),
            None => Self::Other(ip),
        }
    }
}

#[cfg(all(test, not(armature_loom)))]
mod tests {
    use super::super::Request;
    use super::*;
    use crate::slots::SlotId;

    fn record(ip: &str, remote_ip: &str, remote_port: u16) -> Vec<u8> {
        let mut out = Vec::new();
        let request = Request {
            slot: SlotId { slot: 1, generation: 2 },
            handler: 0,
            routes: 0,
            method: 0,
            method_name: "",
            version: 1,
            flags: 0,
            id: 0,
            given_id: "one",
            content_length: 0,
            body_limit: 0,
            target: "/users/münchen",
            path: 6,
            text: b"hostexample.com",
            fields: [(4, 11)].into_iter(),
            params: ["münchen", "x"].into_iter(),
            ip,
            remote_ip,
            remote_port,
            host: "example.com",
            tls: b"",
            body: b"body",
        };
        request.encode(&mut out);
        out
    }

    #[test]
    fn who_asks_is_read_from_a_record() {
        let direct = record("10.0.0.7", "", 4000);
        let origin = Origin::read(&direct);
        assert_eq!(origin, Origin { client: Client::V4(0x0a00_0007), connection: (b"", 4000) });
        let proxied = record("::ffff:10.0.0.7", "192.0.2.1", 4001);
        let origin = Origin::read(&proxied);
        assert_eq!(origin, Origin { client: Client::V4(0x0a00_0007), connection: (b"192.0.2.1", 4001) });
        let unix = record("", "", 0);
        assert_eq!(Origin::read(&unix), Origin { client: Client::Other(b""), connection: (b"", 0) });
        let named = record("_hidden", "", 0);
        assert_eq!(Origin::read(&named).client, Client::Other(b"_hidden"));
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let clients = ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"]
            .map(|ip| Origin::read(&record(ip, "", 1)).client == Client::V6(0x2001_0db8_0000_0001));
        assert_eq!(clients, [true, true, false]);
    }

    #[test]
    fn a_record_without_an_origin_is_nobodys() {
        assert_eq!(Origin::read(&[0; 24]), Origin { client: Client::Other(b""), connection: (b"", 0) });
    }
}
