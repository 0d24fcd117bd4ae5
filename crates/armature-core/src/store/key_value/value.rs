//! Values, in memory and as bytes for what is below it.

use bytes::Bytes;

use super::options::Lifetime;
use super::tags::Tag;

/// Of what is written below memory.
pub(super) const VERSION: u8 = 1;
/// What a value takes beside its bytes, its key and its tags.
const OVERHEAD: usize = 192;

/// What a store keeps for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Whether the bytes are text in UTF-8.
    pub is_text: bool,
    /// The bytes.
    pub bytes: Bytes,
}

/// A value with what is known of it. Moments are milliseconds since 1970.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub content: Content,
    pub tags: Box<[Tag]>,
    /// The end of its freshness.
    pub fresh: u64,
    /// The end of its use.
    pub end: u64,
}

impl Value {
    /// One that is made now.
    pub fn new(content: Content, tags: Vec<Tag>, lifetime: Lifetime, now: u64) -> Self {
        // A piece of a large buffer would keep all of it alive.
        let content = Content { bytes: Bytes::copy_from_slice(&content.bytes), ..content };
        let fresh = now.saturating_add(lifetime.ttl);
        Self { content, tags: tags.into(), fresh, end: fresh.saturating_add(lifetime.stale) }
    }

    pub fn is_usable(&self, stale: bool, now: u64) -> bool {
        now < if stale { self.end } else { self.fresh }
    }

    /// What it takes in memory under a key of so many bytes.
    pub fn weight(&self, key: usize) -> usize {
        // The index has key and tags once more for each tag.
        let tags: usize = self.tags.iter().map(|tag| 2 * tag.len() + key + 64).sum();
        OVERHEAD + 2 * key + tags + self.content.bytes.len()
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.content.bytes.len());
        out.extend_from_slice(&[VERSION, self.content.is_text.into(), self.tags.len() as u8]);
        out.extend_from_slice(&self.fresh.to_le_bytes());
        for tag in &self.tags {
            out.extend_from_slice(&(tag.len() as u16).to_le_bytes());
            out.extend_from_slice(tag);
        }
        out.extend_from_slice(&self.content.bytes);
        out
    }

    /// `None` for bytes that nobody here has written.
    pub fn decode(bytes: &[u8], end: u64) -> Option<Self> {
        let ([version, is_text, tags], mut rest) = bytes.split_first_chunk()?;
        if *version != VERSION || *is_text > 1 {
            return None;
        }
        let fresh = u64::from_le_bytes(take(&mut rest)?);
        let mut tag = || {
            let length = u16::from_le_bytes(take(&mut rest)?);
            let (tag, after) = rest.split_at_checked(length.into())?;
            rest = after;
            Some(Tag::from(tag))
        };
        let tags = (0..*tags).map(|_| tag()).collect::<Option<_>>()?;
        let content = Content { is_text: *is_text == 1, bytes: Bytes::copy_from_slice(rest) };
        let is_whole = !content.is_text || std::str::from_utf8(&content.bytes).is_ok();
        is_whole.then_some(Self { content, tags, fresh, end })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_it_was_and_nothing_else_is_one() {
        let content = Content { is_text: true, bytes: Bytes::from_static(b"text") };
        let tags = vec![Tag::from(&b"a"[..]), Tag::from(&b""[..])];
        let value = Value::new(content, tags, Lifetime { ttl: 5, stale: 2 }, 10);
        assert_eq!((value.fresh, value.end), (15, 17));
        assert!(value.is_usable(false, 14) && !value.is_usable(false, 15) && value.is_usable(true, 16));
        let bytes = value.encode();
        assert_eq!(Value::decode(&bytes, 17), Some(value));
        for length in 0..bytes.len() - b"text".len() {
            assert_eq!(Value::decode(&bytes[..length], 17), None, "{length} bytes of it");
        }
        assert_eq!(Value::decode(&[&bytes[..], b"\xff"].concat(), 17), None, "not text");
        assert_eq!(Value::decode(&[9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 17), None, "another version");
    }
}
