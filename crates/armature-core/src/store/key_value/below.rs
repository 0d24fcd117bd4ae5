//! The store and what is below its memory: what is told there of values and purges, in order, and what comes back.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst, fence};
use std::sync::{Arc, Weak};

use super::now;
use super::options::Settings;
use super::purges::Target;
use super::store::{Moment, Store};
use super::tags::Key;
use super::thread::{Task, Thread};
use super::value::{VERSION, Value};
use crate::error::Result;
use crate::store::tiers::{Purged, Record, Term, Tiers};

/// Values that wait to be sent, at most, and their bytes: as many as wait for Redis by default. More are not written there.
const WAITING: usize = 10_000;
const WAITING_BYTES: usize = 16 << 20;

/// What is below memory, and the thread that waits for it.
pub(super) struct Below {
    tiers: Arc<Tiers>,
    thread: Thread,
    waiting: Arc<Waiting>,
    /// The newest number that a look has brought.
    looked: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    values: AtomicUsize,
    bytes: AtomicUsize,
}

/// A value's place among those that wait.
struct Place {
    waiting: Arc<Waiting>,
    bytes: usize,
}

/// Opens what is below the memory of `store`.
pub(super) fn open(settings: &Settings, store: &Weak<Store>) -> Result<Option<Below>> {
    let Some(tiers) = &settings.tiers else { return Ok(None) };
    let listener: Weak<dyn Purged> = store.clone();
    let tiers = Tiers::open(&tiers.clone().of_kind(&VERSION.to_string()), listener)?;
    Ok(Some(Below {
        tiers: Arc::new(tiers),
        thread: Thread::start()?,
        waiting: Arc::default(),
        looked: AtomicU64::new(0),
    }))
}

impl Below {
    pub fn failed(&self) -> u64 {
        self.tiers.stats().failed.get()
    }

    /// What to store a value with that is made from now on; `None` when nobody knows.
    pub fn position(&self) -> Option<u64> {
        let looked = Some(self.looked.load(Relaxed)).filter(|position| *position > 0);
        self.tiers.position().max(looked)
    }

    /// Whether a value was made before this process heard of purges, and comes after that: nobody knows whether it is true.
    pub fn is_unsure(&self, moment: Moment) -> bool {
        fence(SeqCst);
        moment.position.is_none() && self.position().is_some()
    }

    pub fn put(&self, key: &[u8], value: &Value, position: Option<u64>) {
        if position.is_some() {
            self.tiers.put(&self.tiers.name(key), &record(&self.tiers, key, value), position, now());
        }
    }

    /// Writes a value, when everything before it has been told.
    pub fn replace(&self, key: &Key, value: &Arc<Value>, done: impl FnOnce() + Send + 'static) {
        let (tiers, key, value) = (self.tiers.clone(), key.clone(), value.clone());
        let place = Place::take(&self.waiting, key.len() + value.content.bytes.len());
        self.thread.run(async move {
            let term = tiers.term(&[b"key", &key]);
            let log = encode(Target::Key(&key));
            let may_be_sent = place.is_some() && tiers.told().await;
            let replacing = may_be_sent.then(|| {
                let record = record(&tiers, &key, &value);
                tiers.replace(&tiers.name(&key), &record, term, log.clone(), now())
            });
            drop((place, value));
            Task::new(async move {
                match replacing {
                    Some(replacing) => tiers.replaced(replacing).await,
                    None => tiers.give_up(term, log),
                }
                done();
            })
        });
    }

    pub fn purge(&self, target: Target<'_>) {
        let (term, log, tiers) = (term(&self.tiers, target), encode(target), self.tiers.clone());
        self.thread.run(async move {
            tiers.purge(term, log);
            Task::new(async {})
        });
    }
}

impl Store {
    /// Looks for `key` below memory, for which memory had nothing; `done` gets what is found, unless there is nothing below: then this
    /// returns false.
    pub fn find(
        self: &Arc<Self>,
        key: Key,
        stale: bool,
        done: impl FnOnce(Option<Arc<Value>>) + Send + 'static,
    ) -> bool {
        let Some(below) = &self.below else {
            self.counters.misses.add(1);
            return false;
        };
        let store = self.clone();
        below.thread.run(async move {
            Task::new(async move {
                let found = store.find_below(&key, stale).await;
                // Whoever hears of it may be the last who has the store.
                drop(store);
                done(found);
            })
        });
        true
    }

