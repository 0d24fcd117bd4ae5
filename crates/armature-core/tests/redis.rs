//! The connection to Redis: commands, scripts, bounds, and a server that goes and comes back.

use std::time::{Duration, Instant};

use armature_core::config::{Millis, Pem, Size};
use armature_core::store::redis::{Cmd, Redis, RedisError, RedisOptions, Script, Value};
use tokio::runtime::Builder;

mod support;
use support::redis::{RedisServer, free_port};
use support::tls::{Authority, Folder, Pair};

const PATIENCE: Duration = Duration::from_secs(10);

fn wait<F: Future>(future: F) -> F::Output {
    Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// Polls, because what happens on the thread of a connection tells nobody.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn connect(options: RedisOptions) -> Redis {
    Redis::connect(&options.check("redis").unwrap()).unwrap()
}

fn cmd(words: &[&str]) -> Cmd {
    let mut command = Cmd::new();
    for word in words {
        command.arg(word);
    }
    command
}

fn ask(redis: &Redis, words: &[&str]) -> Result<Value, RedisError> {
    wait(redis.command(cmd(words)))
}

fn text(value: Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).unwrap(),
        other => panic!("a text, not {other:?}"),
    }
}

#[test]
fn commands_have_their_own_answers() {
    let server = RedisServer::start();
    let redis = connect(RedisOptions::at(&server.url()));
    // More than one batch, all at once.
    let replies: Vec<_> = (0..1000).map(|n| redis.command(cmd(&["ECHO", &n.to_string()]))).collect();
    for (n, reply) in replies.into_iter().enumerate() {
        assert_eq!(text(wait(reply).unwrap()), n.to_string());
    }
    assert!(redis.is_up());
    let refused = ask(&redis, &["INCR"]).unwrap_err();
    assert!(refused.to_string().contains("wrong number of arguments"), "{refused}");
    assert_eq!(text(ask(&redis, &["ECHO", "still here"]).unwrap()), "still here");
    let stats = redis.stats();
    let counted = [&stats.sent, &stats.refused, &stats.failed, &stats.connections].map(|c| c.get());
    assert_eq!(counted, [1002, 1, 0, 1]);
}

#[test]
fn a_script_is_sent_once() {
    let server = RedisServer::start();
    let redis = connect(RedisOptions::at(&server.url()));
    let script = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    let add = || wait(redis.eval(&script, &[b"key"], &[b"2"]));
    let calls = |name: &str| {
        let info = text(ask(&redis, &["INFO", "commandstats"]).unwrap());
        let line = info.lines().find(|line| line.starts_with(&format!("cmdstat_{name}:calls=")));
        line.map_or(0, |line| {
            line[line.find('=').unwrap() + 1..line.find(',').unwrap()].parse::<u32>().unwrap()
        })
    };
    assert_eq!(add(), Ok(Value::Int(2)));
    assert_eq!(add(), Ok(Value::Int(4)));
    assert_eq!((calls("eval"), calls("evalsha")), (1, 2));
    ask(&redis, &["SCRIPT", "FLUSH"]).unwrap();
    assert_eq!(add(), Ok(Value::Int(6)));
    assert_eq!((calls("eval"), calls("evalsha")), (2, 3));
}

#[test]
fn a_server_that_is_killed_is_missed_and_found_again() {
    let mut server = RedisServer::start();
    let redis = connect(RedisOptions::at(&server.url()));
    ask(&redis, &["SET", "a", "1"]).unwrap();
    server.kill();
    until("no connection", || redis.is_down());
    // Nothing is sent, and nobody waits.
    let reply = redis.command(cmd(&["GET", "a"]));
    assert_eq!(reply.failed(), Some(&RedisError::Down));
    server.restart();
    until("a connection", || redis.is_up());
    assert_eq!(ask(&redis, &["GET", "a"]), Ok(Value::Nil));
    assert_eq!(redis.stats().connections.get(), 2);
}

#[test]
fn a_server_that_hangs_costs_one_timeout() {
    let server = RedisServer::start();
    let timeout = Duration::from_millis(300);
    let options = RedisOptions { timeout: Some(Millis(300)), ..RedisOptions::at(&server.url()) };
    let redis = connect(options);
    ask(&redis, &["PING"]).unwrap();
    server.hang();
    let begun = Instant::now();
    assert_eq!(ask(&redis, &["PING"]), Err(RedisError::Timeout));
    assert!(begun.elapsed() >= timeout);
    until("no connection", || redis.is_down());
    assert_eq!(redis.command(cmd(&["PING"])).failed(), Some(&RedisError::Down));
    server.go_on();
    until("a connection", || redis.is_up());
    ask(&redis, &["PING"]).unwrap();
}

#[test]
fn what_waits_is_bounded() {
    let server = RedisServer::start();
    let options = RedisOptions {
        queue: Some(2),
        queue_size: Some(Size::kb(1)),
        timeout: Some(Millis(2000)),
        ..RedisOptions::at(&server.url())
    };
    let redis = connect(options);
    ask(&redis, &["PING"]).unwrap();
    server.hang();
    let first = redis.command(cmd(&["ECHO", "1"]));
    let large = redis.command(cmd(&["ECHO", &"x".repeat(1024)]));
    assert_eq!(large.failed(), Some(&RedisError::Busy));
    let second = redis.command(cmd(&["ECHO", "2"]));
    assert_eq!(redis.command(cmd(&["ECHO", "3"])).failed(), Some(&RedisError::Busy));
    server.go_on();
    assert_eq!(text(wait(first).unwrap()), "1");
    assert_eq!(text(wait(second).unwrap()), "2");
    // Their places are free again.
    assert_eq!(text(ask(&redis, &["ECHO", "4"]).unwrap()), "4");
}

