//! Leaving HTTP over real sockets: when the client is handed to another protocol, when it is not, and how that ends.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use armature_core::handler::upgrade;
use armature_core::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Upgraded};
use armature_core::layer::{Cors, CorsOptions};
use armature_core::pipeline::{HandlerFn, LayerFn, Next};
use armature_core::router::MethodPattern;
use armature_core::server::App;
use armature_core::testing::{Client, Reply};
use socket2::SockRef;
use support::{Stage, request, until};
use tokio::sync::Semaphore;

const PATIENCE: Duration = Duration::from_secs(10);
/// More than sockets hold.
const TOTAL: usize = 24 << 20;

async fn echo(io: Upgraded) {
    let mut buf = vec![0; 16 * 1024];
    while let Ok(n @ 1..) = io.read(&mut buf).await {
        if io.write_all(&buf[..n]).await.is_err() {
            return;
        }
    }
}

/// Shows the status that layers have seen.
async fn witness(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = HeaderValue::from(response.status.as_u16());
    response.with_header(HeaderName::from_static("x-status"), status)
}

fn app() -> App {
    App::new().layer(LayerFn(witness)).route(MethodPattern::Any, "/echo", upgrade("echo", echo)).route(
        Method::POST,
        "/reads",
        HandlerFn(|request: Request| async move {
            let content = request.into_body().collect(1 << 20).await.unwrap();
            Response::upgrade("echo", move |io: Upgraded| async move {
                io.write_all(&content).await.unwrap();
                echo(io).await;
            })
        }),
    )
}

fn stage() -> Stage {
    Stage::with(app(), "{}")
}

/// A server whose `/` speaks `serve`.
fn speaking<F, Fut>(serve: F, options: &str) -> Stage
where
    F: Fn(Upgraded) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    Stage::with(App::new().route(Method::GET, "/", upgrade("echo", serve)), options)
}

/// An application whose `/` tells that it has been asked, and waits before it answers with `serve`.
fn gated<F, Fut>(serve: F) -> (App, Arc<Semaphore>, Receiver<()>)
where
    F: Fn(Upgraded) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let gate = Arc::new(Semaphore::new(0));
    let (tell, told) = teller();
    let shut = gate.clone();
    let handler = HandlerFn(move |_: Request| {
        let (gate, tell, serve) = (shut.clone(), tell.clone(), serve.clone());
        async move {
            tell(());
            gate.acquire().await.unwrap().forget();
            Response::upgrade("echo", serve)
        }
    });
    (App::new().route(Method::GET, "/", handler), gate, told)
}

fn asking(method: &str, path: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: echo\r\n{more}\r\n")
}

fn all<'a>(reply: &'a Reply, name: &str) -> Vec<&'a str> {
    reply.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
}

#[track_caller]
fn switches(client: &mut Client) {
    let reply = client.read().unwrap();
    assert_eq!((reply.status, reply.header("upgrade")), (101, Some("echo")), "{reply:?}");
    assert_eq!(all(&reply, "connection"), ["upgrade"]);
    assert!(reply.header("date").is_some_and(|date| date.ends_with(" GMT")));
    for name in ["content-length", "transfer-encoding", "content-type"] {
        assert_eq!(reply.header(name), None);
    }
}

#[track_caller]
fn hears(client: &mut Client, text: &str) {
    assert_eq!(String::from_utf8_lossy(&client.receive(text.len()).unwrap()), text);
}

#[track_caller]
fn is_refused(client: &mut Client) -> Reply {
    let reply = client.read().unwrap();
    assert_eq!((reply.status, reply.header("upgrade")), (426, Some("echo")), "{reply:?}");
    assert!(all(&reply, "connection").contains(&"upgrade"), "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert!(reply.text().contains(r#""code":"ARMATURE_UPGRADE_REQUIRED""#), "{reply:?}");
    reply
}

/// Waits for what a continuation tells.
#[track_caller]
fn heard<T>(told: &Receiver<T>) -> T {
    told.recv_timeout(PATIENCE).expect("a continuation says nothing")
}

/// For continuations, which are shared by all loops.
fn teller<T: Send + 'static>() -> (impl Fn(T) + Clone + Send + Sync + 'static, Receiver<T>) {
    let (tell, told) = channel();
    let tell = Arc::new(Mutex::new(tell));
    (move |what| drop(tell.lock().unwrap().send(what)), told)
}

