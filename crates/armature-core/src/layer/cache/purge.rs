//! What is taken out of a cache before its time: by address, by tag, or everything.

use serde::Deserialize;

use super::key::{Address, Keys, canonical_path, write_origin};
use crate::config::parse;
use crate::error::{Error, Result};

/// What is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge {
    /// Everything.
    All,
    /// What has this tag.
    Tag(Box<[u8]>),
    /// What was stored for a URL.
    Url(PurgeUrl),
}

/// Every answer for one address, whatever else the requests said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeUrl {
    /// As in a key; `None` for every scheme and host.
    pub(super) origin: Option<Box<[u8]>>,
    /// In canonical form.
    pub(super) path: Box<[u8]>,
    /// As it was sent; `None` for every query.
    pub(super) query: Option<Option<Box<str>>>,
}

/// What JavaScript says.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Target {
    url: Option<String>,
    path: Option<String>,
    tag: Option<String>,
    all: Option<bool>,
}

impl Purge {
    /// Reads `{ url }`, `{ path }`, `{ tag }` or `{ all: true }`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` for anything else.
    pub fn from_json(json: &str) -> Result<Self> {
        let wrong = |value: &str| {
            let allowed = "one of { url }, { path }, { tag } and { all: true }";
            Error::option("the target of purge()", value, allowed)
        };
        match parse::<Target>(json)? {
            Target { url: Some(url), path: None, tag: None, all: None } => {
                PurgeUrl::parse(&url).map(Self::Url).ok_or_else(|| {
                    let allowed = "a path such as '/a?b=1' or a URL such as 'https://example.com/a'";
                    Error::option("url of purge()", format_args!("'{url}'"), allowed)
                })
            }
            Target { url: None, path: Some(path), tag: None, all: None } => {
                if !path.starts_with('/') || path.contains(['?', '#']) {
                    let allowed = "a path such as '/articles', without a query";
                    return Err(Error::option("path of purge()", format_args!("'{path}'"), allowed));
                }
                Ok(Self::Url(PurgeUrl { origin: None, path: canonical_path(&path).into(), query: None }))
            }
            Target { url: None, path: None, tag: Some(tag), all: None } => {
                let text = tag.trim();
                if text.is_empty() || text.contains(',') {
                    let allowed = "one tag, which has no comma";
                    return Err(Error::option("tag of purge()", format_args!("'{tag}'"), allowed));
                }
                Ok(Self::Tag(text.as_bytes().into()))
            }
            Target { url: None, path: None, tag: None, all: Some(true) } => Ok(Self::All),
            _ => Err(wrong(json)),
        }
    }

    /// What other processes are told.
    pub(super) fn encode(&self) -> Vec<u8> {
        let Self::Url(PurgeUrl { origin, path, query }) = self else {
            return match self {
                Self::Tag(tag) => [b"t", &**tag].concat(),
                _ => b"a".to_vec(),
            };
        };
        // No part of an address has a zero byte.
        let mut out = b"u".to_vec();
        out.extend_from_slice(origin.as_deref().unwrap_or_default());
        out.push(0);
        out.extend_from_slice(path);
        out.push(0);
        match query {
            None => out.push(b'*'),
            Some(None) => {}
            Some(Some(query)) => {
                out.push(b'?');
                out.extend_from_slice(query.as_bytes());
            }
        }
        out
    }

    /// `None` for what is none.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        match kind {
            b'a' => Some(Self::All),
            b't' => Some(Self::Tag(rest.into())),
            b'u' => {
                let mut parts = rest.splitn(3, |byte| *byte == 0);
                let (origin, path, query) = (parts.next()?, parts.next()?, parts.next()?);
                let query = match query.split_first() {
                    None => Some(None),
                    Some((b'*', _)) => None,
                    Some((_, query)) => Some(Some(std::str::from_utf8(query).ok()?.into())),
                };
                let origin = (!origin.is_empty()).then(|| origin.into());
                Some(Self::Url(PurgeUrl { origin, path: path.into(), query }))
            }
            _ => None,
        }
    }

    /// Whether an answer stored under `key` with `tags` is meant.
    pub(super) fn is_about(&self, key: &[u8], tags: &[Box<[u8]>], keys: &Keys) -> bool {
        match self {
            Self::All => true,
            Self::Tag(tag) => tags.contains(tag),
            Self::Url(url) => url.is_about(key, keys),
        }
    }
}

