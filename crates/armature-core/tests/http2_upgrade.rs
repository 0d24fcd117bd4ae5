//! Leaving HTTP over a stream of HTTP/2 (RFC 8441): both halves belong to the other protocol, and end with it.

mod support;

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use armature_core::handler::upgrade;
use armature_core::http::{Method, Response, StatusCode, Upgraded};
use armature_core::pipeline::HandlerFn;
use armature_core::server::App;
use bytes::Bytes;
use h2::ext::Protocol;
use h2::{Reason, RecvStream, SendStream};
use http::Request;
use support::http2::{Client, Reply};
use support::{Stage, until};

const PATIENCE: Duration = Duration::from_secs(10);

async fn echo(io: Upgraded) {
    let mut buf = vec![0; 16 * 1024];
    while let Ok(n @ 1..) = io.read(&mut buf).await {
        if io.write_all(&buf[..n]).await.is_err() {
            return;
        }
    }
}

/// A server whose `/` speaks `serve`.
fn speaking<F, Fut>(serve: F) -> Stage
where
    F: Fn(Upgraded) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    Stage::with(App::new().route(Method::GET, "/", upgrade("websocket", serve)), "{}")
}

/// For continuations, which are shared by all loops.
fn teller<T: Send + 'static>() -> (impl Fn(T) + Clone + Send + Sync + 'static, Receiver<T>) {
    let (tell, told) = channel();
    let tell = Arc::new(Mutex::new(tell));
    (move |what| drop(tell.lock().unwrap().send(what)), told)
}