#[test]
fn what_comes_early_comes_first() {
    let stage = stage();
    let text = asking("GET", "/echo", "") + "early";
    for split in [text.len(), 1, text.len() - 5, text.len() - 7, text.len() - 3] {
        let mut client = stage.connect();
        for piece in text.as_bytes().chunks(split) {
            client.send(piece).unwrap();
        }
        switches(&mut client);
        hears(&mut client, "early");
        client.send("later").unwrap();
        hears(&mut client, "later");
        until(|| stage.server.metrics().upgraded.get() == 1);
        client.socket().shutdown(Shutdown::Write).unwrap();
        assert!(client.is_closed().unwrap());
    }
    until(|| stage.server.metrics().connections.get() == 0);
    let metrics = stage.server.metrics();
    assert_eq!((metrics.upgrades.get(), metrics.upgraded.get(), metrics.in_flight.get()), (5, 0, 0));
    assert_eq!((metrics.malformed.get(), metrics.panics.get()), (0, 0));
}

#[test]
fn a_client_that_has_said_all_at_once_gets_all() {
    let stage = stage();
    let mut client = stage.connect();
    client.send(request("GET", "/gate/1") + &asking("GET", "/echo", "") + "early").unwrap();
    client.socket().shutdown(Shutdown::Write).unwrap();
    assert_eq!(stage.next(), "/gate/1");
    stage.open(1);
    assert_eq!(client.read().unwrap().text(), "/gate/1");
    switches(&mut client);
    hears(&mut client, "early");
    assert!(client.is_closed().unwrap());
}

#[test]
fn a_client_that_stops_writing_before_it_is_answered_is_answered() {
    let (app, gate, told) = gated(|io| async move {
        assert_eq!(io.read(&mut [0; 1]).await.unwrap(), 0);
        io.write_all(b"you have said nothing").await.unwrap();
    });
    let stage = Stage::with(app, "{}");
    let mut client = stage.connect();
    client.send(asking("GET", "/", "")).unwrap();
    heard(&told);
    client.socket().shutdown(Shutdown::Write).unwrap();
    stage.connect().get("/now/barrier").unwrap();
    gate.add_permits(1);
    switches(&mut client);
    hears(&mut client, "you have said nothing");
    assert!(client.is_closed().unwrap());
}

#[test]
fn nothing_is_read_on_while_the_answer_is_not_known() {
    let (app, gate, told) = gated(echo);
    let stage = Stage::with(app, "{}");
    let mut client = stage.connect();
    client.send(asking("GET", "/", "")).unwrap();
    heard(&told);
    let mut writer = client.socket().try_clone().unwrap();
    let pattern = pattern();
    let sent = send_until_stuck(&mut writer, &pattern);
    assert!(sent < TOTAL, "all was read before anybody wanted it");
    gate.add_permits(1);
    switches(&mut client);
    assert!(client.receive(sent).unwrap() == pattern[..sent], "something else came back");
    writer.shutdown(Shutdown::Write).unwrap();
    assert!(client.is_closed().unwrap());
}

#[test]
fn layers_see_the_answer_that_is_sent() {
    let cors = Cors::new(CorsOptions::default()).unwrap();
    let app = App::new().layer(cors).layer(LayerFn(witness)).route(Method::GET, "/", upgrade("echo", echo));
    let stage = Stage::with(app, "{}");
    for (text, status) in [(asking("GET", "/", ""), 101), (request("GET", "/"), 426)] {
        let mut client = stage.connect();
        client.send(text).unwrap();
        let reply = client.read().unwrap();
        assert_eq!((reply.status, reply.header("x-status")), (status, Some(&*status.to_string())));
        assert_eq!(reply.header("vary"), Some("origin"), "{reply:?}");
    }
}

