//! The clock of the lanes: loops and JavaScript's threads have to agree on the time.

use std::sync::LazyLock;
use std::time::Instant;

static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds since somebody first asked.
pub fn now() -> u64 {
    ORIGIN.elapsed().as_millis() as u64
}
