//! Request ids: unique within the process run, cheap to make, text only when somebody looks.

use std::fmt;
use std::sync::OnceLock;

/// Identifies one request in logs, answers and JavaScript (`req.id`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestId {
    /// Made here: the IO loop in the upper 16 bits, a counter below.
    Sequence(u64),
    /// Taken from a header of a trusted peer.
    Given(Box<str>),
}

impl RequestId {
    /// Random text that distinguishes this run of the process from others; the first part of every generated id.
    pub fn run_prefix() -> &'static str {
        static PREFIX: OnceLock<String> = OnceLock::new();
        PREFIX.get_or_init(|| {
            use std::hash::{BuildHasher, Hasher};
            // RandomState is seeded by the operating system; an id must be unique, not secret.
            let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
            hasher.write_u32(std::process::id());
            format!("{:012x}", hasher.finish() & 0xffff_ffff_ffff)
        })
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sequence(n) => write!(f, "{}-{n:x}", Self::run_prefix()),
            Self::Given(text) => f.write_str(text),
        }
    }
}
