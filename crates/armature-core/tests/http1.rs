//! HTTP/1.1 over real sockets: framing, persistence, limits, timeouts. Long because it is one table of what a connection does,
//! over one application.

mod support;

use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use armature_core::http::{Body, Frame, Method, Request, Response, StatusCode};
use armature_core::pipeline::HandlerFn;
use armature_core::router::MethodPattern;
use armature_core::server::{App, Server};
use armature_core::testing::{Client, Reply, serve};
use bytes::Bytes;
use support::until;

fn app() -> App {
    App::new()
        .route(Method::GET, "/", HandlerFn(|_: Request| async { Response::text("hello") }))
        .route(Method::POST, "/", HandlerFn(|_: Request| async { Response::text("unread") }))
        .route(
            Method::POST,
            "/echo",
            HandlerFn(|mut request: Request| async move {
                let mut all = Vec::new();
                let mut trailers = 0;
                while let Some(frame) = request.body.frame().await {
                    match frame {
                        Ok(Frame::Data(data)) => all.extend_from_slice(&data),
                        Ok(Frame::Trailers(map)) => trailers += map.len(),
                        Err(error) => {
                            let status = match error.code() {
                                "ARMATURE_BODY_TOO_LARGE" => StatusCode::PAYLOAD_TOO_LARGE,
                                "ARMATURE_BODY_TIMEOUT" => StatusCode::REQUEST_TIMEOUT,
                                _ => StatusCode::BAD_REQUEST,
                            };
                            return Response::new(status).with_body(error.code());
                        }
                    }
                }
                Response::text(format!("{} {trailers} {}", all.len(), String::from_utf8_lossy(&all)))
            }),
        )
        .route(
            Method::GET,
            "/chunks",
            HandlerFn(|_: Request| async {
                let chunks = ["one ", "two ", "three"].map(|s| Bytes::from_static(s.as_bytes()));
                Response::new(StatusCode::OK).with_body(Body::chunks(chunks))
            }),
        )
        .route(
            Method::GET,
            "/never",
            HandlerFn(|_: Request| async {
                std::future::pending::<()>().await;
                Response::text("")
            }),
        )
        .route(Method::GET, "/panic", HandlerFn(|_: Request| async { panic!("on purpose") }))
        .route(
            MethodPattern::Any,
            "/huge",
            HandlerFn(|_: Request| async { Response::text(Bytes::from(vec![b'x'; 64 << 20])) }),
        )
}

fn start(options: &str) -> Server {
    serve(app(), options).unwrap()
}

fn exchange(server: &Server, request: &str) -> Reply {
    let mut client = Client::connect(server).unwrap();
    client.send(request).unwrap();
    client.read().unwrap()
}

#[test]
fn answers_and_keeps_the_connection() {
    let server = start("{}");
    let mut client = Client::connect(&server).unwrap();
    for _ in 0..3 {
        let reply = client.get("/").unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (200, "hello"));
        assert_eq!(reply.header("content-length"), Some("5"));
        assert!(reply.header("date").unwrap().ends_with(" GMT"));
    }
    assert_eq!(server.metrics().accepted.get(), 1);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = start("{}");
    let mut client = Client::connect(&server).unwrap();
    let mut batch = String::new();
    for i in 0..50 {
        batch.push_str(&format!(
            "POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: {}\r\n\r\n{i}",
            i.to_string().len()
        ));
    }
    client.send(batch).unwrap();
    for i in 0..50 {
        assert!(client.read().unwrap().text().ends_with(&format!(" {i}")));
    }
}

#[test]
fn a_request_may_arrive_byte_by_byte() {
    let server = start("{}");
    let mut client = Client::connect(&server).unwrap();
    for byte in b"POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 3\r\n\r\nabc" {
        client.send([*byte]).unwrap();
    }
    assert_eq!(client.read().unwrap().text(), "3 0 abc");
}

#[test]
fn chunked_both_ways_with_trailers() {
    let server = start("{}");
    let reply = exchange(
        &server,
        "POST /echo HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-sum: 1\r\n\r\n",
    );
    assert_eq!(reply.text(), "5 1 abcde");
    let reply = exchange(&server, "GET /chunks HTTP/1.1\r\nhost: t\r\n\r\n");
    assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
    assert_eq!(reply.text(), "one two three");
}

