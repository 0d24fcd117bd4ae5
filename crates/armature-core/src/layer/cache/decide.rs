//! Whether an answer may be stored (RFC 9111 section 3).

use http::header::{CACHE_CONTROL, CONTENT_RANGE, SET_COOKIE, VARY};
use http::{HeaderName, HeaderValue, StatusCode};

use super::asked::Asked;
use super::control::ResponseControl;
use super::freshness::Freshness;
use super::options::{CacheSetCookie, Rules};
use crate::http::Headers;

/// Names in `Vary`, and tags, that an answer may have; one with more is not stored.
const MAX_VARY: usize = 16;
const MAX_TAGS: usize = 128;
/// Bytes of one tag.
const MAX_TAG: usize = 1024;

/// An answer that may be stored.
#[derive(Debug)]
pub(super) struct Storable {
    pub freshness: Freshness,
    /// Names of fields of the request, in lower case and in order.
    pub vary: Vec<Box<str>>,
    pub tags: Vec<Box<[u8]>>,
}

/// `times` are those of the question and of the answer.
pub(super) fn decide(
    status: StatusCode,
    headers: &Headers,
    asked: &Asked,
    rules: &Rules,
    times: (u64, u64),
) -> Option<Storable> {
    let code = status.as_u16();
    if code < 200 || matches!(code, 206 | 304) || headers.contains(&CONTENT_RANGE) {
        return None;
    }
    let control = ResponseControl::of(headers.get_all(&CACHE_CONTROL).map(HeaderValue::as_bytes));
    // Who says `must-understand` has said `no-store` for those who do not (section 5.2.2.3).
    let understood = status.canonical_reason().is_some();
    let forbidden = if control.must_understand { !understood } else { control.no_store };
    if forbidden || control.private || asked.credentials && !control.is_shared() {
        return None;
    }
    if rules.set_cookie == CacheSetCookie::Skip && headers.contains(&SET_COOKIE) {
        return None;
    }
    let freshness = Freshness::of(status, headers, &control, &rules.defaults, times)?;
    Some(Storable { freshness, vary: vary(headers)?, tags: tags(headers, &rules.tag_header)? })
}

/// `None` when nothing that a request could say makes the answer usable again (section 4.1).
fn vary(headers: &Headers) -> Option<Vec<Box<str>>> {
    let mut names: Vec<Box<str>> = Vec::new();
    for member in members(headers, &VARY) {
        // `*` is no name.
        names.push(HeaderName::from_bytes(member).ok().filter(|_| member != b"*")?.as_str().into());
    }
    names.sort_unstable();
    names.dedup();
    (names.len() <= MAX_VARY).then_some(names)
}

/// `None` when there are more than anybody could purge by.
fn tags(headers: &Headers, name: &HeaderName) -> Option<Vec<Box<[u8]>>> {
    let mut tags: Vec<Box<[u8]>> = members(headers, name).map(Box::from).collect();
    tags.sort_unstable();
    tags.dedup();
    (tags.len() <= MAX_TAGS && tags.iter().all(|tag| tag.len() <= MAX_TAG)).then_some(tags)
}

fn members<'a>(headers: &'a Headers, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(name)
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::cache::options::CacheOptions;

    fn decided(
        status: u16,
        fields: &[(&'static str, &str)],
        asked: &Asked,
        rules: &Rules,
    ) -> Option<Storable> {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        decide(StatusCode::from_u16(status).unwrap(), &headers, asked, rules, (0, 0))
    }

    fn rules(options: serde_json::Value) -> Rules {
        crate::config::parse_value::<CacheOptions>("Cache", options).unwrap().check().unwrap().rules
    }

    #[test]
    fn what_may_be_stored() {
        const CC: &str = "cache-control";
        let plain = Asked::default();
        let known = Asked { credentials: true, ..plain };
        let rules = rules(serde_json::json!({}));
        for (section, status, fields, asked, expected) in [
            ("3", 200, &[(CC, "max-age=1")][..], plain, true),
            ("3", 200, &[(CC, "public")], plain, true),
            ("3", 200, &[], plain, false),
            ("3", 404, &[(CC, "max-age=1")], plain, true),
            ("3", 503, &[(CC, "max-age=1")], plain, true),
            ("3", 299, &[(CC, "max-age=1")], plain, true),
            ("3", 206, &[(CC, "max-age=1")], plain, false),
            ("3", 200, &[(CC, "max-age=1"), ("content-range", "bytes 0-1/2")], plain, false),
            ("3", 304, &[(CC, "max-age=1")], plain, false),
            ("5.2.2.5", 200, &[(CC, "max-age=1, no-store")], plain, false),
            ("5.2.2.3", 200, &[(CC, "max-age=1, no-store, must-understand")], plain, true),
            ("5.2.2.3", 299, &[(CC, "max-age=1, must-understand")], plain, false),
            ("5.2.2.4", 200, &[(CC, "max-age=1, no-cache")], plain, true),
            ("5.2.2.7", 200, &[(CC, "max-age=1, private")], plain, false),
            ("5.2.2.7", 200, &[(CC, "max-age=1, private=\"x\"")], plain, false),
            ("3.5", 200, &[(CC, "max-age=1")], known, false),
            ("3.5", 200, &[(CC, "max-age=1, must-revalidate")], known, false),
            ("3.5", 200, &[(CC, "max-age=1, public")], known, true),
            ("3.5", 200, &[(CC, "s-maxage=1")], known, true),
            ("4.1", 200, &[(CC, "max-age=1"), ("vary", "*")], plain, false),
            ("4.1", 200, &[(CC, "max-age=1"), ("vary", "accept, *")], plain, false),
            ("4.1", 200, &[(CC, "max-age=1"), ("vary", "a b")], plain, false),
            ("7.3", 200, &[(CC, "max-age=1"), ("set-cookie", "a=1")], plain, false),
            ("7.3", 200, &[(CC, "public, max-age=1"), ("set-cookie", "a=1")], plain, false),
        ] {
            let storable = decided(status, fields, &asked, &rules);
            assert_eq!(storable.is_some(), expected, "section {section}: {status} {fields:?} {asked:?}");
        }
    }

    #[test]
    fn lists_are_read() {
        let rules = rules(serde_json::json!({ "ttl": 1, "setCookie": "strip", "tagHeader": "x-tags" }));
        let fields =
            [("vary", "B, a,"), ("vary", "b"), ("x-tags", "2, 1"), ("x-tags", ",2"), ("set-cookie", "a=1")];
        let storable = decided(200, &fields, &Asked::default(), &rules).unwrap();
        assert_eq!(storable.vary.iter().map(|name| &**name).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(storable.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(), [b"1", b"2"]);
        for (name, most) in [("vary", MAX_VARY), ("x-tags", MAX_TAGS)] {
            let list = |count: usize| (0..count).map(|n| format!("x{n}")).collect::<Vec<_>>().join(",");
            assert!(decided(200, &[(name, &list(most))], &Asked::default(), &rules).is_some());
            assert!(decided(200, &[(name, &list(most + 1))], &Asked::default(), &rules).is_none());
        }
        assert!(decided(200, &[("x-tags", &"x".repeat(MAX_TAG + 1))], &Asked::default(), &rules).is_none());
    }
}
