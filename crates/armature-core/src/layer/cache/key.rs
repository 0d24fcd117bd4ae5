//! What a stored answer is found by: scheme, host, path, query, and fields of the request.
//!
//! A key is flat bytes: scheme and host, path, query, each with a zero byte behind it, which none of them can have; then the
//! fields that the options name, then those that `Vary` of the answer names.

use http::header::HOST;

use crate::config::TrustProxy;
use crate::http::{Forwarded, Head, Request};
use crate::router::canonical;

/// The part of the query that makes a difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Query {
    /// All of it, as it was sent.
    #[default]
    Keep,
    /// Nothing.
    Ignore,
    /// The parameters of these names.
    Only(Box<[String]>),
    /// All but those of these names.
    Except(Box<[String]>),
}

/// How keys are made.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    pub query: Query,
    /// Fields of requests, in lower case.
    pub headers: Box<[Box<str>]>,
    pub trust: TrustProxy,
}

/// A key, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address<'a> {
    /// `h` or `s` for the scheme, then the host.
    pub origin: &'a [u8],
    pub path: &'a [u8],
    /// With its `?`.
    pub query: &'a [u8],
}

impl Keys {
    /// Appends the key of `request` to `key`.
    pub fn write(&self, request: &Request, key: &mut Vec<u8>) {
        let head = &request.head;
        let host = head.get(HOST.as_str()).unwrap_or_default();
        if self.trust.0.is_empty() {
            write_origin(request.peer.secure, host, key);
        } else {
            // What handlers are told of the host and the scheme is part of what they answer.
            let forwarded = Forwarded::resolve(request, &self.trust);
            write_origin(forwarded.secure, forwarded.host.as_deref().map_or(host, str::as_bytes), key);
        }
        self.write_target(head.path(), head.query(), key);
        for name in &self.headers {
            write_field(head, name, key);
        }
    }

    /// The part of a query that makes a difference, with its `?`, as in an [`Address`].
    pub fn query_of(&self, query: Option<&str>) -> Vec<u8> {
        let mut part = Vec::new();
        if let Some(query) = query {
            self.query.write(query, &mut part);
        }
        part
    }

    /// Appends path and query.
    pub fn write_target(&self, path: &str, query: Option<&str>, key: &mut Vec<u8>) {
        key.extend_from_slice(path.as_bytes());
        key.push(0);
        if let Some(query) = query {
            self.query.write(query, key);
        }
        key.push(0);
    }
}

/// Scheme and host, in the form in which equal ones are equal bytes (RFC 9110 section 4.2.3).
pub(super) fn write_origin(secure: bool, host: &[u8], key: &mut Vec<u8>) {
    let default = if secure { &b":443"[..] } else { b":80" };
    key.push(if secure { b's' } else { b'h' });
    let host = host.strip_suffix(default).unwrap_or(host);
    key.extend(host.iter().map(u8::to_ascii_lowercase));
    key.push(0);
}

/// The path in the form in which equal ones are equal bytes; as it is when it has none.
pub(super) fn canonical_path(path: &str) -> Vec<u8> {
    canonical(path).map_or_else(|_| path.as_bytes().to_vec(), |path| path.into_owned().into_bytes())
}

/// Appends every value of the field `name`, so that no two lists of fields give the same bytes.
pub(super) fn write_field(head: &Head, name: &str, key: &mut Vec<u8>) {
    key.extend_from_slice(name.as_bytes());
    key.push(0);
    let start = key.len();
    // Nothing in a field is as long as this, which stands for no field at all.
    key.extend_from_slice(&u32::MAX.to_be_bytes());
    let content = key.len();
    let mut found = false;
    for value in head.get_all(name) {
        if found {
            key.extend_from_slice(b", ");
        }
        found = true;
        key.extend_from_slice(value.trim_ascii());
    }
    if found {
        let length = ((key.len() - content) as u32).to_be_bytes();
        key[start..content].copy_from_slice(&length);
    }
}

impl<'a> Address<'a> {
    /// Of a key.
    pub fn of(key: &'a [u8]) -> Self {
        let mut parts = key.splitn(4, |byte| *byte == 0);
        let mut next = || parts.next().unwrap_or_default();
        Self { origin: next(), path: next(), query: next() }
    }
}

impl Query {
    fn write(&self, query: &str, key: &mut Vec<u8>) {
        let (names, listed) = match self {
            Self::Keep => {
                key.push(b'?');
                return key.extend_from_slice(query.as_bytes());
            }
            Self::Ignore => return,
            Self::Only(names) => (names, true),
            Self::Except(names) => (names, false),
        };
        let mut mark = b'?';
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split_once('=').map_or(pair, |(name, _)| name);
            if names.iter().any(|known| is_named(name, known)) == listed {
                key.push(mark);
                key.extend_from_slice(pair.as_bytes());
                mark = b'&';
            }
        }
    }
}

