//! Memory of buffers, as the loop's metrics see it.

use std::sync::Arc;

use crate::metrics::LoopMetrics;

/// How many bytes of [`LoopMetrics::buffered`] belong to one owner of buffers. Dropping it takes them away.
#[derive(Default)]
pub(super) struct Counted {
    bytes: usize,
    /// Known from the first time on that there is something to count.
    metrics: Option<Arc<LoopMetrics>>,
}

impl Counted {
    /// The owner's buffers take `bytes` now. Buffers keep their size most of the time, and nothing is written then.
    pub fn set(&mut self, bytes: usize, metrics: &Arc<LoopMetrics>) {
        if bytes != self.bytes {
            let metrics = self.metrics.get_or_insert_with(|| metrics.clone());
            metrics.buffered.subtract(self.bytes as u64);
            metrics.buffered.add(bytes as u64);
            self.bytes = bytes;
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(metrics) = &self.metrics {
            metrics.buffered.subtract(self.bytes as u64);
        }
    }
}
