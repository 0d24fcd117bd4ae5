//! How many requests each hand-over to a reader had.

use crate::sync::{AtomicUsize, Ordering};

/// Sizes that are told apart: 1, 2 to 3, 4 to 7, 8 to 15, 16 to 31, 32 to 63, 64 and more.
pub const BATCH_SIZES: usize = 7;

/// A histogram of hand-overs by their requests. The reader writes it, anybody reads it.
#[derive(Default)]
pub struct Batches([AtomicUsize; BATCH_SIZES]);

impl Batches {
    /// A hand-over with so many requests; one that had other records only is none.
    pub(super) fn count(&self, requests: usize) {
        let Some(power) = requests.checked_ilog2() else { return };
        let count = &self.0[(power as usize).min(BATCH_SIZES - 1)];
        // One thread writes, so nothing can come in between.
        count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Hand-overs of each size, see [`BATCH_SIZES`].
    pub fn sizes(&self) -> [usize; BATCH_SIZES] {
        std::array::from_fn(|size| self.0[size].load(Ordering::Relaxed))
    }
}
