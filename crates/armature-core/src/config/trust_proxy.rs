//! The option `trustProxy`: whose word about the client is taken.

use std::{fmt, net::IpAddr};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use super::cidr::Cidr;

/// The peers whose `Forwarded` and `X-Forwarded-*` fields are believed. Empty by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "readonly string[]"))]
pub struct TrustProxy(pub Vec<Cidr>);

impl TrustProxy {
    /// Whether `peer` is in one of the networks. An IPv4-mapped IPv6 address counts as IPv4, which `::/0`
    /// does not have.
    pub fn contains(&self, peer: IpAddr) -> bool {
        self.0.iter().any(|cidr| cidr.contains(peer))
    }
}

impl<'de> Deserialize<'de> for TrustProxy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = TrustProxy;

    /// `true`, as other frameworks have it, would let every client choose its own address.
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of trusted proxies such as ['10.0.0.0/8', '::1']")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<TrustProxy, A::Error> {
        let mut list = Vec::new();
        while let Some(cidr) = seq.next_element()? {
            list.push(cidr);
        }
        Ok(TrustProxy(list))
    }
}
