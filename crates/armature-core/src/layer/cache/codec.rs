//! What the store keeps, as bytes for the tiers below memory. `VERSION` is part of what they are called there.

use bytes::Bytes;
use http::header::DATE;
use http::{HeaderName, HeaderValue, StatusCode};

use super::decide::Storable;
use super::entry::Entry;
use super::freshness::Freshness;
use super::options::Rules;
use super::store::What;
use crate::http::Headers;

/// Of what is written here.
pub(super) const VERSION: u8 = 1;

const ANSWER: u8 = 1;
const VARIES: u8 = 2;

/// `None` for what is of no use to others.
pub(super) fn encode(what: &What) -> Option<Vec<u8>> {
    match what {
        What::Answer(entry) => Some(encode_entry(entry)),
        What::Varies(names) => {
            let mut out = vec![VARIES];
            names.iter().for_each(|name| put(&mut out, name.as_bytes()));
            Some(out)
        }
        What::NoWaiting(_) => None,
    }
}

/// `None` for bytes that nobody here has written.
pub(super) fn decode(bytes: &[u8], rules: &Rules) -> Option<What> {
    let (kind, mut rest) = bytes.split_first()?;
    match *kind {
        ANSWER => decode_entry(&mut rest, rules).map(|entry| What::Answer(entry.into())),
        VARIES => {
            let mut names: Vec<Box<str>> = Vec::new();
            while !rest.is_empty() {
                names.push(std::str::from_utf8(take(&mut rest)?).ok()?.into());
            }
            Some(What::Varies(names.into()))
        }
        _ => None,
    }
}

fn encode_entry(entry: &Entry) -> Vec<u8> {
    let Freshness { at, initial_age, lifetime, stale_while_revalidate, stale_if_error, .. } = entry.freshness;
    let Freshness { validate, strict, shared, .. } = entry.freshness;
    let mut out = Vec::with_capacity(256 + entry.body().len());
    out.push(ANSWER);
    out.extend_from_slice(&entry.status.as_u16().to_le_bytes());
    for number in [at, initial_age, lifetime, stale_while_revalidate, stale_if_error] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.push(u8::from(validate) | u8::from(strict) << 1 | u8::from(shared) << 2);
    out.push(entry.tags.len() as u8);
    entry.tags.iter().for_each(|tag| put(&mut out, tag));
    let headers = entry.headers();
    out.extend_from_slice(&(headers.len() as u32).to_le_bytes());
    for (name, value) in headers.iter() {
        put(&mut out, name.as_str().as_bytes());
        put(&mut out, value.as_bytes());
        out.push(value.is_sensitive().into());
    }
    out.extend_from_slice(entry.body());
    out
}

fn decode_entry(rest: &mut &[u8], rules: &Rules) -> Option<Entry> {
    let status = StatusCode::from_u16(u16::from_le_bytes(chunk(rest)?)).ok()?;
    let mut number = || Some(u64::from_le_bytes(chunk(rest)?));
    let freshness = Freshness {
        at: number()?,
        initial_age: number()?,
        lifetime: number()?,
        stale_while_revalidate: number()?,
        stale_if_error: number()?,
        validate: false,
        strict: false,
        shared: false,
    };
    let [flags, tags] = chunk(rest)?;
    let is_set = |bit: u8| flags & 1 << bit != 0;
    let freshness = Freshness { validate: is_set(0), strict: is_set(1), shared: is_set(2), ..freshness };
    let tags = (0..tags).map(|_| take(rest).map(Box::from)).collect::<Option<Vec<Box<[u8]>>>>()?;
    let fields = u32::from_le_bytes(chunk(rest)?);
    let mut headers = Headers::new();
    for _ in 0..fields {
        let name = HeaderName::from_bytes(take(rest)?).ok()?;
        let mut value = HeaderValue::from_bytes(take(rest)?).ok()?;
        let [sensitive] = chunk(rest)?;
        value.set_sensitive(sensitive != 0);
        headers.append(name, value);
    }
    headers.contains(&DATE).then_some(())?;
    // Its own, so that what it takes is what is counted.
    let body = Bytes::copy_from_slice(rest);
    Entry::new(status, &headers, body, &Storable { freshness, vary: Vec::new(), tags }, rules)
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_le_bytes(chunk(rest)?) as usize;
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

fn chunk<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::parse_value;
    use crate::layer::cache::options::CacheOptions;

    fn rules() -> Rules {
        parse_value::<CacheOptions>("Cache", json!({})).unwrap().check().unwrap().rules
    }

    fn entry() -> Entry {
        let mut headers = Headers::new();
        headers.append(http::header::ETAG, HeaderValue::from_static("\"1\""));
        let mut secret = HeaderValue::from_static("s");
        secret.set_sensitive(true);
        headers.append(HeaderName::from_static("x-secret"), secret);
        let freshness = Freshness {
            at: 784_111_777_000,
            initial_age: 1,
            lifetime: 2,
            stale_while_revalidate: 3,
            stale_if_error: 4,
            validate: false,
            strict: true,
            shared: true,
        };
        let tags = vec![b"a"[..].into(), b"b"[..].into()];
        let storable = Storable { freshness, vary: Vec::new(), tags };
        Entry::new(StatusCode::NOT_FOUND, &headers, Bytes::from_static(b"body"), &storable, &rules()).unwrap()
    }

    #[test]
    fn an_answer_is_what_it_was() {
        let before = entry();
        let bytes = encode(&What::Answer(before.into())).unwrap();
        let Some(What::Answer(after)) = decode(&bytes, &rules()) else { panic!("an answer") };
        let before = entry();
        assert_eq!((after.status, after.freshness), (before.status, before.freshness));
        assert_eq!((&after.tags, after.body(), after.etag()), (&before.tags, before.body(), before.etag()));
        assert_eq!(after.modified(), before.modified());
        let (one, two) = (before.headers(), after.headers());
        assert!(one.iter().eq(two.iter()));
        assert!(two.get(&HeaderName::from_static("x-secret")).unwrap().is_sensitive());
    }

    #[test]
    fn a_list_of_fields_is_what_it_was() {
        let names: std::sync::Arc<[Box<str>]> = ["accept".into(), "x".into()].into();
        let bytes = encode(&What::Varies(names.clone())).unwrap();
        assert!(matches!(decode(&bytes, &rules()), Some(What::Varies(found)) if found == names));
        assert!(encode(&What::NoWaiting(1)).is_none());
    }

    #[test]
    fn what_nobody_here_wrote_is_nothing() {
        let bytes = encode(&What::Answer(entry().into())).unwrap();
        let head = bytes.len() - b"body".len();
        for length in 0..head {
            assert!(decode(&bytes[..length], &rules()).is_none(), "{length} bytes of it");
        }
        assert!(decode(&[9, 1, 2], &rules()).is_none());
        assert!(decode(&[VARIES, 255, 255, 255, 255], &rules()).is_none());
    }
}
