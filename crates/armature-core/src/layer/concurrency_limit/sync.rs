//! What `limiter` is made of. A facade, so that `tests/loom.rs` can put loom's in its place.

pub(super) use std::sync::atomic::{AtomicU64, Ordering};
pub(super) use std::sync::{Mutex, MutexGuard};
