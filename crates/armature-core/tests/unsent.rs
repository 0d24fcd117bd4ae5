//! Answers that wait in memory for clients that do not read: what waits is bounded by `limits.unsent`, and others are
//! served meanwhile.

mod support;

use std::io::Write;

use armature_core::server::Server;
use armature_core::testing::{Client, serve};
use support::tracked::{MB, app};
use support::{Stage, until};

const LIMIT: usize = 8 * MB;

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
    until(|| stage.server.metrics().unsent.get() == 0);
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
    // Loops that are asked for help, each with an answer in its hands.
    answers.were_bounded(LIMIT, 8 * MB);
    let complete = clients.drain(..).filter_map(|mut client| client.read().ok()).count() as u64;
    assert_eq!(complete, 40 - given_up(&server));
    until(|| answers.now() == 0);
    until(|| server.metrics().unsent.get() == 0);
}
