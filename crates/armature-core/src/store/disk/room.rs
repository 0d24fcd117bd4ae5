//! What goes when there is no room: within the bound of a folder, and on a disk that is full below it.

use std::io;

use super::file::Version;
use super::shared::State;
use super::thread::Worker;

/// Values of a folder, at most: they take memory of the process, about 250 bytes each, and small files are many.
const MAX_ENTRIES: usize = 1 << 20;

impl Worker {
    /// Takes out what is needed least until there is room for so many bytes more.
    pub fn make_room(&self, size: u64) -> io::Result<()> {
        loop {
            let evicted = self.evict(&mut self.shared.lock(), size);
            let Some(version) = evicted else { return Ok(()) };
            self.remove(version)?;
        }
    }

    /// Takes out so many bytes, as far as there are any, whatever the bound: the disk is full.
    pub fn yield_room(&self, size: u64) -> io::Result<()> {
        let mut freed = 0;
        while freed < size {
            let evicted = self.shared.lock().index.evict();
            let Some(entry) = evicted else { break };
            self.shared.counters.evicted.add(1);
            freed += entry.size;
            self.remove(entry.version)?;
        }
        Ok(())
    }

    pub fn fits(&self, state: &State, size: u64) -> bool {
        state.index.bytes() + size <= self.shared.settings.max_bytes && state.index.len() < MAX_ENTRIES
    }

    /// What goes next; `None` when there is room for so many bytes more.
    pub fn evict(&self, state: &mut State, size: u64) -> Option<Version> {
        if self.fits(state, size) {
            return None;
        }
        let entry = state.index.evict()?;
        self.shared.counters.evicted.add(1);
        Some(entry.version)
    }
}

/// Whether it says that there is no room on the disk.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
