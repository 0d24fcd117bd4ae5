//! What is below the memory of a store: values in Redis, purges by number, and a server that goes, comes back and forgets.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant, SystemTime};

use armature_core::config::Millis;
use armature_core::store::redis::{Cmd, Redis, RedisOptions, Value};
use armature_core::store::tiers::{Looked, Purged, Record, Term, TierOptions, TierSettings, Tiers};
use tokio::runtime::Builder;

mod support;
use support::redis::RedisServer;

const PATIENCE: Duration = Duration::from_secs(30);
/// As the scripts keep them.
const TERMS: usize = 65_536;
const LOGGED: usize = 4096;

fn wait<F: Future>(future: F) -> F::Output {
    Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// Polls, because what happens on other threads tells nobody.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64
}

/// What a process hears.
#[derive(Default)]
struct Heard(Mutex<Vec<Option<Vec<u8>>>>);

impl Purged for Heard {
    fn begun(&self) {}

    fn purged(&self, log: Option<&[u8]>) {
        self.0.lock().unwrap().push(log.map(<[u8]>::to_vec));
    }

    fn everything(&self) -> (Term, Vec<u8>) {
        (Term::none(), b"everything".to_vec())
    }
}

/// A process.
struct Process {
    tiers: Tiers,
    heard: Arc<Heard>,
}

impl Process {
    fn start(server: &RedisServer) -> Self {
        let heard: Arc<Heard> = Arc::default();
        let weak: Weak<Heard> = Arc::downgrade(&heard);
        let tiers = Tiers::open(&settings(server), weak).unwrap();
        until("the first question", || tiers.position().is_some());
        Self { tiers, heard }
    }

    fn term(&self, text: &str) -> Term {
        self.tiers.term(&[text.as_bytes()])
    }

    fn look(&self, key: &str) -> Looked {
        wait(self.tiers.get(&self.tiers.name(key.as_bytes())))
    }

    fn get(&self, key: &str) -> Option<String> {
        self.look(key).record.map(|record| String::from_utf8(record.payload.to_vec()).unwrap())
    }

    fn put(&self, key: &str, term: &str, position: Option<u64>) {
        let record = Record::new(now() + 60_000, vec![self.term(term)], key.as_bytes().to_vec());
        self.tiers.put(&self.tiers.name(key.as_bytes()), &record, position, now());
    }

    /// With what is known now. A script that Redis does not know yet is overtaken by those that it knows.
    fn put_now(&self, key: &str, term: &str) {
        self.put(key, term, self.look(key).position);
        until("it is stored", || self.get(key).is_some());
    }

    fn purge(&self, term: &str) {
        self.tiers.purge(self.term(term), term.as_bytes().to_vec());
    }

    fn heard(&self) -> Vec<Option<Vec<u8>>> {
        self.heard.0.lock().unwrap().clone()
    }
}

fn options(server: &RedisServer) -> RedisOptions {
    // More than any test needs: a machine that is busy is no Redis that is gone.
    RedisOptions { timeout: Some(Millis(5000)), ..RedisOptions::at(&server.url()) }
}

fn settings(server: &RedisServer) -> TierSettings {
    let options = TierOptions {
        option: "X",
        name: None,
        prefix: Some("p:".to_owned()),
        default_prefix: "",
        redis: Some(options(server)),
        sync: Some(Millis(10)),
    };
    options.check().unwrap().unwrap()
}

fn ask(redis: &Redis, words: &[&str]) -> Value {
    let mut command = Cmd::new();
    command.arg(words);
    wait(redis.command(command)).unwrap()
}

#[test]
fn values_are_shared_and_purges_are_heard() {
    let server = RedisServer::start();
    let (one, two) = (Process::start(&server), Process::start(&server));
    one.put_now("a", "s");
    one.put_now("b", "t");
    assert_eq!(two.get("a").as_deref(), Some("a"));
    one.purge("s");
    // At once where it was purged, whatever Redis knows.
    assert_eq!((one.get("a"), one.get("b").as_deref()), (None, Some("b")));
    until("it is heard", || two.heard() == [Some(b"s".to_vec())]);
    assert_eq!((two.get("a"), two.get("b").as_deref()), (None, Some("b")));
    assert_eq!(one.heard(), [], "nobody hears of himself");
    one.put_now("a", "s");
    assert_eq!(two.get("a").as_deref(), Some("a"), "a new one");
    one.tiers.forget(&one.tiers.name(b"a"));
    assert_eq!(one.get("a"), None);
    assert_eq!(two.tiers.stats().failed.get(), 0);
}

