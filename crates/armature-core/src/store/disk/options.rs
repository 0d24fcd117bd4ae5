//! What may be said about a folder for values, and what is refused.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::config::{Millis, ShortForm, Size};
use crate::error::{Error, Result};

const MAX_BYTES: Size = Size::mb(1024);
const SMALLEST: Size = Size::mb(1);
const LARGEST: Size = Size::mb(1 << 24);
const QUEUE: Size = Size::mb(16);
const MIN_QUEUE: Size = Size::kb(64);
const MAX_QUEUE: Size = Size::mb(1024);
const TIMEOUT: Millis = Millis(500);
const MAX_TIMEOUT: Millis = Millis::seconds(60);

/// A folder for answers, which outlive the process there. It belongs to one process at a time.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct DiskOptions {
    /// The folder. It is made when there is none; only its owner may be able to write there.
    #[cfg_attr(test, ts(type = "string"))]
    pub path: PathBuf,
    /// What the files may take, counted in blocks of 4kb. From 1mb to 16tb, by default 1gb.
    pub max_bytes: Option<Size>,
    /// Most bytes of answers that may wait to be written; more are not written. From 64kb to 1gb, by default 16mb.
    pub queue: Option<Size>,
    /// How long a request waits for the disk, at most. From 1ms to 60s, by default 500ms.
    pub timeout: Option<Millis>,
}

/// What an option of this kind may be.
#[cfg(test)]
#[derive(ts_rs::TS)]
#[ts(type = "string | DiskOptions")]
pub struct AnyFormTs;

/// The same, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskSettings {
    /// What messages call it.
    pub(super) option: String,
    pub(super) path: PathBuf,
    pub(super) max_bytes: u64,
    pub(super) queue: usize,
    pub(super) timeout: Duration,
}

impl ShortForm<'_> for DiskOptions {
    const FORMS: &'static str = "the path of a folder or an object { path, maxBytes, queue, timeout }";

    fn from_word(path: &str) -> Option<Self> {
        Some(Self::at(path))
    }
}

impl DiskOptions {
    /// The folder `path`, everything else by default.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), max_bytes: None, queue: None, timeout: None }
    }

    /// Validates them; `name` is what messages call them, such as `Cache.disk`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID`, which names the option.
    pub fn check(self, name: &str) -> Result<DiskSettings> {
        if self.path.as_os_str().is_empty() {
            return Err(Error::option(format_args!("{name}.path"), "''", "the path of a folder"));
        }
        let size = |option: &str, value: Option<Size>, (least, most, default): (Size, Size, Size)| {
            let value = value.unwrap_or(default);
            if (least..=most).contains(&value) {
                return Ok(value);
            }
            let allowed = format!("a size from {least} to {most}");
            Err(Error::option(format_args!("{name}.{option}"), value, allowed))
        };
        let max_bytes = size("maxBytes", self.max_bytes, (SMALLEST, LARGEST, MAX_BYTES))?;
        let queue = size("queue", self.queue, (MIN_QUEUE, MAX_QUEUE, QUEUE))?;
        let timeout = self.timeout.unwrap_or(TIMEOUT);
        if !(Millis(1)..=MAX_TIMEOUT).contains(&timeout) {
            let allowed = format!("a duration from 1ms to {MAX_TIMEOUT}");
            return Err(Error::option(format_args!("{name}.timeout"), timeout, allowed));
        }
        Ok(DiskSettings {
            option: name.to_owned(),
            path: self.path,
            max_bytes: max_bytes.0,
            queue: queue.bytes(),
            timeout: timeout.duration(),
        })
    }
}

impl DiskSettings {
    /// Whether both want the same of the folder, wherever it is.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        let wanted = |s: &Self| (s.max_bytes, s.queue, s.timeout);
        wanted(self) == wanted(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_defaults() {
        let settings = DiskOptions::at("/x").check("X").unwrap();
        assert_eq!((settings.max_bytes, settings.queue), (1 << 30, 16 << 20));
        assert_eq!(settings.timeout, Duration::from_millis(500));
    }

    #[test]
    fn refuses_by_name() {
        let at = || DiskOptions::at("/x");
        for (options, message) in [
            (DiskOptions::at(""), "X.path: '' is not the path of a folder"),
            (
                DiskOptions { max_bytes: Some(Size(1)), ..at() },
                "X.maxBytes: 1b is not a size from 1mb to 16tb",
            ),
            (DiskOptions { queue: Some(Size(1)), ..at() }, "X.queue: 1b is not a size from 64kb to 1gb"),
            (
                DiskOptions { timeout: Some(Millis(0)), ..at() },
                "X.timeout: 0ms is not a duration from 1ms to 1m",
            ),
        ] {
            let error = options.check("X").unwrap_err();
            assert_eq!((error.is_option(), error.to_string()), (true, message.to_owned()));
        }
    }
}
