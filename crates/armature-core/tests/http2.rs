//! HTTP/2 for clients that keep to the rules: requests, answers, content in both directions, time limits, the end.

mod support;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use armature_core::http::{
    Body, BodyError, BodyStream, CancelReason, Frame, Request, Response, SizeHint, StatusCode,
};
use armature_core::pipeline::HandlerFn;
use armature_core::router::MethodPattern;
use armature_core::server::{App, Server};
use armature_core::testing::{self, serve};
use bytes::Bytes;
use h2::Reason;
use h2::client::Builder;
use http::HeaderMap;
use support::http2::{Client, DATA, GOAWAY, PING, Raw, SETTINGS, frame, request};
use support::{Stage, until};

/// Frames, then the end; with a length that may be a lie.
struct Scripted {
    frames: VecDeque<Result<Frame, BodyError>>,
    promised: Option<u64>,
}

impl BodyStream for Scripted {
    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        Poll::Ready(self.frames.pop_front())
    }

    fn size_hint(&self) -> SizeHint {
        self.promised.map_or(SizeHint::Unknown, SizeHint::Exact)
    }
}

/// Content without end, which counts what was taken.
struct Endless(Arc<Mutex<usize>>);

impl BodyStream for Endless {
    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        *self.0.lock().unwrap() += 4096;
        Poll::Ready(Some(Ok(Frame::Data(Bytes::from_static(&[7; 4096])))))
    }
}

fn data(text: &'static str) -> Result<Frame, BodyError> {
    Ok(Frame::Data(Bytes::from_static(text.as_bytes())))
}

/// Different at every place, so that nothing can be lost, doubled or swapped unseen.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8 ^ (at / 65_521) as u8).collect()
}

fn scripted(promised: Option<u64>, frames: impl IntoIterator<Item = Result<Frame, BodyError>>) -> Response {
    let frames = frames.into_iter().collect();
    Response::new(StatusCode::OK).with_body(Body::stream(Scripted { frames, promised }))
}

/// What the handlers have seen, as text.
fn app() -> (App, Receiver<String>) {
    let (tell, told) = channel();
    let tell = Arc::new(Mutex::new(tell));
    let say = move |text: String| drop(tell.lock().unwrap().send(text));
    let waits = say.clone();
    let app = App::new()
        .route(
            MethodPattern::Any,
            "/head",
            HandlerFn(|request: Request| async move {
                let fields: Vec<_> =
                    request.head.iter().map(|(n, v)| format!("{n}={}", String::from_utf8_lossy(v))).collect();
                Response::text(format!(
                    "{} {} {:?} {}",
                    request.method(),
                    request.head.target(),
                    request.head.version(),
                    fields.join("&")
                ))
            }),
        )
        .route(
            MethodPattern::Any,
            "/echo",
            // Both directions at once.
            HandlerFn(|request: Request| async move {
                Response::new(StatusCode::OK).with_body(request.into_body())
            }),
        )
        .route(MethodPattern::Any, "/unread", HandlerFn(|_| async { Response::text("early") }))
        .route(
            MethodPattern::Any,
            "/large",
            HandlerFn(|_| async { Response::new(StatusCode::OK).with_body(pattern(2 << 20)) }),
        )
        .route(
            MethodPattern::Any,
            "/trailers",
            HandlerFn(|_| async {
                let mut trailers = HeaderMap::new();
                trailers.append("x-sum", "1".parse().unwrap());
                trailers.append("content-length", "99".parse().unwrap());
                scripted(None, [data("hel"), data("lo"), Ok(Frame::Trailers(trailers))])
            }),
        )
        .route(
            MethodPattern::Any,
            "/fails",
            HandlerFn(|_| async { scripted(None, [data("part"), Err(BodyError::Failed)]) }),
        )
        .route(MethodPattern::Any, "/short", HandlerFn(|_| async { scripted(Some(9), [data("part")]) }))
        .route(MethodPattern::Any, "/long", HandlerFn(|_| async { scripted(Some(3), [data("part")]) }))
        .route(
            MethodPattern::Any,
            "/none",
            HandlerFn(|_| async { Response::new(StatusCode::NO_CONTENT).with_body("no") }),
        )
        .route(
            MethodPattern::Any,
            "/not-modified",
            HandlerFn(|_| async { Response::new(StatusCode::NOT_MODIFIED) }),
        )
        .route(
            MethodPattern::Any,
            "/wait",
            HandlerFn(move |request: Request| {
                let (say, context) = (waits.clone(), request.context.clone());
                say("waits".into());
                async move {
                    let _gone = Gone(say, context);
                    std::future::pending::<()>().await;
                    Response::text("never")
                }
            }),
        );
    (app, told)
}

