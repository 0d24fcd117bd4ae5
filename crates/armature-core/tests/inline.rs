//! A loop that its host drives: the same server without an IO thread.
#![cfg(target_os = "linux")]

use std::cell::Cell;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use armature_core::config::{Config, Environment, Settings};
use armature_core::http::{Address, Method, Request, Response};
use armature_core::io_loop::HostLoop;
use armature_core::pipeline::HandlerFn;
use armature_core::server::{App, Server};
use armature_core::testing::Client;

const BUDGET: Duration = Duration::from_millis(1);

fn app() -> App {
    App::new().route(Method::GET, "/", HandlerFn(|_: Request| async { Response::text("hello") }))
}

fn settings(options: &str) -> Settings {
    let base = Config::from_json(r#"{ "listen": "127.0.0.1:0", "io": "inline" }"#).unwrap();
    Settings::resolve(base.merge(Config::from_json(options).unwrap()), &Environment::default()).unwrap()
}

/// Turns until `done`; what a host does that has nothing else to do.
fn drive(host: &HostLoop, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "timed out");
        host.turn(BUDGET);
        std::thread::yield_now();
    }
}

#[test]
fn serves_between_turns_of_its_host() {
    let host = HostLoop::new(0, || {}).unwrap();
    let server = Server::start_inline(app().build().unwrap(), settings("{}"), &host).unwrap();
    let client = std::thread::spawn({
        let mut client = Client::connect(&server).unwrap();
        move || (0..100).map(|_| client.get("/").unwrap().text()).collect::<Vec<_>>()
    });
    drive(&host, || client.is_finished());
    assert!(client.join().unwrap().iter().all(|text| text == "hello"));
    assert_eq!(server.metrics().requests.get(), 100);
}

#[test]
fn deadlines_are_told_and_kept() {
    let host = HostLoop::new(0, || {}).unwrap();
    let options = r#"{ "timeouts": { "header": 100 } }"#;
    let server = Server::start_inline(app().build().unwrap(), settings(options), &host).unwrap();
    let mut silent = Client::connect(&server).unwrap();
    drive(&host, || server.metrics().accepted.get() == 1);
    let turn = host.turn(BUDGET);
    assert!(!turn.ready);
    assert!(turn.deadline.unwrap() <= Instant::now() + Duration::from_millis(120), "{turn:?}");
    drive(&host, || server.metrics().connections.get() == 0);
    assert!(silent.is_closed().unwrap());
}

#[test]
fn the_host_is_told_of_work_from_elsewhere_once() {
    let told = Arc::new(AtomicUsize::new(0));
    let host = {
        let told = told.clone();
        HostLoop::new(0, move || {
            told.fetch_add(1, Ordering::SeqCst);
        })
        .unwrap()
    };
    host.turn(BUDGET);
    assert_eq!(told.load(Ordering::SeqCst), 0, "nothing was said during the turn");
    let ran = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let ran = ran.clone();
        host.remote().run(move |_| {
            ran.fetch_add(1, Ordering::SeqCst);
        });
    }
    assert_eq!(told.load(Ordering::SeqCst), 1, "one word for all that waits");
    host.turn(BUDGET);
    assert_eq!(ran.load(Ordering::SeqCst), 3);
    // Who announces his turn is not told.
    host.expect_turn();
    host.remote().run(|_| {});
    assert_eq!(told.load(Ordering::SeqCst), 1);
    host.turn(BUDGET);
    drop(host);
}

#[test]
fn dropping_the_loop_closes_what_is_on_it() {
    let host = HostLoop::new(0, || {}).unwrap();
    let server = Server::start_inline(app().build().unwrap(), settings("{}"), &host).unwrap();
    let mut client = Client::connect(&server).unwrap();
    drive(&host, || server.metrics().accepted.get() == 1);
    drop(host);
    assert!(client.is_closed().unwrap_or(true));
    assert_eq!(server.metrics().connections.get(), 0);
    assert_eq!(server.close(Duration::from_secs(5)).cut_off, 0, "it has ended already");
}

#[test]
fn a_turn_leaves_most_of_a_long_pipeline_to_the_next() {
    const REQUESTS: u64 = 10_000;
    let host = HostLoop::new(0, || {}).unwrap();
    let server = Server::start_inline(app().build().unwrap(), settings("{}"), &host).unwrap();
    let Address::Ip(address) = &server.addresses()[0] else { panic!("it listens on TCP") };
    let mut reader = TcpStream::connect(address).unwrap();
    let mut writer = reader.try_clone().unwrap();
    let request = "GET / HTTP/1.1\r\nhost: t\r\n\r\n";
    let client = std::thread::spawn(move || {
        let all = request.repeat(REQUESTS as usize);
        let writing = std::thread::spawn(move || {
            writer.write_all(all.as_bytes()).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
        writing.join().unwrap();
    });
    let most = Cell::new(0);
    let deadline = Instant::now() + Duration::from_secs(10);
    while !client.is_finished() {
        assert!(Instant::now() < deadline, "timed out");
        let before = server.metrics().requests.get();
        // Over before it begins: as little as can be.
        host.turn(Duration::ZERO);
        most.set(most.get().max(server.metrics().requests.get() - before));
        std::thread::yield_now();
    }
    client.join().unwrap();
    assert_eq!(server.metrics().requests.get(), REQUESTS);
    // One task, which handles what `limits.pipeline` lets begin.
    assert!(most.get() <= 32, "{}", most.get());
}