    async fn find_below(&self, key: &Key, stale: bool) -> Option<Arc<Value>> {
        let below = self.below.as_ref()?;
        let since = self.moment().purges;
        let looked = below.tiers.get(&below.tiers.name(key)).await;
        below.looked.fetch_max(looked.position.unwrap_or(0), Relaxed);
        let decode = |record: Record| Value::decode(&record.payload, record.until).map(Arc::new);
        let found = looked.record.and_then(decode).filter(|value| value.is_usable(true, now()));
        let value = match found {
            None => self.peek(key, stale, now()),
            Some(value) => {
                self.counters.shared.add(1);
                // What was purged or replaced while it came is not kept; it was true when it was asked for.
                let kept = self.keep(key.clone(), value.clone(), since);
                let newer = if kept { None } else { self.peek(key, stale, now()) };
                newer.or_else(|| Some(value).filter(|value| value.is_usable(stale, now())))
            }
        };
        self.counters.misses.add(u64::from(value.is_none()));
        value
    }
}

impl Purged for Store {
    fn begun(&self) {
        // At the start there is nothing that could be untrue, as a rule.
        if self.entries() > 0 {
            self.purge_memory(Target::All);
        }
    }

    fn purged(&self, log: Option<&[u8]>) {
        // What another version says may be about anything.
        self.purge_memory(log.and_then(decode).unwrap_or(Target::All));
    }

    fn everything(&self) -> (Term, Vec<u8>) {
        let all = self.below.as_ref().map(|below| term(&below.tiers, Target::All));
        (all.unwrap_or_else(Term::none), encode(Target::All))
    }
}

impl Place {
    fn take(waiting: &Arc<Waiting>, bytes: usize) -> Option<Self> {
        let values = waiting.values.fetch_add(1, Relaxed);
        let before = waiting.bytes.fetch_add(bytes, Relaxed);
        let place = Self { waiting: waiting.clone(), bytes };
        // A value that is larger than the bound may wait alone.
        (values < WAITING && (before == 0 || before + bytes <= WAITING_BYTES)).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.values.fetch_sub(1, Relaxed);
        self.waiting.bytes.fetch_sub(self.bytes, Relaxed);
    }
}

fn record(tiers: &Tiers, key: &[u8], value: &Value) -> Record {
    let tags = value.tags.iter().map(|tag| term(tiers, Target::Tag(tag)));
    let terms = [term(tiers, Target::All), term(tiers, Target::Key(key))].into_iter().chain(tags);
    Record::new(value.end, terms.collect(), value.encode())
}

fn term(tiers: &Tiers, target: Target<'_>) -> Term {
    match target {
        Target::All => tiers.term(&[b"all"]),
        Target::Key(key) => tiers.term(&[b"key", key]),
        Target::Tag(tag) => tiers.term(&[b"tag", tag]),
    }
}

/// What other processes are told.
fn encode(target: Target<'_>) -> Vec<u8> {
    match target {
        Target::All => b"a".to_vec(),
        Target::Key(key) => [b"k", key].concat(),
        Target::Tag(tag) => [b"t", tag].concat(),
    }
}

/// `None` for what is none.
fn decode(log: &[u8]) -> Option<Target<'_>> {
    match log.split_first()? {
        (b'a', _) => Some(Target::All),
        (b'k', key) => Some(Target::Key(key)),
        (b't', tag) => Some(Target::Tag(tag)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_processes_hear_the_same() {
        for target in [Target::All, Target::Key(b"a"), Target::Tag(b"a"), Target::Tag(b"")] {
            assert_eq!(decode(&encode(target)), Some(target));
        }
        assert_eq!((decode(b""), decode(b"x")), (None, None));
    }

    #[test]
    fn what_waits_is_bounded() {
        let waiting: Arc<Waiting> = Arc::default();
        let large = Place::take(&waiting, 2 * WAITING_BYTES).expect("it may wait alone");
        assert!(Place::take(&waiting, 1).is_none());
        drop(large);
        let many: Vec<_> = (0..WAITING).map(|_| Place::take(&waiting, 1).expect("a place")).collect();
        assert!(Place::take(&waiting, 1).is_none());
        drop(many);
        assert_eq!((waiting.values.load(Relaxed), waiting.bytes.load(Relaxed)), (0, 0));
    }
}
