//! The head of a request as two flat texts: the target, and every field name directly followed by its value. Looking a
//! field up walks a table of lengths; handing the head to another thread is three copies of memory.

use http::Method;

/// Protocol version of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Version {
    /// HTTP/1.0 (RFC 1945).
    Http10 = 0,
    /// HTTP/1.1 (RFC 9112).
    Http11 = 1,
    /// HTTP/2 (RFC 9113).
    H2 = 2,
    /// HTTP/3 (RFC 9114).
    H3 = 3,
}

/// Method, target and fields of a request. Field names are lower case.
#[derive(Clone, Debug)]
pub struct Head {
    method: Method,
    version: Version,
    /// A `String`, so that nobody who looks at it has to prove again that it is text.
    target: String,
    path_len: u32,
    text: Vec<u8>,
    fields: Vec<FieldLen>,
}

/// Room for the fields of a small head, in bytes and in fields.
const FIRST_TEXT: usize = 384;
const FIRST_FIELDS: usize = 12;

/// Lengths of one field; offsets follow from the fields before it.
#[derive(Clone, Copy, Debug)]
struct FieldLen {
    name: u32,
    value: u32,
}

impl Head {
    /// Starts a head. `target` is path and query as sent; it must be ASCII, which every protocol checks before.
    pub fn new(method: Method, version: Version, target: &str) -> Self {
        let mut head = Self::default();
        head.restart(method, version, target);
        head
    }

    /// Starts a head in place of this one, whose memory it takes over.
    pub(crate) fn restart(&mut self, method: Method, version: Version, target: &str) {
        self.method = method;
        self.version = version;
        self.path_len = target.bytes().position(|b| b == b'?').unwrap_or(target.len()) as u32;
        self.target.clear();
        self.target.push_str(target);
        self.text.clear();
        self.fields.clear();
    }

    /// Bytes that it keeps when it is started again.
    pub(crate) fn capacity(&self) -> usize {
        self.target.capacity() + self.text.capacity() + self.fields.capacity() * size_of::<FieldLen>()
    }

    /// Appends a field. `name` must be a lower-case token, or a colon and one: what a layer says about the request to those inside,
    /// which no client can send. JavaScript gets it by its name and sees it in no list of headers.
    pub fn push(&mut self, name: &str, value: &[u8]) {
        self.push_bytes(name.as_bytes(), value);
    }

    /// The same for a name that a protocol has checked.
    pub(crate) fn push_bytes(&mut self, name: &[u8], value: &[u8]) {
        if self.text.capacity() == 0 {
            // Most heads: one allocation instead of four.
            self.text.reserve(FIRST_TEXT);
            self.fields.reserve(FIRST_FIELDS);
        }
        self.text.extend_from_slice(name);
        self.text.extend_from_slice(value);
        self.fields.push(FieldLen { name: name.len() as u32, value: value.len() as u32 });
    }

    /// Takes the last field away.
    pub(crate) fn pop(&mut self) {
        if let Some(field) = self.fields.pop() {
            self.text.truncate(self.text.len() - (field.name + field.value) as usize);
        }
    }

    /// Takes every field called `name` away.
    pub fn remove(&mut self, name: &str) {
        let mut next = Head::new(self.method.clone(), self.version, &self.target);
        for (n, v) in self.iter().filter(|(n, _)| *n != name) {
            next.push(n, v);
        }
        *self = next;
    }

    /// Replaces every field called `name` by one with `value`.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        self.remove(name);
        self.push(name, value);
    }

    /// Request method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Protocol version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Path and query as sent.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Path as sent, still escaped.
    pub fn path(&self) -> &str {
        // The path ends before a `?` or with the target.
        self.target.get(..self.path_len as usize).unwrap_or_default()
    }

    /// Query without its `?`.
    pub fn query(&self) -> Option<&str> {
        self.target.get(self.path_len as usize + 1..)
    }

    /// First value of the field `name` (lower case).
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let mut at = 0;
        for field in &self.fields {
            let value = at + field.name as usize;
            let end = value + field.value as usize;
            if field.name as usize == name.len() && &self.text[at..value] == name.as_bytes() {
                return Some(&self.text[value..end]);
            }
            at = end;
        }
        None
    }

    /// First value of the field `name`, when it is visible ASCII.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|v| std::str::from_utf8(v).ok())
    }

    /// Every value of the field `name`, in the order sent.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(n, _)| *n == name).map(|(_, v)| v)
    }

    /// Fields in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut at = 0;
        self.fields.iter().map(move |field| {
            let value = at + field.name as usize;
            let end = value + field.value as usize;
            let pair = (ascii(&self.text[at..value]), &self.text[value..end]);
            at = end;
            pair
        })
    }

    /// Number of field lines.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Length of the path, which the target begins with.
    pub fn path_len(&self) -> u32 {
        self.path_len
    }

    /// Names and values as one run of bytes, in the order of [`Head::field_lengths`].
    pub fn field_text(&self) -> &[u8] {
        &self.text
    }

    /// Lengths of name and value of each field.
    pub fn field_lengths(&self) -> impl ExactSizeIterator<Item = (u32, u32)> + '_ {
        self.fields.iter().map(|f| (f.name, f.value))
    }

    /// Bytes of the head as they were on an HTTP/1.1 wire: request line and field lines with their separators.
    pub fn wire_len(&self) -> usize {
        self.method.as_str().len() + 12 + self.target.len() + self.text.len() + self.fields.len() * 4
    }
}

impl Default for Head {
    fn default() -> Self {
        Self {
            method: Method::GET,
            version: Version::Http11,
            target: String::new(),
            path_len: 0,
            text: Vec::new(),
            fields: Vec::new(),
        }
    }
}

/// Names are tokens, so this never fails; an empty text is the safe answer if a protocol ever broke that promise.
fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        let mut head = Head::new(Method::GET, Version::Http11, "/a/b?x=1&y=2");
        head.push("host", b"example.com");
        head.push("x", b"1");
        head.push("cookie", b"a=1");
        head.push("x", b"2");
        head
    }

    #[test]
    fn splits_the_target() {
        assert_eq!(
            (head().path(), head().query(), head().target()),
            ("/a/b", Some("x=1&y=2"), "/a/b?x=1&y=2")
        );
        let bare = Head::new(Method::GET, Version::Http11, "/");
        assert_eq!((bare.path(), bare.query()), ("/", None));
        assert_eq!(Head::new(Method::GET, Version::Http11, "/?").query(), Some(""));
    }

    #[test]
    fn finds_fields() {
        let head = head();
        assert_eq!(head.get("host"), Some(&b"example.com"[..]));
        assert_eq!(head.get_all("x").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(head.get("missing"), None);
        assert_eq!(head.iter().map(|(n, _)| n).collect::<Vec<_>>(), ["host", "x", "cookie", "x"]);
    }

    #[test]
    fn set_replaces_every_occurrence() {
        let mut head = head();
        head.set("x", b"3");
        assert_eq!(head.get_all("x").collect::<Vec<_>>(), [b"3"]);
        assert_eq!(head.path(), "/a/b");
        assert_eq!(head.len(), 3);
    }
}
