//! The store and what is below its memory: what is told there of answers and purges, and what comes back.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Weak;
use std::sync::atomic::{Ordering::SeqCst, fence};
use std::task::Poll;
use std::time::Duration;

use super::codec::{self, decode, encode};
use super::entry::Entry;
use super::freshness::now;
use super::index::Key;
use super::key::{Address, canonical_path, write_field};
use super::options::Checked;
use super::purge::Purge;
use super::store::{Found, Moment, Store, What};
use crate::error::Result;
use crate::http::Head;
use crate::io_loop::Sleep;
use crate::store::disk::Disk;
use crate::store::levels::{Levels, Looked};
use crate::store::tiers::{Purged, Record, Term};

/// For how long an answer is kept that is stale and can be validated.
const VALIDATED: u64 = 3_600_000;
/// For how long a list of fields is kept without an answer.
const LISTED: u64 = 3_600_000;

/// Opens what is below the memory of `store`.
pub(super) fn open(options: &Checked, store: &Weak<Store>) -> Result<Option<Levels>> {
    let settings = &options.levels;
    if !settings.is_any() {
        return Ok(None);
    }
    // Stores that make keys or answers in another way have nothing in common.
    let rules = &options.rules;
    let kind = format!(
        "{} {:?} {:?} {:?} {} {}",
        codec::VERSION,
        options.keys.query,
        options.keys.headers,
        rules.set_cookie,
        rules.tag_header,
        rules.send_tags
    );
    let settings = settings.clone().of_kind(&kind);
    let listener: Weak<dyn Purged> = store.clone();
    Levels::open(&settings, listener).map(Some)
}

impl Store {
    /// Looks below memory for an answer to the request `head`, as [`Store::find`] does in it; what is found is in memory then. The
    /// second value is what to store an answer with that is asked for from now on. Nobody waits longer than `patience` is told to.
    pub(super) async fn find_below(
        &self,
        levels: &Levels,
        key: &mut Vec<u8>,
        head: &Head,
        patience: &Sleep,
    ) -> (Found, Moment) {
        let mut moment = self.moment();
        let mut found = Found::Nothing;
        // A list of fields leads to an answer, and to nothing else.
        for _ in 0..2 {
            let name = levels.name(key);
            let looked = match within(levels.get(&name), patience, levels.patience()).await {
                Some(looked) => looked,
                None => {
                    levels.disk().iter().for_each(|disk| disk.missed());
                    Looked { record: None, position: levels.position(), is_from_disk: false }
                }
            };
            moment.position = moment.position.max(looked.position);
            let record = looked.record.filter(|record| record.until > now());
            match record.and_then(|record| decode(&record.payload, &self.options.rules)) {
                None => break,
                Some(what) => {
                    let is_current = self.insert(key.as_slice().into(), what.clone(), moment, false);
                    match what {
                        What::Answer(entry) if is_current => {
                            let counters = &self.counters;
                            if looked.is_from_disk { &counters.from_disk } else { &counters.shared }.add(1);
                            found = Found::Answer(entry);
                            break;
                        }
                        What::Varies(names) if matches!(found, Found::Nothing) => {
                            names.iter().for_each(|name| write_field(head, name, key));
                            found = Found::NoVariant;
                        }
                        _ => break,
                    }
                }
            }
        }
        (found, moment)
    }

    /// Writes what was stored under `key`.
    pub(super) fn put_below(&self, key: &Key, what: &What, moment: Moment) {
        let Some(levels) = &self.levels else { return };
        if moment.position.is_none() {
            return;
        }
        let Some(bytes) = encode(what) else { return };
        let now = now();
        let (until, terms) = match what {
            What::Answer(entry) => (end(entry), terms(levels, key, &entry.tags)),
            _ => (now + LISTED, terms(levels, key, &[])),
        };
        levels.put(&levels.name(key), Record::new(until, terms, bytes), moment.position, now);
    }

    pub(super) fn purge_below(&self, purge: &Purge) {
        if let Some(levels) = &self.levels {
            levels.purge(term(levels, purge, &self.options), purge.encode());
        }
    }

    /// The folder of what outlives the process.
    pub fn disk(&self) -> Option<&Disk> {
        self.levels.as_ref()?.disk()
    }

    /// Whether something was asked for before this process heard of purges, and comes after that: nobody knows whether it is true.
    pub(super) fn is_unsure(&self, moment: Moment, is_new: bool) -> bool {
        let Some(levels) = self.levels.as_ref().filter(|_| is_new && moment.position.is_none()) else {
            return false;
        };
        fence(SeqCst);
        levels.position().is_some()
    }
}

impl Purged for Store {
    fn begun(&self) {
        // At the start there is nothing that could be untrue, as a rule.
        if self.counters.entries() > 0 {
            self.purge_memory(Purge::All);
        }
    }

    fn purged(&self, log: Option<&[u8]>) {
        // What another version says may be about anything.
        self.purge_memory(log.and_then(Purge::decode).unwrap_or(Purge::All));
    }

    fn everything(&self) -> (Term, Vec<u8>) {
        let all = self.levels.as_ref().map(|levels| term(levels, &Purge::All, &self.options));
        (all.unwrap_or_else(Term::none), Purge::All.encode())
    }
}

/// When it is of no use any more.
fn end(entry: &Entry) -> u64 {
    let fresh = &entry.freshness;
    let can_be_validated = entry.etag().is_some() || entry.last_modified().is_some();
    let validated = if can_be_validated { VALIDATED } else { 0 };
    let stale = fresh.stale_while_revalidate.max(fresh.stale_if_error).max(validated);
    fresh.at.saturating_add(fresh.lifetime.saturating_sub(fresh.initial_age)).saturating_add(stale)
}

/// What an answer is purged by.
fn terms(levels: &Levels, key: &[u8], tags: &[Box<[u8]>]) -> Vec<Term> {
    let address = Address::of(key);
    let path = canonical_path(&String::from_utf8_lossy(address.path));
    let mut terms = vec![
        levels.term(&[b"all"]),
        levels.term(&[b"path", &path]),
        levels.term(&[b"url", &path, address.query]),
        levels.term(&[b"origin", address.origin, &path, address.query]),
    ];
    terms.extend(tags.iter().map(|tag| levels.term(&[b"tag", tag])));
    terms
}

/// That of the terms which `purge` is about.
fn term(levels: &Levels, purge: &Purge, options: &Checked) -> Term {
    match purge {
        Purge::All => levels.term(&[b"all"]),
        Purge::Tag(tag) => levels.term(&[b"tag", tag]),
        Purge::Url(url) => {
            let Some(query) = &url.query else { return levels.term(&[b"path", &url.path]) };
            let query = options.keys.query_of(query.as_deref());
            match &url.origin {
                None => levels.term(&[b"url", &url.path, &query]),
                Some(origin) => levels.term(&[b"origin", origin, &url.path, &query]),
            }
        }
    }
}

/// What `looking` comes to, unless `patience` ends first.
async fn within<T>(looking: impl Future<Output = T>, patience: &Sleep, most: Duration) -> Option<T> {
    if most < Duration::MAX {
        patience.reset(most);
    }
    let mut looking = pin!(looking);
    poll_fn(|cx| match looking.as_mut().poll(cx) {
        Poll::Ready(looked) => Poll::Ready(Some(looked)),
        Poll::Pending if patience.poll_fired(cx) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}
