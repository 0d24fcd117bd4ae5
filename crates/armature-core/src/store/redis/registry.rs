//! The connections of the process, so that everybody who asks for the same gets the same: also code that takes the place of
//! other code, which lets go of its own only when it has ended.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::{Owner, Redis, RedisSettings, thread};
use crate::error::Result;

static CONNECTIONS: Mutex<Vec<Weak<Owner>>> = Mutex::new(Vec::new());

pub(super) fn open(settings: &RedisSettings) -> Result<Redis> {
    let mut connections = CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    connections.retain(|owner| owner.strong_count() > 0);
    let found =
        connections.iter().filter_map(Weak::upgrade).find(|owner| owner.shared.settings.is_same(settings));
    if let Some(owner) = found {
        return Ok(Redis { owner });
    }
    let owner = Arc::new(thread::start(settings.clone())?);
    connections.push(Arc::downgrade(&owner));
    Ok(Redis { owner })
}