/// Tells why it was given up.
struct Gone<F: Fn(String)>(F, std::rc::Rc<armature_core::http::RequestContext>);

impl<F: Fn(String)> Drop for Gone<F> {
    fn drop(&mut self) {
        (self.0)(format!("{:?}", self.1.cancelled()));
    }
}

fn server() -> Server {
    serve(app().0, "{}").unwrap()
}

#[track_caller]
fn is_quiet(server: &Server) {
    until(|| server.metrics().connections.get() == 0);
    until(|| server.metrics().in_flight.get() == 0);
    assert_eq!(server.metrics().panics.get(), 0);
    assert_eq!(server.metrics().sum(|of_loop| &of_loop.busy), 0);
}

#[test]
fn a_request_and_its_answer() {
    let server = server();
    let mut client = Client::connect(&server);
    let asked = http::Request::builder()
        .uri("http://example.com/head?x=1")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("x-y", "z");
    let reply = client.send(asked.body(()).unwrap()).unwrap();
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.text(), "GET /head?x=1 H2 host=example.com&x-y=z&cookie=a=1; b=2");
    assert_eq!(reply.header("content-length"), Some(reply.text().len().to_string().as_str()));
    assert!(reply.header("date").is_some_and(|date| date.ends_with(" GMT")));
    assert_eq!(reply.header("connection"), None);
    let missing = client.get("/missing");
    assert_eq!((missing.status(), missing.header("content-type")), (404, Some("application/problem+json")));
    assert_eq!(server.metrics().requests.get(), 2);
    drop(client);
    is_quiet(&server);
}

#[test]
fn both_versions_on_one_listener() {
    let server = server();
    let mut old = testing::Client::connect(&server).unwrap();
    let mut new = Client::connect(&server);
    assert_eq!(old.get("/unread").unwrap().text(), "early");
    assert_eq!(new.get("/unread").text(), "early");
    assert_eq!(old.get("/unread").unwrap().text(), "early");
}

#[test]
fn many_requests_at_once() {
    let stage = Stage::new("{}");
    let mut client = Client::connect(&stage.server);
    let answers: Vec<_> = (0..8)
        .map(|n| {
            let (answer, _) = client.begin(request("GET", &format!("/gate/{n}")), true);
            assert_eq!(stage.next(), format!("/gate/{n}"));
            answer
        })
        .collect();
    assert_eq!(stage.server.metrics().in_flight.get(), 8);
    // In another order than they were asked.
    for (n, answer) in answers.into_iter().enumerate().rev() {
        stage.open(n);
        assert_eq!(client.finish(answer).unwrap().text(), format!("/gate/{n}"));
    }
    until(|| stage.server.metrics().in_flight.get() == 0);
}

