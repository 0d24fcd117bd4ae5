//! What a store has behind its memory: Redis, which processes share.
//!
//! * `record` is what is kept there: bytes with an end, and with terms by which they are purged
//! * `scripts` are what Redis does as one step
//! * `replace` writes a value in the place of any other, for all processes
//! * `tail` tells Redis what is purged here, and follows what is purged elsewhere
//!
//! Purges have numbers, which Redis gives: microseconds of its clock, but always more than the one before. A value is stored
//! with a number as well, its *position*: that of a purge of which whoever made the value knew. It is found as long as
//! no purge with a higher number is about one of its terms; nothing has to be deleted for that, and a value that was made before a
//! purge and comes after it is refused. What Redis has lost, it knows to have lost: then nothing that was stored before is found.

mod options;
mod record;
mod replace;
mod scripts;
mod tail;

pub(crate) use options::check_name;
pub use options::{TierOptions, TierSettings};
pub use record::{Name, Record, Term};
pub(in crate::store) use record::{half, hash};
pub use replace::Replacing;
pub use tail::Purged;

use std::sync::{Arc, Weak};

use bytes::Bytes;

use crate::error::Result;
use crate::metrics::Counter;
use crate::store::redis::{Redis, Reply, Script, Value};
use tail::Tail;

/// The tiers below the memory of one store.
pub struct Tiers {
    namespace: Box<str>,
    redis: Redis,
    find: Script,
    put: Script,
    replace: Script,
    tail: Arc<Tail>,
    stats: TierStats,
}

/// What happened there.
#[derive(Debug, Default)]
pub struct TierStats {
    /// Values that could not be looked for, or not be written, because Redis is gone, too slow or too busy.
    pub failed: Counter,
}

/// What looking for a value came to.
#[derive(Debug)]
pub struct Looked {
    /// What was found.
    pub record: Option<Record>,
    /// What to store a value with that is made from now on.
    pub position: Option<u64>,
}

impl Tiers {
    /// Opens them; the connection is made in the background. `purged` hears what other processes purge.
    ///
    /// # Errors
    /// `ARMATURE_IO` when there can be no thread.
    pub fn open(settings: &TierSettings, purged: Weak<dyn Purged>) -> Result<Self> {
        let redis = Redis::connect(&settings.redis)?;
        let namespace: Box<str> = settings.namespace.as_str().into();
        let tail = Tail::start(redis.clone(), &namespace, settings.sync, purged)?;
        let (find, put) = (Script::new(scripts::FIND), Script::new(scripts::PUT));
        let replace = Script::new(scripts::REPLACE);
        Ok(Self { namespace, redis, find, put, replace, tail, stats: TierStats::default() })
    }

    /// What the value of `key` is called.
    pub fn name(&self, key: &[u8]) -> Name {
        Name(hash(&[self.namespace.as_bytes(), key]))
    }

    /// What values are purged by that have `parts` in common.
    pub fn term(&self, parts: &[&[u8]]) -> Term {
        Term(half(&hash(parts)))
    }

    /// Looks for a value. Waits no longer than the option `timeout` of Redis says.
    pub async fn get(&self, name: &Name) -> Looked {
        let nothing = Looked { record: None, position: self.position() };
        if self.redis.is_down() {
            self.stats.failed.add(1);
            return nothing;
        }
        // Redis may look before it hears of these, and say so after it has heard.
        let on_their_way = self.tail.on_their_way();
        let key = self.key(name);
        let [state, old, _] = self.tail.keys();
        let Ok(answer) = self.redis.eval(&self.find, &[&key, state, old], &[]).await else {
            self.stats.failed.add(1);
            return nothing;
        };
        let Value::Array(values) = answer else { return nothing };
        let mut values = values.into_iter();
        let position = values.next().as_ref().and_then(scripts::number).max(nothing.position);
        let record = match values.next() {
            Some(Value::BulkString(bytes)) => Record::decode(&bytes.into(), name),
            _ => None,
        };
        // What was purged here, and Redis has not been told yet.
        let record = record.filter(|record| {
            let was_on_its_way = on_their_way.iter().any(|term| record.terms.contains(term));
            !was_on_its_way && !self.tail.is_on_its_way(&record.terms)
        });
        Looked { record, position }
    }

    /// Writes a value that was made by whoever knew of the purges up to `position`; nobody waits for it. `now` is in
    /// milliseconds since 1970, as its end is.
    pub fn put(&self, name: &Name, record: &Record, position: Option<u64>, now: u64) {
        let left = record.until.saturating_sub(now);
        let Some(position) = position.filter(|_| left > 0) else { return };
        if self.send(name, record, position, left).failed().is_some() {
            self.stats.failed.add(1);
        }
    }

    /// Writes a value that was kept elsewhere, and says whether it is true still; `None` when Redis does not say. Waits as
    /// [`Tiers::get`] does.
    pub async fn put_back(&self, name: &Name, record: &Record, position: u64, now: u64) -> Option<bool> {
        let left = record.until.saturating_sub(now);
        if left == 0 || self.tail.is_on_its_way(&record.terms) {
            return Some(false);
        }
        let answer =
            if self.redis.is_down() { None } else { self.send(name, record, position, left).await.ok() };
        if answer.is_none() {
            self.stats.failed.add(1);
        }
        // What was purged here meanwhile, Redis may not have known.
        answer.map(|answer| answer == Value::Int(1) && !self.tail.is_on_its_way(&record.terms))
    }

    /// Whether Redis can be asked.
    pub fn is_reachable(&self) -> bool {
        !self.redis.is_down()
    }

    fn send(&self, name: &Name, record: &Record, position: u64, left: u64) -> Reply {
        let terms: Vec<u8> = record.terms.iter().flat_map(|term| term.0).collect();
        let (key, value) = (self.key(name), record.encode(name));
        let [state, old, _] = self.tail.keys();
        let (position, left) = (position.to_string(), left.to_string());
        let arguments = [position.as_bytes(), &terms, &value, left.as_bytes()];
        self.redis.eval(&self.put, &[&key, state, old], &arguments)
    }

    /// Takes out one value.
    pub fn forget(&self, name: &Name) {
        let mut command = crate::store::redis::Cmd::new();
        command.arg("UNLINK").arg(self.key(name));
        if self.redis.command(command).failed().is_some() {
            self.stats.failed.add(1);
        }
    }

    /// Purges what has `term`: here at once, elsewhere when Redis knows. `log` is what [`Purged`] is told in other processes.
    pub fn purge(&self, term: Term, log: Vec<u8>) {
        self.tail.purge(term, log);
    }

    /// Whether Redis knows of every purge here.
    pub fn is_told(&self) -> bool {
        self.tail.is_told()
    }

    /// What to store a value with that is made from now on; `None` when nobody knows.
    pub fn position(&self) -> Option<u64> {
        self.tail.position()
    }

    /// The numbers now.
    pub fn stats(&self) -> &TierStats {
        &self.stats
    }

    fn key(&self, name: &Name) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.namespace.len() + 65);
        key.extend_from_slice(self.namespace.as_bytes());
        key.push(b'=');
        let digit = |four: u8| b"0123456789abcdef"[usize::from(four)];
        key.extend(name.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
        key
    }
}

impl Drop for Tiers {
    fn drop(&mut self) {
        self.tail.end();
    }
}

impl Record {
    /// A value that ends at `until`.
    pub fn new(until: u64, terms: Vec<Term>, payload: impl Into<Bytes>) -> Self {
        Self { until, terms, payload: payload.into() }
    }
}
