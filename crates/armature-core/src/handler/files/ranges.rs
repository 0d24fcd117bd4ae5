//! `Range` requests (RFC 9110 section 14).

use std::ops::Range;

/// What a `Range` field makes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ranges {
    /// The whole file: the field is malformed, of another unit, or asks for more than is reasonable.
    Whole,
    /// Parts of it, in the order asked for; at least one, and none of them empty.
    Parts(Vec<Range<u64>>),
    /// Nothing that there is: 416.
    Unsatisfiable,
}

impl Ranges {
    /// Reads a field for a file of `length` bytes. More than `most` ranges, or more bytes than the file has, are the whole file, as
    /// section 14.2 allows: they cost the server more than the client gains.
    pub fn parse(field: &[u8], length: u64, most: usize) -> Self {
        let Some((unit, set)) = std::str::from_utf8(field).ok().and_then(|text| text.split_once('=')) else {
            return Self::Whole;
        };
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return Self::Whole;
        }
        let mut parts: Vec<Range<u64>> = Vec::new();
        let mut count = 0;
        for spec in set.split(',').map(|spec| spec.trim_matches([' ', '\t'])).filter(|spec| !spec.is_empty())
        {
            count += 1;
            let Some(range) = one(spec, length) else { return Self::Whole };
            if count > most {
                return Self::Whole;
            }
            if !range.is_empty() {
                parts.push(range);
            }
        }
        if count == 0 {
            return Self::Whole;
        }
        if parts.is_empty() {
            return Self::Unsatisfiable;
        }
        let total = parts.iter().fold(0_u64, |total, part| total.saturating_add(part.end - part.start));
        if parts.len() > 1 && total > length { Self::Whole } else { Self::Parts(parts) }
    }
}

/// One range, empty when there is nothing of it; `None` when it is malformed.
fn one(spec: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        let suffix = number(last)?;
        return Some(length - suffix.min(length)..length);
    }
    let first = number(first)?;
    if last.is_empty() {
        return Some(first.min(length)..length);
    }
    let last = number(last)?;
    if last < first {
        return None;
    }
    Some(first.min(length)..last.saturating_add(1).min(length))
}

/// Digits; more than a number can be is as much as there is.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "lists of ranges are what this is about")]
mod tests {
    use super::Ranges::{Parts, Unsatisfiable, Whole};
    use super::*;

    #[test]
    fn vectors() {
        for (field, expected) in [
            ("bytes=0-0", Parts(vec![0..1])),
            ("bytes=0-499", Parts(vec![0..500])),
            ("bytes=500-999", Parts(vec![500..1000])),
            ("bytes=-500", Parts(vec![500..1000])),
            ("bytes=9500-", Unsatisfiable),
            ("bytes=500-", Parts(vec![500..1000])),
            ("bytes=999-", Parts(vec![999..1000])),
            ("bytes=999-2000", Parts(vec![999..1000])),
            ("bytes=1000-", Unsatisfiable),
            ("bytes=1000-2000", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=-1", Parts(vec![999..1000])),
            ("bytes=-5000", Parts(vec![0..1000])),
            ("bytes=0-0,-1", Parts(vec![0..1, 999..1000])),
            ("bytes= 0-0 ,\t-1 ", Parts(vec![0..1, 999..1000])),
            ("bytes=,0-0,,", Parts(vec![0..1])),
            ("bytes=700-, 0-1", Parts(vec![700..1000, 0..2])),
            ("bytes=0-1,5000-", Parts(vec![0..2])),
            ("BYTES=0-1", Parts(vec![0..2])),
            ("bytes=0-99999999999999999999999", Parts(vec![0..1000])),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=-99999999999999999999999", Parts(vec![0..1000])),
            ("bytes=0-18446744073709551615", Parts(vec![0..1000])),
            ("bytes=5-4", Whole),
            ("bytes=5-4,0-1", Whole),
            ("bytes=", Whole),
            ("bytes=,", Whole),
            ("bytes", Whole),
            ("bytes=-", Whole),
            ("bytes=a-b", Whole),
            ("bytes=0x1-2", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=1 - 2", Whole),
            ("bytes=1--2", Whole),
            ("bytes=1-2-3", Whole),
            ("items=0-1", Whole),
            ("", Whole),
            ("bytes=\u{e9}", Whole),
            // Overlapping ranges that are more than the file.
            ("bytes=0-,0-", Whole),
            ("bytes=0-998,0-1", Whole),
            ("bytes=0-0,1-1,2-2,3-3", Parts(vec![0..1, 1..2, 2..3, 3..4])),
            ("bytes=0-0,1-1,2-2,3-3,4-4", Whole),
        ] {
            assert_eq!(Ranges::parse(field.as_bytes(), 1000, 4), expected, "{field:?}");
        }
        assert_eq!(Ranges::parse(b"bytes=0-", 0, 4), Unsatisfiable);
        assert_eq!(Ranges::parse(b"bytes=-1", 0, 4), Unsatisfiable);
        assert_eq!(Ranges::parse(b"bytes=\xff", 10, 4), Whole);
    }
}
