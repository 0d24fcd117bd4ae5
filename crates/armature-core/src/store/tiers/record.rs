//! What the tiers below memory keep: bytes with an end, and with the terms that they are purged by.

use aws_lc_rs::digest;
use bytes::Bytes;

const MAGIC: [u8; 4] = *b"ArmT";
/// Of what is written here. Records of another version are as good as none.
const VERSION: u8 = 1;
/// Bytes before the terms.
const HEAD: usize = 55;
const TERM: usize = 16;

/// What a record is found by: a hash of its key, which may be long, and may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name(pub(in crate::store) [u8; 32]);

/// What records are purged by: a hash of a tag, an address, or whatever else they have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Term(pub(in crate::store) [u8; TERM]);

impl Term {
    /// What nothing is purged by.
    pub fn none() -> Self {
        Self([0; TERM])
    }
}

/// A value with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its end, in milliseconds since 1970.
    pub until: u64,
    /// What it is purged by.
    pub terms: Vec<Term>,
    /// The value.
    pub payload: Bytes,
}

impl Record {
    pub(super) fn encode(&self, name: &Name) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD + self.terms.len() * TERM + self.payload.len());
        out.extend_from_slice(&MAGIC);
        out.push(VERSION);
        out.extend_from_slice(&name.0);
        out.extend_from_slice(&self.until.to_le_bytes());
        out.extend_from_slice(&(self.terms.len() as u16).to_le_bytes());
        out.extend_from_slice(&(self.payload.len() as u64).to_le_bytes());
        out.extend(self.terms.iter().flat_map(|term| term.0));
        out.extend_from_slice(&self.payload);
        out
    }

    /// `None` for what is not a whole record of this version with this name.
    pub(super) fn decode(bytes: &Bytes, name: &Name) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let (version, rest) = rest.split_first()?;
        let (of, rest) = rest.split_first_chunk::<32>()?;
        let (until, rest) = rest.split_first_chunk::<8>()?;
        let (terms, rest) = rest.split_first_chunk::<2>()?;
        let (length, rest) = rest.split_first_chunk::<8>()?;
        if *magic != MAGIC || *version != VERSION || *of != name.0 {
            return None;
        }
        let (terms, payload) = rest.split_at_checked(usize::from(u16::from_le_bytes(*terms)) * TERM)?;
        if u64::from_le_bytes(*length) != payload.len() as u64 {
            return None;
        }
        let terms = terms.as_chunks().0.iter().map(|term| Term(*term)).collect();
        Some(Self { until: u64::from_le_bytes(*until), terms, payload: bytes.slice_ref(payload) })
    }
}

/// SHA-256 of `parts`, of which none can be mistaken for a part of another.
pub(in crate::store) fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The first half of a hash.
pub(in crate::store) fn half(hash: &[u8; 32]) -> [u8; TERM] {
    let mut half = [0; TERM];
    half.copy_from_slice(&hash[..TERM]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let (name, other) = (Name(hash(&[b"a"])), Name(hash(&[b"b"])));
        let terms = vec![Term([1; TERM]), Term([2; TERM])];
        let record = Record { until: 7, terms, payload: Bytes::from_static(b"content") };
        let bytes = Bytes::from(record.encode(&name));
        assert_eq!(Record::decode(&bytes, &name), Some(record));
        assert_eq!(Record::decode(&bytes, &other), None, "another name");
        for length in 0..bytes.len() {
            assert_eq!(Record::decode(&bytes.slice(..length), &name), None, "{length} bytes of it");
        }
        let longer = [&bytes[..], b"x"].concat();
        assert_eq!(Record::decode(&longer.into(), &name), None);
        for place in [0, 4] {
            let mut foreign = bytes.to_vec();
            foreign[place] ^= 2;
            assert_eq!(Record::decode(&foreign.into(), &name), None, "magic and version");
        }
    }

    #[test]
    fn parts_are_told_apart() {
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
    }
}
