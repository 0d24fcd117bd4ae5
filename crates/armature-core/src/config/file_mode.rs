//! Permissions of a file.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

/// Permissions as chmod knows them: the number `0o660`, or its octal digits as a text, `'660'` or `'0660'`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "number | string"))]
pub struct FileMode(pub u32);

/// Reading, writing and executing, for owner, group and others.
const ALL: u32 = 0o777;

impl<'de> Deserialize<'de> for FileMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ModeVisitor)
    }
}

struct ModeVisitor;

impl Visitor<'_> for ModeVisitor {
    type Value = FileMode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("permissions of a file; use octal digits such as '0660', or the number 0o660")
    }

    fn visit_u64<E: Error>(self, mode: u64) -> Result<FileMode, E> {
        let fits = u32::try_from(mode).ok().filter(|mode| *mode <= ALL);
        fits.map(FileMode).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(mode), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<FileMode, E> {
        // A sign is none of chmod's.
        let digits = text.bytes().all(|b| b.is_ascii_digit()).then(|| u32::from_str_radix(text, 8).ok());
        let fits = digits.flatten().filter(|mode| *mode <= ALL);
        fits.map(FileMode).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}
