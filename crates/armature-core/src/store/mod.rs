//! What processes share, and what outlives them: counters and contents that are kept outside of them; and values by key, which may
//! be kept there.

pub mod disk;
pub mod key_value;
pub mod levels;
pub mod redis;
pub mod tiers;
