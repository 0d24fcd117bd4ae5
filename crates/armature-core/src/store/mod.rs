//! What processes share, and what outlives them: counters and contents that are kept outside of them.

pub mod disk;
pub mod levels;
pub mod redis;
pub mod tiers;
