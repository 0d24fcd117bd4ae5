//! The option `watch`: whether new code is loaded when files change.

use serde::Deserialize;

use super::{millis::Millis, names::Names, range::within, short_form::ShortForm};
use crate::error::{Error, Result};

/// Quiet time after a change by default: editors write a file in several steps.
const DELAY: Millis = Millis(100);

/// Reloading when files change. The option may also be `true` or `false` alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "WatchOptions", optional_fields = nullable))]
pub struct WatchConfig {
    /// Set by the form that is only a word; an object means `true`.
    #[serde(skip)]
    #[cfg_attr(test, ts(skip))]
    off: bool,
    /// Folders, with all that is in them, and files. By default the folder of the nearest `package.json` above the module that
    /// runs. What is in `node_modules`, and what begins with a dot, is never watched.
    pub paths: Option<Vec<String>>,
    /// What the names of files end with that count. By default those of code and of JSON.
    pub extensions: Option<Vec<String>>,
    /// How long nothing may change before new code is loaded, from 1 ms to 1 minute. By default 100 ms.
    pub delay: Option<Millis>,
}

/// What is watched, with the defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Files and folders; empty for the folder of the module that runs.
    pub paths: Vec<String>,
    /// Ends of names, without their dot.
    pub extensions: Vec<String>,
    /// Quiet time after a change.
    pub delay: Millis,
}

impl WatchConfig {
    pub(super) fn check(&self, names: Names<'_>) -> Result<()> {
        within((names, "watch.delay"), self.delay, "a duration", Millis(1)..=Millis::seconds(60), "")?;
        for (name, texts) in [("watch.paths", &self.paths), ("watch.extensions", &self.extensions)] {
            let Some(texts) = texts else { continue };
            if texts.is_empty() || texts.iter().any(|text| text.trim().is_empty()) {
                return Err(Error::option(names.name(name), format_args!("{texts:?}"), "a list of names"));
            }
        }
        Ok(())
    }

    /// An operator who turns it on does not have to know what is watched.
    pub(super) fn merge(self, over: Self) -> Self {
        Self {
            off: over.off,
            paths: over.paths.or(self.paths),
            extensions: over.extensions.or(self.extensions),
            delay: over.delay.or(self.delay),
        }
    }

    /// `None` when nothing is watched.
    pub(super) fn resolve(self) -> Option<Watch> {
        let code =
            || ["js", "mjs", "cjs", "ts", "mts", "cts", "jsx", "tsx", "json"].map(String::from).to_vec();
        let ends = |texts: Vec<String>| {
            texts.iter().map(|text| text.trim().trim_start_matches('.').to_owned()).collect()
        };
        (!self.off).then(|| Watch {
            paths: self.paths.unwrap_or_default(),
            extensions: self.extensions.map_or_else(code, ends),
            delay: self.delay.unwrap_or(DELAY),
        })
    }
}

/// The TypeScript type of all its forms.
#[cfg(test)]
#[derive(ts_rs::TS)]
#[ts(type = "boolean | WatchOptions")]
pub(super) struct AnyFormTs;

impl ShortForm<'_> for WatchConfig {
    const FORMS: &'static str = "true, false or an object { paths, extensions, delay }";

    fn from_bool(on: bool) -> Option<Self> {
        Some(Self { off: !on, ..Self::default() })
    }
}
