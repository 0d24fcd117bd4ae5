//! Streams whose pieces come late: what a connection has meanwhile, and that nothing of it is lost.

mod support;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use armature_core::http::{Body, BodyError, BodyStream, Frame, Method, Request, Response, StatusCode};
use armature_core::pipeline::HandlerFn;
use armature_core::server::{App, Server};
use armature_core::testing::{Client, serve};
use bytes::Bytes;
use support::{request, until};

#[derive(Default)]
struct Fed {
    pieces: VecDeque<Bytes>,
    is_over: bool,
    /// Nobody reads it any more.
    is_gone: bool,
    waker: Option<Waker>,
}

/// One stream, fed by the test.
#[derive(Clone, Default)]
struct Feed(Arc<Mutex<Fed>>);

impl Feed {
    fn change(&self, change: impl FnOnce(&mut Fed)) {
        let mut fed = self.0.lock().unwrap();
        change(&mut fed);
        if let Some(waker) = fed.waker.take() {
            waker.wake();
        }
    }

    fn say(&self, piece: &'static str) {
        self.change(|fed| fed.pieces.push_back(Bytes::from_static(piece.as_bytes())));
    }

    fn end(&self) {
        self.change(|fed| fed.is_over = true);
    }

    fn is_gone(&self) -> bool {
        self.0.lock().unwrap().is_gone
    }
}

struct Reader(Feed);

impl BodyStream for Reader {
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let mut fed = self.0.0.lock().unwrap();
        if let Some(piece) = fed.pieces.pop_front() {
            return Poll::Ready(Some(Ok(Frame::Data(piece))));
        }
        if fed.is_over {
            return Poll::Ready(None);
        }
        fed.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().is_gone = true;
    }
}

/// A server with one loop, and the streams that it sends.
fn start() -> (Server, Arc<Mutex<Vec<Feed>>>) {
    let feeds = Arc::<Mutex<Vec<Feed>>>::default();
    let begun = feeds.clone();
    let stream = HandlerFn(move |_: Request| {
        let feed = Feed::default();
        feed.say("first");
        begun.lock().unwrap().push(feed.clone());
        async move { Response::new(StatusCode::OK).with_body(Body::stream(Reader(feed))) }
    });
    let hello = HandlerFn(|_: Request| async { Response::text("hello") });
    let app = App::new().route(Method::GET, "/stream", stream).route(Method::GET, "/", hello);
    (serve(app, r#"{"io": 1}"#).unwrap(), feeds)
}

/// Reads until `end` has come.
fn read_until(client: &mut Client, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        text.push(char::from(client.receive(1).unwrap()[0]));
    }
    text
}

#[test]
fn streams_that_wait_have_no_buffers() {
    let (server, feeds) = start();
    let buffered = || server.metrics().sum(|of_loop| &of_loop.buffered);
    let begin = || {
        let mut client = Client::connect(&server).unwrap();
        client.send(request("GET", "/stream")).unwrap();
        read_until(&mut client, "5\r\nfirst\r\n");
        client
    };
    let mut clients = vec![begin()];
    // The loop has done with the stream when it answers somebody else, and with the buffers when it does so again.
    for _ in 0..2 {
        Client::connect(&server).unwrap().get("/").unwrap();
    }
    let one = buffered();
    clients.extend((0..50).map(|_| begin()));
    until(|| buffered() == one);
    for round in 0..2 {
        for (client, feed) in clients.iter_mut().zip(&*feeds.lock().unwrap()) {
            feed.say("more");
            assert_eq!(read_until(client, "4\r\nmore\r\n"), "4\r\nmore\r\n", "round {round}");
        }
    }
    until(|| buffered() == one);
    for (client, feed) in clients.iter_mut().zip(&*feeds.lock().unwrap()) {
        feed.say("last");
        feed.end();
        assert_eq!(read_until(client, "0\r\n\r\n"), "4\r\nlast\r\n0\r\n\r\n");
        assert_eq!(client.get("/").unwrap().text(), "hello", "the connection stays");
    }
}

#[test]
fn requests_behind_a_stream_that_waits_are_answered_after_it() {
    let (server, feeds) = start();
    let mut client = Client::connect(&server).unwrap();
    client.send(request("GET", "/stream")).unwrap();
    read_until(&mut client, "first\r\n");
    client.send(request("GET", "/") + "GET /stream HTTP/1.1\r\nhos").unwrap();
    let feed = |n: usize| feeds.lock().unwrap()[n].clone();
    feed(0).say("more");
    assert_eq!(read_until(&mut client, "more\r\n"), "4\r\nmore\r\n");
    client.send("t: t\r\n\r\n").unwrap();
    // The third one has begun, and waits for the first.
    until(|| feeds.lock().unwrap().len() == 2);
    feed(1).end();
    feed(0).end();
    assert_eq!(read_until(&mut client, "0\r\n\r\n"), "0\r\n\r\n");
    assert_eq!(client.read().unwrap().text(), "hello");
    assert_eq!(client.read().unwrap().text(), "first");
}

#[test]
fn a_client_that_leaves_a_stream_that_waits_is_noticed() {
    let (server, feeds) = start();
    for _ in 0..3 {
        let mut client = Client::connect(&server).unwrap();
        client.send(request("GET", "/stream")).unwrap();
        read_until(&mut client, "first\r\n");
    }
    // A client that says nothing more may still listen: that it does not shows when it is told something.
    until(|| {
        let feeds = feeds.lock().unwrap();
        feeds.iter().for_each(|feed| feed.say("more"));
        feeds.iter().all(Feed::is_gone)
    });
    until(|| server.metrics().connections.get() == 0);
    // Whatever is given up, a server that closes does not wait for.
    let mut client = Client::connect(&server).unwrap();
    client.send(request("GET", "/stream")).unwrap();
    read_until(&mut client, "first\r\n");
    drop(server);
    assert!(feeds.lock().unwrap().iter().all(Feed::is_gone));
}