#[test]
fn commands_wait_for_the_first_connection_only() {
    let mut server = RedisServer::start();
    server.kill();
    let redis = connect(RedisOptions::at(&server.url()));
    // Whether it is told at once depends on whether the thread has tried.
    assert_eq!(ask(&redis, &["PING"]), Err(RedisError::Down));
    assert_eq!(redis.stats().sent.get(), 0);
    server.restart();
    until("a connection", || redis.is_up());
    ask(&redis, &["PING"]).unwrap();
}

#[test]
fn a_password_is_sent_and_a_wrong_one_is_no_connection() {
    let server = RedisServer::with(&["--requirepass", "secret"]);
    let right = connect(RedisOptions::at(&format!("redis://:secret@127.0.0.1:{}/1", server.port)));
    ask(&right, &["SET", "a", "1"]).unwrap();
    let wrong = connect(RedisOptions::at(&format!("redis://:guess@127.0.0.1:{}", server.port)));
    until("refused", || wrong.is_down());
    assert_eq!(ask(&wrong, &["PING"]), Err(RedisError::Down));
    let other = connect(RedisOptions::at(&format!("redis://:secret@127.0.0.1:{}", server.port)));
    assert_eq!(ask(&other, &["GET", "a"]), Ok(Value::Nil), "another database");
}

#[test]
fn who_asks_for_the_same_shares_a_connection_until_nobody_has_it() {
    let server = RedisServer::start();
    let watcher = connect(RedisOptions { queue: Some(7), ..RedisOptions::at(&server.url()) });
    let clients = || text(ask(&watcher, &["CLIENT", "LIST"]).unwrap()).lines().count();
    assert_eq!(clients(), 1);
    let one = connect(RedisOptions::at(&server.url()));
    let same = connect(RedisOptions::at(&server.url()));
    assert!(one.is_same(&same) && !one.is_same(&watcher));
    ask(&one, &["PING"]).unwrap();
    ask(&same, &["PING"]).unwrap();
    assert_eq!(clients(), 2);
    drop(one);
    ask(&same, &["PING"]).unwrap();
    drop(same);
    until("it is closed", || clients() == 1);
}

/// A Redis with TLS on a port of its own, which asks for a certificate of `root`.
struct SecureRedis {
    port: u16,
    root: Authority,
    files: Folder,
    _server: RedisServer,
}

impl SecureRedis {
    fn start(name: &str) -> Self {
        let root = Authority::new();
        let files = Folder::new(name);
        let Pair { cert, key } = root.issue(&["localhost"]);
        let write = |name: &str, text: &str| files.write(name, text).to_str().unwrap().to_owned();
        let (cert, key, ca) = (write("cert", &cert), write("key", &key), write("ca", &root.pem()));
        let port = free_port();
        let number = port.to_string();
        let options = [
            "--tls-port",
            &number,
            "--tls-cert-file",
            &cert,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &ca,
        ];
        let server = RedisServer::with(&options);
        Self { port, root, files, _server: server }
    }

    fn at(&self, host: &str) -> RedisOptions {
        RedisOptions::at(&format!("rediss://{host}:{}", self.port))
    }

    /// One whom the server knows, and who knows the server.
    fn client(&self) -> RedisOptions {
        let Pair { cert, key } = self.root.issue(&["client"]);
        let text = |pem: String| Some(Pem::Text(pem.into()));
        let ca = Some(Pem::File(self.files.path().join("ca")));
        RedisOptions { ca, cert: text(cert), key: text(key), ..self.at("localhost") }
    }
}

#[test]
fn a_connection_may_be_encrypted() {
    let server = SecureRedis::start("redis");
    let options = server.client();
    let redis = connect(options.clone());
    assert_eq!(text(ask(&redis, &["ECHO", "safe"]).unwrap()), "safe");
    assert!(connect(options).is_same(&redis));
    assert!(!connect(server.client()).is_same(&redis), "a client with another certificate");
}

#[test]
fn nobody_is_trusted_for_nothing() {
    let server = SecureRedis::start("redis-strangers");
    let stranger = Some(Pem::Text(Authority::new().pem().into()));
    let refused = [
        ("whom nobody has signed", RedisOptions { ca: None, ..server.client() }),
        ("whom somebody else has signed", RedisOptions { ca: stranger, ..server.client() }),
        ("of another name", RedisOptions { url: server.at("127.0.0.1").url, ..server.client() }),
        ("who does not know the client", RedisOptions { cert: None, key: None, ..server.client() }),
    ];
    for (which, options) in refused {
        let redis = connect(RedisOptions { timeout: Some(Millis(5000)), ..options });
        assert!(ask(&redis, &["PING"]).is_err(), "a server {which}");
        assert_eq!(redis.stats().connections.get(), 0, "a server {which}");
    }
}
