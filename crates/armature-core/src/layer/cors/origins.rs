//! Which origins are allowed: exact ones, and patterns.

use std::fmt;

use http::HeaderValue;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::{Error, Result};

const ALLOWED: &str = "an origin such as 'https://app.example.com', or one with '*' for its first label or its port, such as \
     'https://*.example.com', 'https://app-*.example.com' or 'http://localhost:*'";

/// `'*'`, or a list of origins. One with `*` is a pattern: `https://*.example.com` are all names below `example.com`,
/// `https://app-*.example.com` those whose first label begins with `app-`, and `http://localhost:*` any port.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "'*' | readonly string[]"))]
pub enum Origins {
    /// Every origin.
    Any,
    /// Exact origins and patterns.
    List(Vec<String>),
}

impl<'de> Deserialize<'de> for Origins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Origins;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("'*' or a list of origins such as ['https://app.example.com']")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Origins, E> {
                match text {
                    "*" => Ok(Origins::Any),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Origins, A::Error> {
                let mut origins = Vec::new();
                while let Some(origin) = list.next_element()? {
                    origins.push(origin);
                }
                Ok(Origins::List(origins))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// The origins of a list, ready to be compared with that of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct AllowedOrigins {
    /// Sorted.
    exact: Vec<HeaderValue>,
    patterns: Vec<Pattern>,
}

impl AllowedOrigins {
    pub fn new(list: &[String]) -> Result<Self> {
        let mut allowed = Self::default();
        for text in list {
            let error = || Error::option("Cors.origins", text, ALLOWED);
            let origin = Origin::parse(text).ok_or_else(error)?;
            if origin.is_exact() {
                allowed.exact.push(HeaderValue::from_str(&origin.to_string()).map_err(|_| error())?);
            } else {
                allowed.patterns.push(Pattern::new(&origin).ok_or_else(error)?);
            }
        }
        allowed.exact.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        Ok(allowed)
    }

    /// What allows `origin` says of it: itself.
    pub fn find(&self, origin: &[u8]) -> Option<HeaderValue> {
        if let Ok(at) = self.exact.binary_search_by(|exact| exact.as_bytes().cmp(origin)) {
            return Some(self.exact[at].clone());
        }
        let matches = self.patterns.iter().any(|pattern| pattern.matches(origin));
        matches.then(|| HeaderValue::from_bytes(origin).ok()).flatten()
    }
}

/// An origin as an option has it, in the form in which browsers write it: lower case, and no port that is the scheme's own.
struct Origin {
    scheme: String,
    host: String,
    port: Option<String>,
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let (scheme, authority) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        // The brackets of an IPv6 address have colons in them.
        let end = authority.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match authority[end..].split_once(':') {
            Some((rest, port)) => (&authority[..end + rest.len()], Some(port)),
            None => (authority, None),
        };
        let is_port = |port: &&str| *port == "*" || (!port.starts_with('0') && port.parse::<u16>().is_ok());
        if !is_scheme || !is_host(host) || !port.as_ref().is_none_or(is_port) {
            return None;
        }
        let own = match scheme {
            "https" | "wss" => "443",
            "http" | "ws" => "80",
            _ => "",
        };
        let port = port.filter(|port| *port != own).map(str::to_owned);
        Some(Self { scheme: scheme.to_owned(), host: host.to_owned(), port })
    }

    fn is_exact(&self) -> bool {
        !self.host.contains('*') && self.port.as_deref() != Some("*")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        self.port.as_ref().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// A name, an IPv4 address, or an IPv6 address in brackets. Names of other scripts are sent in their ASCII form.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_*".contains(&b))
        }),
    }
}

/// An origin with a `*`: what stands in its place never has a character that could end a name.
#[derive(Clone, Debug)]
struct Pattern {
    /// Scheme, and the host up to its `*`: all of it when there is none.
    before: Box<[u8]>,
    star: Star,
    /// The host behind its `*`.
    after: Box<[u8]>,
    port: Port,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Star {
    /// The host is exact.
    None,
    /// Characters of one label.
    PartOfLabel,
    /// One or more labels.
    Labels,
}

#[derive(Clone, Debug)]
enum Port {
    /// That of the scheme, or any.
    Any,
    /// With its colon; empty is that of the scheme.
    Exact(Box<[u8]>),
}

impl Pattern {
    fn new(origin: &Origin) -> Option<Self> {
        let (before, star, after) = match origin.host.split_once('*') {
            None => (origin.host.as_str(), Star::None, ""),
            Some((before, after)) => {
                // Once, in the first label, and below a name: `https://*` would be nearly everybody.
                let in_first_label = !before.contains('.') && after.contains('.');
                if !in_first_label || after.contains('*') {
                    return None;
                }
                let whole = before.is_empty() && after.starts_with('.');
                (before, if whole { Star::Labels } else { Star::PartOfLabel }, after)
            }
        };
        let port = match origin.port.as_deref() {
            Some("*") => Port::Any,
            Some(port) => Port::Exact(format!(":{port}").into_bytes().into()),
            None => Port::Exact(Box::default()),
        };
        let before = format!("{}://{before}", origin.scheme).into_bytes().into();
        Some(Self { before, star, after: after.as_bytes().into(), port })
    }

