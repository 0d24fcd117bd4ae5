//! `Cache`: a shared cache for answers (RFC 9111), in memory, in Redis and on disk.
//!
//! * `asked` and `control` read requests, `key` says what they ask for
//! * `store` has the answers: each an `entry`, whose `freshness` says what may be done with it
//! * `visit` asks the handler where the store has nothing, `flights` has others wait for that
//! * `decide` says whether an answer is stored, `collect` stores it while it is sent
//! * `below` are the answers in Redis and on disk, in the form that `codec` gives them
//! * `purge` and `index` find what is no longer true

mod asked;
mod below;
mod codec;
mod collect;
mod conditional;
mod control;
mod counters;
mod decide;
mod entry;
mod flights;
mod freshness;
mod index;
mod key;
mod note;
mod options;
mod purge;
mod store;
mod visit;
mod write;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode};

pub use counters::CacheStats;
pub use options::{CacheOptions, CacheQuery, CacheSetCookie};
pub use purge::{Purge, PurgeUrl};
pub use store::Store;

use crate::config::TrustProxy;
use crate::error::Result;
use crate::http::{Head, Problem, Request, RequestPool, Response, Verdict, judge};
use crate::io_loop::LoopHandle;
use crate::pipeline::{Layer, LayerFactory, LocalFuture, Next};
use asked::Asked;
use counters::LoopCounters;
use entry::Entry;
use freshness::{Usable, now};
use note::Why;
use options::Checked;
use store::Found;
use visit::Visit;

/// The options of a cache, checked.
#[derive(Debug)]
pub struct Cache(Checked);

/// Stores answers, and gives them again.
#[derive(Clone, Debug)]
pub struct OpenCache {
    store: Arc<Store>,
}

impl Cache {
    /// Validates `options`. Scheme and host are those that the proxies in `trust` say.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID`, which names the option.
    pub fn new(options: CacheOptions, trust: TrustProxy) -> Result<Self> {
        let mut options = options.check()?;
        options.keys.trust = trust;
        Ok(Self(options))
    }

    /// Makes the store; with Redis a connection is made in the background, with a folder that is looked through.
    ///
    /// # Errors
    /// `ARMATURE_IO` when there can be no thread, `ARMATURE_OPTION_INVALID` when a folder cannot be used.
    pub fn open(self) -> Result<OpenCache> {
        Ok(OpenCache { store: Store::open(self.0)? })
    }
}

impl OpenCache {
    /// What it stores, for whoever purges and counts.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }
}

/// What becomes of a request.
enum Turn<'a> {
    /// It gets this; a new one is fetched meanwhile where it is renewed.
    Give { entry: &'a Arc<Entry>, note: Option<HeaderValue>, is_renewed: bool },
    /// It goes on, because of this, with what is to be validated.
    Go(Why, Option<Arc<Entry>>),
}

/// The layer on one loop.
struct LocalCache {
    store: Arc<Store>,
    counters: Arc<LoopCounters>,
    io_loop: LoopHandle,
    requests: Rc<RequestPool>,
    /// A buffer for keys.
    spare: Cell<Vec<u8>>,
    /// Answers that are fetched in the background now.
    background: Rc<Cell<usize>>,
}

impl LayerFactory for OpenCache {
    fn build(&self, io_loop: &LoopHandle) -> Rc<dyn Layer> {
        Rc::new(LocalCache {
            store: self.store.clone(),
            counters: self.store.count_on_loop(),
            io_loop: io_loop.clone(),
            requests: io_loop.local(RequestPool::default),
            spare: Cell::default(),
            background: Rc::default(),
        })
    }
}

impl Layer for LocalCache {
    fn call(self: Rc<Self>, request: Request, next: Next) -> LocalFuture<Response> {
        match *request.head.method() {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS | Method::TRACE | Method::CONNECT => {
                return self.pass(request, next, note::METHOD);
            }
            _ => return self.write(request, next),
        }
        match Asked::of(&request, &self.store.options) {
            Some(asked) => self.look(request, next, asked),
            None => self.pass(request, next, note::BYPASS),
        }
    }
}

impl LocalCache {
    /// Answers from the store, or goes to the handler.
    fn look(self: Rc<Self>, request: Request, next: Next, asked: Asked) -> LocalFuture<Response> {
        let options = &self.store.options;
        let mut key = self.spare.take();
        key.clear();
        options.keys.write(&request, &mut key);
        let primary = key.len();
        let now = now();
        let found = self.store.find(&mut key, &request.head, now);
        match self.consider(&found, &asked, now) {
            Turn::Give { entry, note, is_renewed } => {
                if is_renewed {
                    self.refresh(&request, &next, Visit::behind(&asked, key, primary, entry.clone()));
                } else {
                    self.spare.set(key);
                }
                self.hit(entry, request, &asked, now, note)
            }
            Turn::Go(why, stale) => {
                let visit = Visit { stale, why, ..Visit::new(asked, key, primary) };
                let is_unknown = matches!(found, Found::Nothing | Found::NoVariant);
                if is_unknown && self.store.levels.is_some() {
                    return LocalFuture::new(self.look_below(request, next, visit));
                }
                self.miss(request, next, visit, !matches!(found, Found::NoWaiting))
            }
        }
    }

