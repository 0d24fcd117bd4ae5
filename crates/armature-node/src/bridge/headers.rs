//! Header sets: lists of response headers that JavaScript registers once and names by number.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use armature_bridge::command::HeaderFields;
use armature_core::http::{HeaderBlock, HeaderName, HeaderValue, Headers};
use bytes::Bytes;

type Set = Arc<HeaderBlock>;

/// Sets that may be registered; JavaScript sends headers in full afterwards.
const MAX_SETS: usize = 1024;

/// The sets of one lane. Set number n is at position n - 1.
#[derive(Default)]
pub struct HeaderSets {
    sets: Mutex<Vec<Set>>,
}

impl HeaderSets {
    /// `None` when a name or value is not valid, 0 when the table is full or the fields cannot be shared.
    pub fn register(&self, pairs: &[String]) -> Option<u32> {
        let parse = |pair: &[String]| {
            let name = HeaderName::from_bytes(pair.first()?.as_bytes()).ok()?;
            Some((name, HeaderValue::from_bytes(&latin1(pair.get(1)?)?).ok()?))
        };
        let Some(set) = HeaderBlock::new(pairs.chunks(2).map(parse).collect::<Option<Vec<_>>>()?) else {
            return Some(0);
        };
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.len() == MAX_SETS {
            return Some(0);
        }
        sets.push(Arc::new(set));
        Some(sets.len() as u32)
    }

    fn snapshot(&self) -> Vec<Set> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A loop's copy of a lane's sets, refreshed when an unknown number appears: no lock per response.
#[derive(Default)]
pub struct SetCache(RefCell<Vec<Set>>);

impl SetCache {
    /// Headers that begin with set number `id`, 0 for none; `None` when there is no such set.
    pub fn begin(&self, source: &HeaderSets, id: u32) -> Option<Headers> {
        let Some(index) = (id as usize).checked_sub(1) else { return Some(Headers::new()) };
        let mut cache = self.0.borrow_mut();
        if cache.len() <= index {
            *cache = source.snapshot();
        }
        cache.get(index).map(|set| Headers::from_block(set.clone()))
    }
}

/// What JavaScript middleware does to the headers of a native answer.
#[derive(Default)]
pub struct HeaderChange {
    removed: Vec<HeaderName>,
    added: Headers,
}

impl HeaderChange {
    /// The first `named` of `list` only say which headers the answer loses.
    pub fn new(list: Headers, named: usize) -> Self {
        let mut change = Self::default();
        for (index, (name, value)) in list.into_iter().enumerate() {
            if index < named {
                change.removed.push(name);
            } else {
                change.added.append(name, value);
            }
        }
        change
    }

    pub fn apply(self, headers: &mut Headers) {
        for name in &self.removed {
            headers.remove(name);
        }
        headers.extend(self.added);
    }
}

/// Adds the encoded headers; false when one is not valid.
pub fn decode(bytes: &[u8], headers: &mut Headers) -> bool {
    let fields = HeaderFields(bytes);
    let mut at = 0;
    while at < bytes.len() {
        let Some((name, value)) = fields.next_at(at) else { return false };
        at = value.end;
        let Ok(name) = HeaderName::from_bytes(&bytes[name]) else { return false };
        // A short copy: a header that shared the batch would keep all of it alive.
        let Ok(value) = HeaderValue::from_maybe_shared(Bytes::copy_from_slice(&bytes[value])) else {
            return false;
        };
        headers.append(name, value);
    }
    true
}

/// Header values are Latin-1 (RFC 9110 section 5.5 leaves 0x80 to 0xff opaque).
fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}
