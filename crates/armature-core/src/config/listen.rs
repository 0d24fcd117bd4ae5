//! The option `listen`: one place or several, each an address, a port or an object.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{
        self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
        value::MapAccessDeserializer,
    },
};

use super::{
    address::{self, ListenAddress},
    names::Names,
};
use crate::error::{Error, Result};

/// An address (`'host:port'`, `':port'`, `'[ipv6]:port'`, `'unix:/path'`), a port, an object, or a list of
/// these.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    test,
    derive(ts_rs::TS),
    ts(
        rename = "ListenOption",
        type = "string | number | ListenerOptions | readonly (string | number | ListenerOptions)[]"
    )
)]
pub struct ListenConfig(pub Vec<ListenerConfig>);

/// One place to listen: `port` (and `host`), or `path`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "ListenerOptions", optional_fields = nullable))]
pub struct ListenerConfig {
    /// TCP port; 0 lets the system choose.
    pub port: Option<u16>,
    /// IP address or name. By default 127.0.0.1, in production `::`, which takes IPv4 too.
    pub host: Option<String>,
    /// Path of a Unix domain socket, instead of a port.
    pub path: Option<String>,
    /// Reserved, not available yet: an inherited socket.
    #[cfg_attr(test, ts(skip))]
    pub fd: Option<Reserved>,
    /// Reserved, not available yet.
    #[cfg_attr(test, ts(skip))]
    pub tls: Option<Reserved>,
    /// Reserved, not available yet.
    #[cfg_attr(test, ts(skip))]
    pub http3: Option<Reserved>,
    /// Reserved, not available yet: the PROXY protocol.
    #[cfg_attr(test, ts(skip))]
    pub proxy: Option<Reserved>,
}

/// The value of an option whose name is reserved: it is only known that there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved;

impl<'de> Deserialize<'de> for Reserved {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl ListenConfig {
    pub(super) fn check(&self, names: Names<'_>) -> Result<()> {
        if self.0.is_empty() {
            return Err(Error::option(
                names.name("listen"),
                "an empty list",
                "enough; name at least one address",
            ));
        }
        self.each(|path, listener| listener.check(names, path))
    }

    /// Addresses without a host get `default_host`.
    pub(super) fn resolve(self, default_host: &str) -> Vec<ListenAddress> {
        let resolve = |listener: ListenerConfig| match listener.path {
            Some(path) => ListenAddress::Unix { path: path.into() },
            None => ListenAddress::Tcp {
                host: listener.host.unwrap_or_else(|| default_host.into()),
                port: listener.port.unwrap_or_default(),
            },
        };
        self.0.into_iter().map(resolve).collect()
    }

    fn each(&self, check: impl Fn(&str, &ListenerConfig) -> Result<()>) -> Result<()> {
        match &*self.0 {
            [only] => check("listen", only),
            all => all.iter().enumerate().try_for_each(|(i, one)| check(&format!("listen[{i}]"), one)),
        }
    }
}

impl ListenerConfig {
    fn check(&self, names: Names<'_>, path: &str) -> Result<()> {
        let reserved = [("fd", self.fd), ("tls", self.tls), ("http3", self.http3), ("proxy", self.proxy)];
        if let Some((name, _)) = reserved.iter().find(|(_, value)| value.is_some()) {
            return Err(Error::not_available(names.name(&format!("{path}.{name}")), "this option"));
        }
        let wrong = |name, value: &str, allowed| {
            Err(Error::option(names.name(&format!("{path}.{name}")), format_args!("'{value}'"), allowed))
        };
        match (&self.host, &self.path, self.port) {
            (_, None, None) => Err(Error::option_message(format!(
                "{}: needs a port, or the path of a socket",
                names.name(path)
            ))),
            (_, Some(_), Some(_)) => Err(Error::option_message(format!(
                "{}: has a port and a path; leave one out",
                names.name(path)
            ))),
            (_, Some(socket), _) if socket.is_empty() => wrong("path", socket, "a path"),
            (Some(host), Some(_), _) => wrong("host", host, "allowed beside a path"),
            (Some(host), None, _) if !address::is_host(host) => {
                wrong("host", host, "an IP address (without brackets) or a name")
            }
            _ => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for ListenConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        FormVisitor { list: true }.deserialize(deserializer).map(Self)
    }
}

/// Reads any form; those in a list are no lists.
struct FormVisitor {
    list: bool,
}

impl<'de> DeserializeSeed<'de> for FormVisitor {
    type Value = Vec<ListenerConfig>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FormVisitor {
    type Value = Vec<ListenerConfig>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end =
            if self.list { "an object { port, host, path } or a list of these" } else { "or an object" };
        write!(f, "an address such as ':8080', a port, {end}")
    }

    fn visit_u64<E: de::Error>(self, port: u64) -> std::result::Result<Self::Value, E> {
        let port = u16::try_from(port)
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(port), &"a port from 0 to 65535"))?;
        Ok(vec![ListenerConfig { port: Some(port), ..ListenerConfig::default() }])
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Self::Value, E> {
        let listener = address::parse(text.trim());
        Ok(vec![listener.map_err(|allowed| E::invalid_value(Unexpected::Str(text), &allowed))?])
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Self::Value, A::Error> {
        Ok(vec![ListenerConfig::deserialize(MapAccessDeserializer::new(map))?])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Self::Value, A::Error> {
        if !self.list {
            return Err(de::Error::invalid_type(Unexpected::Seq, &self));
        }
        let mut listeners = Vec::new();
        while let Some(mut one) = list.next_element_seed(Self { list: false })? {
            listeners.append(&mut one);
        }
        Ok(listeners)
    }
}
