//! What may be said about the cache, and what is refused.

use std::fmt;
use std::ops::RangeInclusive;

use http::HeaderName;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use super::freshness::Defaults;
use super::key::{Keys, Query};
use crate::config::{Millis, Size, TrustProxy, any_form};
use crate::error::{Error, Result};
use crate::store::disk::DiskOptions;
use crate::store::levels::LevelSettings;
use crate::store::redis::RedisOptions;
use crate::store::tiers::{TierOptions, check_name};

const YEAR: Millis = Millis::hours(365 * 24);
const LARGEST: Size = Size::mb(1 << 20);

/// Options of the cache.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct CacheOptions {
    /// Memory for answers, of all IO loops together. From 64kb to 1tb, by default 64mb.
    pub size: Option<Size>,
    /// Largest content of one answer; larger ones are not stored. From 0b to `size`, 1gb at most, by default 1mb.
    pub max_entry: Option<Size>,
    /// For how long answers are fresh that do not say it, with the statuses that may be stored then. Up to `'8760h'`, by default 0:
    /// they are not stored.
    pub ttl: Option<Millis>,
    /// For how long beyond its lifetime an answer is given while a new one is fetched, where it does not say so itself. Up to
    /// `'8760h'`, by default 0.
    pub stale_while_revalidate: Option<Millis>,
    /// For how long beyond its lifetime an answer is given in the place of a 500, 502, 503 or 504, where it does not say so itself.
    /// Up to `'8760h'`, by default 0.
    pub stale_if_error: Option<Millis>,
    /// The part of the query that makes a difference. Default `'keep'`: all of it, as it was sent.
    pub query: Option<CacheQuery>,
    /// Fields of requests that make a difference. With `authorization` or `cookie` among them, requests that have these are stored
    /// as well. Default: none.
    pub key_headers: Option<Vec<String>>,
    /// What becomes of answers with `Set-Cookie`. Default `'skip'`.
    pub set_cookie: Option<CacheSetCookie>,
    /// Whether `Cache-Control` of requests is followed. Default `true`; with `false` clients cannot ask for new answers.
    pub client_control: Option<bool>,
    /// The field by which answers name their tags. Default `'cache-tag'`.
    pub tag_header: Option<String>,
    /// Whether clients see that field. Default `false`.
    pub send_tags: Option<bool>,
    /// Whether answers say in `Cache-Status` (RFC 9211) where they come from. Default `true`.
    pub status: Option<bool>,
    /// Whether requests for the same thing wait for the first of them. Default `true`.
    pub coalesce: Option<bool>,
    /// How long they wait, at most; then they go on by themselves. From 1ms to 10m, by default 5s.
    pub max_wait: Option<Millis>,
    /// How many wait for one, at most; further ones go on by themselves. From 1 to 1000000, by default 1000.
    pub max_waiting: Option<u32>,
    /// New answers that one IO loop fetches in the background at the same time; where there are more, the next request that comes
    /// for one tries again. From 1 to 100000, by default 64.
    pub background: Option<u32>,
    /// Keeps answers in Redis as well, for all processes together. Default: in the memory of this process alone.
    pub redis: Option<RedisOptions>,
    /// Keeps answers in a folder as well, where they outlive the process: its path, or options. Default: nothing outlives it.
    #[serde(deserialize_with = "any_form")]
    #[cfg_attr(test, ts(as = "Option<crate::store::disk::AnyFormTs>", inline))]
    pub disk: Option<DiskOptions>,
    /// What the names of keys in Redis begin with. Default `'armature:cache:'`.
    pub prefix: Option<String>,
    /// What the cache is called in Redis and in the folder: letters, digits, `-`, `_` and `.`, 64 at most. Caches with one name share
    /// their answers. Default `'default'`.
    pub name: Option<String>,
    /// How often Redis is asked what other processes purged. From 10ms to 1m, by default 200ms.
    pub sync: Option<Millis>,
    /// Allows the cache inside JavaScript middleware, which is then skipped for what it answers. Default `false`.
    pub before_js: Option<bool>,
}

/// The part of a query that makes a difference: all of it, nothing, or parameters by name.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[cfg_attr(
    test,
    ts(type = "'keep' | 'ignore' | { only: readonly string[] } | { except: readonly string[] }")
)]
pub struct CacheQuery(Query);