    /// What becomes of a request for which there is this.
    fn consider<'a>(&self, found: &'a Found, asked: &Asked, now: u64) -> Turn<'a> {
        let give = |entry, note, is_renewed| Turn::Give { entry, note, is_renewed };
        match found {
            Found::Answer(entry) if self.may_have(asked, entry) => {
                match entry.freshness.usable(now, &asked.control) {
                    Usable::Fresh => {
                        self.counters.hits.add(1);
                        give(entry, Some(note::HIT), false)
                    }
                    Usable::Stale(by) => {
                        self.counters.stale.add(1);
                        give(entry, note::stale_hit(by), false)
                    }
                    Usable::Meanwhile(by) => {
                        self.counters.stale.add(1);
                        // What HEAD leads to has no content that could be stored.
                        give(entry, note::stale_hit(by), !asked.head_only)
                    }
                    Usable::Validate if entry.freshness.is_fresh(now) => {
                        Turn::Go(Why::Request, Some(entry.clone()))
                    }
                    Usable::Validate => Turn::Go(Why::Stale, Some(entry.clone())),
                }
            }
            Found::Answer(_) => Turn::Go(Why::Bypass, None),
            Found::Nothing | Found::NoWaiting => Turn::Go(Why::UriMiss, None),
            Found::NoVariant => Turn::Go(Why::VaryMiss, None),
        }
    }

    /// Answers a request that the store has nothing for.
    fn miss(
        self: Rc<Self>,
        request: Request,
        next: Next,
        visit: Visit,
        may_wait: bool,
    ) -> LocalFuture<Response> {
        if visit.asked.control.only_if_cached {
            self.spare.set(visit.key);
            let refusal = Problem::NOT_CACHED.response(Some(&request.id));
            return LocalFuture::ready(self.noted(refusal, note::NOTHING));
        }
        if visit.asked.head_only {
            // What HEAD says is of no use to a GET; that it went on is.
            self.spare.set(visit.key);
            self.counters.misses.add(1);
            return self.annotated(next.run(request), note::of(visit.why));
        }
        let may_wait = may_wait && self.may_wait(&visit.asked);
        LocalFuture::new(async move {
            if may_wait {
                self.visit(request, next, visit).await
            } else {
                self.fetch(request, next, visit, None).await.0
            }
        })
    }

    /// Whether a request may wait for the answer to another one.
    fn may_wait(&self, asked: &Asked) -> bool {
        self.store.options.coalesce && !asked.credentials && !asked.control.no_cache
    }

    /// Whether who asks may get what was stored for others.
    fn may_have(&self, asked: &Asked, entry: &Entry) -> bool {
        !asked.credentials || entry.freshness.shared
    }

    fn hit(
        &self,
        entry: &Entry,
        request: Request,
        asked: &Asked,
        now: u64,
        note: Option<HeaderValue>,
    ) -> LocalFuture<Response> {
        let note = note.filter(|_| self.store.options.status);
        let response = self.give(entry, &request.head, asked, now, note);
        self.requests.recycle(request);
        LocalFuture::ready(response)
    }

    /// The stored answer, or 304 for a client that has it (RFC 9111 section 4.3.2).
    fn give(
        &self,
        entry: &Entry,
        head: &Head,
        asked: &Asked,
        now: u64,
        note: Option<HeaderValue>,
    ) -> Response {
        if asked.conditional && entry.status == StatusCode::OK {
            let etag = entry.etag().map(HeaderValue::as_bytes);
            if judge(head, etag, Some(entry.modified())) == Verdict::NotModified {
                return entry.not_modified(now, note);
            }
        }
        entry.answer(now, note)
    }

    /// A request that the store has nothing to do with.
    fn pass(&self, request: Request, next: Next, note: HeaderValue) -> LocalFuture<Response> {
        self.counters.bypassed.add(1);
        self.annotated(next.run(request), note)
    }

    /// The answer of the handler, with what the cache says of it.
    fn annotated(&self, answer: LocalFuture<Response>, note: HeaderValue) -> LocalFuture<Response> {
        match answer {
            LocalFuture::Ready(Some(response)) => LocalFuture::ready(self.noted(response, note)),
            future => {
                let store = self.store.clone();
                LocalFuture::new(async move { noted(&store, future.await, note) })
            }
        }
    }

    fn noted(&self, response: Response, note: HeaderValue) -> Response {
        noted(&self.store, response, note)
    }
}

fn noted(store: &Store, mut response: Response, note: HeaderValue) -> Response {
    let options = &store.options;
    if !options.rules.send_tags && response.headers.contains(&options.rules.tag_header) {
        response.headers.remove(&options.rules.tag_header);
    }
    if options.status {
        response.headers.append(note::CACHE_STATUS, note);
    }
    response
}
