//! From a path as it was sent to the names of a file below a folder, or to nothing.

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// Names with `/` between them, without one at the end; `""` is the folder itself.
    pub path: String,
    /// It ends with a slash: a folder is meant.
    pub is_folder: bool,
    /// One of the names begins with a dot.
    pub is_hidden: bool,
}

impl Names {
    /// Decodes what follows the `/` behind the prefix. `None` for what names no file: an empty name, `.` and `..`, and a name with
    /// a slash, a backslash or a control character in it, however it is escaped.
    pub fn decode(sent: &str) -> Option<Self> {
        let mut names = Self { path: String::with_capacity(sent.len()), is_folder: true, is_hidden: false };
        if sent.is_empty() {
            return Some(names);
        }
        let mut parts = sent.split('/').peekable();
        while let Some(part) = parts.next() {
            if part.is_empty() && parts.peek().is_none() {
                return Some(names);
            }
            names.push(&unescape(part)?)?;
        }
        names.is_folder = false;
        Some(names)
    }

    /// The same for a path that is not escaped, with `/` or the system's own separator between its names.
    pub fn plain(path: &str) -> Option<Self> {
        let mut names = Self { path: String::with_capacity(path.len()), is_folder: false, is_hidden: false };
        for part in path.split(|c| c == '/' || cfg!(windows) && c == '\\') {
            names.push(part)?;
        }
        Some(names)
    }

    fn push(&mut self, name: &str) -> Option<()> {
        let is_foreign = |c: char| c.is_control() || c == '/' || c == '\\';
        if matches!(name, "" | "." | "..") || name.contains(is_foreign) || is_device(name) {
            return None;
        }
        if !self.path.is_empty() {
            self.path.push('/');
        }
        self.path.push_str(name);
        self.is_hidden |= name.starts_with('.');
        Some(())
    }
}

fn unescape(part: &str) -> Option<std::borrow::Cow<'_, str>> {
    if !part.contains('%') {
        return Some(part.into());
    }
    let mut out = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let [high, low, after @ ..] = rest else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        out.push((digit(*high)? << 4 | digit(*low)?) as u8);
        rest = after;
    }
    String::from_utf8(out).ok().map(Into::into)
}

/// Names that Windows takes for something else: devices, streams, and the same file under another name.
fn is_device(name: &str) -> bool {
    if !cfg!(windows) {
        return false;
    }
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let numbered = |device: &str| {
        stem.len() == 4 && stem[..3].eq_ignore_ascii_case(device) && stem.as_bytes()[3].is_ascii_digit()
    };
    let is_reserved =
        ["con", "prn", "aux", "nul", "conin$", "conout$"].iter().any(|n| stem.eq_ignore_ascii_case(n));
    is_reserved
        || stem.is_ascii() && (numbered("com") || numbered("lpt"))
        || name.ends_with(['.', ' '])
        || name.contains([':', '*', '?', '"', '<', '>', '|', '~'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        for (sent, path, is_folder, is_hidden) in [
            ("", "", true, false),
            ("a", "a", false, false),
            ("a/", "a", true, false),
            ("a/b.txt", "a/b.txt", false, false),
            ("a%20b/c%C3%A9", "a b/c\u{e9}", false, false),
            ("%61/%62", "a/b", false, false),
            ("..a/b..", "..a/b..", false, true),
            ("...", "...", false, true),
            (".git/config", ".git/config", false, true),
            ("a/%2egit", "a/.git", false, true),
            ("a%25b", "a%b", false, false),
            ("%252e%252e/a", "%2e%2e/a", false, false),
            ("a;b=c&d", "a;b=c&d", false, false),
        ] {
            let expected = Names { path: path.to_owned(), is_folder, is_hidden };
            assert_eq!(Names::decode(sent), Some(expected), "{sent}");
        }
    }

    #[test]
    fn what_names_no_file() {
        for sent in [
            "..",
            "../a",
            "a/../b",
            "a/..",
            ".",
            "./a",
            "a/./b",
            "/",
            "/a",
            "//",
            "a//b",
            "a//",
            "%2e%2e",
            "%2E%2e/a",
            ".%2e/a",
            "%2e/a",
            "a%2fb",
            "%2fetc%2fpasswd",
            "..%2fa",
            "a%5cb",
            "..%5ca",
            "..\\a",
            "a\\b",
            "a%00",
            "a%00.txt",
            "%00",
            "a%0a",
            "a%7f",
            "%c0%ae%c0%ae/a",
            "%ff",
            "%",
            "%4",
            "%zz",
        ] {
            assert_eq!(Names::decode(sent), None, "{sent}");
        }
    }

    #[test]
    fn plain_paths_have_no_escapes() {
        assert_eq!(Names::plain("a%2fb/c").unwrap().path, "a%2fb/c");
        for path in ["", "/a", "a/", "a/../b", "..", "a\0b", "a//b"] {
            assert_eq!(Names::plain(path), None, "{path}");
        }
    }
}
