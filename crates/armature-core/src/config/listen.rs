//! The option `listen`: one place or several, each an address, a port or an object.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Unexpected, Visitor, value::MapAccessDeserializer},
};

use super::{
    acme::AcmeChallenge,
    address::{self, ListenAddress},
    descriptor::Descriptor,
    file_mode::FileMode,
    http3::{Http3, Http3Config},
    names::Names,
    proxy::ProxyConfig,
    redirect_https::RedirectHttps,
    short_form::any_form,
    tls::{Tls, TlsConfig},
    trust_proxy::TrustProxy,
};
use crate::error::{Error, Result};

/// An address (`'host:port'`, `':port'`, `'[ipv6]:port'`, `'unix:/path'`, `'fd:3'`), a port, an object, or a
/// list of these.
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

/// One place to listen: `port` (and `host`), `path` (and `mode`), or `fd`.
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
    /// Permissions of the file at `path`: `'0660'`, or the number 0o660. By default what the umask leaves.
    #[cfg_attr(test, ts(inline))]
    pub mode: Option<FileMode>,
    /// A listening socket that this process has inherited, by the number of its descriptor, instead of a port:
    /// the first one that systemd passes is 3.
    pub fd: Option<u32>,
    /// Who speaks the PROXY protocol here: a list of addresses and networks, or `true` for those of
    /// `trustProxy`. Others are refused. By default nobody does.
    #[cfg_attr(test, ts(inline))]
    pub proxy: Option<ProxyConfig>,
    /// HTTPS: certificates and their keys. By default connections are not encrypted.
    pub tls: Option<TlsConfig>,
    /// Serves nothing here but a redirect (308) to the same address with `https:`: `true` for the port of the first listener with
    /// `tls`, or the port that clients reach it at. Who says `https` through a trusted proxy is served.
    #[cfg_attr(test, ts(inline))]
    pub redirect_https: Option<RedirectHttps>,
    /// HTTP/3 beside HTTP/2 and HTTP/1.1: QUIC on the UDP port with the same number. Needs `tls`. By default `false`.
    #[serde(default, deserialize_with = "any_form")]
    #[cfg_attr(test, ts(as = "Option<super::http3::AnyFormTs>", inline))]
    pub http3: Option<Http3Config>,
}

/// A resolved listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The socket.
    pub address: ListenAddress,
    /// The peers that say with the PROXY protocol for whom they connect; everybody else is refused then.
    pub proxy: Option<TrustProxy>,
    /// Certificates, where connections are encrypted.
    pub tls: Option<Tls>,
    /// Where clients are sent instead of being served.
    pub redirect: Option<RedirectHttps>,
    /// HTTP/3 on the UDP port with the same number.
    pub http3: Option<Http3>,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
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

    /// Addresses without a host get `default_host`, listeners with `proxy: true` those of `trusted`.
    pub(super) fn resolve(self, default_host: &str, trusted: &TrustProxy) -> Result<Vec<Listen>> {
        let has_https = self.0.iter().any(|listener| listener.tls.is_some() && listener.path.is_none());
        let has_plain = self.0.iter().any(|listener| listener.tls.is_none());
        let mut resolved = Vec::new();
        self.each(|path, listener| {
            let proxy = match &listener.proxy {
                None | Some(ProxyConfig::Off) => None,
                Some(ProxyConfig::Trusted) if trusted.0.is_empty() => {
                    return Err(Error::option_message(format!(
                        "{path}.proxy: true trusts the proxies of trustProxy, and there are none; name those that may \
                         say for whom they connect, such as ['10.0.0.0/8', '::1']"
                    )));
                }
                Some(ProxyConfig::Trusted) => Some(trusted.clone()),
                Some(ProxyConfig::From(list)) => Some(list.clone()),
            };
            let tls = listener.tls.as_ref().map(|tls| tls.resolve(&format!("{path}.tls")));
            let proven_by = tls.as_ref().and_then(|tls| Some(tls.acme.as_ref()?.challenge));
            if proven_by == Some(AcmeChallenge::Http) && !has_plain {
                return Err(Error::option_message(format!(
                    "{path}.tls.acme.challenge: 'http-01' is proven by a request to a listener without tls, and there is none; \
                     add one, such as {{ port: 80, redirectHttps: true }}"
                )));
            }
            let redirect = listener.redirect_https.filter(|redirect| *redirect != RedirectHttps::Off);
            if redirect == Some(RedirectHttps::ToTls) && !has_https {
                return Err(Error::option_message(format!(
                    "{path}.redirectHttps: true sends clients to the port of a listener with tls, and there is none; add one, or \
                     name the port that they reach HTTPS at"
                )));
            }
            let http3 = listener.http3.as_ref().and_then(Http3Config::resolve);
            resolved.push(Listen { address: listener.address(default_host), proxy, tls, redirect, http3 });
            Ok(())
        })?;
        Ok(resolved)
    }

    fn each(&self, mut check: impl FnMut(&str, &ListenerConfig) -> Result<()>) -> Result<()> {
        match &*self.0 {
            [only] => check("listen", only),
            all => all.iter().enumerate().try_for_each(|(i, one)| check(&format!("listen[{i}]"), one)),
        }
    }
}