#[test]
fn what_was_made_before_a_purge_is_refused_after_it() {
    let server = RedisServer::start();
    let (one, two) = (Process::start(&server), Process::start(&server));
    let before = one.look("a").position;
    two.purge("s");
    until("it is heard", || one.heard().len() == 1);
    // The script is known.
    one.put_now("c", "t");
    one.put("a", "s", before);
    assert_eq!(one.get("a"), None);
    one.put("a", "t", before);
    until("it is not about that", || one.get("a").is_some());
    one.put("b", "t", None);
    assert_eq!(one.get("b"), None, "nobody knows what is true of it");
}

#[test]
fn a_redis_that_is_gone_is_told_when_it_is_back() {
    let mut server = RedisServer::start();
    let (one, two) = (Process::start(&server), Process::start(&server));
    server.kill();
    until("it is missed", || {
        one.get("a");
        one.tiers.stats().failed.get() > 0
    });
    one.purge("s");
    server.restart();
    // What it knew is gone, so nobody knows what else was purged.
    until("it is heard", || two.heard().contains(&None) && one.heard() == [None]);
    one.put_now("a", "s");
    assert!(two.get("a").is_some());
}

#[test]
fn a_redis_that_forgot_what_was_purged_gives_nothing_from_before() {
    let server = RedisServer::start();
    let one = Process::start(&server);
    let redis = Redis::connect(&options(&server).check("X").unwrap()).unwrap();
    one.put_now("a", "s");
    assert!(one.get("a").is_some());
    assert_eq!(ask(&redis, &["DEL", "p:default:purges"]), Value::Int(1));
    assert_eq!(one.get("a"), None);
    until("it is heard", || one.heard() == [None]);
    one.put_now("a", "s");
    assert!(one.get("a").is_some());
}

#[test]
fn memory_in_redis_is_bounded_and_no_purge_is_forgotten() {
    let server = RedisServer::start();
    let (one, two) = (Process::start(&server), Process::start(&server));
    let redis = Redis::connect(&options(&server).check("X").unwrap()).unwrap();
    let before = one.look("a").position;
    one.put_now("kept", "kept");
    one.purge("s");
    until("it is heard", || two.heard().len() == 1);
    let mut purged = 0;
    let mut purge = |count: usize| {
        let last = purged + count;
        while purged < last {
            let step = (last - purged).min(2000);
            (purged..purged + step).for_each(|n| one.purge(&n.to_string()));
            purged += step;
            until("Redis is told", || one.tiers.is_told());
        }
    };
    purge(TERMS);
    assert!(matches!(ask(&redis, &["HLEN", "p:default:purges"]), Value::Int(n) if n < 100));
    assert!(
        matches!(ask(&redis, &["HLEN", "p:default:purges:old"]), Value::Int(n) if n as usize >= TERMS - 100)
    );
    assert_eq!(ask(&redis, &["ZCARD", "p:default:purges:log"]), Value::Int(LOGGED as i64));
    one.put("a", "s", before);
    assert_eq!(one.get("a"), None, "the old table knows");
    assert_eq!(one.get("kept").as_deref(), Some("kept"));
    purge(TERMS);
    one.put("a", "s", before);
    assert_eq!((one.get("a"), one.get("kept")), (None, None), "so long ago that nobody knows");
    one.put_now("a", "s");
    assert_eq!(two.get("a").as_deref(), Some("a"));
    let last = Some(format!("{}", 2 * TERMS - 1).into_bytes());
    until("the last is heard", || two.heard().contains(&last));
}

#[test]
fn whoever_is_too_far_behind_is_told_so() {
    let server = RedisServer::start();
    let (one, two) = (Process::start(&server), Process::start(&server));
    let redis = Redis::connect(&options(&server).check("X").unwrap()).unwrap();
    // As if there had been more purges than the log has while it heard nothing.
    let state = ["HSET", "p:default:purges", "d", "9000000000000000", "n", "9000000000000001"];
    ask(&redis, &state);
    until("it is heard", || two.heard() == [None] && one.heard() == [None]);
}
