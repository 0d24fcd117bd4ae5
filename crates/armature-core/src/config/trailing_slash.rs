//! The option `trailingSlash`.

use serde::Deserialize;

/// What to do with a path that exists only with the other choice of trailing slash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum TrailingSlash {
    /// They are different paths: 404.
    #[default]
    Strict,
    /// 308 to the path that exists.
    Redirect,
    /// They are the same path.
    Ignore,
}
