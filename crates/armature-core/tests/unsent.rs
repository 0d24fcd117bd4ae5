//! Answers that wait in memory for clients that do not read: what waits is bounded by `limits.unsent`, and others are
//! served meanwhile.

mod support;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use armature_core::http::{Method, Request, Response};
use armature_core::pipeline::HandlerFn;
use armature_core::server::{App, Server};
use armature_core::testing::{Client, serve};
use bytes::Bytes;
use support::{Stage, until};

const MB: usize = 1 << 20;
const LIMIT: usize = 8 * MB;

/// Bytes of the answers that exist, now and at most.
#[derive(Clone, Default)]
struct Answers {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct Tracked {
    bytes: Vec<u8>,
    answers: Answers,
}

impl AsRef<[u8]> for Tracked {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.answers.now.fetch_sub(self.bytes.len(), Relaxed);
    }
}

impl Answers {
    fn answer(&self, size: usize) -> Bytes {
        let now = self.now.fetch_add(size, Relaxed) + size;
        self.most.fetch_max(now, Relaxed);
        Bytes::from_owner(Tracked { bytes: vec![b'x'; size], answers: self.clone() })
    }

    /// `more` is what handlers make in the passes in which it becomes too much, beside what is about to be let go of.
    #[track_caller]
    fn were_bounded(&self, more: usize) {
        let most = self.most.load(Relaxed);
        assert!(most > LIMIT / 2, "only {most} bytes waited");
        assert!(most <= LIMIT + more, "{most} bytes waited");
    }

    fn now(&self) -> usize {
        self.now.load(Relaxed)
    }
}

fn app() -> (App, Answers) {
    let answers = Answers::default();
    let tracked = answers.clone();
    let big = HandlerFn(move |_: Request| {
        let tracked = tracked.clone();
        async move { Response::text(tracked.answer(2 * MB)) }
    });
    (App::new().route(Method::GET, "/big", big), answers)
}

const OPTIONS: &str = r#"{ "limits": { "unsent": "8mb", "resets": 1000 }, "timeouts": { "write": "20s" } }"#;

fn given_up(server: &Server) -> u64 {
    server.metrics().given_up.get()
}

#[test]
fn answers_behind_one_that_does_not_come() {
    let (app, answers) = app();
    let stage = Stage::with(app, OPTIONS);
    let mut client = stage.connect();
    let mut requests = b"GET /gate/1 HTTP/1.1\r\nhost: t\r\n\r\n".to_vec();
    for _ in 0..31 {
        requests.extend_from_slice(b"GET /big HTTP/1.1\r\nhost: t\r\n\r\n");
    }
    client.send(&requests).unwrap();
    until(|| given_up(&stage.server) == 1);
    assert!(client.read().is_err());
    until(|| answers.now() == 0);
    assert_eq!(stage.server.metrics().unsent.get(), 0);
    assert_eq!(stage.connect().get("/big").unwrap().body.len(), 2 * MB);
}

#[test]
fn a_single_answer_may_be_larger() {
    let (app, answers) = app();
    let server = serve(app, r#"{ "limits": { "unsent": "1mb" } }"#).unwrap();
    let mut client = Client::connect(&server).unwrap();
    client.send("GET /big HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    until(|| server.metrics().unsent.get() > MB as i64);
    assert_eq!(client.read().unwrap().body.len(), 2 * MB);
    assert_eq!(given_up(&server), 0);
    until(|| answers.now() == 0);
}

#[test]
fn loops_relieve_each_other() {
    let (app, answers) = app();
    let options = r#"{ "io": 2, "limits": { "unsent": "8mb" }, "timeouts": { "write": "20s" } }"#;
    let server = serve(app, options).unwrap();
    let mut clients = Vec::new();
    for _ in 0..40 {
        let client = Client::connect(&server).unwrap();
        client.socket().write_all(b"GET /big HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
        clients.push(client);
    }
    until(|| server.metrics().requests.get() == 40);
    until(|| server.metrics().unsent.get() <= LIMIT as i64);
    answers.were_bounded(24 * MB);
    let complete = clients.drain(..).filter_map(|mut client| client.read().ok()).count() as u64;
    assert_eq!(complete, 40 - given_up(&server));
    until(|| answers.now() == 0);
    assert_eq!(server.metrics().unsent.get(), 0);
}