/// Tells that it has been dropped.
struct Guard<F: Fn(&'static str)>(F);

impl<F: Fn(&'static str)> Drop for Guard<F> {
    fn drop(&mut self) {
        (self.0)("dropped");
    }
}

fn connect_to(path: &str, protocol: &'static str) -> Request<()> {
    let request = Request::builder().method("CONNECT").uri(format!("http://test{path}"));
    request.extension(Protocol::from_static(protocol)).body(()).unwrap()
}

#[track_caller]
fn open(client: &mut Client) -> (RecvStream, SendStream<Bytes>) {
    let (answer, sending) = client.begin(connect_to("/", "websocket"), false);
    let head = client.head(answer).unwrap();
    assert_eq!(head.status(), 200);
    for name in ["content-length", "upgrade", "connection"] {
        assert!(!head.headers().contains_key(name), "{name}");
    }
    assert!(head.headers().contains_key("date"));
    (head.into_body(), sending)
}

#[track_caller]
fn refused(client: &mut Client, request: Request<()>) -> Reply {
    let (answer, _sending) = client.begin(request, false);
    client.finish(answer).unwrap()
}

/// Waits for `text`, and nothing behind it.
#[track_caller]
fn hears(client: &mut Client, stream: &mut RecvStream, text: &str) {
    let mut got = Vec::new();
    while got.len() < text.len() {
        got.extend_from_slice(&client.data(stream).expect("the stream ended").unwrap());
    }
    assert_eq!(String::from_utf8_lossy(&got), text);
}

/// Waits for the end of the stream.
#[track_caller]
fn ends(client: &mut Client, stream: &mut RecvStream) {
    while let Some(data) = client.data(stream) {
        assert_eq!(data.unwrap(), Bytes::new(), "something came before the end");
    }
}

#[test]
fn both_directions_belong_to_the_protocol() {
    let stage = speaking(echo);
    let mut client = Client::connect(&stage.server);
    let (mut received, mut sending) = open(&mut client);
    assert_eq!((stage.server.metrics().upgrades.get(), stage.server.metrics().upgraded.get()), (1, 1));
    sending.send_data(Bytes::from_static(b"hello"), false).unwrap();
    hears(&mut client, &mut received, "hello");
    // Much more than the windows hold.
    let content: Vec<u8> = (0..3 << 20).map(|at| (at % 251) as u8).collect();
    let (mut rest, mut back) = (Bytes::from(content.clone()), Vec::new());
    client.until(|cx| {
        while !rest.is_empty() {
            sending.reserve_capacity(rest.len());
            let room = sending.capacity().min(rest.len());
            if room == 0 {
                let _ = sending.poll_capacity(cx);
                break;
            }
            sending.send_data(rest.split_to(room), false).unwrap();
        }
        while let std::task::Poll::Ready(Some(data)) = received.poll_data(cx) {
            let data = data.unwrap();
            received.flow_control().release_capacity(data.len()).unwrap();
            back.extend_from_slice(&data);
        }
        if back.len() == content.len() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    });
    assert!(back == content, "something else came back");
    // Other streams go on beside it.
    assert_eq!(client.get("/now/1").text(), "/now/1");
    sending.send_data(Bytes::new(), true).unwrap();
    ends(&mut client, &mut received);
    until(|| stage.server.metrics().upgraded.get() == 0);
}

#[test]
fn who_asks_for_something_else_is_refused() {
    let app = App::new()
        .route(Method::GET, "/", upgrade("websocket", echo))
        .route(Method::GET, "/echo", upgrade("echo", echo))
        .route(Method::GET, "/plain", HandlerFn(|_| async { Response::text("not a tunnel") }))
        .route(Method::GET, "/gone", HandlerFn(|_| async { Response::new(StatusCode::GONE) }));
    let stage = Stage::with(app, "{}");
    let mut client = Client::connect(&stage.server);
    for (path, protocol, status) in [
        ("/", "connect-udp", 501),
        ("/plain", "websocket", 501),
        ("/echo", "websocket", 426),
        ("/gone", "websocket", 410),
        ("/missing", "websocket", 404),
    ] {
        let reply = refused(&mut client, connect_to(path, protocol));
        assert_eq!(reply.status(), status, "{path} {protocol}: {reply:?}");
    }
    assert_eq!(client.get("/").status(), 426);
    assert_eq!(stage.server.metrics().upgrades.get(), 0);
    let _ = open(&mut client);
}

#[test]
fn a_continuation_ends_with_its_stream() {
    let (tell, told) = teller();
    let stage = speaking(move |io| {
        let guard = Guard(tell.clone());
        async move {
            // Neither reads nor writes.
            std::future::pending::<()>().await;
            drop((io, guard));
        }
    });
    let mut client = Client::connect(&stage.server);
    let (_first, mut sending) = open(&mut client);
    let _second = open(&mut client);
    sending.send_reset(Reason::CANCEL);
    client.turn();
    assert_eq!(told.recv_timeout(PATIENCE), Ok("dropped"));
    until(|| stage.server.metrics().upgraded.get() == 1);
    // And with its connection.
    drop(client);
    assert_eq!(told.recv_timeout(PATIENCE), Ok("dropped"));
    until(|| stage.server.metrics().upgraded.get() == 0);
}

#[test]
fn a_panic_costs_its_stream() {
    let stage = speaking(|io| async move {
        let mut buf = [0; 16];
        io.write_all(b"half").await.unwrap();
        let _ = io.read(&mut buf).await;
        panic!("on purpose");
    });
    let mut client = Client::connect(&stage.server);
    let (mut received, mut sending) = open(&mut client);
    hears(&mut client, &mut received, "half");
    sending.send_data(Bytes::from_static(b"go"), false).unwrap();
    // Not the end of a stream: what came is not all.
    assert_eq!(client.data(&mut received).unwrap().unwrap_err().reason(), Some(Reason::CANCEL));
    assert_eq!(stage.server.metrics().panics.get(), 1);
    assert_eq!(client.get("/now/1").text(), "/now/1");
}

#[test]
fn draining_is_told_and_waited_for() {
    let stage = speaking(|io| async move {
        tokio::join!(io.closing(), io.closing());
        io.write_all(b"goodbye").await.unwrap();
        // A client says goodbye too.
        echo(io).await;
    });
    let mut client = Client::connect(&stage.server);
    let (mut received, mut sending) = open(&mut client);
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| stage.server.close(PATIENCE));
        hears(&mut client, &mut received, "goodbye");
        sending.send_data(Bytes::from_static(b"farewell"), true).unwrap();
        hears(&mut client, &mut received, "farewell");
        ends(&mut client, &mut received);
        client.end();
        assert_eq!(closing.join().unwrap().cut_off, 0);
    });
}

#[test]
fn a_drain_that_is_over_cuts_off() {
    let stage = speaking(echo);
    let mut client = Client::connect(&stage.server);
    let (mut received, _sending) = open(&mut client);
    assert_eq!(stage.server.close(Duration::from_millis(50)).cut_off, 1);
    assert!(client.data(&mut received).is_none_or(|data| data.is_err()));
}
