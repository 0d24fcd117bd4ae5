//! What processes share: counters and contents that are kept outside of them.

pub mod redis;