impl ListenerConfig {
    fn address(&self, default_host: &str) -> ListenAddress {
        match (&self.path, self.fd) {
            (_, Some(fd)) => ListenAddress::Inherited(Descriptor::new(fd)),
            (Some(path), None) => {
                ListenAddress::Unix { path: path.into(), mode: self.mode.map(|FileMode(mode)| mode) }
            }
            (None, None) => ListenAddress::Tcp {
                host: self.host.clone().unwrap_or_else(|| default_host.into()),
                port: self.port.unwrap_or_default(),
            },
        }
    }

    fn check(&self, names: Names<'_>, path: &str) -> Result<()> {
        let wrong = |name, value: &dyn fmt::Display, allowed| {
            Err(Error::option(names.name(&format!("{path}.{name}")), value, allowed))
        };
        let places: Vec<_> =
            [("a port", self.port.is_some()), ("a path", self.path.is_some()), ("an fd", self.fd.is_some())]
                .into_iter()
                .filter_map(|(name, given)| given.then_some(name))
                .collect();
        match &*places {
            [_] => {}
            [] => {
                return Err(Error::option_message(format!(
                    "{}: needs a port, the path of a socket or an fd",
                    names.name(path)
                )));
            }
            [first, others @ ..] => {
                return Err(Error::option_message(format!(
                    "{}: has {first} and {}; leave one out",
                    names.name(path),
                    others.join(" and ")
                )));
            }
        }
        match (&self.host, &self.path) {
            (_, Some(socket)) if socket.is_empty() => return wrong("path", &"''", "a path"),
            (Some(host), _) if self.port.is_none() => {
                let beside = if self.fd.is_some() { "allowed beside an fd" } else { "allowed beside a path" };
                return wrong("host", &format_args!("'{host}'"), beside);
            }
            (Some(host), _) if !address::is_host(host) => {
                let allowed = "an IP address (without brackets) or a name";
                return wrong("host", &format_args!("'{host}'"), allowed);
            }
            _ => {}
        }
        if let Some(tls) = &self.tls {
            tls.check(names, &format!("{path}.tls"))?;
            if self.redirect_https.is_some_and(|redirect| redirect != RedirectHttps::Off) {
                return Err(Error::option_message(format!(
                    "{}: redirectHttps is for a listener without tls; make it one of its own, such as {{ port: 80, redirectHttps: \
                     true }}",
                    names.name(path)
                )));
            }
        }
        if let Some(http3) = self.http3.as_ref().filter(|http3| http3.is_on()) {
            self.check_http3(names, path)?;
            http3.check(names, &format!("{path}.http3"))?;
        }
        match (&self.mode, &self.proxy) {
            (Some(FileMode(mode)), _) if self.path.is_none() => {
                wrong("mode", &format_args!("0{mode:o}"), "allowed without a path: only that is a file")
            }
            (_, Some(ProxyConfig::From(TrustProxy(list)))) if list.is_empty() => {
                wrong("proxy", &"an empty list", "enough; name at least one proxy")
            }
            _ => Ok(()),
        }
    }
}

impl ListenerConfig {
    /// What HTTP/3 needs, and what it cannot be beside.
    fn check_http3(&self, names: Names<'_>, path: &str) -> Result<()> {
        let why = if self.tls.is_none() {
            "needs tls: QUIC is always encrypted"
        } else if self.port.is_none() {
            "needs a port: an inherited socket or one with a path has none for UDP"
        } else if self.proxy.as_ref().is_some_and(|proxy| *proxy != ProxyConfig::Off) {
            "cannot be used beside proxy: the PROXY protocol is none of UDP; make it a listener of its own"
        } else {
            return Ok(());
        };
        Err(Error::option_message(format!("{}: {why}", names.name(&format!("{path}.http3")))))
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
            if self.list { "an object { port, host, path, fd } or a list of these" } else { "or an object" };
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
