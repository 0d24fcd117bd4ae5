//! Where lanes, slots and bodies meet N-API and the loops.
//!
//! `unsafe` lives in `waker` alone.

pub mod answer;
pub mod body;
pub mod flow;
pub mod headers;
pub mod lane;
pub mod loop_side;
pub mod stream;
pub mod waker;
