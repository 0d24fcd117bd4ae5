//! Stores as JavaScript has them. What memory has is given at once, in one call; what has to be waited for comes through the
//! thread's `NativeStoreClient`, all of it by one function.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use armature_bridge::Wake;
use armature_core::config::parse_value;
use armature_core::store::key_value::{Claim, Claimed, Content, Entry, KeyValueStore, Moment};
use napi::bindgen_prelude::{BufferSlice, Either, Function};
use napi::{Env, JsString};
use napi_derive::napi;
use serde_json::json;

use crate::bridge::waker::{JsWaker, SharedWaker};
use crate::error::{Result, internal, js};
use crate::lock;

/// What [`NativeStore::set`] returns.
const STORED: u32 = 0;
const ON_ITS_WAY: u32 = 1;
const NOT_TRUE: u32 = 2;

/// What [`NativeStore::claim`] returns.
const YOURS: u32 = 0;
const WAIT: u32 = 1;
const FULL: u32 = 2;

type Given<'a> = Option<Either<JsString<'a>, BufferSlice<'a>>>;

/// What one JavaScript thread waits for, of all its stores, and what it has claimed.
#[napi]
pub struct NativeStoreClient {
    shared: Arc<Shared>,
    /// Of what [`NativeStoreClient::next`] returned last.
    content: Option<Content>,
}

struct Shared {
    waker: SharedWaker,
    done: Mutex<VecDeque<(u32, Option<Content>)>>,
    claims: Mutex<HashMap<u32, Claim>>,
}

impl Shared {
    fn finish(&self, id: u32, content: Option<Content>) {
        let mut done = lock(&self.done);
        done.push_back((id, content));
        // It has been woken, or drains already, when there was something.
        let first = done.len() == 1;
        drop(done);
        if first {
            self.waker.wake();
        }
    }
}

#[napi]
impl NativeStoreClient {
    /// `pump` is called without arguments when something is done.
    #[napi(constructor)]
    pub fn new(env: Env, pump: Function<'_, (), ()>) -> Result<Self> {
        let waker = JsWaker::new(&env, pump)?;
        let shared = Arc::new(Shared {
            waker: SharedWaker(waker.clone()),
            done: Mutex::default(),
            claims: Mutex::default(),
        });
        // What this thread has claimed and will not make is for others.
        let gone = Arc::downgrade(&shared);
        waker.at_teardown(Box::new(move || {
            if let Some(shared) = gone.upgrade() {
                let claims = std::mem::take(&mut *lock(&shared.claims));
                drop(claims);
            }
        }));
        Ok(Self { shared, content: None })
    }

    /// The number of something that is done; 0 when `pump` will be called for the next.
    #[napi]
    pub fn next(&mut self) -> u32 {
        let next = lock(&self.shared.done).pop_front();
        let (id, content) = next.unwrap_or_default();
        self.content = content;
        id
    }

    /// What was found for the number that `next` returned.
    #[napi(ts_return_type = "string | Buffer | null")]
    pub fn content<'env>(&mut self, env: &'env Env) -> Result<Given<'env>> {
        given(env, self.content.take())
    }

    /// The claim with this number is not needed any more.
    #[napi]
    pub fn release(&self, id: u32) {
        let claim = lock(&self.shared.claims).remove(&id);
        drop(claim);
    }

    /// Keeps the process alive, or no longer.
    #[napi]
    pub fn set_referenced(&self, env: Env, referenced: bool) -> Result<()> {
        self.shared.waker.0.set_referenced(&env, referenced)
    }
}

/// A store.
#[napi]
pub struct NativeStore {
    store: KeyValueStore,
}

#[napi]
impl NativeStore {
    /// Opens the store that `options` (JSON) name.
    #[napi(factory)]
    pub fn open(options: String) -> Result<Self> {
        let options = serde_json::from_str(&options).map_err(|e| internal(e.to_string()))?;
        let options = parse_value("KeyValueStore", options).map_err(js)?;
        Ok(Self { store: KeyValueStore::open(options).map_err(js)? })
    }

    /// What it is called.
    #[napi(getter)]
    pub fn name(&self) -> String {
        self.store.name().to_owned()
    }

    /// How long whoever wants to make a value waits for another thread, in milliseconds.
    #[napi(getter)]
    pub fn max_wait(&self) -> f64 {
        self.store.max_wait().0 as f64
    }

