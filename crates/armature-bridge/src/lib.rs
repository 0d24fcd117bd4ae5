//! The bridge between IO loops and a JavaScript thread, without either of them.
//!
//! * [`Lane`]: one JavaScript thread's queue of records; many loops push, one reader drains
//! * [`Slots`]: requests in flight on one loop; an index and a generation name each of them
//! * [`record`]: what a loop tells JavaScript, as flat words
//! * [`command`]: what JavaScript answers; read as untrusted bytes
//! * [`Mailbox`]: commands on their way back to a loop, one wake per batch
//! * [`Messages`]: those of a WebSocket whose lane is gone
//! * [`Credit`]: how much either side may send
//!
//! Plain Rust: no napi, tokio or hyper. Every atomic and lock comes from one facade, so that loom can explore the
//! interleavings (`RUSTFLAGS="--cfg armature_loom"`).

pub mod command;
mod credit;
mod lane;
mod mailbox;
mod messages;
pub mod record;
mod slots;
mod sync;

pub use credit::Credit;
pub use lane::{
    Ages, BATCH_SIZES, Batches, Drained, Lane, LaneReader, Late, PushError, Returned, ReturnedRecord,
    Waiting, Wake,
};
pub use mailbox::Mailbox;
pub use messages::{Messages, kind_of};
pub use slots::{Generations, SlotId, SlotUsage, Slots};