#[test]
fn who_does_not_ask_is_told_to() {
    let stage = stage();
    let mut client = stage.connect();
    for fields in [
        "",
        "upgrade: echo\r\n",
        "connection: upgrade\r\n",
        "connection: upgrade\r\nupgrade: other, echo/1\r\n",
        "connection: keep-alive\r\nupgrade: echo\r\n",
    ] {
        client.send(format!("GET /echo HTTP/1.1\r\nhost: t\r\n{fields}\r\n")).unwrap();
        let reply = is_refused(&mut client);
        assert_eq!((all(&reply, "connection"), reply.header("x-status")), (vec!["upgrade"], Some("426")));
        assert!(reply.text().contains("requestId"));
    }
    client.send("GET /echo HTTP/1.0\r\nconnection: keep-alive, upgrade\r\nupgrade: echo\r\n\r\n").unwrap();
    assert_eq!(all(&is_refused(&mut client), "connection"), ["keep-alive", "upgrade"]);
    client.send(asking("GET", "/echo", "connection: close\r\n")).unwrap();
    assert_eq!(all(&is_refused(&mut client), "connection"), ["close", "upgrade"]);
    assert!(client.is_closed().unwrap());
    assert_eq!(stage.server.metrics().upgrades.get(), 0);
    // Any of several, in any case and any number of fields.
    let mut client = stage.connect();
    client
        .send("GET /echo HTTP/1.1\r\nhost: t\r\nupgrade: a/1 ,ECHO\r\nconnection: x\r\nconnection: UPGRADE\r\n\r\n")
        .unwrap();
    switches(&mut client);
}

#[test]
fn a_handler_may_ignore_it() {
    let stage = stage();
    let mut client = stage.connect();
    client.send(asking("GET", "/gate/1", "") + &request("GET", "/now/2")).unwrap();
    assert_eq!(stage.next(), "/gate/1");
    // What follows could be another protocol's.
    stage.nothing_begins();
    stage.open(1);
    assert_eq!(client.read().unwrap().text(), "/gate/1");
    assert_eq!(stage.next(), "/now/2");
    assert_eq!(client.read().unwrap().text(), "/now/2");
    // Then requests run side by side again.
    client.send(request("GET", "/gate/3") + &request("GET", "/now/4")).unwrap();
    assert_eq!([stage.next(), stage.next()], ["/gate/3", "/now/4"]);
    stage.open(3);
    assert_eq!(client.read().unwrap().text(), "/gate/3");
    assert_eq!(client.read().unwrap().text(), "/now/4");
}

#[test]
fn earlier_requests_are_answered_before() {
    let stage = stage();
    let mut client = stage.connect();
    client
        .send(request("GET", "/gate/1") + &asking("GET", "/gate/2", "") + &request("GET", "/now/3"))
        .unwrap();
    client.send(asking("GET", "/echo", "") + "early").unwrap();
    assert_eq!(stage.next(), "/gate/1");
    stage.nothing_begins();
    stage.open(1);
    assert_eq!(client.read().unwrap().text(), "/gate/1");
    assert_eq!(stage.next(), "/gate/2");
    stage.nothing_begins();
    stage.open(2);
    assert_eq!([stage.next()], ["/now/3"]);
    assert_eq!(client.read().unwrap().text(), "/gate/2");
    assert_eq!(client.read().unwrap().text(), "/now/3");
    switches(&mut client);
    hears(&mut client, "early");
}

#[test]
fn behind_a_refusal_comes_the_next_request() {
    let stage = stage();
    let mut client = stage.connect();
    let refused = asking("GET", "/echo", "").replace("echo\r\n", "other\r\n");
    client.send((refused + &request("GET", "/now/1")).repeat(2)).unwrap();
    for _ in 0..2 {
        is_refused(&mut client);
        assert_eq!(client.read().unwrap().text(), "/now/1");
    }
}

