//! The N-API addon of `@armature/core`: glue between armature-core, armature-bridge and a JavaScript environment.
//!
//! * `server`: `NativeServer`, start, stop, inject
//! * `server::attach`: the same for a further JavaScript thread
//! * `hub`: what the threads of one server share, and the table in which they find it
//! * `server::generations`: its routes, and those that a reload brings
//! * `concurrency`: its concurrency limits
//! * `health`: its checks, and what its threads report of them
//! * `wiring`: what its handlers share
//! * `seats`: the JavaScript threads that serve, have served or will serve again
//! * `departure`: a thread that ends while its server goes on
//! * `stats`: its numbers
//! * `store`: values by key, and what is waited for of them
//! * `log`: what JavaScript logs, into core's outputs
//! * `plan`: an application as JavaScript describes it, into core's definition
//! * `handler`: `JsHandler`, core's `Handler` over a lane
//! * `bridge`: lanes, slots and bodies where they meet N-API and the loops
//! * `census`: how many loops and lanes are left, for tests
//! * `error`: core's errors as JavaScript exceptions with a stable code
//!
//! Nothing here is public API: `src/native.ts` is the only importer.

// Exports are registered in the real build only; a test build of a cdylib has no caller for them.
#![cfg_attr(test, allow(dead_code))]

mod bridge;
mod cache;
mod census;
mod concurrency;
mod departure;
mod error;
mod handler;
mod health;
mod hub;
mod inject;
mod log;
mod options;
mod plan;
mod seats;
mod server;
mod stats;
mod store;
mod wiring;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks. Nothing panics while one of these locks is held, so a poisoned state is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
