//! Durations.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer};

use super::quantity::{self, NotAQuantity};

/// A duration: a number of milliseconds, or a string such as `'500ms'`, `'10s'`, `'2m'` or `'1h'`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "Duration", type = "number | string"))]
pub struct Millis(pub u64);

const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

const EXPECTED: &str = "a duration; use milliseconds or a string such as '500ms', '10s', '2m'";

impl Millis {
    /// `count` seconds.
    pub const fn seconds(count: u64) -> Self {
        Self(count * 1000)
    }

    /// `count` hours.
    pub const fn hours(count: u64) -> Self {
        Self(count * 3_600_000)
    }

    /// As a `Duration`.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl FromStr for Millis {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Self, NotAQuantity> {
        quantity::parse(text, &UNITS).map(Self)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        quantity::write(f, self.0, &UNITS)
    }
}

impl<'de> Deserialize<'de> for Millis {
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
            ("500", 500, "500ms"),
            ("500ms", 500, "500ms"),
            ("10s", 10_000, "10s"),
            ("1.5S", 1500, "1500ms"),
            ("2m", 120_000, "2m"),
            ("90 s", 90_000, "90s"),
            ("1h", 3_600_000, "1h"),
            ("0", 0, "0ms"),
        ];
        for (text, millis, canonical) in table {
            let duration: Millis = text.parse().unwrap();
            assert_eq!(duration, Millis(millis), "{text}");
            assert_eq!(duration.to_string(), canonical);
            assert_eq!(canonical.parse(), Ok(duration));
        }
        assert_eq!(Millis::seconds(2).duration(), Duration::from_secs(2));
        assert_eq!(Millis::hours(1), Millis(3_600_000));
    }

    #[test]
    fn refuses() {
        for text in ["", "s", "10sec", "1d", "-1s", "1m30s", "1:30", "soon"] {
            assert_eq!(text.parse::<Millis>(), Err(NotAQuantity), "{text}");
        }
    }
}