    fn matches(&self, origin: &[u8]) -> bool {
        let Some(rest) = origin.strip_prefix(&*self.before) else { return false };
        let host = match &self.port {
            Port::Exact(port) => rest.strip_suffix(&**port),
            Port::Any => Some(without_port(rest)),
        };
        let Some(middle) = host.and_then(|host| host.strip_suffix(&*self.after)) else { return false };
        let is_label = |label: &[u8]| {
            !label.is_empty()
                && label.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(b))
        };
        match self.star {
            Star::None => middle.is_empty(),
            Star::PartOfLabel => is_label(middle),
            Star::Labels => middle.split(|b| *b == b'.').all(is_label),
        }
    }
}

/// `rest` without a colon and the digits behind it; all of it, which then matches nothing, when that is no port.
fn without_port(rest: &[u8]) -> &[u8] {
    let Some(colon) = memchr::memrchr(b':', rest) else { return rest };
    let port = &rest[colon + 1..];
    let is_port = (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit);
    if is_port { &rest[..colon] } else { rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(list: &[&str]) -> AllowedOrigins {
        AllowedOrigins::new(&list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn exact_origins_are_compared_as_browsers_write_them() {
        let allowed = allowed(&[
            "HTTPS://App.Example.com",
            "https://b.example:443",
            "http://c.example:80",
            "http://d.example:443",
            "http://[::1]:8080",
            "capacitor://localhost",
        ]);
        for origin in [
            "https://app.example.com",
            "https://b.example",
            "http://c.example",
            "http://d.example:443",
            "http://[::1]:8080",
            "capacitor://localhost",
        ] {
            assert_eq!(allowed.find(origin.as_bytes()).unwrap(), origin);
        }
        for origin in [
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com.evil.example",
            "https://evil.example/https://app.example.com",
            "https://b.example:443",
            "http://[::1]",
            "null",
            "",
        ] {
            assert_eq!(allowed.find(origin.as_bytes()), None, "{origin}");
        }
    }

    #[test]
    fn patterns_end_where_names_do() {
        for (pattern, matching, others) in [
            (
                "https://*.example.com",
                &["https://a.example.com", "https://a.b.example.com", "https://xn--nxa.example.com"][..],
                &[
                    "https://example.com",
                    "https://.example.com",
                    "https://a..example.com",
                    "http://a.example.com",
                    "https://a.example.com:8443",
                    "https://evilexample.com",
                    "https://a.example.com.evil.example",
                    "https://evil.example/.example.com",
                    "https://evil.example:1.example.com",
                    "https://evil.example#.example.com",
                    "https://user@a.example.com",
                    "https://A.example.com",
                    "https://\u{e9}.example.com",
                ][..],
            ),
            (
                "https://app-*.example.com",
                &["https://app-1.example.com", "https://app-a-b.example.com"],
                &["https://app-.example.com", "https://app-a.b.example.com", "https://app.example.com"],
            ),
            (
                "https://*-app.example.com:8443",
                &["https://pr1-app.example.com:8443"],
                &["https://pr1-app.example.com", "https://a.pr1-app.example.com:8443"],
            ),
            (
                "http://localhost:*",
                &["http://localhost", "http://localhost:1", "http://localhost:65535"],
                &[
                    "http://localhost:",
                    "http://localhost:123456",
                    "http://localhost:1a",
                    "http://localhost.evil.example:80",
                    "http://localhost:1:2",
                    "https://localhost:1",
                ],
            ),
            ("http://[::1]:*", &["http://[::1]", "http://[::1]:3000"], &["http://[::1]1", "http://[::2]"]),
            (
                "http://*.localhost:*",
                &["http://a.localhost:3000", "http://a.localhost"],
                &["http://localhost:3000"],
            ),
        ] {
            let allowed = allowed(&[pattern]);
            for origin in matching {
                assert_eq!(allowed.find(origin.as_bytes()).unwrap(), origin, "{pattern}");
            }
            for origin in others {
                assert_eq!(allowed.find(origin.as_bytes()), None, "{pattern} {origin}");
            }
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in [
            "",
            "*",
            "null",
            "example.com",
            "https://",
            "https://*",
            "https://*com",
            "https://a.*.example.com",
            "https://*.*.example.com",
            "https://example.*",
            "https://*a*.example.com",
            "*://example.com",
            "https://example.com/",
            "https://example.com/path",
            "https://user@example.com",
            "https://example.com:0",
            "https://example.com:080",
            "https://example.com:65536",
            "https://example.com:",
            "https://example..com",
            "https://b\u{fc}cher.example",
            "https://[::1",
            "https://[*]",
            "https://exa mple.com",
            "https://example.com?x",
        ] {
            let error = AllowedOrigins::new(&[text.to_owned()]).unwrap_err().to_string();
            assert!(error.contains("Cors.origins"), "{text}: {error}");
        }
    }

    #[test]
    fn any_number_of_origins_is_searched() {
        let list: Vec<_> = (0..500).map(|n| format!("https://{n}.example.com")).collect();
        let allowed = AllowedOrigins::new(&list).unwrap();
        for origin in &list {
            assert_eq!(allowed.find(origin.as_bytes()).unwrap(), origin.as_str());
        }
        assert_eq!(allowed.find(b"https://500.example.com"), None);
    }
}