/// What becomes of answers with `Set-Cookie`: they are not stored, are stored without it, or are stored with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, ts(rename_all = "lowercase"))]
pub enum CacheSetCookie {
    /// The answer is not stored.
    #[default]
    Skip,
    /// It is stored without the field.
    Strip,
    /// It is stored with the field, which everybody gets.
    Store,
}

/// The options, checked.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub size: u64,
    pub max_entry: u64,
    pub rules: Rules,
    pub keys: Keys,
    pub client_control: bool,
    pub status: bool,
    pub coalesce: bool,
    pub max_wait: Millis,
    pub max_waiting: usize,
    pub background: usize,
    /// What is below memory.
    pub levels: LevelSettings,
}

/// What decides whether an answer is stored, and how.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub defaults: Defaults,
    pub set_cookie: CacheSetCookie,
    pub tag_header: HeaderName,
    pub send_tags: bool,
    pub max_entry: u64,
    /// Requests with these fields are like any other.
    pub has_authorization: bool,
    pub has_cookie: bool,
}

impl CacheOptions {
    pub(super) fn check(self) -> Result<Checked> {
        let size = within("Cache.size", self.size, Size::kb(64)..=LARGEST, Size::mb(64))?;
        let most = size.min(Size::mb(1024));
        let max_entry = within("Cache.maxEntry", self.max_entry, Size(0)..=most, Size::mb(1).min(most))?;
        let time = |name, value| within(name, value, Millis(0)..=YEAR, Millis(0)).map(|time| time.0);
        let defaults = Defaults {
            ttl: time("Cache.ttl", self.ttl)?,
            stale_while_revalidate: time("Cache.staleWhileRevalidate", self.stale_while_revalidate)?,
            stale_if_error: time("Cache.staleIfError", self.stale_if_error)?,
        };
        let mut headers: Vec<Box<str>> = Vec::new();
        for name in self.key_headers.unwrap_or_default() {
            headers.push(header("Cache.keyHeaders", &name)?.as_str().into());
        }
        headers.sort_unstable();
        headers.dedup();
        let tag_header = self.tag_header.as_deref().unwrap_or("cache-tag");
        let has = |name: &str| headers.iter().any(|known| &**known == name);
        let rules = Rules {
            defaults,
            set_cookie: self.set_cookie.unwrap_or_default(),
            tag_header: header("Cache.tagHeader", tag_header)?,
            send_tags: self.send_tags.unwrap_or(false),
            max_entry: max_entry.0,
            has_authorization: has("authorization"),
            has_cookie: has("cookie"),
        };
        let disk = self.disk.map(|disk| disk.check("Cache.disk")).transpose()?;
        let name = check_name("Cache", self.name.clone())?;
        if self.name.is_some() && self.redis.is_none() && disk.is_none() {
            return Err(Error::option_message("Cache.name needs redis or disk"));
        }
        let redis = TierOptions {
            option: "Cache",
            name: self.name.filter(|_| self.redis.is_some()),
            prefix: self.prefix,
            default_prefix: "armature:cache:",
            redis: self.redis,
            sync: self.sync,
        };
        let query = self.query.map_or(Query::Keep, |query| query.0);
        let max_waiting = within("Cache.maxWaiting", self.max_waiting, 1..=1_000_000, 1000)?;
        let background = within("Cache.background", self.background, 1..=100_000, 64)?;
        Ok(Checked {
            size: size.0,
            max_entry: max_entry.0,
            rules,
            keys: Keys { query, headers: headers.into(), trust: TrustProxy::default() },
            client_control: self.client_control.unwrap_or(true),
            status: self.status.unwrap_or(true),
            coalesce: self.coalesce.unwrap_or(true),
            max_wait: within(
                "Cache.maxWait",
                self.max_wait,
                Millis(1)..=Millis(600_000),
                Millis::seconds(5),
            )?,
            max_waiting: max_waiting as usize,
            background: background as usize,
            levels: LevelSettings { name, redis: redis.check()?, disk },
        })
    }
}

fn within<T: PartialOrd + fmt::Display>(
    name: &'static str,
    value: Option<T>,
    range: RangeInclusive<T>,
    default: T,
) -> Result<T> {
    match value {
        Some(value) if !range.contains(&value) => {
            let allowed = format_args!("from {} to {}", range.start(), range.end());
            Err(Error::option(name, value, allowed))
        }
        value => Ok(value.unwrap_or(default)),
    }
}

