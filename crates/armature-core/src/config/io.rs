//! The option `io`: which threads own the connections.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, Unexpected, Visitor},
};

use super::{names::Names, range::within};
use crate::error::Result;

/// The raw option: `'auto'`, `'inline'` or a number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "IoOption", type = "'auto' | 'inline' | number"))]
pub enum Io {
    /// What suits the machine.
    Auto,
    /// On the JavaScript thread.
    Inline,
    /// So many threads of their own, from 1 to 256.
    Threads(u16),
}

/// Where IO loops run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IoMode {
    /// The server chooses by the number of cores.
    #[default]
    Auto,
    /// On the thread of the host, which is JavaScript's.
    Inline,
    /// On so many threads of their own, from 1 to 256.
    Threads(u16),
}

impl Io {
    pub(super) fn resolve(self, names: Names<'_>) -> Result<IoMode> {
        match self {
            Self::Auto => Ok(IoMode::Auto),
            Self::Inline => Ok(IoMode::Inline),
            Self::Threads(count) => {
                within((names, "io"), Some(count), "a number of IO threads", 1..=256, "")?;
                Ok(IoMode::Threads(count))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Io {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(IoVisitor)
    }
}

struct IoVisitor;

impl Visitor<'_> for IoVisitor {
    type Value = Io;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("'auto', 'inline' or a number of IO threads from 1 to 256")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> std::result::Result<Io, E> {
        u16::try_from(count)
            .map(Io::Threads)
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(count), &self))
    }

    fn visit_str<E: de::Error>(self, word: &str) -> std::result::Result<Io, E> {
        match word {
            "auto" => Ok(Io::Auto),
            "inline" => Ok(Io::Inline),
            _ => Err(E::invalid_value(Unexpected::Str(word), &self)),
        }
    }
}
