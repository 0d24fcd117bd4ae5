//! How a value stands in its file: a head with what is known of it, its terms, the value, and a hash of all that.
//!
//! The head has a check of its own, so that what was there before the process started can be listed without reading
//! the values. The hash at the end is what is believed before a value is given: a file that was not written to its end, or whose
//! bytes have changed since, is no value.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;

use crate::store::tiers::{Name, Record, Term};

const MAGIC: [u8; 4] = *b"ArmD";
/// Of what is written here. Files of another version are as good as none.
const VERSION: u8 = 1;
/// Bytes before the terms: magic, version, name, sequence, position, end, number of terms, length, check.
const HEAD: usize = 79;
const CHECKED: usize = HEAD - CHECK;
const CHECK: usize = 8;
const TERM: usize = 16;
const HASH: usize = 32;
/// What has the head and the terms of every value: tags are counted in a byte.
pub(super) const LARGEST_HEAD: usize = 8192;

/// What files are counted in.
const BLOCK: u64 = 4096;

/// What is known of a value without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Its end, in milliseconds since 1970.
    pub until: u64,
    /// The number of the newest purge of which whoever made it knew.
    pub position: u64,
    pub terms: Box<[Term]>,
}

/// Which value a file has: what it is found by, and which of those that there have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Version {
    pub name: Name,
    pub sequence: u64,
}

impl Version {
    /// What its file is called.
    pub fn file(&self) -> String {
        let mut file = String::with_capacity(81);
        for byte in self.name.0 {
            for four in [byte >> 4, byte & 15] {
                file.push(char::from(b"0123456789abcdef"[usize::from(four)]));
            }
        }
        file + &format!("-{:016x}", self.sequence)
    }

    /// `None` for a file that nobody here has named.
    pub fn of_file(file: &str) -> Option<Self> {
        let (name, sequence) = file.split_once('-')?;
        let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if name.len() != 64 || sequence.len() != 16 || !is_hex(name) || !is_hex(sequence) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(name.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        let sequence = u64::from_str_radix(sequence, 16).ok()?;
        Some(Self { name: Name(bytes), sequence })
    }
}

/// What a file of so many bytes counts as.
pub(super) fn size_on_disk(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK).max(1) * BLOCK
}

/// What the file of `record` will count as.
pub(super) fn size_of(record: &Record) -> u64 {
    size_on_disk((HEAD + record.terms.len() * TERM + record.payload.len() + HASH) as u64)
}

pub(super) fn encode(version: &Version, position: u64, record: &Record) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD + record.terms.len() * TERM + record.payload.len() + HASH);
    out.extend_from_slice(&MAGIC);
    out.push(VERSION);
    out.extend_from_slice(&version.name.0);
    for number in [version.sequence, position, record.until] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&(record.terms.len() as u16).to_le_bytes());
    out.extend_from_slice(&(record.payload.len() as u64).to_le_bytes());
    let terms = || record.terms.iter().flat_map(|term| term.0);
    let checked: Vec<u8> = out.iter().copied().chain(terms()).collect();
    out.extend_from_slice(&digest(&SHA256, &checked).as_ref()[..CHECK]);
    out.extend(terms());
    out.extend_from_slice(&record.payload);
    let hash = digest(&SHA256, &out);
    out.extend_from_slice(hash.as_ref());
    out
}

/// What `bytes`, the first ones of a file of `length` bytes, say of it. `None` for what nobody here has written.
pub(super) fn facts(bytes: &[u8], version: &Version, length: u64) -> Option<Facts> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let (checked, check) = head.split_at(CHECKED);
    let number = |at: usize| Some(u64::from_le_bytes(*checked.get(at..)?.first_chunk()?));
    let terms = usize::from(u16::from_le_bytes(*checked.get(61..)?.first_chunk()?)) * TERM;
    let terms = rest.get(..terms)?;
    let begins = [&MAGIC[..], &[VERSION], &version.name.0, &version.sequence.to_le_bytes()].concat();
    if !checked.starts_with(&begins)
        || digest(&SHA256, &[checked, terms].concat()).as_ref()[..CHECK] != *check
    {
        return None;
    }
    if number(63)?.checked_add((HEAD + terms.len() + HASH) as u64)? != length {
        return None;
    }
    let terms = terms.as_chunks().0.iter().map(|term| Term(*term)).collect();
    Some(Facts { position: number(45)?, until: number(53)?, terms })
}

/// The value in a whole file, with its position. `None` for what nobody here has written, and for what is not what was written.
pub(super) fn decode(bytes: Vec<u8>, version: &Version) -> Option<(Record, u64)> {
    let facts = facts(&bytes, version, bytes.len() as u64)?;
    let (all, hash) = bytes.split_at_checked(bytes.len().checked_sub(HASH)?)?;
    if digest(&SHA256, all).as_ref() != hash {
        return None;
    }
    let (begin, end) = (HEAD + facts.terms.len() * TERM, all.len());
    let payload = Bytes::from(bytes).slice(begin..end);
    Some((Record { until: facts.until, terms: facts.terms.into_vec(), payload }, facts.position))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version() -> Version {
        Version { name: Name([7; 32]), sequence: 9 }
    }

    fn record() -> Record {
        let terms = vec![Term([1; TERM]), Term([2; TERM])];
        Record { until: 77, terms, payload: Bytes::from_static(b"content") }
    }

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let bytes = encode(&version(), 5, &record());
        assert_eq!(bytes.len() as u64, HEAD as u64 + 32 + 7 + 32);
        assert_eq!(decode(bytes.clone(), &version()), Some((record(), 5)));
        for other in [Version { name: Name([8; 32]), ..version() }, Version { sequence: 8, ..version() }] {
            assert_eq!(decode(bytes.clone(), &other), None, "{other:?}");
        }
        for length in 0..bytes.len() {
            assert_eq!(decode(bytes[..length].to_vec(), &version()), None, "{length} bytes of it");
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert_eq!(decode(changed, &version()), None, "byte {place} is another one");
        }
        assert_eq!(decode([&bytes[..], b"x"].concat(), &version()), None);
    }

    #[test]
    fn the_head_alone_says_what_is_known() {
        let bytes = encode(&version(), 5, &record());
        let length = bytes.len() as u64;
        let known = facts(&bytes[..HEAD + 32], &version(), length).unwrap();
        assert_eq!((known.until, known.position, known.terms.len()), (77, 5, 2));
        assert_eq!(facts(&bytes, &version(), length - 1), None, "a file that ends too soon");
        assert_eq!(facts(&bytes[..HEAD + 31], &version(), length), None);
    }

    #[test]
    fn names_of_files() {
        let file = version().file();
        assert_eq!(file, format!("{}-0000000000000009", "07".repeat(32)));
        assert_eq!(Version::of_file(&file), Some(version()));
        for foreign in [
            "",
            "lock",
            "purges",
            &file.to_uppercase(),
            &file[1..],
            &format!("{file}x"),
            &file.replace('-', "_"),
        ] {
            let is_other = Version::of_file(foreign).is_none_or(|_| foreign == file);
            assert!(is_other, "{foreign}");
        }
        assert_eq!(Version::of_file(&format!("{}-000000000000000A", "0A".repeat(32))), None);
    }

    #[test]
    fn files_are_counted_in_blocks() {
        assert_eq!([0, 1, 4096, 4097].map(size_on_disk), [4096, 4096, 4096, 8192]);
        assert_eq!(size_of(&record()), 4096);
    }
}