#[test]
fn more_streams_than_there_may_be_wait_for_a_place() {
    let stage = Stage::new(r#"{ "limits": { "streams": 2 } }"#);
    let mut client = Client::connect(&stage.server);
    client.turn();
    client.get("/now/settings");
    assert_eq!(stage.next(), "/now/settings");
    let first = client.begin(request("GET", "/gate/1"), true).0;
    let second = client.begin(request("GET", "/gate/2"), true).0;
    assert_eq!((stage.next(), stage.next()), ("/gate/1".into(), "/gate/2".into()));
    stage.open(1);
    client.finish(first).unwrap();
    assert_eq!(client.get("/now/x").text(), "/now/x");
    stage.open(2);
    assert_eq!(client.finish(second).unwrap().text(), "/gate/2");
}

#[test]
fn methods_and_statuses_without_content() {
    let server = server();
    let mut client = Client::connect(&server);
    let head = client.send(request("HEAD", "/large")).unwrap();
    assert_eq!((head.header("content-length"), head.body.len()), (Some("2097152"), 0));
    let none = client.get("/none");
    assert_eq!((none.status(), none.header("content-length"), none.text()), (204, None, String::new()));
    let same = client.get("/not-modified");
    assert_eq!((same.status(), same.body.len()), (304, 0));
    let tunnel = http::Request::builder().method("CONNECT").uri("test:443").body(()).unwrap();
    assert_eq!(client.send(tunnel).unwrap().status(), 501);
}

#[test]
fn content_of_any_length_comes_back() {
    let server = server();
    let mut client = Client::connect(&server);
    for len in [0, 1, 1000, 16_384, 16_385, 65_535, 65_536, 300_000] {
        let reply = client.post(request("POST", "/echo"), &pattern(len)).unwrap();
        assert!(reply.body == pattern(len), "{len}");
    }
    assert_eq!(client.get("/large").body, pattern(2 << 20));
}

#[test]
fn both_directions_at_once() {
    let server = server();
    let mut client = Client::connect(&server);
    let (answer, mut sent) = client.begin(request("POST", "/echo"), false);
    let (head, mut received) = client.head(answer).unwrap().into_parts();
    assert_eq!(head.status, 200);
    for piece in ["one", "two", "three"] {
        sent.send_data(Bytes::from_static(piece.as_bytes()), false).unwrap();
        assert_eq!(client.data(&mut received).unwrap().unwrap(), piece);
    }
    let mut trailers = HeaderMap::new();
    trailers.append("x-sum", "1".parse().unwrap());
    trailers.append("cookie", "a=1".parse().unwrap());
    sent.send_trailers(trailers).unwrap();
    assert!(client.data(&mut received).is_none());
    let trailers = client.until(|cx| received.poll_trailers(cx)).unwrap().unwrap();
    assert_eq!((trailers.len(), trailers["x-sum"].as_bytes()), (1, &b"1"[..]));
}

#[test]
fn trailers_and_broken_content() {
    let server = server();
    let mut client = Client::connect(&server);
    let reply = client.get("/trailers");
    assert_eq!((reply.text().as_str(), reply.trailers.unwrap()["x-sum"].as_bytes()), ("hello", &b"1"[..]));
    for path in ["/fails", "/short", "/long"] {
        let error = client.send(request("GET", path)).unwrap_err();
        assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR), "{path}");
    }
    // Others go on.
    assert_eq!(client.get("/unread").text(), "early");
}

#[test]
fn an_answer_before_the_content_ends_the_stream_without_an_error() {
    let server = server();
    let mut client = Client::connect(&server);
    let (answer, mut sent) = client.begin(request("POST", "/unread"), false);
    assert_eq!(client.finish(answer).unwrap().text(), "early");
    let reset = client.until(|cx| sent.poll_reset(cx)).unwrap();
    assert_eq!(reset, Reason::NO_ERROR);
    assert_eq!(client.get("/unread").text(), "early");
}

#[test]
fn bodies_have_a_limit() {
    let server = server();
    let mut client = Client::connect(&server);
    let mut asked = request("POST", "/echo");
    asked.headers_mut().insert("content-length", (2 << 20).into());
    let (answer, _sent) = client.begin(asked, false);
    assert_eq!(client.finish(answer).unwrap().status(), 413);
    // An unknown length is counted while it is read, here behind the head of the answer.
    let error = client.post(request("POST", "/echo"), &pattern(2 << 20)).unwrap_err();
    assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
}

#[test]
fn content_is_as_long_as_announced() {
    let stage = Stage::new("{}");
    let mut client = Client::connect(&stage.server);
    for body in ["1234", "123456"] {
        let mut asked = request("POST", "/read");
        asked.headers_mut().insert("content-length", 5.into());
        let error = client.post(asked, body.as_bytes()).unwrap_err();
        assert_eq!(error.reason(), Some(Reason::PROTOCOL_ERROR), "{body}");
    }
    until(|| stage.server.metrics().in_flight.get() == 0);
}

#[test]
fn whoever_expects_a_100_gets_it_when_somebody_reads() {
    let stage = Stage::new("{}");
    let mut client = Client::connect(&stage.server);
    let mut asked = request("POST", "/read");
    asked.headers_mut().insert("expect", "100-continue".parse().unwrap());
    let (mut answer, mut sent) = client.begin(asked.clone(), false);
    let interim = client.until(|cx| answer.poll_informational(cx)).unwrap().unwrap();
    assert_eq!(interim.status(), 100);
    sent.send_data(Bytes::from_static(b"hello"), true).unwrap();
    assert_eq!(client.finish(answer).unwrap().text(), "5");
    *asked.uri_mut() = "http://test/now/1".parse().unwrap();
    let (mut answer, _sent) = client.begin(asked, false);
    assert!(client.until(|cx| answer.poll_informational(cx)).is_none());
    assert_eq!(client.finish(answer).unwrap().text(), "/now/1");
}

