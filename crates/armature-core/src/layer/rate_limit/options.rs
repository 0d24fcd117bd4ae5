//! Options of a rate limit.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::bucket::Bucket;
use super::fields::Style;
use super::key::{Key, RateLimitKey};
use super::policy::Policy;
use super::window::Window;
use crate::config::Millis;
use crate::error::{Error, Result};
use crate::store::redis::{RedisOptions, RedisSettings};

const LIMIT: u32 = 1000;
const MAX_LIMIT: u32 = 1_000_000;
const WINDOW: Millis = Millis::seconds(60);
const MAX_WINDOW: Millis = Millis::hours(24);
/// Windows in which an empty bucket may need to be full.
const MAX_BURST: u32 = 100;
const CAPACITY: u32 = 100_000;
const MAX_CAPACITY: u32 = 100_000_000;
const IPV6_PREFIX: u8 = 64;
const PREFIX: &str = "armature:rate:";

/// Options of the rate limit.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct RateLimitOptions {
    /// What a key may take in a `window`: as many requests, when each costs 1. From 1 to 1000000, by default 1000.
    pub limit: Option<u32>,
    /// Whole seconds, from 1s to 24h. Default 1m.
    pub window: Option<Millis>,
    /// How it is counted. Default `'token-bucket'`.
    pub algorithm: Option<RateLimitAlgorithm>,
    /// Most tokens that are there at once, of `'token-bucket'`. From 1 to 1000000, and to 100 times `limit`, which is the default.
    pub burst: Option<u32>,
    /// What has a limit of its own. Default `'ip'`.
    pub key: Option<RateLimitKey>,
    /// Bits of an IPv6 address that tell clients apart; whoever has one address has a whole network of them. From 1 to 128, by default 64.
    pub ipv6_prefix: Option<u8>,
    /// What a request takes. From 0, which is not counted, to `limit` or `burst`. Default 1.
    pub cost: Option<u32>,
    /// What requests of single routes take instead, such as `{ 'POST /login': 20, '/search': 5 }`.
    #[cfg_attr(test, ts(as = "Option<shown::Costs>", inline))]
    pub costs: Option<BTreeMap<String, u32>>,
    /// Fields that tell a client what is left. Default `'draft'`.
    #[cfg_attr(test, ts(as = "Option<shown::Headers>", inline))]
    pub headers: Option<RateLimitHeaders>,
    /// What the policy is called in `RateLimit-Policy`, and in Redis: letters, digits, `-`, `_` and `.`, 64 at most. Default `'default'`.
    pub name: Option<String>,
    /// Keys that are counted in memory, 24 bytes each. From 1 to 100000000, by default 100000. Not with `redis`.
    pub capacity: Option<u32>,
    /// Counts in Redis, for all processes together. Default: in the memory of this process.
    pub redis: Option<RedisOptions>,
    /// What the names of keys in Redis begin with. Default `'armature:rate:'`.
    pub prefix: Option<String>,
    /// What becomes of requests when Redis does not answer: `'open'` lets them pass without being counted, `'closed'` answers 503. Default `'open'`.
    pub failure: Option<RateLimitFailure>,
}

/// How requests are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum RateLimitAlgorithm {
    /// A bucket of `burst` tokens, of which `limit` come back in each window, evenly.
    TokenBucket,
    /// `limit` in any span of the window's length.
    SlidingWindow,
}

/// What becomes of requests that cannot be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum RateLimitFailure {
    /// They pass.
    Open,
    /// They are answered 503.
    Closed,
}

/// Which fields answers have; `None` is `false`.
#[derive(Clone, Copy, Debug)]
pub struct RateLimitHeaders(pub(super) Option<Style>);

/// What TypeScript shows of what is no single type.
#[cfg(test)]
mod shown {
    #[derive(ts_rs::TS)]
    #[ts(type = "Readonly<Record<string, number>>")]
    pub struct Costs;

    #[derive(ts_rs::TS)]
    #[ts(type = "false | 'draft' | 'legacy'")]
    pub struct Headers;
}

