//! Response header fields: a short list in the order they will be sent.

use std::sync::Arc;

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderName, HeaderValue};

type Field = (HeaderName, HeaderValue);

/// Header fields of a response. A handful of entries, so a list beats a map in memory and in time. It may begin with a
/// [`HeaderBlock`] that many responses share.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    block: Option<Arc<HeaderBlock>>,
    list: Vec<Field>,
}

/// Fields that many responses begin with, kept once, with the bytes that HTTP/1 sends for them.
#[derive(Debug, Default)]
pub struct HeaderBlock {
    fields: Box<[Field]>,
    lines: Box<[u8]>,
}

impl HeaderBlock {
    /// `None` when one of `fields` is the protocol's business or needs a look at each response: `Connection`,
    /// `Content-Length`, `Transfer-Encoding`, `Upgrade` and `Date`.
    pub fn new(fields: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Option<Self> {
        let fields: Box<[Field]> = fields.into_iter().collect();
        let mut lines = Vec::new();
        for (name, value) in &fields {
            if [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE, DATE].contains(name) {
                return None;
            }
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.extend_from_slice(b": ");
            lines.extend_from_slice(value.as_bytes());
            lines.extend_from_slice(b"\r\n");
        }
        Some(Self { fields, lines: lines.into() })
    }

    /// The fields as lines of an HTTP/1 head, each with its line end.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }
}

impl Headers {
    /// No fields, no allocation.
    pub const fn new() -> Self {
        Self { block: None, list: Vec::new() }
    }

    /// The fields of `block`, shared until one of them is changed.
    pub fn from_block(block: Arc<HeaderBlock>) -> Self {
        Self { block: Some(block), list: Vec::new() }
    }

    /// The shared beginning, and the fields that follow it.
    pub(crate) fn parts(&self) -> (Option<&HeaderBlock>, &[(HeaderName, HeaderValue)]) {
        (self.block.as_deref(), &self.list)
    }

    /// First value of `name`.
    pub fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// Every value of `name`.
    pub fn get_all<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a HeaderValue> {
        self.iter().filter(move |(n, _)| *n == name).map(|(_, v)| v)
    }

    /// Whether a field called `name` exists.
    pub fn contains(&self, name: &HeaderName) -> bool {
        self.get(name).is_some()
    }

    /// Sets `name` to one value, in place of all it had.
    pub fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        self.remove(&name);
        self.list.push((name, value));
    }

    /// Adds a value beside those that `name` has.
    pub fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.list.push((name, value));
    }

    /// Adds `token` to a comma-separated field such as `Vary`, unless it is listed already.
    pub fn append_token(&mut self, name: HeaderName, token: &'static str) {
        let listed = self.get_all(&name).any(|value| {
            value.to_str().is_ok_and(|v| v.split(',').any(|t| t.trim().eq_ignore_ascii_case(token)))
        });
        if !listed {
            self.append(name, HeaderValue::from_static(token));
        }
    }

    /// Removes every field called `name`.
    pub fn remove(&mut self, name: &HeaderName) {
        if let Some(block) = self.block.take_if(|block| block.fields.iter().any(|(n, _)| n == name)) {
            self.list.splice(..0, block.fields.iter().cloned());
        }
        self.list.retain(|(n, _)| n != name);
    }

    /// Fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        let shared = self.block.as_ref().map_or(&[][..], |block| &block.fields);
        shared.iter().chain(&self.list).map(|(n, v)| (n, v))
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.block.as_ref().map_or(0, |block| block.fields.len()) + self.list.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes room for `additional` fields.
    pub fn reserve(&mut self, additional: usize) {
        self.list.reserve(additional);
    }
}

impl IntoIterator for Headers {
    type Item = (HeaderName, HeaderValue);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(mut self) -> Self::IntoIter {
        if let Some(block) = self.block {
            self.list.splice(..0, block.fields.iter().cloned());
        }
        self.list.into_iter()
    }
}

impl Extend<(HeaderName, HeaderValue)> for Headers {
    fn extend<T: IntoIterator<Item = (HeaderName, HeaderValue)>>(&mut self, iter: T) {
        self.list.extend(iter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{CONTENT_TYPE, SERVER, SET_COOKIE, VARY};

    #[test]
    fn insert_replaces_and_append_keeps() {
        let mut headers = Headers::new();
        headers.append(SET_COOKIE, HeaderValue::from_static("a=1"));
        headers.append(SET_COOKIE, HeaderValue::from_static("b=2"));
        assert_eq!(headers.get_all(&SET_COOKIE).count(), 2);
        headers.insert(SET_COOKIE, HeaderValue::from_static("c=3"));
        assert_eq!(headers.get_all(&SET_COOKIE).collect::<Vec<_>>(), ["c=3"]);
    }

    #[test]
    fn tokens_are_listed_once() {
        let mut headers = Headers::new();
        headers.append(VARY, HeaderValue::from_static("accept, Origin"));
        headers.append_token(VARY, "origin");
        headers.append_token(VARY, "cookie");
        assert_eq!(headers.get_all(&VARY).collect::<Vec<_>>(), ["accept, Origin", "cookie"]);
    }

    fn block() -> Arc<HeaderBlock> {
        let fields = [(CONTENT_TYPE, "text/plain"), (VARY, "accept")];
        Arc::new(HeaderBlock::new(fields.map(|(n, v)| (n, HeaderValue::from_static(v)))).unwrap())
    }

    #[test]
    fn a_block_is_read_like_any_fields() {
        let mut headers = Headers::from_block(block());
        headers.append_token(VARY, "accept");
        headers.append(SERVER, HeaderValue::from_static("x"));
        assert_eq!(headers.len(), 3);
        assert_eq!(headers.get(&CONTENT_TYPE).unwrap(), "text/plain");
        let names = |headers: &Headers| headers.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
        assert_eq!(names(&headers), [CONTENT_TYPE, VARY, SERVER]);
        assert_eq!(headers.clone().into_iter().map(|(n, _)| n).collect::<Vec<_>>(), names(&headers));
        assert_eq!(block().lines(), b"content-type: text/plain\r\nvary: accept\r\n");
    }

    #[test]
    fn changing_a_field_of_a_block_leaves_the_block_alone() {
        let shared = block();
        let mut headers = Headers::from_block(shared.clone());
        headers.append(SERVER, HeaderValue::from_static("x"));
        headers.remove(&SET_COOKIE);
        assert!(headers.parts().0.is_some(), "nothing of the block was removed");
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        let values: Vec<_> = headers.iter().map(|(_, v)| v.to_str().unwrap()).collect();
        assert_eq!(values, ["accept", "x", "text/html"]);
        assert_eq!(shared.fields.len(), 2);
    }

    #[test]
    fn what_is_the_protocols_business_is_in_no_block() {
        for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, DATE] {
            assert!(HeaderBlock::new([(name, HeaderValue::from_static("1"))]).is_none());
        }
    }
}
