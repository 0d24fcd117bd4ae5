//! Preconditions of a request (RFC 9110 section 13), in the order of section 13.2.2.

use std::time::SystemTime;

use crate::http::Head;

/// What a request's conditions make of an answer that would be 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::layer) enum Verdict {
    /// It is sent.
    Proceed,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// A tag of a list or of an answer, without its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag<'a> {
    weak: bool,
    opaque: &'a [u8],
}

/// Compares the conditions of a GET or HEAD with the validators of its answer.
pub(in crate::layer) fn judge(head: &Head, etag: Option<&[u8]>, modified: Option<SystemTime>) -> Verdict {
    let etag = etag.and_then(|value| {
        take_tag(value.trim_ascii()).filter(|(_, rest)| rest.is_empty()).map(|(tag, _)| tag)
    });
    if head.get("if-match").is_some() {
        // The strong comparison: a weak tag equals nothing (section 8.8.3.2).
        let equal = |tag: Tag<'_>| etag.is_some_and(|own| !own.weak && !tag.weak && own.opaque == tag.opaque);
        if !lists(head, "if-match", equal) {
            return Verdict::Failed;
        }
    } else if let (Some(since), Some(modified)) = (date(head, "if-unmodified-since"), modified)
        && modified > since
    {
        return Verdict::Failed;
    }
    if head.get("if-none-match").is_some() {
        let equal = |tag: Tag<'_>| etag.is_some_and(|own| own.opaque == tag.opaque);
        if lists(head, "if-none-match", equal) {
            return Verdict::NotModified;
        }
    } else if let (Some(since), Some(modified)) = (date(head, "if-modified-since"), modified)
        && modified <= since
    {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// Whether the lists of the fields called `name` have a tag that `is_it`, or are `*`, which every answer matches.
fn lists(head: &Head, name: &str, is_it: impl Fn(Tag<'_>) -> bool) -> bool {
    head.get_all(name).any(|value| {
        let mut rest = value.trim_ascii();
        if rest == b"*" {
            return true;
        }
        loop {
            while let [b',' | b' ' | b'\t', tail @ ..] = rest {
                rest = tail;
            }
            // What is no tag ends the list: nobody can say where the next one begins.
            let Some((tag, tail)) = take_tag(rest) else { return false };
            if is_it(tag) {
                return true;
            }
            rest = tail;
        }
    })
}

/// The tag that `text` begins with, and what follows it.
fn take_tag(text: &[u8]) -> Option<(Tag<'_>, &[u8])> {
    let (weak, quoted) = match text.strip_prefix(b"W/") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let inner = quoted.strip_prefix(b"\"")?;
    let end = inner.iter().position(|b| *b == b'"')?;
    let is_etagc = |b: &u8| *b == 0x21 || (0x23..=0x7e).contains(b) || *b >= 0x80;
    inner[..end].iter().all(is_etagc).then(|| (Tag { weak, opaque: &inner[..end] }, &inner[end + 1..]))
}

/// A date in a field that occurs once; what is none does not count (sections 13.1.3 and 13.1.4).
fn date(head: &Head, name: &str) -> Option<SystemTime> {
    let mut values = head.get_all(name);
    let value = values.next().filter(|_| values.next().is_none())?;
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Failed, NotModified, Proceed};
    use super::*;
    use crate::http::{Method, Version};

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    #[track_caller]
    fn judges(fields: &[(&str, &str)], etag: Option<&str>, expected: Verdict) {
        let mut head = Head::new(Method::GET, Version::Http11, "/");
        for (name, value) in fields {
            head.push(name, value.as_bytes());
        }
        let modified = httpdate::parse_http_date(THEN).unwrap();
        assert_eq!(judge(&head, etag.map(str::as_bytes), Some(modified)), expected, "{fields:?} {etag:?}");
    }

    #[test]
    fn tags() {
        let strong = Some("\"a\"");
        let weak = Some("W/\"a\"");
        for (name, value, etag, expected) in [
            ("if-none-match", "\"a\"", strong, NotModified),
            ("if-none-match", "W/\"a\"", strong, NotModified),
            ("if-none-match", "\"a\"", weak, NotModified),
            ("if-none-match", "\"b\", ,W/\"x,y\" , \"a\"", strong, NotModified),
            ("if-none-match", "*", None, NotModified),
            ("if-none-match", "\"b\"", strong, Proceed),
            ("if-none-match", "a", strong, Proceed),
            ("if-none-match", "\"x, \"a\"", strong, Proceed),
            ("if-none-match", "w/\"a\"", strong, Proceed),
            ("if-none-match", "\"A\"", strong, Proceed),
            ("if-none-match", "\"a\"", None, Proceed),
            ("if-none-match", "\"a\"", Some("a"), Proceed),
            ("if-match", "\"a\"", strong, Proceed),
            ("if-match", "\"b\", \"a\"", strong, Proceed),
            ("if-match", "W/\"a\"", strong, Failed),
            ("if-match", "\"a\"", weak, Failed),
            ("if-match", "\"b\"", strong, Failed),
            ("if-match", "\"a\"", None, Failed),
            ("if-match", "*", None, Proceed),
            ("if-match", "", strong, Failed),
        ] {
            judges(&[(name, value)], etag, expected);
        }
        judges(&[("if-none-match", "\"b\""), ("if-none-match", "\"a\"")], strong, NotModified);
    }

    #[test]
    fn dates() {
        for (name, value, expected) in [
            ("if-modified-since", BEFORE, Proceed),
            ("if-modified-since", THEN, NotModified),
            ("if-modified-since", AFTER, NotModified),
            ("if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT", NotModified),
            ("if-modified-since", "Sun Nov  6 08:49:37 1994", NotModified),
            ("if-modified-since", "yesterday", Proceed),
            ("if-unmodified-since", BEFORE, Failed),
            ("if-unmodified-since", THEN, Proceed),
            ("if-unmodified-since", AFTER, Proceed),
            ("if-unmodified-since", "yesterday", Proceed),
        ] {
            judges(&[(name, value)], None, expected);
        }
        judges(&[("if-modified-since", THEN), ("if-modified-since", THEN)], None, Proceed);
    }

    #[test]
    fn the_order_is_that_of_the_rfc() {
        let tag = Some("\"a\"");
        // A tag says more than a date of the same kind.
        judges(&[("if-match", "\"a\""), ("if-unmodified-since", BEFORE)], tag, Proceed);
        judges(&[("if-none-match", "\"b\""), ("if-modified-since", AFTER)], tag, Proceed);
        // What may forbid comes before what may save the content.
        judges(&[("if-match", "\"b\""), ("if-none-match", "\"a\"")], tag, Failed);
        judges(&[("if-match", "\"a\""), ("if-none-match", "\"a\"")], tag, NotModified);
        judges(&[("if-unmodified-since", BEFORE), ("if-none-match", "\"a\"")], tag, Failed);
        judges(&[("if-unmodified-since", AFTER), ("if-modified-since", THEN)], tag, NotModified);
    }
}