#[test]
fn content_is_read_before() {
    let stage = stage();
    let content = |more: &str| asking("POST", "/reads", more);
    for text in [
        content("content-length: 7\r\n") + "contentearly",
        content("transfer-encoding: chunked\r\n") + "7\r\ncontent\r\n0\r\n\r\nearly",
        content("content-length: 7\r\nexpect: 100-continue\r\n") + "contentearly",
    ] {
        for split in [text.len(), 1] {
            let mut client = stage.connect();
            for piece in text.as_bytes().chunks(split) {
                client.send(piece).unwrap();
            }
            if text.contains("expect") {
                assert_eq!(client.read().unwrap().status, 100, "{text}");
            }
            switches(&mut client);
            hears(&mut client, "contentearly");
        }
    }
    // A handler that leaves it unread cannot say where the other protocol begins, however the content arrives.
    for more in ["", "expect: 100-continue\r\n"] {
        for content in ["", "content"] {
            let mut client = stage.connect();
            client.send(asking("POST", "/echo", &format!("content-length: 7\r\n{more}")) + content).unwrap();
            let reply = is_refused(&mut client);
            let closes = all(&reply, "connection").contains(&"close");
            assert_eq!(closes, !more.is_empty() && content.is_empty());
            if !closes {
                client.send(&"content"[content.len()..]).unwrap();
                assert_eq!(client.get("/now/1").unwrap().status, 200);
            }
        }
    }
}

#[test]
fn a_client_that_expects_a_100_gets_it_first() {
    let stage = stage();
    let mut client = stage.connect();
    client.send(asking("GET", "/echo", "expect: 100-continue\r\n")).unwrap();
    assert_eq!(client.read().unwrap().status, 100);
    switches(&mut client);
    let mut client = stage.connect();
    let other = asking("GET", "/echo", "expect: 100-continue\r\n").replace("echo\r\n", "other\r\n");
    client.send(other).unwrap();
    is_refused(&mut client);
    let mut client = stage.connect();
    client.send(asking("POST", "/reads", "content-length: 2\r\nexpect: 100-continue\r\n")).unwrap();
    assert_eq!(client.read().unwrap().status, 100);
    client.send("ok").unwrap();
    switches(&mut client);
    hears(&mut client, "ok");
}

#[test]
fn no_answer_but_an_upgrade_is_a_101() {
    let layer = LayerFn(|request: Request, next: Next| async move {
        let answer = next.run(request).await;
        match answer.status {
            // Takes the upgrade back, and forgets to say so.
            StatusCode::SWITCHING_PROTOCOLS => answer.with_body("text"),
            _ => answer,
        }
    });
    let app = App::new()
        .route(
            Method::GET,
            "/bare",
            HandlerFn(|_: Request| async { Response::new(StatusCode::SWITCHING_PROTOCOLS) }),
        )
        .scope(armature_core::server::Scope::new("/layer").layer(layer).route(
            Method::GET,
            "/x",
            upgrade("echo", echo),
        ));
    let stage = Stage::with(app, "{}");
    let mut client = stage.connect();
    for path in ["/bare", "/layer/x"] {
        client.send(asking("GET", path, "")).unwrap();
        let reply = client.read().unwrap();
        assert_eq!((reply.status, reply.header("upgrade")), (500, None), "{path}");
        assert!(reply.text().contains("ARMATURE_INTERNAL"));
    }
}

#[test]
fn draining_is_told_and_waited_for() {
    let stage = speaking(
        |io| async move {
            tokio::join!(io.closing(), io.closing());
            io.write_all(b"goodbye").await.unwrap();
            // A client says goodbye too.
            echo(io).await;
        },
        "{}",
    );
    let mut client = stage.connect();
    client.send(asking("GET", "/", "")).unwrap();
    switches(&mut client);
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| stage.server.close(PATIENCE));
        hears(&mut client, "goodbye");
        client.send("farewell").unwrap();
        hears(&mut client, "farewell");
        client.socket().shutdown(Shutdown::Write).unwrap();
        assert!(client.is_closed().unwrap());
        drop(client);
        assert_eq!(closing.join().unwrap().cut_off, 0);
    });
}

#[test]
fn who_upgrades_while_the_server_drains_is_told_at_once() {
    let (app, gate, told) = gated(|io| async move {
        io.closing().await;
        io.write_all(b"goodbye").await.unwrap();
    });
    let stage = Stage::with(app, "{}");
    let mut idle = stage.connect();
    idle.get("/now/1").unwrap();
    let mut client = stage.connect();
    client.send(asking("GET", "/", "")).unwrap();
    heard(&told);
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| stage.server.close(PATIENCE));
        assert!(idle.is_closed().unwrap(), "it drains");
        gate.add_permits(1);
        switches(&mut client);
        hears(&mut client, "goodbye");
        assert!(client.is_closed().unwrap());
        drop(client);
        assert_eq!(closing.join().unwrap().cut_off, 0);
    });
}

