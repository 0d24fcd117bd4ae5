//! The caches of a server: what `server.cache` and `server.stats()` do with them.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use armature_core::layer::{CacheStats, CacheStore, Purge};
use armature_core::store::disk::{self, Disk, DiskStats};
use napi_derive::napi;
use serde_json::{Value, json};

use crate::error::{Result, js};
use crate::hub::Hub;
use crate::lock;

/// What the layers of a server store; those of a generation that is gone are gone.
#[derive(Default)]
pub struct Caches(Mutex<Vec<Weak<CacheStore>>>);

impl Caches {
    pub fn add(&self, store: &Arc<CacheStore>) {
        let mut stores = lock(&self.0);
        stores.retain(|known| known.strong_count() > 0);
        stores.push(Arc::downgrade(store));
    }

    fn all(&self) -> Vec<Arc<CacheStore>> {
        // Not under the lock: purging takes its time.
        lock(&self.0).iter().filter_map(Weak::upgrade).collect()
    }

    fn purge(&self, purge: &Purge) -> u64 {
        self.all().iter().map(|store| store.purge(purge.clone())).sum()
    }

    pub fn stats(&self) -> Value {
        let mut sum = CacheStats::default();
        let mut disks: Vec<Disk> = Vec::new();
        for store in self.all() {
            sum += store.stats();
            // Stores with one folder have it together.
            let disk = store.disk().filter(|disk| disks.iter().all(|known| !known.is_same(disk)));
            disks.extend(disk.cloned());
        }
        let mut on_disk = DiskStats::default();
        disks.iter().for_each(|disk| on_disk += disk.stats());
        json!({
            "hits": sum.hits,
            "stale": sum.stale,
            "misses": sum.misses,
            "validated": sum.validated,
            "errors": sum.errors,
            "collapsed": sum.collapsed,
            "bypassed": sum.bypassed,
            "stored": sum.stored,
            "evicted": sum.evicted,
            "purged": sum.purged,
            "shared": sum.shared,
            "unavailable": sum.unavailable,
            "entries": sum.entries,
            "bytes": sum.bytes,
            "disk": {
                "hits": sum.from_disk,
                "entries": on_disk.entries,
                "bytes": on_disk.bytes,
                "queued": on_disk.queued,
                "purging": on_disk.purging,
                "evicted": on_disk.evicted,
                "dropped": on_disk.dropped,
                "broken": on_disk.broken,
                "failed": on_disk.failed,
            },
        })
    }
}

/// Takes out of the caches of server `id` what `target` (JSON) is about; returns how many answers that were.
#[napi]
pub fn purge_cache(id: u32, target: String) -> Result<f64> {
    let purge = Purge::from_json(&target).map_err(js)?;
    Ok(Hub::find(id)?.wiring.caches.purge(&purge) as f64)
}

/// Waits until what was purged so far outlives the process, at most `patience` milliseconds.
#[napi]
pub fn flush_purges(patience: f64) {
    disk::flush(Duration::from_millis(patience.max(0.0) as u64));
}
