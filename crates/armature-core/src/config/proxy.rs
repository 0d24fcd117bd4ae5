//! The option `proxy` of a listener: whose word about the client's address is taken, before HTTP begins.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

use super::{cidr::Cidr, trust_proxy::TrustProxy};

/// Who speaks the PROXY protocol on a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "boolean | readonly string[]"))]
pub enum ProxyConfig {
    /// Nobody.
    Off,
    /// Those of `trustProxy`.
    Trusted,
    /// These.
    From(TrustProxy),
}

impl<'de> Deserialize<'de> for ProxyConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FormVisitor)
    }
}

struct FormVisitor;

impl<'de> Visitor<'de> for FormVisitor {
    type Value = ProxyConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of proxies such as ['10.0.0.0/8', '::1'], or true for those of trustProxy")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<ProxyConfig, E> {
        Ok(if on { ProxyConfig::Trusted } else { ProxyConfig::Off })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ProxyConfig, A::Error> {
        let mut list: Vec<Cidr> = Vec::new();
        while let Some(cidr) = seq.next_element()? {
            list.push(cidr);
        }
        Ok(ProxyConfig::From(TrustProxy(list)))
    }
}
