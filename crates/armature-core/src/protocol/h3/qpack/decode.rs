//! Reading a field section.

use super::{fixed, huffman, integer};

/// Why a section cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protocol::h3) enum Broken {
    /// It is none, or refers to a table that does not exist.
    Malformed,
    /// It says more than was allowed.
    TooLarge,
}

/// What every field counts beside its bytes (RFC 9114 section 4.2.2).
const FIELD: usize = 32;

/// Hands every field of `section` to `each`, in order. All together may have `limit` bytes.
///
/// # Errors
/// See [`Broken`]; or what `each` says.
pub(in crate::protocol::h3) fn decode<E: From<Broken>>(
    section: &[u8],
    limit: usize,
    mut each: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let malformed = || E::from(Broken::Malformed);
    let mut input = section;
    let required = integer::take(&mut input, 8).ok_or_else(malformed)?;
    let is_negative = input.first().ok_or_else(malformed)? & 0x80 != 0;
    integer::take(&mut input, 7).ok_or_else(malformed)?;
    if required != 0 || is_negative {
        return Err(malformed());
    }
    let (mut name, mut value) = (Vec::new(), Vec::new());
    let mut left = limit;
    while let Some(first) = input.first() {
        value.clear();
        let fixed = match first {
            // Indexed.
            0x80.. => {
                let (name, value) = entry(first & 0x40 != 0, &mut input, 6).ok_or_else(malformed)?;
                left = left.checked_sub(name.len() + value.len() + FIELD).ok_or(Broken::TooLarge)?;
                each(name.as_bytes(), value.as_bytes())?;
                continue;
            }
            // A value with the name of an entry.
            0x40.. => Some(entry(first & 0x10 != 0, &mut input, 4).ok_or_else(malformed)?.0),
            // Both as they are.
            0x20.. => {
                name.clear();
                string(&mut input, 3, left, &mut name)?;
                None
            }
            _ => return Err(malformed()),
        };
        let name = fixed.map_or(&name[..], str::as_bytes);
        left = left.checked_sub(name.len() + FIELD).ok_or(Broken::TooLarge)?;
        string(&mut input, 7, left, &mut value)?;
        left -= value.len();
        each(name, &value)?;
    }
    Ok(())
}

/// The entry of the static table with the index to come.
fn entry(is_static: bool, input: &mut &[u8], prefix: u32) -> Option<(&'static str, &'static str)> {
    let index = integer::take(input, prefix)?;
    fixed::TABLE.get(usize::try_from(index).ok()?).copied().filter(|_| is_static)
}

/// Appends the string to come, of `most` bytes.
fn string(input: &mut &[u8], prefix: u32, most: usize, out: &mut Vec<u8>) -> Result<(), Broken> {
    let is_coded = input.first().ok_or(Broken::Malformed)? & (1 << prefix) != 0;
    let length = integer::take(input, prefix).and_then(|length| usize::try_from(length).ok());
    let length = length.filter(|length| *length <= input.len()).ok_or(Broken::Malformed)?;
    let (text, rest) = input.split_at(length);
    *input = rest;
    if !is_coded {
        if length > most {
            return Err(Broken::TooLarge);
        }
        out.extend_from_slice(text);
        return Ok(());
    }
    // The shortest words have five bits, the longest thirty.
    if length.saturating_mul(8) / 30 > most {
        return Err(Broken::TooLarge);
    }
    let before = out.len();
    match huffman::decode(text, most, out) {
        Some(()) => Ok(()),
        None if out.len() - before == most => Err(Broken::TooLarge),
        None => Err(Broken::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Section;
    use super::*;

    fn fields(section: &[u8], limit: usize) -> Result<Vec<(String, String)>, Broken> {
        let mut seen = Vec::new();
        decode::<Broken>(section, limit, |name, value| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            seen.push((text(name), text(value)));
            Ok(())
        })?;
        Ok(seen)
    }

    #[test]
    fn the_example_of_the_rfc() {
        // RFC 9204 appendix B.1.
        let section = b"\x00\x00\x51\x0b/index.html";
        assert_eq!(fields(section, 100).unwrap(), [(":path".into(), "/index.html".into())]);
    }

    #[test]
    fn dynamic_entries_and_cut_sections_are_malformed() {
        let sections: [&[u8]; 12] = [
            b"",
            b"\x00",
            b"\x02\x00\x80",
            b"\x00\x80",
            b"\x00\x00\x80",
            b"\x00\x00\x10",
            b"\x00\x00\x00\x00",
            b"\x00\x00\x40\x00",
            b"\x00\x00\xff\x24",
            b"\x00\x00\x51\x0b/inde",
            b"\x00\x00\x23ab",
            b"\x00\x00\x51\x81\x18",
        ];
        for section in sections {
            assert_eq!(fields(section, 100), Err(Broken::Malformed), "{section:x?}");
        }
    }

    #[test]
    fn a_section_has_a_limit() {
        let section = b"\x00\x00\x51\x0b/index.html";
        assert_eq!(fields(section, 5 + 11 + 32 - 1), Err(Broken::TooLarge));
        assert!(fields(section, 5 + 11 + 32).is_ok());
        // Small on the wire, large when it is read.
        let bomb = [b"\x00\x00".as_slice(), &[0xd1; 100]].concat();
        assert_eq!(fields(&bomb, 1000), Err(Broken::TooLarge));
    }

    proptest::proptest! {
        #[test]
        fn bytes_never_break_it(section: Vec<u8>) {
            let _ = fields(&section, 1000);
        }

        #[test]
        fn sections_come_back(pairs in proptest::collection::vec(("[a-z-]{1,20}", "[ -~]{0,40}"), 0..10)) {
            let mut section = Section::new();
            for (name, value) in &pairs {
                section.field(name, value.as_bytes());
            }
            proptest::prop_assert_eq!(fields(&section.into_bytes(), 10_000).unwrap(), pairs);
        }
    }
}