/// Whether a name of a query, as it was sent, is what handlers see as `name`.
fn is_named(sent: &str, name: &str) -> bool {
    let (mut rest, mut known) = (sent.as_bytes(), name.as_bytes());
    while let [byte, after @ ..] = rest {
        let (decoded, after) = match (byte, after) {
            (b'+', _) => (b' ', after),
            (b'%', [high, low, behind @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, behind),
                _ => (b'%', after),
            },
            _ => (*byte, after),
        };
        match known {
            [first, others @ ..] if *first == decoded => known = others,
            _ => return false,
        }
        rest = after;
    }
    known.is_empty()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::http::Address as SocketEnd;
    use crate::http::{Body, Method, Peer, RequestId, Version};

    fn request(target: &str, fields: &[(&str, &str)], secure: bool) -> Request {
        let mut head = Head::new(Method::GET, Version::Http11, target);
        for (name, value) in fields {
            head.push(name, value.as_bytes());
        }
        let remote = SocketEnd::Ip(([127, 0, 0, 1], 9).into());
        Request::new(head, Body::Empty, Rc::new(Peer::new(remote, secure)), RequestId::Sequence(1))
    }

    fn key(keys: &Keys, request: &Request) -> Vec<u8> {
        let mut key = Vec::new();
        keys.write(request, &mut key);
        key
    }

    #[test]
    fn has_scheme_host_path_and_query() {
        let keys = Keys::default();
        let plain = key(&keys, &request("/a?x=1", &[("host", "Example.com:80")], false));
        assert_eq!(plain, b"hexample.com\0/a\0?x=1\0");
        assert_eq!(Address::of(&plain), Address { origin: b"hexample.com", path: b"/a", query: b"?x=1" });
        for (target, host, secure) in [
            ("/a?x=1", "example.com", true),
            ("/a?x=1", "example.com:8080", false),
            ("/a?x=1", "example.org", false),
            ("/b?x=1", "example.com", false),
            ("/a?x=2", "example.com", false),
            ("/a?", "example.com", false),
            ("/a", "example.com", false),
        ] {
            assert_ne!(key(&keys, &request(target, &[("host", host)], secure)), plain, "{target} {host}");
        }
        assert_eq!(key(&keys, &request("/", &[("host", "h:443")], true)), b"sh\0/\0\0");
    }

    #[test]
    fn what_proxies_say_counts_where_they_are_trusted() {
        let fields = [("host", "a"), ("x-forwarded-host", "b"), ("x-forwarded-proto", "https")];
        let fields = [&fields[..], &[("x-forwarded-for", "1.2.3.4")]].concat();
        let trusting = Keys { trust: TrustProxy(vec!["127.0.0.1".parse().unwrap()]), ..Keys::default() };
        assert_eq!(key(&Keys::default(), &request("/", &fields, false)), b"ha\0/\0\0");
        assert_eq!(key(&trusting, &request("/", &fields, false)), b"sb\0/\0\0");
    }

    #[test]
    fn policies_of_the_query() {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        let only = || Query::Only(names(&["page", "a b"]));
        let except = || Query::Except(names(&["utm_source"]));
        for (query, target, expected) in [
            (Query::Ignore, "/?a=1", ""),
            (only(), "/?x=1&page=2&y", "?page=2"),
            (only(), "/?p%61ge=2&a+b=1&a%20b", "?p%61ge=2&a+b=1&a%20b"),
            (only(), "/?pages=2&pag=1&page", "?page"),
            (only(), "/?x", ""),
            (only(), "/?%zzpage=1&page%=1", ""),
            (except(), "/?x=1&utm_source=m&&y", "?x=1&y"),
            (except(), "/?utm%5fsource=m", ""),
            (except(), "/?utm_source2=m", "?utm_source2=m"),
        ] {
            let keys = Keys { query, ..Keys::default() };
            let key = key(&keys, &request(target, &[], false));
            assert_eq!(Address::of(&key).query, expected.as_bytes(), "{target} {:?}", keys.query);
        }
    }

    #[test]
    fn fields_cannot_be_mistaken_for_others() {
        let keys = Keys { headers: ["a".into(), "b".into()].into(), ..Keys::default() };
        let lists: [&[(&str, &str)]; 8] = [
            &[],
            &[("a", "")],
            &[("b", "")],
            &[("a", ""), ("b", "")],
            &[("a", "1")],
            &[("a", "1"), ("b", "2")],
            &[("a", "12")],
            &[("a", "1\0b\0\0\0\0\x012")],
        ];
        let all: std::collections::HashSet<_> =
            lists.iter().map(|fields| key(&keys, &request("/", fields, false))).collect();
        assert_eq!(all.len(), lists.len());
        let joined = key(&keys, &request("/", &[("a", " 1 "), ("a", "2")], false));
        assert_eq!(joined, key(&keys, &request("/", &[("a", "1, 2")], false)));
    }

    #[test]
    fn equal_paths_have_one_canonical_form() {
        assert_eq!(canonical_path("/%61b"), b"/ab");
        assert_eq!(canonical_path("/%"), b"/%");
    }
}