fn header(option: &'static str, name: &str) -> Result<HeaderName> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Error::option(option, format_args!("'{name}'"), "the name of a header field"))
}

impl<'de> Deserialize<'de> for CacheQuery {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(QueryVisitor)
    }
}

/// The form with names.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Names {
    only: Option<Vec<String>>,
    except: Option<Vec<String>>,
}

struct QueryVisitor;

impl<'de> Visitor<'de> for QueryVisitor {
    type Value = CacheQuery;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("'keep', 'ignore', or one of { only: [names] } and { except: [names] }")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<CacheQuery, E> {
        match text {
            "keep" => Ok(CacheQuery(Query::Keep)),
            "ignore" => Ok(CacheQuery(Query::Ignore)),
            other => Err(E::invalid_value(Unexpected::Str(other), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<CacheQuery, A::Error> {
        let names = Names::deserialize(MapAccessDeserializer::new(map))?;
        match (names.only, names.except) {
            (Some(only), None) => Ok(CacheQuery(Query::Only(only.into()))),
            (None, Some(except)) => Ok(CacheQuery(Query::Except(except.into()))),
            _ => Err(serde::de::Error::invalid_value(Unexpected::Map, &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::parse_value;

    fn check(options: Value) -> Result<Checked> {
        parse_value::<CacheOptions>("Cache", options)?.check()
    }

    #[test]
    fn defaults() {
        let checked = check(json!({})).unwrap();
        assert_eq!((checked.size, checked.max_entry), (64 << 20, 1 << 20));
        assert_eq!(checked.rules.defaults.ttl, 0);
        assert!(checked.client_control && checked.status && checked.coalesce);
        assert!(!checked.rules.send_tags && !checked.rules.has_cookie && !checked.rules.has_authorization);
        assert_eq!(check(json!({ "size": "64kb" })).unwrap().max_entry, 64 << 10);
    }

    #[test]
    fn names_are_read() {
        let checked = check(json!({
            "keyHeaders": ["Cookie", "x-tenant", "cookie"], "query": { "except": ["utm_source"] },
        }));
        let checked = checked.unwrap();
        assert_eq!(
            checked.keys.headers.iter().map(|name| &**name).collect::<Vec<_>>(),
            ["cookie", "x-tenant"]
        );
        assert!(checked.rules.has_cookie);
        assert_eq!(checked.keys.query, Query::Except(["utm_source".to_owned()].into()));
    }

    #[test]
    fn refusals_name_the_option() {
        for (options, message) in [
            (json!({ "size": "1kb" }), "Cache.size: 1kb is not from 64kb to 1tb"),
            (json!({ "size": "1mb", "maxEntry": "2mb" }), "Cache.maxEntry: 2mb is not from 0b to 1mb"),
            (json!({ "ttl": "8761h" }), "Cache.ttl: 8761h is not from 0ms to 8760h"),
            (json!({ "maxWait": 0 }), "Cache.maxWait: 0ms is not from 1ms to 10m"),
            (json!({ "maxWaiting": 0 }), "Cache.maxWaiting: 0 is not from 1 to 1000000"),
            (json!({ "background": 0 }), "Cache.background: 0 is not from 1 to 100000"),
            (json!({ "keyHeaders": ["a b"] }), "Cache.keyHeaders: 'a b' is not the name of a header field"),
            (json!({ "name": "a" }), "Cache.name needs redis or disk"),
            (json!({ "disk": "/x", "sync": "1s" }), "Cache.sync needs redis"),
            (json!({ "disk": "" }), "Cache.disk.path: '' is not the path of a folder"),
            (
                json!({ "disk": { "path": "/x", "maxBytes": "1kb" } }),
                "Cache.disk.maxBytes: 1kb is not a size from 1mb to 16tb",
            ),
            (json!({ "tagHeader": "" }), "Cache.tagHeader: '' is not the name of a header field"),
        ] {
            let error = check(options).unwrap_err();
            assert_eq!((error.code(), error.to_string()), ("ARMATURE_OPTION_INVALID", message.to_owned()));
        }
        for query in
            [json!("all"), json!({}), json!({ "only": [], "except": [] }), json!({ "onyl": [] }), json!(1)]
        {
            let error = check(json!({ "query": query })).unwrap_err();
            assert!(error.to_string().starts_with("Cache.query"), "{error}");
        }
    }
}
