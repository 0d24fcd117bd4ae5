//! Values by key for whoever asks, in memory and below it: bounded by bytes, with lifetimes and tags, and shared by all threads of the
//! process that ask for the same.
//!
//! * `store` is memory, and decides what may be in it; `value` is what it has
//! * `tags` leads from a tag to keys, `purges` knows what was purged lately
//! * `below` tells the tiers below memory in order, on a `thread` of its own, and asks them
//! * `claims` lets one make a value for whom others wait
//! * `registry` finds the store that others have opened
//!
//! ```
//! use armature_core::store::key_value::{Content, Entry, KeyValueStore, KeyValueStoreOptions};
//!
//! # fn main() -> Result<(), armature_core::error::Error> {
//! let store = KeyValueStore::open(KeyValueStoreOptions::default())?;
//! let content = Content { is_text: true, bytes: "value".into() };
//! store.set("key", Entry { tags: vec!["tag".into()], ..Entry::of(content) }, || {})?;
//! assert!(store.peek("key", false)?.is_some());
//! assert_eq!(store.purge_tag("tag")?, 1);
//! # Ok(())
//! # }
//! ```

mod below;
mod claims;
mod options;
mod purges;
mod registry;
mod store;
mod tags;
mod thread;
mod value;

use std::sync::Arc;
use std::time::SystemTime;

pub use claims::{Claim, Claimed};
pub use options::{KeyValueStoreOptions, Lifetime};
pub use store::{KeyValueStats, Moment};
pub use value::Content;

use crate::config::Millis;
use crate::error::{Error, Result};
use options::{Defaults, Settings, YEAR};
use purges::Target;
use store::Store;
use tags::Tag;
use value::Value;

/// Bytes of a key, at most.
pub const MAX_KEY: usize = 1024;
/// Bytes of a tag, at most.
pub const MAX_TAG: usize = 256;
/// Tags of a value, at most.
pub const MAX_TAGS: usize = 64;

/// A store, as one of those who opened it has it. Its values stay while anybody has it.
#[derive(Clone, Debug)]
pub struct KeyValueStore {
    store: Arc<Store>,
    defaults: Defaults,
}

/// What is to be stored.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The value.
    pub content: Content,
    /// How long it is fresh, in milliseconds; without it as the options say.
    pub ttl: Option<u64>,
    /// How long it may be given beyond that while a new one is made, in milliseconds; without it as the options say.
    pub stale: Option<u64>,
    /// What it is purged by.
    pub tags: Vec<String>,
}

impl KeyValueStore {
    /// Opens the store that the options name, or makes it.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID`, which names the option; `ARMATURE_IO` when there can be no thread for Redis.
    pub fn open(options: KeyValueStoreOptions) -> Result<Self> {
        let (settings, defaults) = options.check()?;
        Ok(Self { store: registry::open(settings)?, defaults })
    }

    /// What memory has for `key` that is fresh, or also what is stale and may be given.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` for a key that is none.
    pub fn peek(&self, key: &str, stale: bool) -> Result<Option<Content>> {
        let found = self.store.peek(check_key(key)?, stale, now());
        Ok(found.map(|value| value.content.clone()))
    }

    /// Looks below memory for what memory does not have. False when there is nothing below; otherwise `done` gets what is there: before
    /// this returns, or later on another thread.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` for a key that is none.
    pub fn find(
        &self,
        key: &str,
        stale: bool,
        done: impl FnOnce(Option<Content>) + Send + 'static,
    ) -> Result<bool> {
        let key = check_key(key)?.into();
        Ok(self.store.find(key, stale, |found| done(found.map(|value| value.content.clone()))))
    }

    /// How long whoever wants to make a value waits for somebody else.
    pub fn max_wait(&self) -> Millis {
        self.defaults.max_wait
    }

    /// Stores a value in the place of any other. True when it is on its way to what is below memory: then `done` is called when
    /// it is there, or cannot be.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` for a key or a tag that is none, and for times out of their range; `ARMATURE_VALUE_TOO_LARGE`.
    pub fn set(&self, key: &str, entry: Entry, done: impl FnOnce() + Send + 'static) -> Result<bool> {
        let (key, value) = (check_key(key)?.into(), self.value(entry)?);
        Ok(self.store.replace(key, value, done))
    }

