//! How a client has read so far, and what it weighs when somebody has to be given up.

use std::cell::Cell;

/// Whoever has taken so many bytes since the last look has moved on. Less, however often, is nobody who reads.
pub(super) const STEP: u64 = 4096;
/// Whoever has taken nothing for so many ticks, a second, weighs double, three times as much after another one, and so on evenly.
pub(super) const AGE: u64 = 100;
/// Whoever is known to need longer from one step to the next is given that time in place of a second, and so many ticks at most.
pub(super) const PACE_MOST: u64 = 4 * AGE;
/// Who has read so many bytes weighs half as much, who has read two times as many a third, and so on down to a sixteenth.
pub(super) const TRUST: u64 = 128 * 1024;
const TRUST_MOST: u64 = 15;

/// See the module.
pub(super) struct Progress {
    /// When it last took something worth mentioning, in ticks.
    since: Cell<u64>,
    /// Bytes since then.
    taken: Cell<u64>,
    /// Bytes in all.
    total: Cell<u64>,
    /// The longest that it took from one time to the next, within bounds.
    pace: Cell<u64>,
}

impl Progress {
    pub fn new(now: u64) -> Self {
        Self { since: Cell::new(now), taken: Cell::new(0), total: Cell::new(0), pace: Cell::new(AGE) }
    }

    /// Something begins to wait, after a time in which nothing did.
    pub fn begin(&self, now: u64) {
        self.since.set(now);
    }

    pub fn take(&self, bytes: u64, now: u64) {
        self.total.set(self.total.get().saturating_add(bytes));
        let taken = self.taken.get().saturating_add(bytes);
        if taken >= STEP {
            let step = now.saturating_sub(self.since.replace(now));
            self.pace.set(self.pace.get().max(step.min(PACE_MOST)));
        }
        self.taken.set(if taken >= STEP { 0 } else { taken });
    }

    /// What `bytes` have cost so far: little that waits for long weighs as much as much that has just come. Who has read
    /// much before is trusted: 128 KiB make up for waiting as long as ever before.
    pub fn weight(&self, bytes: u64, now: u64) -> u64 {
        let trust = 1 + (self.total.get() / TRUST).min(TRUST_MOST);
        let age = now.saturating_sub(self.since.get());
        let pace = self.pace.get();
        bytes.saturating_mul(pace + age) / pace / trust
    }
}
