//! The option `files`: what reading files may take.

use serde::Deserialize;

use super::{names::Names, range::within, size::Size};
use crate::error::Result;

/// What reading files may take, of a whole server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "FileReadOptions", optional_fields = nullable))]
pub struct FilesConfig {
    /// Threads that read: reading a file makes a thread wait, and an IO loop must not. They start when they are needed. From 1 to
    /// 256, by default 4.
    pub threads: Option<usize>,
    /// Requests that may wait for such a thread; more are answered 503. From 1 to 1000000, by default 1024.
    pub queue: Option<usize>,
    /// Files that may be open because their content is being sent; more are answered 503. From 1 to 1000000, by default 1024.
    pub open: Option<usize>,
    /// Memory for the content of files that are asked for often, up to 16gb; 0 for none. By default 32mb.
    pub cache: Option<Size>,
    /// The largest file that is kept there, up to 16mb. By default 64kb. It is read in one go, also when it is not kept.
    pub cached_file: Option<Size>,
    /// Larger files that stay open when they have been sent, so that whoever asks next costs no search; `fresh` says how soon one that
    /// was replaced is noticed at the latest. From 0, for none, to 1000000, by default 64. On Linux.
    pub kept_open: Option<usize>,
}

/// The same with the defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesSettings {
    /// Threads that read.
    pub threads: usize,
    /// Requests that may wait for one.
    pub queue: usize,
    /// Files that may be open.
    pub open: usize,
    /// Bytes of content that may be kept.
    pub cache: usize,
    /// Of one file.
    pub cached_file: usize,
    /// Files that may stay open without being sent.
    pub kept_open: usize,
}

impl Default for FilesSettings {
    fn default() -> Self {
        FilesConfig::default().resolve()
    }
}

impl FilesConfig {
    pub(super) fn check(&self, names: Names<'_>) -> Result<()> {
        within((names, "files.threads"), self.threads, "a number", 1..=256, "")?;
        within((names, "files.queue"), self.queue, "a number", 1..=1_000_000, "")?;
        within((names, "files.open"), self.open, "a number", 1..=1_000_000, "")?;
        within((names, "files.cache"), self.cache, "a size", Size(0)..=Size::mb(16 * 1024), "")?;
        within((names, "files.cachedFile"), self.cached_file, "a size", Size(0)..=Size::mb(16), "")?;
        within((names, "files.keptOpen"), self.kept_open, "a number", 0..=1_000_000, "")
    }

    pub(super) fn merge(self, over: Self) -> Self {
        Self {
            threads: over.threads.or(self.threads),
            queue: over.queue.or(self.queue),
            open: over.open.or(self.open),
            cache: over.cache.or(self.cache),
            cached_file: over.cached_file.or(self.cached_file),
            kept_open: over.kept_open.or(self.kept_open),
        }
    }

    pub(super) fn resolve(self) -> FilesSettings {
        FilesSettings {
            threads: self.threads.unwrap_or(4),
            queue: self.queue.unwrap_or(1024),
            open: self.open.unwrap_or(1024),
            cache: self.cache.unwrap_or(Size::mb(32)).bytes(),
            cached_file: self.cached_file.unwrap_or(Size::kb(64)).bytes(),
            kept_open: self.kept_open.unwrap_or(64),
        }
    }
}