    /// What memory has for `key`: fresh, or also stale.
    #[napi(ts_return_type = "string | Buffer | null")]
    pub fn peek<'env>(&self, env: &'env Env, key: String, stale: bool) -> Result<Given<'env>> {
        given(env, self.store.peek(&key, stale).map_err(js)?)
    }

    /// Looks below memory for what memory does not have; `id` is done when that is. False when there is nothing below.
    #[napi]
    pub fn find(&self, client: &NativeStoreClient, id: u32, key: String, stale: bool) -> Result<bool> {
        let shared = client.shared.clone();
        self.store.find(&key, stale, move |found| shared.finish(id, found)).map_err(js)
    }

    /// Stores a value. Times are in milliseconds, negative ones as the options say. `moment` is what `moment()` said before it was made, or
    /// empty for one that is true now. Returns 0 when it is stored, 1 when `id` will be done when it is below memory too, 2 when it is
    /// not true any more.
    #[napi]
    #[allow(clippy::too_many_arguments, reason = "one call without an object")]
    pub fn set(
        &self,
        client: &NativeStoreClient,
        id: u32,
        key: String,
        content: Either<String, BufferSlice<'_>>,
        ttl: f64,
        stale: f64,
        tags: Vec<String>,
        moment: Vec<f64>,
    ) -> Result<u32> {
        let content = match content {
            Either::A(text) => Content { is_text: true, bytes: text.into() },
            Either::B(bytes) => Content { is_text: false, bytes: bytes.to_vec().into() },
        };
        let time = |millis: f64| (millis >= 0.0).then_some(millis as u64);
        let entry = Entry { content, ttl: time(ttl), stale: time(stale), tags };
        if let [purges, position] = moment[..] {
            let moment = Moment { purges: purges as u64, position: time(position) };
            let stored = self.store.fill(&key, entry, moment).map_err(js)?;
            return Ok(if stored { STORED } else { NOT_TRUE });
        }
        let shared = client.shared.clone();
        let waits = self.store.set(&key, entry, move || shared.finish(id, None)).map_err(js)?;
        Ok(if waits { ON_ITS_WAY } else { STORED })
    }

    /// What `set` has to know of a value that is made from now on.
    #[napi]
    pub fn moment(&self) -> Vec<f64> {
        // Microseconds since 1970 are whole numbers of JavaScript until the year 2255.
        let Moment { purges, position } = self.store.moment();
        vec![purges as f64, position.map_or(-1.0, |position| position as f64)]
    }

    /// Takes out one value; returns how many memory had.
    #[napi]
    pub fn remove(&self, key: String) -> Result<f64> {
        self.store.remove(&key).map(|count| count as f64).map_err(js)
    }

    /// Takes out the values with `tag`; returns how many memory had.
    #[napi]
    pub fn purge_tag(&self, tag: String) -> Result<f64> {
        self.store.purge_tag(&tag).map(|count| count as f64).map_err(js)
    }

    /// Takes out everything; returns how many values memory had.
    #[napi]
    pub fn clear(&self) -> f64 {
        self.store.clear() as f64
    }

    /// Asks for the right to make the value of `key`. Returns 0 when it is there until `release(id)`, 1 when `id` will be done when
    /// somebody else is, 2 when too many wait for that.
    #[napi]
    pub fn claim(&self, client: &NativeStoreClient, id: u32, key: String) -> Result<u32> {
        let shared = client.shared.clone();
        Ok(match self.store.claim(&key, move || shared.finish(id, None)).map_err(js)? {
            Claimed::Yours(claim) => {
                lock(&client.shared.claims).insert(id, claim);
                YOURS
            }
            Claimed::Wait => WAIT,
            Claimed::Full => FULL,
        })
    }

    /// Its numbers, as JSON.
    #[napi]
    pub fn stats(&self) -> String {
        let stats = self.store.stats();
        let stats = json!({
            "hits": stats.hits,
            "stale": stats.stale,
            "misses": stats.misses,
            "shared": stats.shared,
            "stored": stats.stored,
            "evicted": stats.evicted,
            "purged": stats.purged,
            "unavailable": stats.unavailable,
            "entries": stats.entries,
            "bytes": stats.bytes,
        });
        stats.to_string()
    }
}

/// A copy for JavaScript.
fn given(env: &Env, content: Option<Content>) -> Result<Given<'_>> {
    let Some(Content { is_text, bytes }) = content else { return Ok(None) };
    let failed = |error: napi::Error| internal(error.to_string());
    Ok(Some(if is_text {
        let text = std::str::from_utf8(&bytes).map_err(|error| internal(error.to_string()))?;
        Either::A(env.create_string(text).map_err(failed)?)
    } else {
        Either::B(BufferSlice::copy_from(env, &bytes).map_err(failed)?)
    }))
}
