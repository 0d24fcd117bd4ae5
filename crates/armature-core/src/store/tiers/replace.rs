//! Values that stand in the place of any other: what was made before is not written over them, and other processes hear that
//! what they have is none any more.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::scripts::LOGGED;
use super::{Name, Record, Term, Tiers};
use crate::store::redis::Reply;

/// How long a value waits for purges that were made before it to be told, at most.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it looks.
const PAUSE: Duration = Duration::from_millis(1);

/// A value on its way.
#[must_use = "whether it is there says `Tiers::replaced`"]
pub struct Replacing {
    reply: Reply,
    term: Term,
    log: Vec<u8>,
}

impl Tiers {
    /// Waits until Redis knows of every purge here, not for long. False when it does not: what is written now would count as purged by
    /// them.
    pub async fn told(&self) -> bool {
        let end = Instant::now() + PATIENCE;
        while !self.is_told() {
            if self.redis.is_down() || Instant::now() >= end {
                return false;
            }
            sleep(PAUSE).await;
        }
        true
    }

    /// Writes a value that is true from now on. `term` is one that it has alone, `log` what [`Purged`](super::Purged) is told in other
    /// processes; `now` is in milliseconds since 1970, as its end is.
    pub fn replace(&self, name: &Name, record: &Record, term: Term, log: Vec<u8>, now: u64) -> Replacing {
        let terms: Vec<u8> = record.terms.iter().flat_map(|term| term.0).collect();
        let (key, value, item) = (self.key(name), record.encode(name), self.tail.item(&log));
        let left = record.until.saturating_sub(now).max(1).to_string();
        let [state, _, purges] = self.tail.keys();
        let logged = LOGGED.to_string();
        let arguments = [&terms[..], &value, left.as_bytes(), &item, logged.as_bytes()];
        Replacing { reply: self.redis.eval(&self.replace, &[&key, state, purges], &arguments), term, log }
    }

    /// Waits for Redis to have it. When it cannot be told now, others hear later that what they have is none any more.
    pub async fn replaced(&self, replacing: Replacing) {
        let Replacing { reply, term, log } = replacing;
        if reply.await.is_err() {
            self.give_up(term, log);
        }
    }

    /// A value could not be written: those of other processes are purged.
    pub fn give_up(&self, term: Term, log: Vec<u8>) {
        self.stats.failed.add(1);
        self.purge(term, log);
    }
}
