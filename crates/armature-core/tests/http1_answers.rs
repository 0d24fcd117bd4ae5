//! What is written: streams that fail or break their word, trailers, slow readers, answers larger than any buffer.

mod support;

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use armature_core::http::{
    Address, Body, BodyError, BodyStream, Frame, Method, Request, Response, SizeHint, StatusCode,
};
use armature_core::pipeline::HandlerFn;
use armature_core::server::{App, Server};
use armature_core::testing::{Client, serve};
use bytes::Bytes;
use socket2::{Domain, Socket, Type};
use support::{request, until};

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

fn data(text: &'static str) -> Result<Frame, BodyError> {
    Ok(Frame::Data(Bytes::from_static(text.as_bytes())))
}

fn trailers() -> Result<Frame, BodyError> {
    let mut map = http::HeaderMap::new();
    map.append("x-sum", "1".parse().unwrap());
    map.append("content-length", "99".parse().unwrap());
    map.append("x-sum", "2".parse().unwrap());
    Ok(Frame::Trailers(map))
}

/// Different at every place, so that nothing can be lost, doubled or swapped unseen.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8 ^ (at / 65_521) as u8).collect()
}

const LARGE: usize = 2 << 20;

fn app() -> App {
    type Script = fn() -> (Option<u64>, Vec<Result<Frame, BodyError>>);
    let scripts: [(&str, Script); 8] = [
        ("/fails", || (None, vec![data("part"), Err(BodyError::Failed)])),
        ("/fails-at-once", || (None, vec![Err(BodyError::Failed)])),
        ("/fails-with-length", || (Some(100), vec![data("part"), Err(BodyError::Failed)])),
        ("/short", || (Some(100), vec![data("part")])),
        ("/long", || (Some(2), vec![data("part")])),
        ("/short-with-trailers", || (Some(100), vec![data("part"), trailers()])),
        ("/exact", || (Some(8), vec![data("part"), data("part")])),
        ("/trailers", || (None, vec![data("part"), trailers()])),
    ];
    let mut app = App::new();
    for (path, script) in scripts {
        app = app.route(
            Method::GET,
            path,
            HandlerFn(move |_: Request| async move {
                let (promised, frames) = script();
                Response::new(StatusCode::OK)
                    .with_body(Body::stream(Scripted { promised, frames: frames.into() }))
            }),
        );
    }
    let large = Bytes::from(pattern(LARGE));
    let pieces = large.clone();
    app.route(Method::GET, "/", HandlerFn(|_: Request| async { Response::text("hello") }))
        .route(
            Method::GET,
            "/large",
            HandlerFn(move |_: Request| {
                let large = large.clone();
                async move { Response::text(large) }
            }),
        )
        .route(
            Method::GET,
            "/pieces",
            HandlerFn(move |_: Request| {
                // Below and above the size from which content is written from where it is.
                let mut rest = pieces.clone();
                let mut chunks = Vec::new();
                for size in [1, 1000, 16_383, 16_384, 16_385, 70_000].into_iter().cycle() {
                    chunks.push(rest.split_to(size.min(rest.len())));
                    if rest.is_empty() {
                        break;
                    }
                }
                async { Response::new(StatusCode::OK).with_body(Body::chunks(chunks)) }
            }),
        )
}

fn start(options: &str) -> Server {
    serve(app(), options).unwrap()
}

#[test]
fn content_that_fails_or_breaks_its_word_ends_in_a_reset() {
    let server = start("{}");
    for version in ["1.1", "1.0"] {
        for path in
            ["/fails", "/fails-at-once", "/fails-with-length", "/short", "/long", "/short-with-trailers"]
        {
            let mut client = Client::connect(&server).unwrap();
            // The answer before it is good.
            let first = format!("GET / HTTP/{version}\r\nhost: t\r\nconnection: keep-alive\r\n\r\n");
            client.send(format!("{first}GET {path} HTTP/{version}\r\nhost: t\r\n\r\n")).unwrap();
            assert_eq!(client.read().unwrap().text(), "hello", "{path}");
            let error =
                client.read().err().unwrap_or_else(|| panic!("{path} HTTP/{version}: taken for complete"));
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{path} HTTP/{version}");
        }
    }
    until(|| server.metrics().connections.get() == 0);
}

#[test]
fn a_stream_that_keeps_its_word_keeps_the_connection() {
    let server = start("{}");
    let mut client = Client::connect(&server).unwrap();
    for _ in 0..2 {
        let reply = client.get("/exact").unwrap();
        assert_eq!((reply.text().as_str(), reply.header("content-length")), ("partpart", Some("8")));
    }
    client.send("GET /exact HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").unwrap();
    let reply = client.read().unwrap();
    assert_eq!((reply.text().as_str(), reply.header("connection")), ("partpart", Some("keep-alive")));
    // Without a length only the end of the connection tells HTTP/1.0 where the content ends.
    client.send("GET /pieces HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").unwrap();
    let reply = client.read().unwrap();
    assert_eq!((reply.header("connection"), reply.body.len()), (Some("close"), LARGE));
    assert!(client.is_closed().unwrap());
}

#[test]
fn trailers_follow_chunks() {
    let server = start("{}");
    let mut client = Client::connect(&server).unwrap();
    let reply = client.get("/trailers").unwrap();
    let expected = ["1", "2"].map(|value| ("x-sum".to_owned(), value.to_owned()));
    assert_eq!((reply.text().as_str(), reply.trailers.as_slice()), ("part", &expected[..]));
    client.send("HEAD /trailers HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    assert_eq!(client.read_for("HEAD").unwrap().status, 200);
    client.send("GET /trailers HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(client.read().unwrap().text(), "part");
}

#[test]
fn large_answers_are_whole_however_little_the_peer_takes() {
    let server = start("{}");
    let expected = pattern(LARGE);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    // With the large segments of loopback a window this small would open by a timer only.
    socket.set_tcp_mss(536).unwrap();
    let Address::Ip(address) = server.addresses()[0] else { panic!("a TCP address") };
    socket.connect(&address.into()).unwrap();
    let mut client = Client::over(socket.into()).unwrap();
    let paths = ["/", "/large", "/", "/pieces", "/large", "/"];
    client.send(paths.map(|path| request("GET", path)).concat()).unwrap();
    for path in paths {
        let reply = client.read().unwrap();
        if path == "/" {
            assert_eq!(reply.text(), "hello");
        } else {
            assert!(reply.body == expected, "{path}: {} bytes", reply.body.len());
        }
    }
}

#[test]
fn a_slow_reader_is_served_until_it_takes_nothing() {
    let server = start(r#"{ "timeouts": { "write": 1000 } }"#);
    let mut client = Client::connect(&server).unwrap();
    client.send(request("GET", "/large").repeat(20)).unwrap();
    let since = Instant::now();
    let mut piece = [0; 4096];
    // For more than twice the timeout. A kernel tells its peer of room in steps of 64 kB or more, so this is in the same
    // proportion to the timeout as 20 kB each second to that of 30 seconds.
    while since.elapsed() < Duration::from_millis(2500) {
        client.socket().read_exact(&mut piece).unwrap();
        std::thread::sleep(Duration::from_micros(6_250));
    }
    assert_eq!(server.metrics().connections.get(), 1);
    until(|| server.metrics().connections.get() == 0);
    let error = std::iter::repeat_with(|| client.socket().read(&mut piece)).find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}