impl<'de> Deserialize<'de> for RateLimitHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct FalseOr;
        impl serde::de::Visitor<'_> for FalseOr {
            type Value = RateLimitHeaders;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("false, 'draft' or 'legacy'")
            }

            fn visit_bool<E: serde::de::Error>(self, value: bool) -> std::result::Result<Self::Value, E> {
                let refused = || E::invalid_value(serde::de::Unexpected::Bool(value), &self);
                if value { Err(refused()) } else { Ok(RateLimitHeaders(None)) }
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Self::Value, E> {
                match text {
                    "draft" => Ok(RateLimitHeaders(Some(Style::Draft))),
                    "legacy" => Ok(RateLimitHeaders(Some(Style::Legacy))),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(FalseOr)
    }
}

/// The same, checked.
#[derive(Debug)]
pub(super) struct Checked {
    pub policy: Policy,
    /// Seconds.
    pub window: u64,
    pub limit: u32,
    pub key: Key,
    pub cost: u32,
    pub costs: BTreeMap<String, u32>,
    pub style: Option<Style>,
    pub name: String,
    pub store: Store,
}

/// Where it is counted.
#[derive(Debug)]
pub(super) enum Store {
    Memory { capacity: usize },
    Redis { settings: Box<RedisSettings>, prefix: String, failure: RateLimitFailure },
}

impl RateLimitOptions {
    pub(super) fn check(self) -> Result<Checked> {
        let limit = within("limit", self.limit, 1, MAX_LIMIT, LIMIT)?;
        let window = self.window.unwrap_or(WINDOW);
        if !(Millis::seconds(1)..=MAX_WINDOW).contains(&window) || !window.0.is_multiple_of(1000) {
            return Err(Error::option("RateLimit.window", window, "whole seconds from 1s to 24h"));
        }
        let nanos = window.0 * 1_000_000;
        let policy = match self.algorithm.unwrap_or(RateLimitAlgorithm::TokenBucket) {
            RateLimitAlgorithm::TokenBucket => {
                let most = limit.saturating_mul(MAX_BURST).min(MAX_LIMIT);
                let burst = within("burst", self.burst, 1, most, limit)?;
                Policy::Bucket(Bucket::new(limit, nanos, burst))
            }
            RateLimitAlgorithm::SlidingWindow => {
                needless("burst", self.burst.is_some(), "algorithm: 'token-bucket'")?;
                Policy::Window(Window::new(limit, nanos))
            }
        };
        let costs = self.costs.unwrap_or_default();
        for (route, cost) in &costs {
            within(format_args!("costs['{route}']"), Some(*cost), 0, policy.most(), 1)?;
        }
        let name = self.name.unwrap_or_else(|| "default".to_owned());
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(is_plain) {
            let allowed = "1 to 64 letters, digits, '-', '_' or '.'";
            return Err(Error::option("RateLimit.name", format_args!("'{name}'"), allowed));
        }
        let ipv6_prefix = self.ipv6_prefix.unwrap_or(IPV6_PREFIX);
        within("ipv6Prefix", Some(u32::from(ipv6_prefix)), 1, 128, 64)?;
        let store = match self.redis {
            None => {
                needless("prefix", self.prefix.is_some(), "redis")?;
                needless("failure", self.failure.is_some(), "redis")?;
                let capacity = within("capacity", self.capacity, 1, MAX_CAPACITY, CAPACITY)?;
                Store::Memory { capacity: capacity as usize }
            }
            Some(redis) => {
                if self.capacity.is_some() {
                    let why = "RateLimit.capacity is for counting in memory; leave it out with redis";
                    return Err(Error::option_message(why));
                }
                Store::Redis {
                    settings: Box::new(redis.check("RateLimit.redis")?),
                    prefix: self.prefix.unwrap_or_else(|| PREFIX.to_owned()),
                    failure: self.failure.unwrap_or(RateLimitFailure::Open),
                }
            }
        };
        Ok(Checked {
            cost: within("cost", self.cost, 0, policy.most(), 1)?,
            key: Key::new(self.key, ipv6_prefix)?,
            style: self.headers.unwrap_or(RateLimitHeaders(Some(Style::Draft))).0,
            window: window.0 / 1000,
            policy,
            limit,
            costs,
            name,
            store,
        })
    }
}

fn within(name: impl std::fmt::Display, value: Option<u32>, from: u32, to: u32, default: u32) -> Result<u32> {
    match value {
        Some(value) if !(from..=to).contains(&value) => {
            let name = format_args!("RateLimit.{name}").to_string();
            Err(Error::option(name, value, format_args!("a whole number from {from} to {to}")))
        }
        value => Ok(value.unwrap_or(default)),
    }
}

/// An option that would have no effect.
fn needless(name: &str, is_set: bool, needs: &str) -> Result<()> {
    if is_set { Err(Error::option_message(format!("RateLimit.{name} needs {needs}"))) } else { Ok(()) }
}

/// `GET /users/:id` or `/users/:id`, as routes are called in `costs`.
pub(super) fn is_called(route: &super::RouteName, name: &str) -> bool {
    match name.split_once(' ') {
        Some((method, pattern)) => route.method == method && route.pattern == pattern,
        None => route.pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn has_defaults() {
        let checked = RateLimitOptions::default().check().unwrap();
        assert_eq!((checked.limit, checked.window, checked.cost, checked.policy.most()), (1000, 60, 1, 1000));
        assert!(matches!(checked.store, Store::Memory { capacity: 100_000 }));
        assert_eq!((checked.name.as_str(), checked.style), ("default", Some(Style::Draft)));
    }

    #[test]
    fn refuses_what_has_no_meaning() {
        for (json, message) in [
            (r#"{ "limit": 0 }"#, "RateLimit.limit: 0 is not a whole number from 1 to 1000000"),
            (r#"{ "window": "500ms" }"#, "RateLimit.window: 500ms is not whole seconds from 1s to 24h"),
            (r#"{ "window": 1500 }"#, "RateLimit.window: 1500ms is not whole seconds"),
            (r#"{ "window": "25h" }"#, "RateLimit.window: 25h is not whole seconds"),
            (r#"{ "burst": 0 }"#, "RateLimit.burst: 0 is not a whole number from 1 to 100000"),
            (r#"{ "limit": 2, "burst": 201 }"#, "RateLimit.burst: 201 is not a whole number from 1 to 200"),
            (
                r#"{ "burst": 5, "algorithm": "sliding-window" }"#,
                "RateLimit.burst needs algorithm: 'token-bucket'",
            ),
            (r#"{ "limit": 5, "cost": 6 }"#, "RateLimit.cost: 6 is not a whole number from 0 to 5"),
            (
                r#"{ "limit": 5, "costs": { "/a": 6 } }"#,
                "RateLimit.costs['/a']: 6 is not a whole number from 0 to 5",
            ),
            (r#"{ "name": "a b" }"#, "RateLimit.name: 'a b' is not 1 to 64 letters"),
            (r#"{ "ipv6Prefix": 0 }"#, "RateLimit.ipv6Prefix: 0 is not a whole number from 1 to 128"),
            (r#"{ "capacity": 0 }"#, "RateLimit.capacity: 0 is not a whole number from 1 to 100000000"),
            (r#"{ "prefix": "x" }"#, "RateLimit.prefix needs redis"),
            (r#"{ "failure": "open" }"#, "RateLimit.failure needs redis"),
            (
                r#"{ "capacity": 9, "redis": { "url": "redis://localhost" } }"#,
                "RateLimit.capacity is for counting in memory",
            ),
            (r#"{ "redis": { "url": "localhost" } }"#, "RateLimit.redis.url: this is not an address"),
            (r#"{ "headers": true }"#, "headers: true is not false, 'draft' or 'legacy'"),
            (r#"{ "headers": "x" }"#, "is not false, 'draft' or 'legacy'"),
        ] {
            let error = parse::<RateLimitOptions>(json).and_then(RateLimitOptions::check).unwrap_err();
            assert!(error.is_option() && error.to_string().contains(message), "{json}: {error}");
        }
    }
}
