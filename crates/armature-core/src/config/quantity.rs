//! What sizes and durations have in common: a number, or a string with a unit.

use std::fmt;

use serde::{
    Deserializer,
    de::{Error, Unexpected, Visitor},
};

/// Names and factors, the largest first.
pub(super) type Units = [(&'static str, u64)];

/// A text is not a number with one of the known units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAQuantity;

impl fmt::Display for NotAQuantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a number with a unit")
    }
}

impl std::error::Error for NotAQuantity {}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
    units: &'static Units,
    expected: &'static str,
) -> Result<u64, D::Error> {
    deserializer.deserialize_any(Quantity { units, expected })
}

struct Quantity {
    units: &'static Units,
    expected: &'static str,
}

impl Visitor<'_> for Quantity {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_u64<E>(self, value: u64) -> Result<u64, E> {
        Ok(value)
    }

    /// JavaScript writes whole numbers from 1e21 on with an exponent; those are too large for every option.
    fn visit_f64<E: Error>(self, value: f64) -> Result<u64, E> {
        Err(E::invalid_value(Unexpected::Float(value), &self))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<u64, E> {
        parse(value, self.units).map_err(|_| E::invalid_value(Unexpected::Str(value), &self))
    }
}

/// Reads a decimal number with one of `units`, in any case, or with none, which means 1.
pub(super) fn parse(text: &str, units: &Units) -> Result<u64, NotAQuantity> {
    let text = text.trim().to_ascii_lowercase();
    let (number, unit) =
        text.split_at(text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit.trim_start() {
        "" => 1,
        unit => units.iter().find(|(name, _)| *name == unit).ok_or(NotAQuantity)?.1,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit).ok_or(NotAQuantity);
    }
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !number.split_once('.').is_some_and(|(whole, fraction)| digits(whole) && digits(fraction)) {
        return Err(NotAQuantity);
    }
    let value = (number.parse::<f64>().map_err(|_| NotAQuantity)? * unit as f64).round();
    // From here on a float is not exact any more, and no option allows that much.
    if value < (1_u64 << 53) as f64 { Ok(value as u64) } else { Err(NotAQuantity) }
}

/// Writes `value` in the largest unit that divides it.
pub(super) fn write(f: &mut fmt::Formatter<'_>, value: u64, units: &Units) -> fmt::Result {
    let fits = |unit: &&(&str, u64)| value != 0 && value.is_multiple_of(unit.1);
    match units.iter().find(fits).or(units.last()) {
        Some((name, unit)) => write!(f, "{}{name}", value / unit),
        None => write!(f, "{value}"),
    }
}