#[test]
fn http_1_0_closes_unless_asked_and_gets_no_chunks() {
    let server = start("{}");
    let mut client = Client::connect(&server).unwrap();
    client.send("GET /chunks HTTP/1.0\r\n\r\n").unwrap();
    let reply = client.read().unwrap();
    assert_eq!(reply.header("transfer-encoding"), None);
    assert_eq!(reply.text(), "one two three");
    let mut client = Client::connect(&server).unwrap();
    for _ in 0..2 {
        client.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").unwrap();
        assert_eq!(client.read().unwrap().text(), "hello");
    }
}

#[test]
fn connection_close_is_obeyed() {
    let server = start("{}");
    let mut client = Client::connect(&server).unwrap();
    client.send("GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").unwrap();
    let reply = client.read().unwrap();
    assert_eq!(reply.header("connection"), Some("close"));
    assert!(client.is_closed().unwrap());
}

#[test]
fn head_has_the_length_and_no_body() {
    let server = start("{}");
    let mut client = Client::connect(&server).unwrap();
    client.send("HEAD / HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    let reply = client.read_for("HEAD").unwrap();
    assert_eq!((reply.status, reply.header("content-length")), (200, Some("5")));
    assert_eq!(client.get("/").unwrap().text(), "hello");
}

#[test]
fn expect_continue_is_answered_when_the_body_is_read() {
    let server = start("{}");
    let mut client = Client::connect(&server).unwrap();
    client
        .send("POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n")
        .unwrap();
    assert_eq!(client.read().unwrap().status, 100);
    client.send("ok").unwrap();
    assert_eq!(client.read().unwrap().text(), "2 0 ok");
    // A handler that does not read never asks for the body.
    let mut client = Client::connect(&server).unwrap();
    client
        .send("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 100000\r\nexpect: 100-continue\r\n\r\n")
        .unwrap();
    let reply = client.read().unwrap();
    assert_eq!((reply.status, reply.text().as_str()), (200, "unread"));
    assert_eq!(reply.header("connection"), Some("close"));
}

#[test]
fn a_short_unread_body_keeps_the_connection() {
    let server = start("{}");
    let mut client = Client::connect(&server).unwrap();
    for _ in 0..3 {
        client
            .send(format!("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 60000\r\n\r\n{}", "x".repeat(60000)))
            .unwrap();
        let reply = client.read().unwrap();
        assert_eq!((reply.text().as_str(), reply.header("connection")), ("unread", None));
    }
}

#[test]
fn a_long_unread_body_closes_without_a_reset() {
    let server = start("{}");
    let mut client = Client::connect(&server).unwrap();
    client.send("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 200000\r\n\r\n").unwrap();
    client.send(vec![b'x'; 200_000]).unwrap();
    let reply = client.read().unwrap();
    assert_eq!((reply.text().as_str(), reply.header("connection")), ("unread", Some("close")));
    assert!(client.is_closed().unwrap(), "end of stream, not a reset");
}

#[test]
fn malformed_requests_are_refused_and_the_connection_closed() {
    let server = start("{}");
    for (status, request) in [
        (400, "GET\r\n\r\n"),
        (400, "GET  / HTTP/1.1\r\nhost: t\r\n\r\n"),
        (400, "GET / HTTP/1.1 \r\nhost: t\r\n\r\n"),
        (400, "GET / http/1.1\r\nhost: t\r\n\r\n"),
        (400, "GET /\r\nhost: t\r\n\r\n"),
        (505, "GET / HTTP/2.5\r\nhost: t\r\n\r\n"),
        (505, "PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n"),
        (400, "G@T / HTTP/1.1\r\nhost: t\r\n\r\n"),
        (501, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOP / HTTP/1.1\r\nhost: t\r\n\r\n"),
        (400, "GET / HTTP/1.1\nhost: t\n\n"),
        (400, "GET / HTTP/1.1\r\nhost: t\n\r\n"),
        (400, "GET / HTTP/1.1\r\nhost: t\r\nx: a\rb\r\n\r\n"),
        (400, "\x16\x03\x01\x02\x00\x01\x00\x01\x75\x03\x03"),
        (400, "GET / HTTP/1.1\r\nho st: t\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nhost: t\r\nx : a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nhost: t\r\n: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nhost: t\r\nx\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nhost: t\r\nx: a\r\n b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nhost: t\r\nx: a\0b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nhost: a b\r\n\r\n"),
        (400, "GET /a#b HTTP/1.1\r\nhost: t\r\n\r\n"),
        (400, "GET a HTTP/1.1\r\nhost: t\r\n\r\n"),
        (400, "GET * HTTP/1.1\r\nhost: t\r\n\r\n"),
        (400, "GET ftp://a/ HTTP/1.1\r\nhost: t\r\n\r\n"),
        (400, "GET /\u{e9} HTTP/1.1\r\nhost: t\r\n\r\n"),
        (400, "GET http://good@evil.example/ HTTP/1.1\r\nhost: t\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nhost: t\r\ncontent-length: abc\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nhost: t\r\ncontent-length: +1\r\n\r\nx"),
        (400, "POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 1, 1\r\n\r\nx"),
        (400, "POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"),
        (
            400,
            "POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (400, "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: gzip\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        (501, "POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        (
            400,
            "POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (411, "POST / HTTP/1.0\r\n\r\n"),
        (417, "POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 1\r\nexpect: the-unexpected\r\n\r\nx"),
    ] {
        let mut client = Client::connect(&server).unwrap();
        client.send(request).unwrap();
        let reply = client.read().unwrap();
        assert_eq!(reply.status, status, "{request:?}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{request:?}");
        assert!(reply.text().contains("requestId"), "{request:?}");
        assert!(client.is_closed().unwrap(), "{request:?}");
    }
    assert_eq!(server.metrics().malformed.get(), 41);
    assert_eq!(Client::connect(&server).unwrap().get("/").unwrap().status, 200);
}

#[test]
fn a_malformed_chunk_fails_the_body_and_closes() {
    let server = start("{}");
    for chunk in ["zz\r\nabc\r\n0\r\n\r\n", "3\r\nabcX\r\n0\r\n\r\n", "ffffffffffffffffff\r\n"] {
        let mut client = Client::connect(&server).unwrap();
        client
            .send(format!("POST /echo HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n{chunk}"))
            .unwrap();
        let reply = client.read().unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (400, "ARMATURE_BODY_MALFORMED"), "{chunk:?}");
        assert!(client.is_closed().unwrap(), "{chunk:?}");
    }
}

#[test]
fn paths_with_bad_escapes_are_400() {
    let server = start("{}");
    let mut client = Client::connect(&server).unwrap();
    assert_eq!(client.get("/%zz").unwrap().status, 400);
    assert_eq!(client.get("/%41%").unwrap().status, 400);
    assert_eq!(client.get("/").unwrap().status, 200);
}

#[test]
fn limits_have_their_status() {
    let server = start(r#"{ "limits": { "url": 100, "header": "2kb", "headers": 20, "body": 10 } }"#);
    let get = |target: String, fields: String| format!("GET {target} HTTP/1.1\r\nhost: t\r\n{fields}\r\n");
    assert_eq!(exchange(&server, &get(format!("/{}", "a".repeat(100)), String::new())).status, 414);
    assert_eq!(exchange(&server, &get("/".into(), format!("x: {}\r\n", "a".repeat(2100)))).status, 431);
    assert_eq!(exchange(&server, &get("/".into(), "x: a\r\n".repeat(30))).status, 431);
    assert_eq!(exchange(&server, &get("/".into(), "x: a\r\n".repeat(10))).status, 200);
    let reply = exchange(&server, "POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 11\r\n\r\n12345678901");
    assert_eq!(reply.status, 413);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    let reply = exchange(
        &server,
        "POST /echo HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n6\r\n123456\r\n6\r\n123456\r\n0\r\n\r\n",
    );
    assert_eq!(reply.status, 413);
    // Counted while it is read, when nobody knows how much will come.
    let reply = exchange(
        &server,
        "POST /echo HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n6\r\n123456\r\n6\r\n123456\r\n",
    );
    assert_eq!((reply.status, reply.text().as_str()), (413, "ARMATURE_BODY_TOO_LARGE"));
    let long = format!("/{}", "a".repeat(5000));
    assert_eq!(exchange(&server, &get(long, String::new())).status, 414);
}

#[test]
fn connections_and_requests_in_flight_are_limited() {
    let server = start(r#"{ "limits": { "connections": 2 } }"#);
    let mut first = Client::connect(&server).unwrap();
    first.get("/").unwrap();
    let mut second = Client::connect(&server).unwrap();
    second.get("/").unwrap();
    let mut third = Client::connect(&server).unwrap();
    let reply = third.read().unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    assert!(third.is_closed().unwrap());
    drop(first);
    until(|| server.metrics().connections.get() < 2);
    assert_eq!(Client::connect(&server).unwrap().get("/").unwrap().status, 200);

    let server = start(r#"{ "limits": { "inFlight": 1 } }"#);
    let mut waiting = Client::connect(&server).unwrap();
    waiting.send("GET /never HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    until(|| server.metrics().in_flight.get() == 1);
    let mut client = Client::connect(&server).unwrap();
    let reply = client.get("/").unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    drop(waiting);
}

#[test]
fn a_silent_or_slow_client_is_closed() {
    let server = start(r#"{ "timeouts": { "header": 100, "idle": 300 } }"#);
    let mut silent = Client::connect(&server).unwrap();
    let mut slow = Client::connect(&server).unwrap();
    slow.send("GET / HTTP/1.1\r\nho").unwrap();
    assert!(silent.is_closed().unwrap());
    let reply = slow.read().unwrap();
    assert_eq!((reply.status, reply.header("connection")), (408, Some("close")));
    assert!(slow.is_closed().unwrap());
    assert_eq!(server.metrics().header_timeouts.get(), 1);
    assert_eq!(server.metrics().sum(|of_loop| &of_loop.idle_timeouts), 1);
}

#[test]
fn an_idle_connection_is_closed_after_idle_and_not_after_header() {
    let server = start(r#"{ "timeouts": { "header": 50, "idle": 400 } }"#);
    let mut client = Client::connect(&server).unwrap();
    client.get("/").unwrap();
    let since = Instant::now();
    assert!(client.is_closed().unwrap());
    assert!(since.elapsed() >= Duration::from_millis(350), "{:?}", since.elapsed());
    assert_eq!(server.metrics().sum(|of_loop| &of_loop.idle_timeouts), 1);
}

#[test]
fn an_early_answer_does_not_start_the_header_timer() {
    let server = start(r#"{ "timeouts": { "header": 100, "idle": 1000 } }"#);
    let mut client = Client::connect(&server).unwrap();
    client.send("POST /missing HTTP/1.1\r\nhost: t\r\ncontent-length: 3\r\n\r\n").unwrap();
    assert_eq!(client.read().unwrap().status, 404);
    client.send("abc").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(client.get("/").unwrap().status, 200);
}

#[test]
fn connect_is_refused() {
    let server = start("{}");
    let reply = exchange(&server, "CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example:443\r\n\r\n");
    assert_eq!((reply.status, reply.header("connection")), (501, Some("close")));
}

#[test]
fn a_large_answer_is_whole_while_draining_and_after_an_unread_body() {
    let server = start(r#"{ "limits": { "unsent": "1gb" } }"#);
    let mut slow = Client::connect(&server).unwrap();
    slow.send("GET /huge HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    let mut unread = Client::connect(&server).unwrap();
    unread.send("POST /huge HTTP/1.1\r\nhost: t\r\ncontent-length: 200000\r\n\r\n").unwrap();
    unread.send(vec![b'x'; 200_000]).unwrap();
    until(|| server.metrics().requests.get() == 2);
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| server.close(Duration::from_secs(20)));
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(slow.read().unwrap().body.len(), 64 << 20);
        assert_eq!(unread.read().unwrap().body.len(), 64 << 20);
        drop((slow, unread));
        assert_eq!(closing.join().unwrap().cut_off, 0);
    });
}

#[test]
fn a_stalled_body_is_408() {
    let server = start(r#"{ "timeouts": { "body": 100 } }"#);
    let mut client = Client::connect(&server).unwrap();
    client.send("POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n\r\n12345").unwrap();
    let reply = client.read().unwrap();
    assert_eq!((reply.status, reply.text().as_str()), (408, "ARMATURE_BODY_TIMEOUT"));
    // Who was waited for in vain is not waited for again.
    assert_eq!(reply.header("connection"), Some("close"));
    assert!(client.is_closed().unwrap());
    assert_eq!(server.metrics().sum(|of_loop| &of_loop.body_timeouts), 1);
}

#[test]
fn a_peer_that_takes_nothing_is_reset() {
    let server = start(r#"{ "timeouts": { "write": 800 } }"#);
    let mut client = Client::connect(&server).unwrap();
    client.send("GET /huge HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    until(|| server.metrics().sum(|of_loop| &of_loop.busy) == 1);
    until(|| server.metrics().connections.get() == 0);
    assert!(client.read().is_err());
    assert_eq!(server.metrics().sum(|of_loop| &of_loop.write_timeouts), 1);
    assert_eq!(server.metrics().sum(|of_loop| &of_loop.busy), 0);
}

#[test]
fn a_handler_has_its_deadline_and_a_panic_is_a_500() {
    let server = start(r#"{ "timeouts": { "handler": 100 } }"#);
    let mut client = Client::connect(&server).unwrap();
    let reply = client.get("/never").unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    assert!(reply.text().contains("ARMATURE_HANDLER_TIMEOUT"));
    let reply = client.get("/panic").unwrap();
    assert_eq!(reply.status, 500);
    assert!(!reply.text().contains("on purpose"));
    assert_eq!(client.get("/").unwrap().status, 200);
    assert_eq!((server.metrics().handler_timeouts.get(), server.metrics().panics.get()), (1, 1));
}

#[test]
fn a_debugger_stops_the_handlers_clock() {
    let server = start(r#"{ "timeouts": { "handler": 50 } }"#);
    server.pause_deadlines(true);
    let mut client = Client::connect(&server).unwrap();
    client.send("GET /never HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(server.metrics().handler_timeouts.get(), 0);
    server.pause_deadlines(false);
    assert_eq!(client.read().unwrap().status, 503);
}

#[test]
fn the_handlers_deadline_stands_still_while_the_client_sends() {
    let server = start(r#"{ "timeouts": { "handler": 150 } }"#);
    let mut client = Client::connect(&server).unwrap();
    client.send("POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\n").unwrap();
    for byte in b"abcd" {
        std::thread::sleep(Duration::from_millis(100));
        client.send([*byte]).unwrap();
    }
    assert_eq!(client.read().unwrap().text(), "4 0 abcd");
}

#[test]
fn a_half_closed_client_gets_its_answer() {
    let server = start("{}");
    let mut client = Client::connect(&server).unwrap();
    client.send("GET / HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    client.socket().shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.read().unwrap().text(), "hello");
    assert!(client.is_closed().unwrap());
}

#[test]
fn methods_of_known_paths() {
    let server = start("{}");
    let mut client = Client::connect(&server).unwrap();
    client.send("DELETE / HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    let reply = client.read().unwrap();
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD, OPTIONS, POST")));
    client.send("OPTIONS / HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    let reply = client.read().unwrap();
    assert_eq!((reply.status, reply.header("allow")), (204, Some("GET, HEAD, OPTIONS, POST")));
    client.send("OPTIONS * HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    assert_eq!(client.read().unwrap().status, 204);
    assert_eq!(client.get("/missing").unwrap().status, 404);
}

#[test]
fn draining_finishes_requests_and_closes_idle_connections() {
    let server = start("{}");
    let mut idle = Client::connect(&server).unwrap();
    idle.get("/").unwrap();
    let mut busy = Client::connect(&server).unwrap();
    busy.send("POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nab").unwrap();
    until(|| server.metrics().in_flight.get() == 1);
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| server.close(Duration::from_secs(5)));
        assert!(idle.is_closed().unwrap());
        busy.socket().write_all(b"cd").unwrap();
        let reply = busy.read().unwrap();
        assert_eq!((reply.text().as_str(), reply.header("connection")), ("4 0 abcd", Some("close")));
        assert!(busy.is_closed().unwrap());
        assert_eq!(closing.join().unwrap().cut_off, 0);
    });
    assert!(Client::connect(&server).is_err());
}

#[test]
fn what_does_not_finish_in_time_is_cut_off() {
    let server = start("{}");
    let mut client = Client::connect(&server).unwrap();
    client.send("GET /never HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    until(|| server.metrics().in_flight.get() == 1);
    assert_eq!(server.close(Duration::from_millis(100)).cut_off, 1);
    assert!(client.read().is_err());
}

#[test]
fn a_used_port_is_an_error_that_names_it() {
    let first = start("{}");
    let address = first.addresses()[0].to_string();
    let error = serve(app(), &format!(r#"{{ "listen": "{address}" }}"#)).err().unwrap();
    assert!(error.is_listen());
    assert!(error.to_string().contains(&address), "{error}");
}
