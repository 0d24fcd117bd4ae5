//! The N-API addon of `@armature/core`: glue between armature-core, armature-bridge and a JavaScript environment.
//!
//! * `server`: `NativeServer`, start, stop, inject
//! * `stats`: its numbers
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
mod census;
mod error;
mod handler;
mod inject;
mod options;
mod plan;
mod server;
mod stats;
