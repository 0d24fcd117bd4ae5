//! What may be said about the tiers below memory, and what is refused.

use std::time::Duration;

use crate::config::Millis;
use crate::error::{Error, Result};
use crate::store::redis::{RedisOptions, RedisSettings};

const SYNC: Millis = Millis(200);
const MIN_SYNC: Millis = Millis(10);
const MAX_SYNC: Millis = Millis::seconds(60);
const MAX_NAME: usize = 64;

/// What is below memory.
#[derive(Clone, Debug)]
pub struct TierSettings {
    /// What keys in Redis begin with.
    pub(super) namespace: String,
    pub(in crate::store) redis: RedisSettings,
    pub(super) sync: Duration,
}

/// What options say of them. `option` is what messages call the whole, such as `Cache`.
#[derive(Debug)]
pub struct TierOptions<'a> {
    /// What messages call them.
    pub option: &'a str,
    /// What the store is called.
    pub name: Option<String>,
    /// What keys in Redis begin with; `default_prefix` without it.
    pub prefix: Option<String>,
    /// See `prefix`.
    pub default_prefix: &'a str,
    /// Redis.
    pub redis: Option<RedisOptions>,
    /// How often it is asked what other processes purged. From 10ms to 1m, by default 200ms.
    pub sync: Option<Millis>,
}

impl TierOptions<'_> {
    /// Validates them. `None` when there is nothing below memory.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID`, which names the option.
    pub fn check(self) -> Result<Option<TierSettings>> {
        let option = self.option;
        let others =
            [("name", self.name.is_some()), ("prefix", self.prefix.is_some()), ("sync", self.sync.is_some())];
        if let Some((other, _)) = others.iter().find(|(_, is_said)| *is_said && self.redis.is_none()) {
            return Err(Error::option_message(format!("{option}.{other} needs redis")));
        }
        let name = check_name(option, self.name)?;
        let sync = self.sync.unwrap_or(SYNC);
        if !(MIN_SYNC..=MAX_SYNC).contains(&sync) {
            let allowed = format!("a duration from {MIN_SYNC} to {MAX_SYNC}");
            return Err(Error::option(format_args!("{option}.sync"), sync, allowed));
        }
        let prefix = self.prefix.as_deref().unwrap_or(self.default_prefix);
        let namespace = format!("{prefix}{name}:");
        let Some(redis) = self.redis else { return Ok(None) };
        let redis = redis.check(&format!("{option}.redis"))?;
        Ok(Some(TierSettings { namespace, redis, sync: sync.duration() }))
    }
}

/// The name of a store; `option` is what messages call its options.
pub(crate) fn check_name(option: &str, name: Option<String>) -> Result<String> {
    let name = name.unwrap_or_else(|| "default".to_owned());
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(is_plain) {
        let allowed = format!("1 to {MAX_NAME} letters, digits, '-', '_' and '.'");
        return Err(Error::option(format_args!("{option}.name"), format_args!("'{name}'"), allowed));
    }
    Ok(name)
}

impl TierSettings {
    /// Whether both ask for the same tiers.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let plain = |settings: &Self| (settings.namespace.clone(), settings.sync);
        plain(self) == plain(other) && self.redis.is_same(&other.redis)
    }

    /// Has nothing in common with stores whose `kind` is another one.
    #[must_use]
    pub fn of_kind(mut self, kind: &str) -> Self {
        self.namespace.push_str(kind);
        self.namespace.push(':');
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> TierOptions<'static> {
        TierOptions { option: "X", name: None, prefix: None, default_prefix: "p:", redis: None, sync: None }
    }

    #[test]
    fn there_is_nothing_unless_it_is_said() {
        assert!(options().check().unwrap().is_none());
        let redis = Some(RedisOptions::at("redis://localhost"));
        let settings = TierOptions { redis, ..options() }.check().unwrap().unwrap().of_kind("k");
        assert_eq!((&*settings.namespace, settings.sync), ("p:default:k:", Duration::from_millis(200)));
    }

    #[test]
    fn refusals_name_the_option() {
        let with_redis = || TierOptions { redis: Some(RedisOptions::at("redis://localhost")), ..options() };
        for (options, message) in [
            (TierOptions { sync: Some(Millis(99)), ..options() }, "X.sync needs redis"),
            (
                TierOptions { name: Some("a b".to_owned()), ..with_redis() },
                "X.name: 'a b' is not 1 to 64 letters",
            ),
            (
                TierOptions { sync: Some(Millis(9)), ..with_redis() },
                "X.sync: 9ms is not a duration from 10ms to 1m",
            ),
            (
                TierOptions { redis: Some(RedisOptions::at("x")), ..options() },
                "X.redis.url: this is not an address",
            ),
        ] {
            let error = options.check().unwrap_err();
            assert!(error.is_option() && error.to_string().starts_with(message), "{error}");
        }
    }
}
