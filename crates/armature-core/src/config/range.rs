//! Bounds of single options.

use std::{fmt::Display, ops::RangeInclusive};

use super::names::Names;
use crate::error::{Error, Result};

/// Refuses a `value` outside `range`; `noun` is what it is, such as "a size". `note` ends the message.
pub(super) fn within<T: PartialOrd + Display>(
    name: (Names<'_>, &str),
    value: Option<T>,
    noun: &str,
    range: RangeInclusive<T>,
    note: &str,
) -> Result<()> {
    let (names, path) = name;
    match value {
        Some(value) if !range.contains(&value) => {
            let allowed = format_args!("{noun} from {} to {}{note}", range.start(), range.end());
            Err(Error::option(names.name(path), value, allowed))
        }
        _ => Ok(()),
    }
}
