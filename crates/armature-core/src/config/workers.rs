//! The option `workers`: how many JavaScript threads serve.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, Unexpected, Visitor},
};

use super::{millis::Millis, names::Names, range::within, short_form::ShortForm};
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
    /// How long a worker may take from its start to its servers, from 100 ms to 1 hour. By default 30 s.
    pub start_timeout: Option<Millis>,
    /// How long the stop hooks of a worker may take, beyond the time that its requests get, up to 1 hour. By default 10 s.
    pub stop_timeout: Option<Millis>,
    /// How long a worker that serves nothing any more may take to end by itself, up to 1 hour. By default 1 s.
    pub end_timeout: Option<Millis>,
    /// The wait before a worker that has ended is started again, from 1 ms to 1 hour; doubled each time that it does not serve for
    /// `maxRestartDelay`, up to that. By default 50 ms.
    pub restart_delay: Option<Millis>,
    /// The longest such wait, from `restartDelay` to 1 hour. By default 10 s.
    pub max_restart_delay: Option<Millis>,
    /// How long streams and other connections of code that a reload has replaced may go on, up to a week. By default 1 hour.
    pub linger_timeout: Option<Millis>,
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
    /// From the start of a worker to its servers.
    pub start_timeout: Millis,
    /// For stop hooks.
    pub stop_timeout: Millis,
    /// From the last server of a worker to its end.
    pub end_timeout: Millis,
    /// Before a worker is started again, the first time.
    pub restart_delay: Millis,
    /// The longest such wait.
    pub max_restart_delay: Millis,
    /// For what code that was replaced still does.
    pub linger_timeout: Millis,
}

impl Default for Workers {
    fn default() -> Self {
        Self {
            count: 1,
            entry: None,
            start_timeout: Millis::seconds(30),
            stop_timeout: Millis::seconds(10),
            end_timeout: Millis::seconds(1),
            restart_delay: Millis(50),
            max_restart_delay: Millis::seconds(10),
            linger_timeout: Millis::hours(1),
        }
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
        let (hour, resolved) = (Millis::hours(1), self.clone().resolve());
        let longest = resolved.restart_delay..=hour;
        for (name, value, range) in [
            ("workers.startTimeout", self.start_timeout, Millis(100)..=hour),
            ("workers.stopTimeout", self.stop_timeout, Millis(0)..=hour),
            ("workers.endTimeout", self.end_timeout, Millis(0)..=hour),
            ("workers.restartDelay", self.restart_delay, Millis(1)..=hour),
            ("workers.maxRestartDelay", Some(resolved.max_restart_delay), longest),
            ("workers.lingerTimeout", self.linger_timeout, Millis(0)..=Millis::hours(168)),
        ] {
            within((names, name), value, "a duration", range, "")?;
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
        Self {
            count: over.count.or(self.count),
            entry: over.entry.or(self.entry),
            start_timeout: over.start_timeout.or(self.start_timeout),
            stop_timeout: over.stop_timeout.or(self.stop_timeout),
            end_timeout: over.end_timeout.or(self.end_timeout),
            restart_delay: over.restart_delay.or(self.restart_delay),
            max_restart_delay: over.max_restart_delay.or(self.max_restart_delay),
            linger_timeout: over.linger_timeout.or(self.linger_timeout),
        }
    }

    pub(super) fn resolve(self) -> Workers {
        let count = match self.count {
            None => 1,
            Some(WorkerCount::Exactly(count)) => count,
            Some(WorkerCount::Auto) => cores().min(MOST),
        };
        let default = Workers::default();
        Workers {
            count,
            entry: self.entry,
            start_timeout: self.start_timeout.unwrap_or(default.start_timeout),
            stop_timeout: self.stop_timeout.unwrap_or(default.stop_timeout),
            end_timeout: self.end_timeout.unwrap_or(default.end_timeout),
            restart_delay: self.restart_delay.unwrap_or(default.restart_delay),
            max_restart_delay: self.max_restart_delay.unwrap_or(default.max_restart_delay),
            linger_timeout: self.linger_timeout.unwrap_or(default.linger_timeout),
        }
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

/// The TypeScript type of all its forms.
#[cfg(test)]
#[derive(ts_rs::TS)]
#[ts(type = "number | 'auto' | WorkerOptions")]
pub(super) struct AnyFormTs;

impl ShortForm<'_> for WorkersConfig {
    const FORMS: &'static str =
        "'auto' or a number of JavaScript threads from 1 to 1024, or an object { count, entry, ... }";

    fn from_number(count: u64) -> Option<Self> {
        let count = usize::try_from(count).ok().map(WorkerCount::Exactly)?;
        Some(Self { count: Some(count), ..Self::default() })
    }

    fn from_word(word: &str) -> Option<Self> {
        (word == "auto").then(|| Self { count: Some(WorkerCount::Auto), ..Self::default() })
    }
}
