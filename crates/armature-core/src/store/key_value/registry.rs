//! The stores of the process, so that all threads that ask for the same have the same.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::options::Settings;
use super::store::Store;
use crate::error::Result;

static STORES: Mutex<Vec<Weak<Store>>> = Mutex::new(Vec::new());

/// That of whoever asked for the same before and still has it, or a new one.
pub(super) fn open(settings: Settings) -> Result<Arc<Store>> {
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    stores.retain(|store| store.strong_count() > 0);
    let found = stores.iter().filter_map(Weak::upgrade).find(|store| store.settings.is_same(&settings));
    if let Some(store) = found {
        return Ok(store);
    }
    let store = Store::open(settings)?;
    stores.push(Arc::downgrade(&store));
    Ok(store)
}
