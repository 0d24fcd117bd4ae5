//! Response header fields: a short list in the order they will be sent.

use http::{HeaderName, HeaderValue};

/// Header fields of a response. A handful of entries, so a list beats a map in memory and in time.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    list: Vec<(HeaderName, HeaderValue)>,
}

impl Headers {
    /// No fields, no allocation.
    pub const fn new() -> Self {
        Self { list: Vec::new() }
    }

    /// First value of `name`.
    pub fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.list.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// Every value of `name`.
    pub fn get_all<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a HeaderValue> {
        self.list.iter().filter(move |(n, _)| n == name).map(|(_, v)| v)
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
        self.list.retain(|(n, _)| n != name);
    }

    /// Fields in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&HeaderName, &HeaderValue)> {
        self.list.iter().map(|(n, v)| (n, v))
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Makes room for `additional` fields.
    pub fn reserve(&mut self, additional: usize) {
        self.list.reserve(additional);
    }
}

impl IntoIterator for Headers {
    type Item = (HeaderName, HeaderValue);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
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
    use http::header::{SET_COOKIE, VARY};

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
}
