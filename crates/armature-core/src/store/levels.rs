//! What a store has below its memory: Redis, which processes share, then a folder, or one of them.
//!
//! Where there is Redis, its numbers say what was purged, also of what is in the folder: a value from there goes back to Redis, which
//! refuses what is true no more, before it is given. While Redis cannot be asked, nobody can say so, and the folder has
//! nothing. A folder alone has numbers of its own.

use std::sync::Weak;
use std::time::{Duration, SystemTime};

use super::disk::{Disk, DiskSettings};
use super::tiers::{Name, Purged, Record, Term, TierSettings, Tiers, half, hash};
use crate::error::Result;

/// Marks positions in the folder that are those of Redis, of which the numbers of the folder say nothing.
const OF_REDIS: u64 = 1 << 63;

/// What is below memory.
#[derive(Clone, Debug)]
pub struct LevelSettings {
    /// What the store is called.
    pub name: String,
    /// Redis.
    pub redis: Option<TierSettings>,
    /// The folder.
    pub disk: Option<DiskSettings>,
}

/// The levels below the memory of one store.
pub struct Levels {
    redis: Option<Tiers>,
    disk: Option<Disk>,
    /// What hashes begin with: values in one folder that have nothing in common.
    namespace: Vec<u8>,
    patience: Duration,
}

/// What looking for a value came to.
#[derive(Debug)]
pub struct Looked {
    /// What was found.
    pub record: Option<Record>,
    /// What to store a value with that is made from now on.
    pub position: Option<u64>,
    /// It was found in the folder.
    pub is_from_disk: bool,
}

impl LevelSettings {
    /// Whether there is anything.
    pub fn is_any(&self) -> bool {
        self.redis.is_some() || self.disk.is_some()
    }

    /// Has nothing in common with stores whose `kind` is another one.
    #[must_use]
    pub fn of_kind(mut self, kind: &str) -> Self {
        self.redis = self.redis.map(|redis| redis.of_kind(kind));
        self.name = format!("{}:{kind}", self.name);
        self
    }
}

impl Levels {
    /// Opens them; a connection is made, and a folder is looked through, in the background. `purged` hears what other processes
    /// purge.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` when the folder cannot be used, `ARMATURE_IO` when there can be no thread.
    pub fn open(settings: &LevelSettings, purged: Weak<dyn Purged>) -> Result<Self> {
        let LevelSettings { name, redis, disk } = settings;
        let disk = disk.as_ref().map(Disk::open).transpose()?;
        // Numbers of one Redis say nothing of what was stored with those of another one, or with those of the folder.
        let place = redis.as_ref().map_or(&b"alone"[..], |redis| redis.redis.place());
        let namespace = hash(&[place, name.as_bytes()]).to_vec();
        let waits = |disk: &Disk| {
            disk.timeout() + redis.as_ref().map_or(Duration::ZERO, |redis| redis.redis.timeout() * 2)
        };
        let patience = disk.as_ref().map_or(Duration::MAX, waits);
        let redis = redis.as_ref().map(|redis| Tiers::open(redis, purged)).transpose()?;
        Ok(Self { redis, disk, namespace, patience })
    }

    /// What the value of `key` is called.
    pub fn name(&self, key: &[u8]) -> Name {
        match &self.redis {
            Some(redis) => redis.name(key),
            None => Name(hash(&[&self.namespace, key])),
        }
    }

    /// What values are purged by that have `parts` in common.
    pub fn term(&self, parts: &[&[u8]]) -> Term {
        match &self.redis {
            Some(redis) => redis.term(parts),
            None => Term(half(&hash(&[&[&self.namespace[..]], parts].concat()))),
        }
    }

    /// Looks for a value. Whoever waits should do so no longer than [`Levels::patience`].
    pub async fn get(&self, name: &Name) -> Looked {
        let mut looked = match &self.redis {
            Some(redis) => {
                let looked = redis.get(name).await;
                Looked { record: looked.record, position: looked.position, is_from_disk: false }
            }
            None => Looked { record: None, position: self.position(), is_from_disk: false },
        };
        if looked.record.is_none() {
            looked.record = self.get_from_disk(name).await;
            looked.is_from_disk = looked.record.is_some();
        }
        looked
    }

    /// Writes a value that was made by whoever knew of the purges up to `position`; nobody waits for it. `now` is in
    /// milliseconds since 1970, as its end is.
    pub fn put(&self, name: &Name, record: Record, position: Option<u64>, now: u64) {
        if let Some(redis) = &self.redis {
            redis.put(name, &record, position, now);
        }
        if let (Some(disk), Some(position)) = (&self.disk, position) {
            let mark = if self.redis.is_some() { OF_REDIS } else { 0 };
            disk.put(&self.on_disk(name), record, position | mark);
        }
    }

    /// Takes out one value.
    pub fn forget(&self, name: &Name) {
        if let Some(redis) = &self.redis {
            redis.forget(name);
        }
        if let Some(disk) = &self.disk {
            disk.forget(&self.on_disk(name));
        }
    }

    /// Purges what has `term`: here at once, elsewhere when Redis knows. `log` is what [`Purged`] is told in other processes.
    pub fn purge(&self, term: Term, log: Vec<u8>) {
        match (&self.redis, &self.disk) {
            (Some(redis), _) => redis.purge(term, log),
            (None, Some(disk)) => disk.purge(term),
            (None, None) => {}
        }
    }

    /// What to store a value with that is made from now on; `None` when nobody knows.
    pub fn position(&self) -> Option<u64> {
        match &self.redis {
            Some(redis) => redis.position(),
            None => self.disk.as_ref().map(Disk::position),
        }
    }

    /// How long somebody who looks should wait, at most.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// The folder.
    pub fn disk(&self) -> Option<&Disk> {
        self.disk.as_ref()
    }

    /// Looking and writing in vain, because Redis is gone, too slow or too busy.
    pub fn unavailable(&self) -> u64 {
        self.redis.as_ref().map_or(0, |redis| redis.stats().failed.get())
    }

    async fn get_from_disk(&self, name: &Name) -> Option<Record> {
        let disk = self.disk.as_ref()?;
        let own = self.on_disk(name);
        let Some(redis) = &self.redis else { return Some(disk.get(&own).await?.0) };
        if !redis.is_reachable() {
            return None;
        }
        let (record, position) = disk.get(&own).await?;
        match redis.put_back(name, &record, position & !OF_REDIS, now()).await {
            Some(true) => Some(record),
            Some(false) => {
                disk.forget(&own);
                None
            }
            None => None,
        }
    }

    /// What a value is called in the folder.
    fn on_disk(&self, name: &Name) -> Name {
        if self.redis.is_none() { *name } else { Name(hash(&[&self.namespace, &name.0])) }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
