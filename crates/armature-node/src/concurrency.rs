//! The concurrency limits of a server. They stay when a reload replaces its routes, so that requests of both count together.

use std::sync::Mutex;

use armature_core::layer::{ConcurrencyLimit, ConcurrencyLimitOptions, ConcurrencyUsage};

use crate::error::{Result, js};
use crate::lock;

#[derive(Default)]
pub struct ConcurrencyLimits(Mutex<Vec<Kept>>);

struct Kept {
    /// Its number among the layers of the plan.
    layer: usize,
    options: ConcurrencyLimitOptions,
    limit: ConcurrencyLimit,
}

impl ConcurrencyLimits {
    /// Layer number `layer`: that of the routes before, if it had the same options.
    pub fn layer(&self, layer: usize, options: ConcurrencyLimitOptions) -> Result<ConcurrencyLimit> {
        let mut all = lock(&self.0);
        if let Some(kept) = all.iter().find(|kept| kept.layer == layer && kept.options == options) {
            return Ok(kept.limit.clone());
        }
        let limit = ConcurrencyLimit::new(options.clone()).map_err(js)?;
        all.push(Kept { layer, options, limit: limit.clone() });
        Ok(limit)
    }

    /// The numbers of all together.
    pub fn usage(&self) -> ConcurrencyUsage {
        lock(&self.0).iter().map(|kept| kept.limit.usage()).fold(ConcurrencyUsage::default(), |sum, one| {
            ConcurrencyUsage {
                taken: sum.taken + one.taken,
                waiting: sum.waiting + one.waiting,
                refused: sum.refused + one.refused,
                late: sum.late + one.late,
            }
        })
    }
}