#[test]
fn no_100_behind_an_answer() {
    let server = server();
    let mut client = Client::connect(&server);
    let mut asked = request("POST", "/echo");
    asked.headers_mut().insert("expect", "100-continue".parse().unwrap());
    assert_eq!(client.post(asked, b"hello").unwrap().text(), "hello");
}

#[test]
fn a_reset_gives_the_request_up_and_no_other() {
    let (app, told) = app();
    let server = serve(app, "{}").unwrap();
    let mut client = Client::connect(&server);
    let (answer, mut sent) = client.begin(request("GET", "/wait"), true);
    assert_eq!(told.recv().unwrap(), "waits");
    sent.send_reset(Reason::CANCEL);
    drop((answer, sent));
    client.turn();
    assert_eq!(told.recv().unwrap(), format!("{:?}", Some(CancelReason::ClientGone)));
    until(|| server.metrics().in_flight.get() == 0);
    assert_eq!(client.get("/unread").text(), "early");
    let (_answer, _sent) = client.begin(request("GET", "/wait"), true);
    assert_eq!(told.recv().unwrap(), "waits");
    drop(client);
    assert_eq!(told.recv().unwrap(), format!("{:?}", Some(CancelReason::ClientGone)));
    is_quiet(&server);
}

#[test]
fn a_stalled_stream_is_reset_alone_and_keeps_little() {
    let taken = Arc::new(Mutex::new(0));
    let counted = taken.clone();
    let endless = HandlerFn(move |_| {
        let body = Body::stream(Endless(counted.clone()));
        async move { Response::new(StatusCode::OK).with_body(body) }
    });
    let app = app().0.route(MethodPattern::Any, "/endless", endless);
    let options = r#"{ "timeouts": { "write": 300 }, "limits": { "responseBuffer": "32kb" } }"#;
    let server = serve(app, options).unwrap();
    // A window for each stream that is larger than what is kept, and one for all that one stream cannot fill.
    let mut client = Client::with(
        &server,
        Builder::new().initial_window_size(65_535).initial_connection_window_size(1 << 20),
    );
    let (answer, _sent) = client.begin(request("GET", "/endless"), true);
    let (_, mut stalled) = client.head(answer).unwrap().into_parts();
    let mut received = 0;
    let error = loop {
        // Nothing is given back, so the window stays shut.
        assert_eq!(client.get("/unread").text(), "early");
        match client.until(|cx| stalled.poll_data(cx)).unwrap() {
            Ok(data) => received += data.len(),
            Err(error) => break error,
        }
    };
    assert_eq!((error.reason(), received), (Some(Reason::CANCEL), 65_535));
    assert_eq!(server.metrics().sum(|of_loop| &of_loop.write_timeouts), 1);
    let taken = *taken.lock().unwrap();
    assert!(taken <= 65_535 + 32_768 + 4096, "{taken} bytes were taken from the handler");
    assert_eq!(client.get("/large").body.len(), 2 << 20);
}

