//! What the store keeps, finds and forgets.

use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::*;
use crate::config::parse_value;
use crate::http::{Headers, Method, Version};
use crate::layer::cache::asked::Asked;
use crate::layer::cache::decide::decide;
use crate::layer::cache::freshness::now;
use crate::layer::cache::options::CacheOptions;

fn store(options: Value) -> Arc<Store> {
    Store::open(parse_value::<CacheOptions>("Cache", options).unwrap().check().unwrap()).unwrap()
}

fn head(fields: &[(&str, &str)]) -> Head {
    let mut head = Head::new(Method::GET, Version::Http11, "/a");
    for (name, value) in fields {
        head.push(name, value.as_bytes());
    }
    head
}

struct Answer<'a>(&'a [(&'static str, &'a str)], &'a [u8]);

impl Answer<'_> {
    /// Stores it under `key` as the answer to `head`.
    fn put(&self, store: &Store, key: &[u8], head: &Head, purges: u64) -> bool {
        let mut headers = Headers::new();
        headers.append(http::header::CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        for (name, value) in self.0 {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let rules = &store.options.rules;
        let now = now();
        let storable = decide(StatusCode::OK, &headers, &Asked::default(), rules, (now, now)).unwrap();
        let body = self.1.to_vec().into();
        let entry = Entry::new(StatusCode::OK, &headers, body, &storable, rules).unwrap();
        store.put(key, head, &storable.vary, entry.into(), Moment { purges, position: None })
    }
}

fn found(store: &Store, key: &[u8], head: &Head) -> Option<Vec<u8>> {
    match store.find(&mut key.to_vec(), head, now()) {
        Found::Answer(entry) => Some(entry.body().to_vec()),
        _ => None,
    }
}

const A: &[u8] = b"hx\0/a\0\0";
const B: &[u8] = b"hx\0/b\0\0";

#[test]
fn variants_are_told_apart_and_a_change_of_vary_loses_no_truth() {
    let store = store(json!({}));
    let (en, de) = (head(&[("accept-language", "en")]), head(&[("accept-language", "de"), ("accept", "x")]));
    assert!(Answer(&[("vary", "Accept-Language")], b"en").put(&store, A, &en, 0));
    assert_eq!(found(&store, A, &en).unwrap(), b"en");
    assert!(matches!(store.find(&mut A.to_vec(), &de, now()), Found::NoVariant));
    assert!(matches!(store.find(&mut B.to_vec(), &de, now()), Found::Nothing));
    // One that varies by more, one that varies by nothing: each is found by the requests that it is for.
    assert!(Answer(&[("vary", "accept")], b"de").put(&store, A, &de, 0));
    assert_eq!(found(&store, A, &de).unwrap(), b"de");
    assert_eq!(found(&store, A, &head(&[("accept", "x")])), None);
    let none = head(&[]);
    assert!(Answer(&[], b"none").put(&store, A, &none, 0));
    assert_eq!(found(&store, A, &none).unwrap(), b"none");
    assert_eq!(found(&store, A, &de).unwrap(), b"de");
}

#[test]
fn a_purge_finds_every_variant_and_leaves_no_trace() {
    let store = store(json!({}));
    let (one, two) = (head(&[("x", "1")]), head(&[("x", "2")]));
    for head in [&one, &two] {
        assert!(Answer(&[("vary", "x"), ("cache-tag", "t")], b"").put(&store, A, head, 0));
    }
    assert!(Answer(&[("cache-tag", "u")], b"").put(&store, B, &one, 0));
    assert_eq!(store.stats().entries, 3);
    assert_eq!(store.purge(Purge::Tag(b"t"[..].into())), 2);
    assert_eq!((found(&store, A, &one), found(&store, A, &two)), (None, None));
    assert_eq!(found(&store, B, &one), Some(Vec::new()));
    assert_eq!(
        store.purge(Purge::from_json(r#"{"url":"/a"}"#).unwrap()),
        0,
        "only the list of fields is left"
    );
    assert_eq!(store.purge(Purge::All), 1);
    let stats = store.stats();
    assert_eq!((stats.purged, stats.evicted), (3, 0));
    assert_eq!(found(&store, B, &one), None);
    assert!(lock(&store.index).is_empty());
}

#[test]
fn an_answer_that_was_purged_on_its_way_is_not_stored() {
    let store = store(json!({}));
    let before = store.moment().purges;
    store.purge(Purge::from_json(r#"{"url":"/a"}"#).unwrap());
    assert!(!Answer(&[], b"old").put(&store, A, &head(&[]), before));
    assert_eq!(found(&store, A, &head(&[])), None);
    assert!(Answer(&[], b"other").put(&store, B, &head(&[]), before));
    assert!(Answer(&[], b"new").put(&store, A, &head(&[]), store.moment().purges));
    assert_eq!(found(&store, A, &head(&[])).unwrap(), b"new");
    assert_eq!(store.stats().entries, 2);
}

#[test]
fn memory_is_bounded_and_what_is_asked_for_often_stays() {
    let store = store(json!({ "size": "64kb" }));
    let head = head(&[]);
    let body = vec![b'x'; 2000];
    assert!(Answer(&[], b"often").put(&store, A, &head, 0));
    for n in 0..500 {
        Answer(&[("cache-tag", "t")], &body).put(&store, format!("hx\0/{n}\0\0").as_bytes(), &head, 0);
        assert_eq!(found(&store, A, &head).unwrap(), b"often");
        assert!(store.stats().bytes <= 64 << 10, "{}", store.stats().bytes);
    }
    let stats = store.stats();
    assert!(stats.evicted > 400 && stats.entries > 10 && stats.entries < 40, "{stats:?}");
    assert_eq!(
        lock(&store.index).purge(Purge::Tag(b"t"[..].into()), &store.options.keys).len() as u64 + 1,
        stats.entries
    );
}

#[test]
fn in_vain_once_is_not_tried_again_soon() {
    let store = store(json!({}));
    store.stop_waiting(A, 1000);
    let find = |now| store.find(&mut A.to_vec(), &head(&[]), now);
    assert!(matches!(find(1000), Found::NoWaiting));
    assert!(matches!(find(1000 + NO_WAITING), Found::Nothing));
    assert!(Answer(&[], b"now").put(&store, A, &head(&[]), 0));
    assert_eq!(found(&store, A, &head(&[])).unwrap(), b"now");
    assert_eq!(store.stats().entries, 1);
}
