//! What may be said about a store, and what is refused.

use std::fmt;
use std::ops::RangeInclusive;

use serde::Deserialize;

use crate::config::{Millis, Size};
use crate::error::{Error, Result};
use crate::store::redis::RedisOptions;
use crate::store::tiers::{TierOptions, TierSettings, check_name};

/// The longest time that there is, and how long values live of which nothing is said.
pub(super) const YEAR: Millis = Millis::hours(365 * 24);
const LARGEST: Size = Size::mb(1 << 20);

/// Options of a store.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct KeyValueStoreOptions {
    /// What the store is called: letters, digits, `-`, `_` and `.`, 64 at most. Stores of one process with the same name and options
    /// are one, whichever thread they are in; with `redis` those of all processes are. Default `'default'`.
    pub name: Option<String>,
    /// Memory for values, of all threads together. From 64kb to 1tb, by default 64mb.
    pub size: Option<Size>,
    /// Largest value; larger ones are refused. From 0b to `size`, 1gb at most, by default 1mb.
    pub max_entry: Option<Size>,
    /// For how long values are fresh of which nothing is said. From 1ms to `'8760h'`, by default `'8760h'`.
    pub ttl: Option<Millis>,
    /// For how long beyond that they may be given while a new one is made, where nothing is said. Up to `'8760h'`, by default 0.
    pub stale_while_revalidate: Option<Millis>,
    /// How long whoever wants to make a value waits for another thread that makes it. From 1ms to 10m, by default 5s.
    pub max_wait: Option<Millis>,
    /// Whether values are kept in memory. Default `true`; `false` needs `redis`, which is asked for each value then.
    pub memory: Option<bool>,
    /// Keeps values in Redis as well, for all processes together. Default: in the memory of this process alone.
    pub redis: Option<RedisOptions>,
    /// What the names of keys in Redis begin with. Default `'armature:store:'`.
    pub prefix: Option<String>,
    /// How often Redis is asked what other processes changed. From 10ms to 1m, by default 200ms.
    pub sync: Option<Millis>,
}

/// The options, checked.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub name: String,
    pub size: u64,
    pub max_entry: u64,
    pub memory: bool,
    /// What is below memory.
    pub tiers: Option<TierSettings>,
}

/// What is done where a call says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Defaults {
    pub lifetime: Lifetime,
    pub max_wait: Millis,
}

/// How long values live, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// They are fresh.
    pub ttl: u64,
    /// They may be given beyond that while a new one is made.
    pub stale: u64,
}

impl KeyValueStoreOptions {
    /// Validates them; returns what the store is, and what is done with it where nothing is said.
    pub(super) fn check(self) -> Result<(Settings, Defaults)> {
        let name = check_name("KeyValueStore", self.name)?;
        let size = within("KeyValueStore.size", self.size, Size::kb(64)..=LARGEST, Size::mb(64))?;
        let most = size.min(Size::mb(1024));
        let max_entry =
            within("KeyValueStore.maxEntry", self.max_entry, Size(0)..=most, Size::mb(1).min(most))?;
        let ttl = within("KeyValueStore.ttl", self.ttl, Millis(1)..=YEAR, YEAR)?;
        let stale = self.stale_while_revalidate;
        let stale = within("KeyValueStore.staleWhileRevalidate", stale, Millis(0)..=YEAR, Millis(0))?;
        let longest = Millis::seconds(600);
        let max_wait =
            within("KeyValueStore.maxWait", self.max_wait, Millis(1)..=longest, Millis::seconds(5))?;
        let memory = self.memory.unwrap_or(true);
        if !memory && self.redis.is_none() {
            let message = "KeyValueStore.memory: false needs redis, or values would be nowhere";
            return Err(Error::option_message(message));
        }
        let tiers = TierOptions {
            option: "KeyValueStore",
            name: self.redis.is_some().then(|| name.clone()),
            prefix: self.prefix,
            default_prefix: "armature:store:",
            redis: self.redis,
            sync: self.sync,
        };
        let tiers = tiers.check()?;
        let settings = Settings { name, size: size.0, max_entry: max_entry.0, memory, tiers };
        Ok((settings, Defaults { lifetime: Lifetime { ttl: ttl.0, stale: stale.0 }, max_wait }))
    }
}

