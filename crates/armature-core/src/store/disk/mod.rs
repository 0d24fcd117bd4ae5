//! Values in a folder, which outlive the process. The folder belongs to one process at a time; whoever names it there shares it.
//!
//! * `file` is how a value stands in its file, `index` knows which there are, `purges` which of them are true no more
//! * `journal` has the purges, so that they outlive the process as well
//! * `shared` is what callers and the thread have in common: the index, and bounded queues
//! * `thread` reads and writes, `room` is what it makes and yields, `sweep` finds out what was there before and takes out what is of no use
//!
//! Nobody but the thread makes a system call: whoever asks gets a future, which any executor can poll, and whoever stores goes on at
//! once. What does not fit into the queue is not kept, and counted. A disk that fails or hangs is passed over, as if
//! nothing were there, until it works again.

mod file;
mod index;
mod journal;
mod options;
mod purges;
mod registry;
mod room;
mod shared;
mod sweep;
mod thread;
mod trouble;

#[cfg(all(test, unix))]
mod tests;

#[cfg(test)]
pub(crate) use options::AnyFormTs;
pub use options::{DiskOptions, DiskSettings};
pub use registry::flush;
pub use shared::DiskStats;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::store::tiers::{Name, Record, Term};
use shared::{Owner, Shared};

/// A way to a folder. Cheap to clone; what waits is written when nobody has one any more, and the folder is free then.
#[derive(Clone)]
pub struct Disk {
    owner: Arc<Owner>,
}

impl Disk {
    /// The folder with these settings, which is made where there is none: that of whoever asked for it before, or a new one, whose
    /// content is found out in the background.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` when the folder cannot be used, is that of another process, or is open with other options,
    /// `ARMATURE_IO` when there can be no thread.
    pub fn open(settings: &DiskSettings) -> Result<Self> {
        registry::open(settings).map(|owner| Self { owner })
    }

    /// The number of the newest purge: the position of what is made from now on.
    pub fn position(&self) -> u64 {
        self.shared().lock().purges.last()
    }

    /// Looks for a value; the number beside it is its position.
    pub async fn get(&self, name: &Name) -> Option<(Record, u64)> {
        self.shared().ask(name)?.await.ok()?
    }

    /// Writes a value that was made by whoever knew of the purges up to `position`; nobody waits for it.
    pub fn put(&self, name: &Name, record: Record, position: u64) {
        self.shared().put(name, record, position);
    }

    /// Takes out one value.
    pub fn forget(&self, name: &Name) {
        self.shared().forget(name);
    }

    /// What has `term` is not found from now on; the journal has it before anything else that waits is done.
    pub fn purge(&self, term: Term) {
        self.shared().purge(term);
    }

    /// The numbers now.
    pub fn stats(&self) -> DiskStats {
        self.shared().stats()
    }

    /// Somebody has waited for the disk in vain.
    pub fn missed(&self) {
        self.shared().counters.failed.add(1);
    }

    /// How long somebody who looks should wait, at most.
    pub fn timeout(&self) -> Duration {
        self.shared().settings.timeout
    }

    /// Whether both are of one folder.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.owner, &other.owner)
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.owner.0
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("settings", &self.shared().settings).finish_non_exhaustive()
    }
}