impl PurgeUrl {
    /// `/path?query`, or the same behind `http://host` or `https://host`.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let url = url.split('#').next().unwrap_or_default();
        let (origin, target) = match url.split_once("://") {
            _ if url.starts_with('/') => (None, url),
            Some((scheme, rest)) => {
                let secure = match scheme {
                    s if s.eq_ignore_ascii_case("http") => false,
                    s if s.eq_ignore_ascii_case("https") => true,
                    _ => return None,
                };
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                let mut origin = Vec::new();
                write_origin(secure, &rest.as_bytes()[..end], &mut origin);
                origin.pop();
                (Some(origin.into()), &rest[end..])
            }
            None => return None,
        };
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let path = if path.is_empty() { "/" } else { path };
        Some(Self { origin, path: canonical_path(path).into(), query: Some(query.map(Into::into)) })
    }

    /// The address of a request, which a change has been made at (RFC 9111 section 4.4). Hosts are not told apart.
    pub(super) fn of_target(path: &str, query: Option<&str>) -> Self {
        Self { origin: None, path: canonical_path(path).into(), query: Some(query.map(Into::into)) }
    }

    /// What `Location` or `Content-Location` names, when it is of the same origin.
    pub(super) fn of_location(value: &[u8], request_origin: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?.trim();
        if text.starts_with("//") {
            return None;
        }
        Self::parse(text).filter(|url| url.origin.as_ref().is_none_or(|origin| **origin == *request_origin))
    }

    pub(super) fn is_about(&self, key: &[u8], keys: &Keys) -> bool {
        let address = Address::of(key);
        if self.origin.as_ref().is_some_and(|origin| **origin != *address.origin) {
            return false;
        }
        if *self.path != *address.path
            && *self.path != *canonical_path(&String::from_utf8_lossy(address.path))
        {
            return false;
        }
        let Some(query) = &self.query else { return true };
        keys.query_of(query.as_deref()) == address.query
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::cache::key::Query;

    fn url(text: &str) -> Purge {
        Purge::from_json(&serde_json::json!({ "url": text }).to_string()).unwrap()
    }

    #[test]
    fn urls_and_paths() {
        let keys = Keys::default();
        for (purge, key, expected) in [
            (url("/a"), &b"hx\0/a\0\0"[..], true),
            (url("/a"), b"sy\0/a\0\0more", true),
            (url("/a"), b"hx\0/a\0?\0", false),
            (url("/a"), b"hx\0/ab\0\0", false),
            (url("/a?b=1"), b"hx\0/a\0?b=1\0", true),
            (url("/a?b=1"), b"hx\0/a\0?b=2\0", false),
            (url("/a#b"), b"hx\0/a\0\0", true),
            (url("/%61"), b"hx\0/a\0\0", true),
            (url("/a"), b"hx\0/%61\0\0", true),
            (url("http://X:80/a"), b"hx\0/a\0\0", true),
            (url("https://x/a"), b"hx\0/a\0\0", false),
            (url("http://y/a"), b"hx\0/a\0\0", false),
            (url("http://x"), b"hx\0/\0\0", true),
            (url("http://x?q"), b"hx\0/\0?q\0", true),
            (Purge::from_json(r#"{"path":"/a"}"#).unwrap(), b"hx\0/a\0?b=1\0", true),
            (Purge::from_json(r#"{"path":"/a"}"#).unwrap(), b"hx\0/b\0\0", false),
            (Purge::from_json(r#"{"all":true}"#).unwrap(), b"hx\0/b\0\0", true),
        ] {
            assert_eq!(purge.is_about(key, &[], &keys), expected, "{purge:?} {}", key.escape_ascii());
        }
        let keys = Keys { query: Query::Ignore, ..keys };
        assert!(url("/a?b=1").is_about(b"hx\0/a\0\0", &[], &keys));
    }

    #[test]
    fn tags() {
        let purge = Purge::from_json(r#"{"tag":" a "}"#).unwrap();
        let tags: Vec<Box<[u8]>> = vec![b"b"[..].into(), b"a"[..].into()];
        assert!(purge.is_about(b"", &tags, &Keys::default()));
        assert!(!purge.is_about(b"", &tags[..1], &Keys::default()));
    }

    #[test]
    fn locations_of_other_origins_are_not_believed() {
        for (value, expected) in [
            ("/a", true),
            ("http://x/a", true),
            ("http://X:80/a", true),
            ("https://x/a", false),
            ("http://y/a", false),
            ("//y/a", false),
            ("a", false),
        ] {
            assert_eq!(PurgeUrl::of_location(value.as_bytes(), b"hx").is_some(), expected, "{value}");
        }
    }

    #[test]
    fn other_processes_hear_the_same() {
        let json = |text: &str| Purge::from_json(text).unwrap();
        for purge in [
            Purge::All,
            json(r#"{"tag":"a"}"#),
            json(r#"{"path":"/a"}"#),
            url("/a"),
            url("/a?"),
            url("/a?*b=1"),
            url("https://x/a?b"),
        ] {
            assert_eq!(Purge::decode(&purge.encode()), Some(purge));
        }
        assert_eq!(Purge::decode(b"x"), None);
        assert_eq!(Purge::decode(b"u/a"), None);
    }

    #[test]
    fn refusals() {
        for json in [
            "{}",
            r#"{"all":false}"#,
            r#"{"all":true,"tag":"a"}"#,
            r#"{"tag":""}"#,
            r#"{"tag":"a,b"}"#,
            r#"{"path":"a"}"#,
            r#"{"path":"/a?b"}"#,
            r#"{"url":"a"}"#,
            r#"{"url":"ftp://x/"}"#,
            r#"{"urls":"/a"}"#,
        ] {
            assert_eq!(Purge::from_json(json).unwrap_err().code(), "ARMATURE_OPTION_INVALID", "{json}");
        }
    }
}