impl Settings {
    /// Whether both ask for the same store.
    pub fn is_same(&self, other: &Self) -> bool {
        let plain = |settings: &Self| (settings.size, settings.max_entry, settings.memory);
        let tiers = match (&self.tiers, &other.tiers) {
            (Some(one), Some(two)) => one.is_same(two),
            (one, two) => one.is_none() && two.is_none(),
        };
        self.name == other.name && plain(self) == plain(other) && tiers
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::parse_value;
    use crate::typescript::{check, interface};

    fn read(options: Value) -> Result<(Settings, Defaults)> {
        parse_value::<KeyValueStoreOptions>("KeyValueStore", options)?.check()
    }

    #[test]
    fn exports_typescript_types() {
        check("store", |out| {
            out.push_str("import type { Duration, Size } from './config.js'\n");
            out.push_str("import type { RedisOptions } from './layers.js'\n");
            interface::<KeyValueStoreOptions>(out, "");
        });
    }

    #[test]
    fn defaults() {
        let (settings, defaults) = read(json!({})).unwrap();
        assert_eq!((&*settings.name, settings.size, settings.max_entry), ("default", 64 << 20, 1 << 20));
        assert!(settings.memory && settings.tiers.is_none());
        assert_eq!(defaults.lifetime, Lifetime { ttl: YEAR.0, stale: 0 });
        assert_eq!(defaults.max_wait, Millis(5000));
    }

    #[test]
    fn stores_are_told_apart() {
        let redis = json!({ "url": "redis://localhost" });
        let one = read(json!({ "name": "a", "redis": redis })).unwrap().0;
        assert!(one.is_same(&read(json!({ "name": "a", "redis": redis, "ttl": 7 })).unwrap().0));
        for other in [
            json!({ "name": "b", "redis": redis }),
            json!({ "name": "a" }),
            json!({ "name": "a", "redis": redis, "size": "1mb" }),
            json!({ "name": "a", "redis": redis, "prefix": "x:" }),
            json!({ "name": "a", "redis": redis, "sync": 100 }),
            json!({ "name": "a", "redis": redis, "memory": false }),
            json!({ "name": "a", "redis": { "url": "redis://elsewhere" } }),
        ] {
            assert!(!one.is_same(&read(other.clone()).unwrap().0), "{other}");
        }
    }

    #[test]
    fn refusals_name_the_option() {
        for (options, message) in [
            (json!({ "name": "" }), "KeyValueStore.name: '' is not 1 to 64 letters"),
            (json!({ "size": "1kb" }), "KeyValueStore.size: 1kb is not from 64kb to 1tb"),
            (
                json!({ "size": "1mb", "maxEntry": "2mb" }),
                "KeyValueStore.maxEntry: 2mb is not from 0b to 1mb",
            ),
            (json!({ "ttl": 0 }), "KeyValueStore.ttl: 0ms is not from 1ms to 8760h"),
            (
                json!({ "staleWhileRevalidate": "8761h" }),
                "KeyValueStore.staleWhileRevalidate: 8761h is not from 0ms to 8760h",
            ),
            (json!({ "maxWait": 0 }), "KeyValueStore.maxWait: 0ms is not from 1ms to 10m"),
            (json!({ "memory": false }), "KeyValueStore.memory: false needs redis"),
            (json!({ "sync": 100 }), "KeyValueStore.sync needs redis"),
            (json!({ "redis": { "url": "x" } }), "KeyValueStore.redis.url: this is not an address"),
            (json!({ "maxSize": 1 }), "KeyValueStore.maxSize"),
        ] {
            let error = read(options).unwrap_err();
            assert_eq!(error.code(), "ARMATURE_OPTION_INVALID");
            assert!(error.to_string().starts_with(message), "{error}");
        }
    }
}