/// Tells that it is dropped.
struct Dropped<F: Fn(&'static str)>(F);

impl<F: Fn(&'static str)> Drop for Dropped<F> {
    fn drop(&mut self) {
        (self.0)("dropped");
    }
}

#[test]
fn what_does_not_end_with_the_drain_is_cut_off() {
    for drain in [Duration::ZERO, Duration::from_millis(50)] {
        let (tell, told) = teller();
        let stage = speaking(
            move |_io| {
                let tell = tell.clone();
                async move {
                    let _dropped = Dropped(tell);
                    std::future::pending::<()>().await;
                }
            },
            "{}",
        );
        let mut client = stage.connect();
        client.send(asking("GET", "/", "")).unwrap();
        switches(&mut client);
        until(|| stage.server.metrics().upgraded.get() == 1);
        assert_eq!(stage.server.close(drain).cut_off, 1);
        assert_eq!(heard(&told), "dropped");
        assert_eq!(client.is_closed().unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!((stage.server.metrics().connections.get(), stage.server.metrics().upgraded.get()), (0, 0));
    }
}

#[test]
fn a_client_that_leaves_is_the_end() {
    let (tell, told) = teller();
    let stage = speaking(
        move |io| {
            let tell = tell.clone();
            async move { tell(io.read(&mut [0; 100]).await.map_err(|error| error.kind())) }
        },
        "{}",
    );
    for reset in [false, true] {
        let mut client = stage.connect();
        client.send(asking("GET", "/", "")).unwrap();
        switches(&mut client);
        if reset {
            SockRef::from(client.socket()).set_linger(Some(Duration::ZERO)).unwrap();
        }
        drop(client);
        assert_eq!(heard(&told), if reset { Err(ErrorKind::ConnectionReset) } else { Ok(0) });
    }
    until(|| stage.server.metrics().connections.get() == 0);
}

#[test]
fn a_panic_costs_its_connection() {
    let app = App::new()
        .route(
            Method::GET,
            "/call",
            HandlerFn(|_: Request| async {
                Response::upgrade("echo", |_| -> std::future::Ready<()> { panic!("on purpose") })
            }),
        )
        .route(
            Method::GET,
            "/later",
            upgrade("echo", |io: Upgraded| async move {
                io.read(&mut [0; 1]).await.unwrap();
                panic!("on purpose");
            }),
        );
    let stage = Stage::with(app, "{}");
    for (n, path) in (1..).zip(["/call", "/later"]) {
        let mut other = stage.connect();
        other.send(request("GET", "/gate/1")).unwrap();
        assert_eq!(stage.next(), "/gate/1");
        let client = stage.connect();
        client.socket().write_all((asking("GET", path, "") + "x").as_bytes()).unwrap();
        // A reset may overtake the head.
        let error = client.socket().read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(stage.server.metrics().panics.get(), n);
        stage.open(1);
        assert_eq!(other.read().unwrap().text(), "/gate/1");
    }
    until(|| stage.server.metrics().connections.get() == 0);
    until(|| stage.server.metrics().upgraded.get() == 0);
}

#[test]
fn the_connection_ends_with_the_continuation() {
    let stage = speaking(
        |io| async move {
            io.write_all(b"last words").await.unwrap();
            // Whatever it leaves behind.
            std::mem::forget(io);
        },
        "{}",
    );
    let mut client = stage.connect();
    client.send(asking("GET", "/", "") + "unread").unwrap();
    switches(&mut client);
    hears(&mut client, "last words");
    client.send("unread too").unwrap();
    assert!(client.is_closed().unwrap(), "end of stream, not a reset");
    drop(client);
    until(|| stage.server.metrics().connections.get() == 0);
}

#[test]
fn each_side_may_stop_writing_first() {
    let stage = speaking(
        |io| async move {
            io.write_all(b"all I have to say").await.unwrap();
            io.shutdown().await.unwrap();
            assert_eq!(io.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            let mut buf = [0; 100];
            while io.read(&mut buf).await.unwrap() > 0 {}
        },
        "{}",
    );
    let mut client = stage.connect();
    client.send(asking("GET", "/", "")).unwrap();
    switches(&mut client);
    hears(&mut client, "all I have to say");
    assert!(client.is_closed().unwrap());
    client.send("much more").unwrap();
    assert_eq!(stage.server.metrics().connections.get(), 1);
    drop(client);
    until(|| stage.server.metrics().connections.get() == 0);
    assert_eq!(stage.server.metrics().panics.get(), 0);
}

#[test]
fn no_timer_of_http_runs_any_more() {
    let timeouts = r#"{ "timeouts": { "header": 60, "idle": 60, "body": 60, "write": 60, "handler": 60 } }"#;
    let (tell, told) = teller();
    let stage = speaking(
        move |io| {
            let tell = tell.clone();
            async move {
                // Until the client, which takes nothing, makes it wait.
                let taken = fill(&io).await;
                tell(taken);
                echo(io).await;
            }
        },
        timeouts,
    );
    let mut client = stage.connect();
    client.send(asking("GET", "/", "")).unwrap();
    switches(&mut client);
    let taken = heard(&told);
    // Connections whose time passes one after the other.
    for _ in 0..4 {
        assert!(stage.connect().is_closed().unwrap());
    }
    assert!(client.receive(taken).unwrap().iter().all(|byte| *byte == b'x'));
    client.send("still here").unwrap();
    hears(&mut client, "still here");
    assert_eq!(stage.server.metrics().upgraded.get(), 1);
}

/// Writes until the peer would have to take something; returns how much it was.
async fn fill(io: &Upgraded) -> usize {
    let chunk = vec![b'x'; 64 * 1024];
    let mut taken = 0;
    std::future::poll_fn(|cx| {
        loop {
            match io.poll_write(cx, &chunk) {
                Poll::Ready(n) => taken += n.unwrap(),
                Poll::Pending => return Poll::Ready(taken),
            }
        }
    })
    .await
}

fn pattern() -> Vec<u8> {
    (0..TOTAL).map(|i| (i * 7 + i / 251) as u8).collect()
}

/// Sends as much of `bytes` as the peer takes, which is not all when it reads nothing; returns how much it was.
fn send_until_stuck(writer: &mut TcpStream, bytes: &[u8]) -> usize {
    writer.set_nonblocking(true).unwrap();
    let (mut sent, mut tries) = (0, 0);
    while tries < 1000 && sent < bytes.len() {
        match writer.write(&bytes[sent..]) {
            Ok(n) => (sent, tries) = (sent + n, 0),
            Err(_) => tries += 1,
        }
        std::thread::yield_now();
    }
    writer.set_nonblocking(false).unwrap();
    sent
}

#[test]
fn large_transfers_go_both_ways_at_the_pace_of_the_reader() {
    let (tell, told) = teller();
    let stage = speaking(
        move |io| {
            let tell = tell.clone();
            async move {
                let taken = fill(&io).await;
                tell(taken);
                echo(io).await;
            }
        },
        "{}",
    );
    let mut client = stage.connect();
    client.send(asking("GET", "/", "")).unwrap();
    switches(&mut client);
    let taken = heard(&told);
    assert!(taken < TOTAL, "{taken} bytes for a peer that takes nothing");
    client.receive(taken).unwrap();
    let pattern = pattern();
    let mut writer = client.socket().try_clone().unwrap();
    std::thread::scope(|scope| {
        let (blocked, is_blocked) = channel();
        let pattern = &pattern;
        scope.spawn(move || {
            // Nobody reads the echo, so at last nobody takes what is echoed.
            let sent = send_until_stuck(&mut writer, pattern);
            blocked.send(sent).unwrap();
            writer.write_all(&pattern[sent..]).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let sent = is_blocked.recv_timeout(PATIENCE).unwrap();
        assert!(sent < TOTAL, "all was taken although nothing was read");
        assert!(client.receive(TOTAL).unwrap() == *pattern, "something else came back");
        assert!(client.is_closed().unwrap());
    });
}
