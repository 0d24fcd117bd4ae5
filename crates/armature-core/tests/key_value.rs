//! Stores of several processes over one Redis: what one sets the others get, in the order in which it was said.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use armature_core::config::{Millis, Size};
use armature_core::store::key_value::{Content, Entry, KeyValueStore, KeyValueStoreOptions};
use armature_core::store::redis::RedisOptions;

mod support;
use support::redis::RedisServer;

const PATIENCE: Duration = Duration::from_secs(30);

/// Polls, because what happens on other threads tells nobody.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process: another size makes another store, with the same name in Redis.
struct Process(KeyValueStore);

impl Process {
    fn start(server: &RedisServer, number: u64) -> Self {
        Self::with(server, number, |_| {})
    }

    fn with(server: &RedisServer, number: u64, more: impl FnOnce(&mut KeyValueStoreOptions)) -> Self {
        // More than any test needs: a machine that is busy is no Redis that is gone.
        let redis = RedisOptions { timeout: Some(Millis(5000)), ..RedisOptions::at(&server.url()) };
        let mut options = KeyValueStoreOptions {
            size: Some(Size::mb(number)),
            redis: Some(redis),
            sync: Some(Millis(10)),
            ..KeyValueStoreOptions::default()
        };
        more(&mut options);
        let store = KeyValueStore::open(options).unwrap();
        until("the first question", || store.moment().position.is_some());
        Self(store)
    }

    /// Resolves when Redis has it.
    fn set(&self, key: &str, value: &str, tags: &[&str]) {
        let (sender, done) = channel();
        assert!(self.0.set(key, entry(value, tags), move || sender.send(()).unwrap()).unwrap());
        done.recv_timeout(PATIENCE).unwrap();
    }

    fn peek(&self, key: &str) -> Option<String> {
        self.0.peek(key, false).unwrap().map(text)
    }

    /// Below memory, whatever that has.
    fn find(&self, key: &str) -> Option<String> {
        let (sender, found) = channel();
        assert!(self.0.find(key, false, move |content| sender.send(content).unwrap()).unwrap());
        found.recv_timeout(PATIENCE).unwrap().map(text)
    }

    /// Has it in memory, unless it changes: when it is found before this process has heard of it, it is not kept.
    fn keep(&self, key: &str) {
        until("it is in memory", || self.peek(key).is_some() || self.find(key).is_none());
    }
}

fn entry(value: &str, tags: &[&str]) -> Entry {
    let content = Content { is_text: true, bytes: value.to_owned().into() };
    Entry { tags: tags.iter().map(ToString::to_string).collect(), ..Entry::of(content) }
}

fn text(content: Content) -> String {
    String::from_utf8(content.bytes.to_vec()).unwrap()
}

#[test]
fn what_one_process_sets_or_takes_out_is_so_in_the_others() {
    let server = RedisServer::start();
    let (one, two) = (Process::start(&server, 1), Process::start(&server, 2));
    one.set("a", "1", &["t"]);
    assert_eq!((two.peek("a"), two.find("a").as_deref()), (None, Some("1")));
    two.keep("a");
    one.set("a", "2", &["t"]);
    until("the new value", || two.peek("a").or_else(|| two.find("a")).as_deref() == Some("2"));
    two.0.purge_tag("t").unwrap();
    assert_eq!((two.find("a"), two.peek("a")), (None, None), "at once where it was said");
    until("the purge", || one.peek("a").is_none() && one.find("a").is_none());
    one.set("b", "1", &[]);
    assert_eq!(two.find("b").as_deref(), Some("1"));
    one.0.remove("b").unwrap();
    until("the end of it", || two.peek("b").is_none() && two.find("b").is_none());
    one.set("c", "1", &[]);
    one.0.clear();
    until("the end of all", || two.find("c").is_none());
    assert_eq!((one.0.stats().unavailable, two.0.stats().unavailable), (0, 0));
}

#[test]
fn what_is_said_last_holds() {
    let server = RedisServer::start();
    let without_memory = |options: &mut KeyValueStoreOptions| options.memory = Some(false);
    let one = Process::with(&server, 1, without_memory);
    for n in 0..50 {
        one.0.remove("a").unwrap();
        one.0.purge_tag("t").unwrap();
        one.set("a", &n.to_string(), &["t"]);
        assert_eq!(one.find("a"), Some(n.to_string()));
    }
    // Without waiting in between.
    for n in 0..50 {
        one.0.set("a", entry(&n.to_string(), &[]), || {}).unwrap();
    }
    assert_eq!(one.find("a").as_deref(), Some("49"));
    one.0.set("a", entry("last", &[]), || {}).unwrap();
    one.0.remove("a").unwrap();
    assert_eq!(one.find("a"), None);
    until("Redis agrees", || Process::start(&server, 3).find("a").is_none());
    assert_eq!((one.peek("a"), one.0.stats().entries), (None, 0));
}

#[test]
fn what_was_made_before_somebody_else_set_it_is_nowhere_in_the_end() {
    let server = RedisServer::start();
    let (one, two) = (Process::start(&server, 1), Process::start(&server, 2));
    let before = one.0.moment();
    two.set("a", "set", &[]);
    one.0.fill("a", entry("made", &[]), before).unwrap();
    until("it is heard", || one.peek("a").is_none() || one.peek("a").as_deref() == Some("set"));
    assert_eq!(one.find("a").as_deref(), Some("set"));
    assert!(one.0.fill("b", entry("made", &[]), one.0.moment()).unwrap());
    until("it is in Redis", || two.find("b").is_some());
}

#[test]
fn without_redis_memory_goes_on_and_others_hear_later() {
    let mut server = RedisServer::start();
    let (one, two) = (Process::start(&server, 1), Process::start(&server, 2));
    one.set("a", "1", &[]);
    assert_eq!(two.find("a").as_deref(), Some("1"));
    two.keep("a");
    server.kill();
    until("it is missed", || {
        two.find("missing");
        two.0.stats().unavailable > 0
    });
    one.set("a", "2", &[]);
    assert_eq!(one.peek("a").as_deref(), Some("2"));
    assert!(one.0.stats().unavailable > 0);
    server.restart();
    until("it is heard", || two.peek("a").is_none());
    until("it is there again", || {
        one.set("b", "3", &[]);
        two.find("b").as_deref() == Some("3")
    });
}
