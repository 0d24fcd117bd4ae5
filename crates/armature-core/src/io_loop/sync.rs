//! What `bell` is made of. A facade, so that `tests/loom.rs` can put loom's in its place.

use std::cell::Cell;
use std::sync::atomic::AtomicU64;
pub(super) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
pub(super) use std::sync::{Mutex, MutexGuard};

/// The number of this thread. Numbers are not reused, and this needs no destructor: a waker may be used while its thread ends.
pub(super) fn this_thread() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static NUMBER: Cell<u64> = const { Cell::new(0) };
    }
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}
