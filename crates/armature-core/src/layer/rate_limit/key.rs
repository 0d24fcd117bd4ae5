//! What tells one client from another.

use std::fmt;
use std::hash::Hasher;
use std::net::{IpAddr, Ipv6Addr};

use serde::de::{Error as _, MapAccess, SeqAccess, Unexpected, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};

use crate::config::TrustProxy;
use crate::error::{Error, Result};
use crate::http::{Request, client_ip};

const EXPECTED: &str = "'ip', 'route', an object such as { header: 'x-api-key' }, { cookie: 'sid' } or { value: 'tenant' }, or a list of these";
/// Parts of a key; nobody needs more.
const MAX_PARTS: usize = 4;

/// What has a limit of its own: one thing, or what several together are.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "RateLimitKeyPart | readonly RateLimitKeyPart[]"))]
pub struct RateLimitKey(pub Vec<RateLimitKeyPart>);

/// One of the things that a key is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(
    test,
    ts(
        type = "'ip' | 'route' | { readonly header: string } | { readonly cookie: string } | { readonly value: string }"
    )
)]
pub enum RateLimitKeyPart {
    /// The client's address.
    Ip,
    /// The route: its method and its pattern.
    Route,
    /// A request header.
    Header(String),
    /// A cookie.
    Cookie(String),
    /// What a layer that the request passed before says of it.
    Value(String),
}

