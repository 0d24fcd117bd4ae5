//! Handlers that answer from Rust.

mod fixed;

pub use fixed::Fixed;