#[test]
fn a_handler_that_does_not_read_holds_the_client_back() {
    let (app, told) = app();
    let server = serve(app, r#"{ "limits": { "requestBuffer": "32kb" } }"#).unwrap();
    let mut client = Client::connect(&server);
    let (_answer, mut sent) = client.begin(request("POST", "/wait"), false);
    assert_eq!(told.recv().unwrap(), "waits");
    sent.reserve_capacity(1 << 20);
    let room = client.until(|cx| sent.poll_capacity(cx)).unwrap().unwrap();
    assert_eq!(room, 32 << 10);
    sent.send_data(Bytes::from(vec![0; room]), false).unwrap();
    client.turn();
    assert_eq!(sent.capacity(), 0);
    // Nobody else waits for it.
    let reply = client.post(request("POST", "/echo"), &pattern(300_000)).unwrap();
    assert_eq!(reply.body.len(), 300_000);
    assert_eq!(sent.capacity(), 0);
}

#[test]
fn a_body_that_stops_arriving() {
    let options = r#"{ "timeouts": { "body": 200 } }"#;
    let stage = Stage::new(options);
    let mut client = Client::connect(&stage.server);
    let (answer, mut sent) = client.begin(request("POST", "/read"), false);
    sent.send_data(Bytes::from_static(b"part"), false).unwrap();
    let reply = client.finish(answer).unwrap();
    assert_eq!((reply.status(), reply.text().as_str()), (400, "ARMATURE_BODY_TIMEOUT"));
    assert_eq!(stage.server.metrics().sum(|of_loop| &of_loop.body_timeouts), 1);
    assert_eq!(client.get("/now/x").text(), "/now/x");
}

#[test]
fn a_handler_has_its_time() {
    let (app, told) = app();
    let server = serve(app, r#"{ "timeouts": { "handler": 100 } }"#).unwrap();
    let mut client = Client::connect(&server);
    assert_eq!(client.get("/wait").status(), 503);
    assert_eq!(told.iter().take(2).collect::<Vec<_>>(), ["waits", "Some(Deadline)"]);
}

#[test]
fn idle_connections_are_closed_in_peace() {
    let server = serve(app().0, r#"{ "timeouts": { "idle": 200 } }"#).unwrap();
    let mut client = Client::connect(&server);
    assert_eq!(client.get("/unread").text(), "early");
    assert_eq!(client.end(), None);
    assert_eq!(server.metrics().sum(|of_loop| &of_loop.idle_timeouts), 1);
    is_quiet(&server);
}

#[test]
fn a_server_that_drains_finishes_what_it_has() {
    let stage = Stage::new("{}");
    let mut client = Client::connect(&stage.server);
    let mut idle = Client::connect(&stage.server);
    assert_eq!(idle.get("/now/idle").text(), "/now/idle");
    assert_eq!(stage.next(), "/now/idle");
    let (answer, _) = client.begin(request("GET", "/gate/1"), true);
    assert_eq!(stage.next(), "/gate/1");
    let (done, closed) = channel();
    stage.server.close_with(std::time::Duration::from_secs(10), move |how| assert!(done.send(how).is_ok()));
    assert_eq!(idle.end(), None);
    stage.open(1);
    assert_eq!(client.finish(answer).unwrap().text(), "/gate/1");
    assert_eq!(client.end(), None);
    assert_eq!(closed.recv().unwrap().cut_off, 0);
}

#[test]
fn a_drain_that_is_over_cuts_off() {
    let (app, told) = app();
    let server = serve(app, "{}").unwrap();
    let mut client = Client::connect(&server);
    let (answer, _) = client.begin(request("GET", "/wait"), true);
    assert_eq!(told.recv().unwrap(), "waits");
    let (done, closed) = channel();
    server.close_with(std::time::Duration::ZERO, move |how| assert!(done.send(how).is_ok()));
    assert_eq!(told.recv().unwrap(), format!("{:?}", Some(CancelReason::Shutdown)));
    assert_eq!(closed.recv().unwrap().cut_off, 1);
    assert!(client.finish(answer).is_err());
}

#[test]
fn pings_keep_no_idle_connection() {
    let server = serve(app().0, r#"{ "timeouts": { "idle": 300 } }"#).unwrap();
    let mut raw = Raw::connect(&server);
    raw.request(1, "/unread");
    raw.expect(DATA);
    while raw.throw(&frame(PING, 0, 0, &[0; 8])) {
        match raw.receive() {
            Some(frame) if frame.kind == GOAWAY => break,
            Some(_) => std::thread::sleep(std::time::Duration::from_millis(20)),
            None => panic!("closed without a word"),
        }
    }
    until(|| server.metrics().sum(|of_loop| &of_loop.idle_timeouts) == 1);
    assert_eq!(server.metrics().floods.get(), 0);
}

#[test]
fn a_server_that_drains_waits_for_nobody_who_says_nothing() {
    let server = server();
    let mut raw = Raw::silent(&server);
    raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    raw.expect(SETTINGS);
    let before = std::time::Instant::now();
    assert_eq!(server.close(std::time::Duration::from_secs(9)).cut_off, 0);
    assert!(before.elapsed() < std::time::Duration::from_secs(5));
}
