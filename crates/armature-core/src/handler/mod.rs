//! Handlers that answer from Rust.

mod fixed;
mod upgrade;

pub use fixed::Fixed;
pub use upgrade::{UpgradeHandler, upgrade};
