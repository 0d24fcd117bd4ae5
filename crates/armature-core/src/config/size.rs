//! Numbers of bytes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer};

use super::quantity::{self, NotAQuantity};

/// Bytes: a number, or a string such as `'512kb'` or `'1.5mb'` (b, kb, mb, gb, tb; 1kb = 1024).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "number | string"))]
pub struct Size(pub u64);

const UNITS: [(&str, u64); 5] =
    [("tb", 1 << 40), ("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10), ("b", 1)];

const EXPECTED: &str = "a size; use bytes or a string such as '512kb', '1mb'";

impl Size {
    /// `count` times 1024 bytes.
    pub const fn kb(count: u64) -> Self {
        Self(count << 10)
    }

    /// `count` times 1024 times 1024 bytes.
    pub const fn mb(count: u64) -> Self {
        Self(count << 20)
    }

    /// As an amount of memory; more than the address space becomes `usize::MAX`.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Size {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Self, NotAQuantity> {
        quantity::parse(text, &UNITS).map(Self)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        quantity::write(f, self.0, &UNITS)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        quantity::deserialize(deserializer, &UNITS, EXPECTED).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        let table = [
            ("1", 1, "1b"),
            ("100b", 100, "100b"),
            ("1kb", 1024, "1kb"),
            ("16KB", 16 << 10, "16kb"),
            ("1.5mb", 3 << 19, "1536kb"),
            (" 2 Gb ", 2 << 30, "2gb"),
            ("0.5tb", 1 << 39, "512gb"),
            ("0.0001kb", 0, "0b"),
            ("0.33kb", 338, "338b"),
            ("0", 0, "0b"),
            ("18446744073709551615", u64::MAX, "18446744073709551615b"),
        ];
        for (text, bytes, canonical) in table {
            let size: Size = text.parse().unwrap();
            assert_eq!(size, Size(bytes), "{text}");
            assert_eq!(size.to_string(), canonical);
            assert_eq!(canonical.parse(), Ok(size));
        }
        assert_eq!((Size::kb(1), Size::mb(1), Size::kb(2).bytes()), (Size(1024), Size(1 << 20), 2048));
    }

    #[test]
    fn refuses() {
        let table = [
            "",
            "mb",
            "1xb",
            "1 m b",
            "-1",
            "+1kb",
            "1e3",
            "1.",
            ".5mb",
            "1.2.3kb",
            "1,5mb",
            "1k",
            "1mib",
            "∞",
            "99999999tb",
            "9999999.5gb",
        ];
        for text in table {
            assert_eq!(text.parse::<Size>(), Err(NotAQuantity), "{text}");
        }
    }
}
