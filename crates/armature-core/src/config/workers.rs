//! The option `workers`: how many JavaScript threads serve.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer},
};

use super::{names::Names, range::within};
use crate::error::{Error, Result};
use crate::server::cores;

/// JavaScript threads that one server may have.
const MOST: usize = 1024;

/// JavaScript threads. The option may also be the count alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "WorkerOptions", optional_fields = nullable))]
pub struct WorkersConfig {
    /// How many, the main thread counted: a number from 1 to 1024, or `'auto'` for one per core. By default
    /// 1.
    #[cfg_attr(test, ts(inline))]
    pub count: Option<WorkerCount>,
    /// The module that a worker runs; by default the one that started this process.
    pub entry: Option<String>,
}

/// A number of JavaScript threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "number | 'auto'"))]
pub enum WorkerCount {
    /// As many as there are cores.
    Auto,
    /// So many, the main thread counted; from 1 to 1024.
    Exactly(usize),
}

/// JavaScript threads, with the defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workers {
    /// How many, the main thread counted; at least one.
    pub count: usize,
    /// The module that a worker runs; `None` for the one that started the process.
    pub entry: Option<String>,
}

impl Default for Workers {
    fn default() -> Self {
        Self { count: 1, entry: None }
    }
}

impl WorkersConfig {
    pub(super) fn check(&self, names: Names<'_>) -> Result<()> {
        if let Some(entry) = self.entry.as_ref().filter(|entry| entry.trim().is_empty()) {
            return Err(Error::option(
                names.name("workers.entry"),
                format_args!("'{entry}'"),
                "the path of a module",
            ));
        }
        match self.count {
            Some(WorkerCount::Exactly(count)) => {
                within((names, "workers"), Some(count), "a number of JavaScript threads", 1..=MOST, "")
            }
            Some(WorkerCount::Auto) | None => Ok(()),
        }
    }

    /// An operator who says how many does not have to know which module.
    pub(super) fn merge(self, over: Self) -> Self {
        Self { count: over.count.or(self.count), entry: over.entry.or(self.entry) }
    }

    pub(super) fn resolve(self) -> Workers {
        let count = match self.count {
            None => 1,
            Some(WorkerCount::Exactly(count)) => count,
            Some(WorkerCount::Auto) => cores().min(MOST),
        };
        Workers { count, entry: self.entry }
    }

    /// Deserializes the option in each of its forms.
    pub(super) fn any_form<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Option<Self>, D::Error> {
        deserializer.deserialize_any(AnyForm).map(Some)
    }
}

impl<'de> Deserialize<'de> for WorkerCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = WorkerCount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("'auto' or a number of JavaScript threads from 1 to 1024")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> std::result::Result<WorkerCount, E> {
        let exactly = usize::try_from(count).map(WorkerCount::Exactly);
        exactly.map_err(|_| E::invalid_value(Unexpected::Unsigned(count), &self))
    }

    fn visit_str<E: de::Error>(self, word: &str) -> std::result::Result<WorkerCount, E> {
        if word == "auto" {
            Ok(WorkerCount::Auto)
        } else {
            Err(E::invalid_value(Unexpected::Str(word), &self))
        }
    }
}

/// The TypeScript type of what [`AnyForm`] reads.
#[cfg(test)]
#[derive(ts_rs::TS)]
#[ts(type = "number | 'auto' | WorkerOptions")]
pub(super) struct AnyFormTs;

struct AnyForm;

impl<'de> Visitor<'de> for AnyForm {
    type Value = WorkersConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        CountVisitor.expecting(f)?;
        f.write_str(", or an object { count, entry }")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> std::result::Result<WorkersConfig, E> {
        Ok(WorkersConfig { count: Some(CountVisitor.visit_u64(count)?), entry: None })
    }

    fn visit_str<E: de::Error>(self, word: &str) -> std::result::Result<WorkersConfig, E> {
        match CountVisitor.visit_str::<E>(word) {
            Ok(count) => Ok(WorkersConfig { count: Some(count), entry: None }),
            Err(_) => Err(E::invalid_value(Unexpected::Str(word), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<WorkersConfig, A::Error> {
        WorkersConfig::deserialize(MapAccessDeserializer::new(map))
    }
}
