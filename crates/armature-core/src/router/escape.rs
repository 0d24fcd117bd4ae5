//! Percent-escapes: when two paths are the same path, and what a parameter says (RFC 3986 2.1 to 2.4).

use std::{borrow::Cow, fmt};

/// The path has a malformed escape, or escapes that do not decode to UTF-8. The answer is 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPath;

impl fmt::Display for BadPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the path has an invalid percent-escape")
    }
}

impl std::error::Error for BadPath {}

/// The form in which equivalent paths are equal: every escape is decoded, except those of reserved characters
/// (an escaped slash is not a slash), of `%` itself and of control characters, whose digits become upper
/// case.
///
/// Beyond unreserved characters this decodes what may not stand in a path unescaped, such as `é`, a space or
/// `{`: those have no other meaning, clients differ in whether they escape them, and patterns are written
/// with the plain character.
pub(crate) fn canonical(path: &str) -> Result<Cow<'_, str>, BadPath> {
    if path.as_bytes().contains(&b'%') { unescape(path).map(Cow::Owned) } else { Ok(Cow::Borrowed(path)) }
}

fn unescape(path: &str) -> Result<String, BadPath> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [byte, after @ ..] = rest {
        if *byte != b'%' {
            out.push(*byte);
            rest = after;
            continue;
        }
        let [high, low, after @ ..] = after else { return Err(BadPath) };
        let decoded = digit(*high)? << 4 | digit(*low)?;
        if stays_escaped(decoded) {
            out.extend([b'%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]);
        } else {
            out.push(decoded);
        }
        rest = after;
    }
    // What stays escaped is ASCII, so this checks the text that all escapes together stand for.
    String::from_utf8(out).map_err(|_| BadPath)
}

/// Appends `canonical` text to `out` with its remaining escapes decoded.
pub(super) fn decode_into(canonical: &str, out: &mut String) {
    let mut parts = canonical.split('%');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        // Every escape that survived `canonical` is two digits of an ASCII character.
        let (digits, text) = part.split_at(2);
        out.extend(u8::from_str_radix(digits, 16).map(char::from));
        out.push_str(text);
    }
}

fn digit(byte: u8) -> Result<u8, BadPath> {
    char::from(byte).to_digit(16).map(|value| value as u8).ok_or(BadPath)
}

fn stays_escaped(byte: u8) -> bool {
    byte.is_ascii_control() || byte == b'%' || b":/?#[]@!$&'()*+,;=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_forms() {
        let table = [
            ("/a/b", "/a/b"),
            ("/%41%7e%2D%5f%2E", "/A~-_."),
            ("/%2f%3a%40", "/%2F%3A%40"),
            ("/%25", "/%25"),
            ("/%2541", "/%2541"),
            ("/caf%C3%A9/%f0%9f%8d%8c", "/café/🍌"),
            ("/é%C3%A9", "/éé"),
            ("/a%20b%7Bc%7D%5c", "/a b{c}\\"),
            ("/%00%0a%7f", "/%00%0A%7F"),
        ];
        for (sent, expected) in table {
            let canonical = canonical(sent).unwrap();
            assert_eq!(canonical, expected, "{sent}");
            assert_eq!(super::canonical(&canonical).unwrap(), expected, "{sent} twice");
        }
    }

    #[test]
    fn bad_paths() {
        for sent in
            ["/%", "/%4", "/%4g", "/%g4", "/%+1", "/%%41", "/a%é0", "/%ff", "/%C3", "/%C3/%A9", "/%c3é"]
        {
            assert_eq!(canonical(sent), Err(BadPath), "{sent}");
        }
    }

    #[test]
    fn decodes_once() {
        for (text, expected) in
            [("a", "a"), ("%2F", "/"), ("a%25%32b%00", "a%2b\0"), ("é%3Dé", "é=é"), ("", "")]
        {
            let mut out = String::from("x");
            decode_into(text, &mut out);
            assert_eq!(out, format!("x{expected}"));
        }
    }
}
