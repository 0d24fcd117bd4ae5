//! Clients that mean no good, or do not know better: nothing of them stays, and the next client is served.

mod support;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use armature_core::testing::Client;
use socket2::SockRef;
use support::{Stage, request, until};

/// A small generator: the same bytes in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

const GOOD: &[&str] = &[
    "GET /now/1 HTTP/1.1\r\nhost: t\r\naccept: */*\r\n\r\n",
    "POST /read HTTP/1.1\r\nhost: t\r\ncontent-length: 5\r\n\r\nhello",
    "POST /read HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\nx: y\r\n\r\n",
    "POST /now/1 HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\nhello",
    "OPTIONS * HTTP/1.1\r\nhost: t\r\n\r\nGET http://a/now/1 HTTP/1.0\r\n\r\n",
];

fn stage() -> Stage {
    Stage::new(r#"{ "timeouts": { "header": 2000, "body": 2000, "write": 2000, "idle": 2000 } }"#)
}

/// Sends what the server is ready to take: it may have closed already.
fn throw(client: &Client, bytes: &[u8]) {
    let _ = client.socket().write_all(bytes);
}

/// Reads until the server closes; what it says does not matter here.
fn hear_out(client: &Client) {
    let mut bytes = [0; 4096];
    while client.socket().read(&mut bytes).is_ok_and(|n| n > 0) {}
}

/// Ends a connection in one of the ways there are.
fn leave(client: Client, how: usize) {
    match how % 4 {
        0 => drop(client),
        1 => {
            // A reset.
            let _ = SockRef::from(client.socket()).set_linger(Some(Duration::ZERO));
        }
        _ => {
            let _ = client.socket().shutdown(Shutdown::Write);
            hear_out(&client);
        }
    }
}

#[track_caller]
fn is_well(stage: &Stage) {
    until(|| stage.server.metrics().connections.get() == 0);
    assert_eq!(stage.server.metrics().in_flight.get(), 0);
    assert_eq!(stage.server.metrics().panics.get(), 0);
    assert_eq!(stage.connect().get("/now/good").unwrap().text(), "/now/good");
}

#[test]
fn garbage() {
    let stage = stage();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..400 {
        let client = stage.connect();
        let mut bytes = Vec::new();
        if round % 2 == 1 {
            bytes.extend_from_slice(GOOD[random.below(GOOD.len())].as_bytes());
        }
        for _ in 0..random.below(300) {
            bytes.push(random.next() as u8);
        }
        if round % 3 == 1 {
            // A good request that something has happened to.
            let good = GOOD[random.below(GOOD.len())].as_bytes();
            bytes.extend_from_slice(good);
            for _ in 0..3 {
                let at = random.below(bytes.len());
                bytes[at] = random.next() as u8;
            }
        }
        throw(&client, &bytes);
        leave(client, round);
    }
    is_well(&stage);
}

#[test]
fn requests_that_end_anywhere() {
    let stage = stage();
    for good in GOOD {
        for end in 0..=good.len() {
            let client = stage.connect();
            throw(&client, &good.as_bytes()[..end]);
            leave(client, end);
        }
    }
    is_well(&stage);
}

#[test]
fn one_byte_at_a_time() {
    let stage = stage();
    for good in GOOD {
        let client = stage.connect();
        for byte in good.bytes() {
            throw(&client, &[byte]);
        }
        client.socket().shutdown(Shutdown::Write).unwrap();
        let mut answers = String::new();
        client.socket().read_to_string(&mut answers).unwrap();
        let statuses = answers.matches("HTTP/1.1 20").count();
        assert_eq!(statuses, if good.starts_with("OPTIONS") { 2 } else { 1 }, "{good:?}: {answers:?}");
    }
    is_well(&stage);
}

#[test]
fn too_much_of_everything() {
    let stage = stage();
    let million = "a".repeat(1 << 20);
    let with = |fields: &str| format!("GET /now/1 HTTP/1.1\r\nhost: t\r\n{fields}\r\n\r\n");
    let chunked = "POST /read HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n";
    for (status, text) in [
        ("414", million.clone()),
        ("414", format!("GET /{million} HTTP/1.1\r\n\r\n")),
        ("414", format!("{million} / HTTP/1.1\r\n\r\n")),
        ("414", "\r\n".repeat(1 << 19)),
        ("431", with(&format!("{million}: b"))),
        ("431", with(&format!("a: {million}"))),
        ("431", with(&"a: b\r\n".repeat(10_000))),
        ("400", with(&format!("content-length: {}", "1".repeat(1000)))),
        ("400", format!("{chunked}{million}\r\n")),
        ("400", format!("{chunked}1;{million}\r\n")),
        ("400", format!("{chunked}{}", format!("1;{}\r\nx\r\n", &million[..1000]).repeat(1000))),
        ("400", format!("{chunked}0\r\n{million}: b\r\n")),
        ("400", format!("{chunked}0\r\n{}", "a: b\r\n".repeat(10_000))),
        (
            "413",
            format!("{}{million}", "POST /read HTTP/1.1\r\nhost: t\r\ncontent-length: 99999999999\r\n\r\n"),
        ),
    ] {
        let client = stage.connect();
        let what = &text[..text.len().min(90)];
        throw(&client, text.as_bytes());
        let _ = client.socket().shutdown(Shutdown::Write);
        let mut answer = [0; 12];
        // What is far too much may be cut off by a reset once the answer is sent and lingered for.
        match client.socket().read_exact(&mut answer) {
            Ok(()) => assert_eq!(String::from_utf8_lossy(&answer[9..]), status, "{what:?}"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{what:?}"),
        }
        drop(client);
    }
    is_well(&stage);
}

#[test]
fn many_requests_and_no_patience_for_their_answers() {
    let stage = stage();
    for round in 0..40 {
        let client = stage.connect();
        throw(&client, request("GET", "/now/1").repeat(1 + round * 20).as_bytes());
        leave(client, round % 2);
    }
    is_well(&stage);
}
