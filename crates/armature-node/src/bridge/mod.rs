//! Where lanes, slots and bodies meet N-API and the loops.
//!
//! `unsafe` lives in `waker`, `inline`, `inherited` and `uv`.

pub mod answer;
pub mod body;
pub mod clock;
pub mod commit;
pub mod events;
pub mod file;
pub mod flow;
pub mod headers;
pub mod inherited;
#[cfg(target_os = "linux")]
pub mod inline;
#[cfg(not(target_os = "linux"))]
#[path = "no_inline.rs"]
pub mod inline;
pub mod lane;
pub mod lanes;
pub mod loop_side;
pub mod moving;
pub mod patience;
pub mod rebind;
mod relief;
pub mod slot;
pub mod socket;
pub mod socket_end;
pub mod stream;
pub mod topics;
mod unheard;
#[cfg(target_os = "linux")]
mod uv;
pub mod waker;
