//! A file that a log is written to.

use std::path::PathBuf;

use serde::Deserialize;

use super::{millis::Millis, names::Names, range::within, size::Size};
use crate::error::{Error, Result};

/// A file for a log, and what becomes of it when it is full or old.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "LogFileOptions", optional_fields = nullable))]
pub struct LogFileConfig {
    /// The file; its folder exists. What is in it stays.
    #[cfg_attr(test, ts(type = "string"))]
    pub path: PathBuf,
    /// Size at which the file is put aside and a new one begun. From 1kb to 1tb, by default never.
    pub max_size: Option<Size>,
    /// When the file is put aside in any case, by UTC. By default never.
    pub every: Option<LogPeriod>,
    /// Whether files that were put aside are compressed (gzip). By default `false`.
    pub compress: Option<bool>,
    /// How many files that were put aside are kept. From 0 to 100000, by default all.
    pub keep: Option<u32>,
    /// How long files that were put aside are kept. From 1s to 87600h, by default for ever.
    pub keep_for: Option<Millis>,
}

/// When a new file is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename_all = "lowercase"))]
pub enum LogPeriod {
    /// With each hour.
    Hour,
    /// With each day.
    Day,
}

impl LogPeriod {
    /// Its length in seconds.
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Hour => 3600,
            Self::Day => 86_400,
        }
    }
}

impl LogFileConfig {
    /// `at` is the option that it is given for.
    pub(super) fn check(&self, names: Names<'_>, at: &str) -> Result<()> {
        let name = |member: &str| format!("{at}.{member}");
        if self.path.as_os_str().is_empty() {
            return Err(Error::option(names.name(&name("path")), "''", "the path of a file"));
        }
        let sizes = Size::kb(1)..=Size::mb(1 << 20);
        within((names, &name("maxSize")), self.max_size, "a size", sizes, "")?;
        within((names, &name("keep")), self.keep, "a whole number", 0..=100_000, "")?;
        let times = Millis::seconds(1)..=Millis::hours(87_600);
        within((names, &name("keepFor")), self.keep_for, "a duration", times, "")?;
        let given = [
            ("compress", self.compress.is_some()),
            ("keep", self.keep.is_some()),
            ("keepFor", self.keep_for.is_some()),
        ];
        let rotates = self.max_size.is_some() || self.every.is_some();
        match given.into_iter().find(|(_, given)| *given && !rotates) {
            Some((member, _)) => Err(Error::option_message(format!(
                "{} is about files that were put aside, and this one never is: give {} or {}",
                names.name(&name(member)),
                names.name(&name("maxSize")),
                names.name(&name("every"))
            ))),
            None => Ok(()),
        }
    }
}