    /// Stores a value that was made when [`KeyValueStore::moment`] said `moment`. False when it is not true any more.
    ///
    /// # Errors
    /// Those of [`KeyValueStore::set`].
    pub fn fill(&self, key: &str, entry: Entry, moment: Moment) -> Result<bool> {
        let (key, value) = (check_key(key)?.into(), self.value(entry)?);
        Ok(self.store.fill(key, value, moment))
    }

    /// What is known now, before a value is made.
    pub fn moment(&self) -> Moment {
        self.store.moment()
    }

    /// Takes out one value; returns how many memory had.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` for a key that is none.
    pub fn remove(&self, key: &str) -> Result<u64> {
        Ok(self.store.purge(Target::Key(check_key(key)?)))
    }

    /// Takes out the values that have `tag`; returns how many memory had.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` for a tag that is none.
    pub fn purge_tag(&self, tag: &str) -> Result<u64> {
        Ok(self.store.purge(Target::Tag(check_tag(tag)?)))
    }

    /// Takes out everything; returns how many values memory had.
    pub fn clear(&self) -> u64 {
        self.store.purge(Target::All)
    }

    /// Asks for the right to make the value of `key`; `waiter` is called when somebody else who has it is done.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` for a key that is none.
    pub fn claim(&self, key: &str, waiter: impl FnOnce() + Send + 'static) -> Result<Claimed> {
        Ok(self.store.claims.claim(check_key(key)?, waiter))
    }

    /// The numbers now.
    pub fn stats(&self) -> KeyValueStats {
        self.store.stats()
    }

    /// What the store is called.
    pub fn name(&self) -> &str {
        &self.settings().name
    }

    fn settings(&self) -> &Settings {
        &self.store.settings
    }

    fn value(&self, entry: Entry) -> Result<Value> {
        let Entry { content, ttl, stale, tags } = entry;
        let (length, limit) = (content.bytes.len() as u64, self.settings().max_entry);
        if length > limit {
            let why = format!(
                "a value of {length} bytes is larger than maxEntry, {limit} bytes: store less, or raise it"
            );
            return Err(Error::custom("ARMATURE_VALUE_TOO_LARGE", why));
        }
        if tags.len() > MAX_TAGS {
            let allowed = format_args!("at most {MAX_TAGS}");
            return Err(Error::option("tags of a value", tags.len(), allowed));
        }
        let tags = tags.iter().map(|tag| check_tag(tag).map(Tag::from)).collect::<Result<_>>()?;
        let default = self.defaults.lifetime;
        let lifetime = Lifetime { ttl: ttl.unwrap_or(default.ttl), stale: stale.unwrap_or(default.stale) };
        if lifetime.ttl == 0 || lifetime.ttl.max(lifetime.stale) > YEAR.0 {
            return Err(Error::option_message(
                "ttl and staleWhileRevalidate of a value: up to 8760h, and ttl from 1ms",
            ));
        }
        Ok(Value::new(content, tags, lifetime, now()))
    }
}

impl Entry {
    /// A value of which nothing else is said.
    pub fn of(content: Content) -> Self {
        Self { content, ttl: None, stale: None, tags: Vec::new() }
    }
}

fn check_key(key: &str) -> Result<&[u8]> {
    check("key", key, MAX_KEY)
}

fn check_tag(tag: &str) -> Result<&[u8]> {
    check("tag", tag, MAX_TAG)
}

// What is wrong with it is not shown: it may be a secret.
fn check<'a>(what: &str, text: &'a str, most: usize) -> Result<&'a [u8]> {
    if text.is_empty() || text.len() > most {
        let value = format_args!("a text of {} bytes", text.len());
        let allowed = format_args!("1 to {most} bytes of UTF-8; hash what is longer");
        return Err(Error::option(format_args!("{what} of a value"), value, allowed));
    }
    Ok(text.as_bytes())
}

/// Milliseconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests;
