//! From when to when a certificate is valid (RFC 5280 section 4.1.2.5).
//!
//! webpki judges it and does not say it, and parsers of all that can be in a certificate are large; these are two fields of the DER.

use std::time::{Duration, SystemTime};

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub not_before: SystemTime,
    pub not_after: SystemTime,
}

impl Validity {
    /// Reads `certificate`, which is DER; `None` when it is no certificate.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let (certificate, _) = expect(SEQUENCE, certificate)?;
        let (mut fields, _) = expect(SEQUENCE, certificate)?;
        if fields.first() == Some(&VERSION) {
            fields = element(fields)?.2;
        }
        // The serial number, the algorithm of the signature, and who has signed.
        for _ in 0..3 {
            fields = element(fields)?.2;
        }
        let (validity, _) = expect(SEQUENCE, fields)?;
        let (not_before, rest) = time(validity)?;
        let (not_after, _) = time(rest)?;
        (not_before < not_after).then_some(Self { not_before, not_after })
    }

    pub fn life(&self) -> Duration {
        self.not_after.duration_since(self.not_before).unwrap_or_default()
    }
}

/// The content of an element with `tag`, and what is behind it.
fn expect(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(der)?;
    (found == tag).then_some((content, rest))
}

/// The tag of the first element, its content, and what is behind it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, der) = der.split_first()?;
    let (&first, mut der) = der.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let (bytes, rest) =
            der.split_at_checked(usize::from(first & 0x7f)).filter(|(bytes, _)| bytes.len() <= 4)?;
        length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        der = rest;
    }
    let (content, rest) = der.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn time(der: &[u8]) -> Option<(SystemTime, &[u8])> {
    let (tag, text, rest) = element(der)?;
    let (year, text) = match tag {
        // Years of two digits are those from 1950 to 2049.
        UTC_TIME => (
            number(text.get(..2)?).map(|year| if year < 50 { 2000 + year } else { 1900 + year })?,
            &text[2..],
        ),
        GENERALIZED_TIME => (number(text.get(..4)?)?, &text[4..]),
        _ => return None,
    };
    if text.len() != 11 || text[10] != b'Z' {
        return None;
    }
    let part = |at: usize| number(&text[at..at + 2]);
    let (month, day, hour, minute, second) = (part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days(year, month, day)? * 86_400 + hour * 3600 + minute * 60 + second;
    Some((SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?, rest))
}

fn number(digits: &[u8]) -> Option<u64> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))
}

/// Days from 1970 to a day; `None` before that.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    // Years begin in March, so that the day that is not always there is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    (year * 365 + leap_days + (month * 153 + 2) / 5 + day).checked_sub(719_469)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn knows_the_days() {
        for ((year, month, day), expected) in [
            ((1970, 1, 1), Some(0)),
            ((1970, 3, 1), Some(59)),
            ((2000, 2, 29), Some(11_016)),
            ((2024, 12, 31), Some(20_088)),
            ((2100, 3, 1), Some(47_541)),
            ((1969, 12, 31), None),
            ((0, 1, 1), None),
        ] {
            assert_eq!(days(year, month, day), expected, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn reads_certificates() {
        let key = KeyPair::generate().unwrap();
        // Both kinds of time.
        for (from, to) in
            [((1999, 12, 31), (2049, 12, 31)), ((2026, 2, 28), (2050, 1, 1)), ((2060, 1, 2), (2077, 3, 4))]
        {
            let mut params = CertificateParams::new(vec!["a.test".into()]).unwrap();
            params.not_before = date_time_ymd(from.0, from.1, from.2);
            params.not_after = date_time_ymd(to.0, to.1, to.2);
            let (not_before, not_after) = (params.not_before.into(), params.not_after.into());
            let certificate = params.self_signed(&key).unwrap();
            assert_eq!(Validity::of(certificate.der()), Some(Validity { not_before, not_after }));
            for end in 0..120 {
                assert_eq!(Validity::of(&certificate.der()[..end]), None);
            }
        }
    }

    proptest! {
        #[test]
        fn survives_anything(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Validity::of(&bytes);
            // With a beginning that leads deeper.
            let _ = Validity::of(&[&[0x30, 0x7f, 0x30, 0x70][..], &bytes].concat());
        }
    }
}