impl<'de> Deserialize<'de> for RateLimitKeyPart {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Part;
        impl<'de> Visitor<'de> for Part {
            type Value = RateLimitKeyPart;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Self::Value, E> {
                match text {
                    "ip" => Ok(RateLimitKeyPart::Ip),
                    "route" => Ok(RateLimitKeyPart::Route),
                    other => Err(E::invalid_value(Unexpected::Str(other), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
                let entry = map.next_entry::<String, String>()?;
                let more = map.next_entry::<String, String>()?.is_some();
                match entry {
                    Some((kind, name)) if kind == "header" && !more => Ok(RateLimitKeyPart::Header(name)),
                    Some((kind, name)) if kind == "cookie" && !more => Ok(RateLimitKeyPart::Cookie(name)),
                    Some((kind, name)) if kind == "value" && !more => Ok(RateLimitKeyPart::Value(name)),
                    _ => Err(A::Error::invalid_value(Unexpected::Map, &self)),
                }
            }
        }
        deserializer.deserialize_any(Part)
    }
}

impl<'de> Deserialize<'de> for RateLimitKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = RateLimitKey;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Self::Value, E> {
                let part = RateLimitKeyPart::deserialize(serde::de::value::StrDeserializer::<E>::new(text))?;
                Ok(RateLimitKey(vec![part]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Self::Value, A::Error> {
                RateLimitKeyPart::deserialize(MapAccessDeserializer::new(map))
                    .map(|part| RateLimitKey(vec![part]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Self::Value, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = list.next_element()? {
                    parts.push(part);
                }
                Ok(RateLimitKey(parts))
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}

/// A key, checked.
#[derive(Clone, Debug)]
pub(super) struct Key {
    parts: Box<[RateLimitKeyPart]>,
    /// Bits of an IPv6 address that tell clients apart.
    mask: u128,
}

/// What a key is written to, part by part.
pub(super) trait KeySink {
    fn ip(&mut self, ip: Option<IpAddr>);
    fn route(&mut self, route: Option<u32>);
    /// What a client, or a layer, says.
    fn text<'a>(&mut self, values: impl Iterator<Item = &'a [u8]>);
}

impl Key {
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` for names that are none, and for no parts or too many.
    pub fn new(key: Option<RateLimitKey>, ipv6_prefix: u8) -> Result<Self> {
        let mut parts = key.map_or_else(|| vec![RateLimitKeyPart::Ip], |key| key.0);
        if parts.is_empty() || parts.len() > MAX_PARTS {
            let value = format_args!("a list of {}", parts.len()).to_string();
            return Err(Error::option("RateLimit.key", value, format_args!("a list of 1 to {MAX_PARTS}")));
        }
        for part in &mut parts {
            part.check()?;
        }
        let mask = u128::MAX.checked_shl(128 - u32::from(ipv6_prefix)).unwrap_or(0);
        Ok(Self { parts: parts.into(), mask })
    }

    /// Writes the key of `request`. Who does not have what it is made of goes by the address: nobody gets more by leaving a
    /// field away, and those without it do not share one limit.
    pub fn write(&self, request: &Request, trust: &TrustProxy, sink: &mut impl KeySink) {
        let head = &request.head;
        for part in &self.parts {
            match part {
                RateLimitKeyPart::Ip => sink.ip(self.address(request, trust)),
                RateLimitKeyPart::Route => sink.route(request.matched.route.map(|route| route.0)),
                RateLimitKeyPart::Header(name) | RateLimitKeyPart::Value(name)
                    if head.get(name).is_some() =>
                {
                    sink.text(head.get_all(name));
                }
                RateLimitKeyPart::Cookie(name) => match cookie(head.get_all("cookie"), name.as_bytes()) {
                    Some(value) => sink.text(std::iter::once(value)),
                    None => sink.ip(self.address(request, trust)),
                },
                _ => sink.ip(self.address(request, trust)),
            }
        }
    }

    /// The client's address, as far as it tells clients apart: with IPv6 each has a whole network.
    fn address(&self, request: &Request, trust: &TrustProxy) -> Option<IpAddr> {
        let ip = client_ip(request, trust).or_else(|| request.peer.remote.ip())?;
        Some(match ip {
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & self.mask)),
            ip => ip,
        })
    }

    /// What says in Redis what the key is made of.
    pub fn describe(&self) -> String {
        let names = self.parts.iter().map(|part| match part {
            RateLimitKeyPart::Ip => "ip".to_owned(),
            RateLimitKeyPart::Route => "route".to_owned(),
            RateLimitKeyPart::Header(name) => format!("header-{name}"),
            RateLimitKeyPart::Cookie(name) => format!("cookie-{name}"),
            RateLimitKeyPart::Value(name) => format!("value-{}", &name[1..]),
        });
        names.collect::<Vec<_>>().join("+")
    }
}

impl RateLimitKeyPart {
    /// Names become what they are called in a request.
    fn check(&mut self) -> Result<()> {
        let (name, option, what) = match self {
            Self::Ip | Self::Route => return Ok(()),
            Self::Header(name) => (name, "RateLimit.key.header", "the name of a header"),
            Self::Cookie(name) => (name, "RateLimit.key.cookie", "the name of a cookie"),
            Self::Value(name) => (name, "RateLimit.key.value", "the name of a value, such as 'tenant'"),
        };
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(Error::option(option, format_args!("'{name}'"), what));
        }
        match self {
            Self::Header(name) => name.make_ascii_lowercase(),
            // What layers say has a colon before its name, as no header can have.
            Self::Value(name) => name.insert(0, ':'),
            _ => {}
        }
        Ok(())
    }
}

/// The first cookie called `name`, as it was sent (RFC 6265 section 5.4).
fn cookie<'a>(fields: impl Iterator<Item = &'a [u8]>, name: &[u8]) -> Option<&'a [u8]> {
    fields.flat_map(|field| field.split(|byte| *byte == b';')).find_map(|pair| {
        let equals = memchr::memchr(b'=', pair)?;
        let (found, value) = pair.split_at(equals);
        (found.trim_ascii() == name).then(|| value[1..].trim_ascii())
    })
}

/// Parts are told apart by what they begin with, and where they end by their length.
impl<H: Hasher> KeySink for H {
    fn ip(&mut self, ip: Option<IpAddr>) {
        match ip {
            None => self.write_u8(0),
            Some(IpAddr::V4(ip)) => {
                self.write_u8(1);
                self.write_u32(ip.to_bits());
            }
            Some(IpAddr::V6(ip)) => {
                self.write_u8(2);
                self.write_u128(ip.to_bits());
            }
        }
    }

    fn route(&mut self, route: Option<u32>) {
        self.write_u8(3);
        self.write_u32(route.unwrap_or(u32::MAX));
    }

    fn text<'a>(&mut self, values: impl Iterator<Item = &'a [u8]>) {
        self.write_u8(4);
        for value in values {
            self.write_usize(value.len());
            self.write(value);
        }
        self.write_usize(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::http::{Address, Body, Head, Method, Peer, RequestId, Version};
    use crate::router::RouteId;

    /// Shows a key.
    #[derive(Default)]
    struct Text(String);

    impl KeySink for Text {
        fn ip(&mut self, ip: Option<IpAddr>) {
            self.0 += &ip.map_or("nowhere ".to_owned(), |ip| format!("{ip} "));
        }

        fn route(&mut self, route: Option<u32>) {
            self.0 += &format!("{route:?} ");
        }

        fn text<'a>(&mut self, values: impl Iterator<Item = &'a [u8]>) {
            let values: Vec<_> = values.map(String::from_utf8_lossy).collect();
            self.0 += &format!("'{}' ", values.join("|"));
        }
    }

    fn key(json: &str, ipv6_prefix: u8) -> Result<Key> {
        let key = crate::config::parse_value("RateLimit.key", serde_json::from_str(json).unwrap())?;
        Key::new(Some(key), ipv6_prefix)
    }

    fn request(peer: &str, fields: &[(&str, &str)]) -> Request {
        let mut head = Head::new(Method::GET, Version::Http11, "/");
        for (name, value) in fields {
            head.push(name, value.as_bytes());
        }
        let address = match peer {
            "unix" => Address::Unix(None),
            ip => Address::Ip((ip.parse::<IpAddr>().unwrap(), 9).into()),
        };
        Request::new(head, Body::Empty, Rc::new(Peer::new(address, false)), RequestId::Sequence(1))
    }

    fn shown(key: &Key, request: &Request) -> String {
        let trust = TrustProxy(vec!["10.0.0.0/8".parse().unwrap()]);
        let mut text = Text::default();
        key.write(request, &trust, &mut text);
        text.0.trim_end().to_owned()
    }

    #[test]
    fn addresses() {
        let by_ip = key("\"ip\"", 64).unwrap();
        for (peer, fields, expected) in [
            ("1.2.3.4", &[("x-forwarded-for", "9.9.9.9")][..], "1.2.3.4"),
            ("10.0.0.1", &[("x-forwarded-for", "9.9.9.9")], "9.9.9.9"),
            ("::ffff:1.2.3.4", &[], "1.2.3.4"),
            ("2001:db8:1:2:3:4:5:6", &[], "2001:db8:1:2::"),
            ("10.0.0.1", &[("x-forwarded-for", "2001:db8:1:2:3::1")], "2001:db8:1:2::"),
            ("unix", &[], "nowhere"),
        ] {
            assert_eq!(shown(&by_ip, &request(peer, fields)), expected);
        }
        let address = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff";
        for (prefix, expected) in [(128, address), (48, "2001:db8:ffff::"), (1, "::")] {
            assert_eq!(shown(&key("\"ip\"", prefix).unwrap(), &request(address, &[])), expected);
        }
    }

    #[test]
    fn other_parts_and_what_stands_in_for_them() {
        let fields =
            [("x-key", "a"), ("x-key", "b"), ("cookie", "a=1; sid = x=y ;sid=2"), (":tenant", "acme")];
        let mut with = request("1.2.3.4", &fields);
        with.matched.route = Some(RouteId(7));
        let without = request("1.2.3.4", &[("tenant", "mine"), ("cookie", "mysid=1; sid")]);
        for (json, expected, missing) in [
            (r#"{ "header": "X-Key" }"#, "'a|b'", "1.2.3.4"),
            (r#"{ "cookie": "sid" }"#, "'x=y'", "1.2.3.4"),
            (r#"{ "value": "tenant" }"#, "'acme'", "1.2.3.4"),
            (r#""route""#, "Some(7)", "None"),
            (r#"["route", { "header": "x-key" }, "ip"]"#, "Some(7) 'a|b' 1.2.3.4", "None 1.2.3.4 1.2.3.4"),
        ] {
            let key = key(json, 64).unwrap();
            assert_eq!(shown(&key, &with), expected, "{json}");
            assert_eq!(shown(&key, &without), missing, "{json}");
        }
        let all = key(r#"["ip", { "header": "A" }, { "cookie": "B" }, { "value": "c" }]"#, 64).unwrap();
        assert_eq!(all.describe(), "ip+header-a+cookie-B+value-c");
    }

    #[test]
    fn different_keys_have_different_hashes() {
        let key = key(r#"[{ "header": "a" }, { "header": "b" }]"#, 64).unwrap();
        let hash = |fields: &[(&str, &str)]| {
            let mut hasher = std::hash::DefaultHasher::new();
            key.write(&request("1.2.3.4", fields), &TrustProxy::default(), &mut hasher);
            hasher.finish()
        };
        let all = [
            hash(&[("a", "xy"), ("b", "z")]),
            hash(&[("a", "x"), ("b", "yz")]),
            hash(&[("a", "x"), ("a", "y"), ("b", "z")]),
            hash(&[("a", "x"), ("b", "y"), ("b", "z")]),
            hash(&[("a", "x")]),
            hash(&[("b", "x")]),
            hash(&[]),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[index + 1..].contains(one), "{index}");
        }
        assert_eq!(hash(&[("b", "z"), ("a", "xy")]), all[0]);
    }

    #[test]
    fn refuses() {
        for (json, message) in [
            (r#""host""#, "RateLimit.key: 'host' is not 'ip', 'route', an object"),
            (r#"{ "query": "a" }"#, "is not 'ip', 'route', an object"),
            (r#"{ "header": "a", "cookie": "b" }"#, "is not 'ip', 'route', an object"),
            (r#"{ "header": "a b" }"#, "RateLimit.key.header: 'a b' is not the name of a header"),
            (r#"{ "value": "" }"#, "RateLimit.key.value: '' is not the name of a value"),
            ("[]", "RateLimit.key: a list of 0 is not a list of 1 to 4"),
            (r#"["ip","ip","ip","ip","ip"]"#, "RateLimit.key: a list of 5 is not a list of 1 to 4"),
        ] {
            let error = key(json, 64).map(drop).unwrap_err().to_string();
            assert!(error.contains(message), "{json}: {error}");
        }
    }
}
