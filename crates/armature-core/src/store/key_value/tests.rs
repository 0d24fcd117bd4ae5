//! What a store keeps, finds and forgets, in memory.

use serde_json::{Value as Json, json};

use super::*;
use crate::config::parse_value;

/// One that nobody else has.
fn open(mut options: Json) -> KeyValueStore {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    static LAST: AtomicUsize = AtomicUsize::new(0);
    options["name"] = json!(format!("test{}", LAST.fetch_add(1, Relaxed)));
    KeyValueStore::open(parse_value("KeyValueStore", options).unwrap()).unwrap()
}

fn text(text: &str) -> Entry {
    Entry::of(Content { is_text: true, bytes: text.to_owned().into() })
}

fn tagged(value: &str, tags: &[&str]) -> Entry {
    Entry { tags: tags.iter().map(ToString::to_string).collect(), ..text(value) }
}

fn set(store: &KeyValueStore, key: &str, entry: Entry) {
    assert!(!store.set(key, entry, || panic!("nothing is below")).unwrap());
}

fn found(store: &KeyValueStore, key: &str) -> Option<String> {
    store.peek(key, false).unwrap().map(|content| String::from_utf8(content.bytes.to_vec()).unwrap())
}

#[test]
fn a_value_is_found_until_it_is_taken_out() {
    let store = open(json!({}));
    set(&store, "a", text("1"));
    set(&store, "b", tagged("2", &["t", "u"]));
    set(&store, "c", tagged("3", &["t"]));
    assert_eq!(found(&store, "a").as_deref(), Some("1"));
    assert_eq!((store.remove("a").unwrap(), store.remove("a").unwrap()), (1, 0));
    assert_eq!((found(&store, "a"), store.purge_tag("t").unwrap()), (None, 2));
    assert!(!store.store.has_tags(), "nothing is left of what is gone");
    set(&store, "d", tagged("4", &["t"]));
    set(&store, "d", text("5"));
    assert_eq!((store.purge_tag("t").unwrap(), found(&store, "d").as_deref()), (0, Some("5")));
    assert_eq!((store.clear(), found(&store, "d")), (1, None));
    let stats = store.stats();
    assert_eq!((stats.stored, stats.purged, stats.entries, stats.evicted), (5, 4, 0, 0));
}

#[test]
fn values_end_and_may_be_given_stale_before_that() {
    let store = open(json!({}));
    let value = store.value(Entry { ttl: Some(10), stale: Some(20), ..text("1") }).unwrap();
    let born = value.fresh - 10;
    store.store.replace(b"a"[..].into(), value, || {});
    let peek = |stale, at: u64| store.store.peek(b"a", stale, born + at).is_some();
    assert_eq!([peek(false, 9), peek(false, 10), peek(true, 10), peek(true, 29)], [true, false, true, true]);
    assert!(!peek(true, 30) && !peek(true, 9), "what is over is taken out");
    let stats = store.stats();
    assert_eq!((stats.hits, stats.stale, stats.entries), (1, 2, 0));
}

#[test]
fn what_was_made_before_it_was_purged_or_replaced_is_not_stored() {
    let store = open(json!({}));
    let before = store.moment();
    store.purge_tag("t").unwrap();
    assert!(!store.fill("a", tagged("old", &["t"]), before).unwrap());
    assert!(store.fill("a", tagged("other", &["u"]), before).unwrap());
    assert!(store.fill("b", tagged("new", &["t"]), store.moment()).unwrap());
    let before = store.moment();
    set(&store, "a", text("set"));
    assert!(!store.fill("a", text("made"), before).unwrap());
    assert_eq!(found(&store, "a").as_deref(), Some("set"));
    store.remove("b").unwrap();
    assert!(!store.fill("b", text("made"), before).unwrap());
    store.clear();
    assert!(!store.fill("c", text("made"), before).unwrap());
    assert_eq!((found(&store, "b"), found(&store, "c")), (None, None));
}

#[test]
fn memory_is_bounded_and_what_is_asked_for_often_stays() {
    let store = open(json!({ "size": "64kb" }));
    let large = "x".repeat(2000);
    set(&store, "often", text("often"));
    for n in 0..500 {
        set(&store, &n.to_string(), tagged(&large, &["t"]));
        assert_eq!(found(&store, "often").as_deref(), Some("often"));
        assert!(store.stats().bytes <= 64 << 10);
    }
    let stats = store.stats();
    assert!(stats.evicted > 400 && (10..40).contains(&stats.entries), "{stats:?}");
    assert_eq!(store.purge_tag("t").unwrap(), stats.entries - 1);
}

#[test]
fn those_who_ask_for_the_same_have_the_same() {
    let options: KeyValueStoreOptions = parse_value("KeyValueStore", json!({ "name": "same" })).unwrap();
    let (one, two) =
        (KeyValueStore::open(options.clone()).unwrap(), KeyValueStore::open(options.clone()).unwrap());
    set(&one, "a", text("1"));
    assert_eq!(found(&two, "a").as_deref(), Some("1"));
    let other = KeyValueStoreOptions { size: Some(crate::config::Size::mb(1)), ..options.clone() };
    assert_eq!(found(&KeyValueStore::open(other).unwrap(), "a"), None);
    drop((one, two));
    assert_eq!(found(&KeyValueStore::open(options).unwrap(), "a"), None, "nobody had it any more");
}

#[test]
fn what_cannot_be_stored_is_refused() {
    let store = open(json!({ "maxEntry": "10b" }));
    let long = "k".repeat(MAX_KEY + 1);
    let codes = [
        store.set("a", text("12345678901"), || {}).unwrap_err(),
        store.set("", text(""), || {}).unwrap_err(),
        store.peek(&long, false).unwrap_err(),
        store.purge_tag(&long).unwrap_err(),
        store.set("a", tagged("", &[""]), || {}).unwrap_err(),
        store.set("a", tagged("", &["t"; MAX_TAGS + 1]), || {}).unwrap_err(),
        store.set("a", Entry { ttl: Some(0), ..text("") }, || {}).unwrap_err(),
        store.set("a", Entry { stale: Some(YEAR.0 + 1), ..text("") }, || {}).unwrap_err(),
    ];
    let codes = codes.map(|error| error.code());
    assert_eq!(codes[0], "ARMATURE_VALUE_TOO_LARGE");
    assert!(codes[1..].iter().all(|code| *code == "ARMATURE_OPTION_INVALID"), "{codes:?}");
    set(&store, &long[1..], tagged("1234567890", &["t"; MAX_TAGS]));
}
