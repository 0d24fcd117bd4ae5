//! Several requests of one connection: which run side by side, in which order they are answered, and what becomes of them
//! when the connection ends.

mod support;

use std::net::Shutdown;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use armature_core::http::{CancelReason, Method, Request, Response};
use armature_core::pipeline::HandlerFn;
use armature_core::router::MethodPattern;
use armature_core::server::App;
use armature_core::testing::{Client, serve};
use support::{Stage, request, until};

#[track_caller]
fn answers(client: &mut Client, path: &str) {
    let reply = client.read().unwrap();
    assert_eq!((reply.status, reply.text().as_str(), reply.header("connection")), (200, path, None));
}

#[test]
fn safe_requests_run_side_by_side_and_are_answered_in_order() {
    let stage = Stage::new("{}");
    let mut client = stage.connect();
    let all = ["/gate/1", "/now/2", "/gate/3", "/now/4"].map(|path| request("GET", path)).concat();
    client.send(all).unwrap();
    assert_eq!(
        [stage.next(), stage.next(), stage.next(), stage.next()],
        ["/gate/1", "/now/2", "/gate/3", "/now/4"]
    );
    stage.open(3);
    stage.nothing_begins();
    stage.open(1);
    for path in ["/gate/1", "/now/2", "/gate/3", "/now/4"] {
        answers(&mut client, path);
    }
}

#[test]
fn a_second_request_begins_when_it_arrives_later() {
    let stage = Stage::new("{}");
    let mut client = stage.connect();
    client.send(request("GET", "/gate/1")).unwrap();
    assert_eq!(stage.next(), "/gate/1");
    for byte in request("HEAD", "/now/2").bytes() {
        client.send([byte]).unwrap();
    }
    stage.open(1);
    answers(&mut client, "/gate/1");
    assert_eq!(stage.next(), "/now/2");
    assert_eq!(client.read_for("HEAD").unwrap().header("content-length"), Some("6"));
}

#[test]
fn an_unsafe_request_is_alone() {
    let stage = Stage::new("{}");
    let mut client = stage.connect();
    let unsafe_one = "POST /gate/2 HTTP/1.1\r\nhost: t\r\ncontent-length: 3\r\n\r\nabc";
    client.send([&request("GET", "/gate/1"), unsafe_one, &request("GET", "/now/3")].concat()).unwrap();
    assert_eq!(stage.next(), "/gate/1");
    stage.nothing_begins();
    stage.open(1);
    answers(&mut client, "/gate/1");
    assert_eq!(stage.next(), "/gate/2");
    stage.nothing_begins();
    stage.open(2);
    answers(&mut client, "/gate/2");
    assert_eq!(stage.next(), "/now/3");
    answers(&mut client, "/now/3");
}

#[test]
fn no_more_than_the_limit_run_at_the_same_time() {
    let stage = Stage::new(r#"{ "limits": { "pipeline": 2 } }"#);
    let mut client = stage.connect();
    client
        .send(["/gate/1", "/gate/2", "/now/3", "/now/4"].map(|path| request("GET", path)).concat())
        .unwrap();
    assert_eq!([stage.next(), stage.next()], ["/gate/1", "/gate/2"]);
    stage.nothing_begins();
    // Done, and in the way until the first one is.
    stage.open(2);
    stage.nothing_begins();
    stage.open(1);
    for path in ["/gate/1", "/gate/2", "/now/3", "/now/4"] {
        answers(&mut client, path);
    }
    assert_eq!([stage.next(), stage.next()], ["/now/3", "/now/4"]);
}

#[test]
fn continue_waits_for_the_answers_before_it() {
    let stage = Stage::new("{}");
    let mut client = stage.connect();
    let second = "GET /read HTTP/1.1\r\nhost: t\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n";
    client.send([&request("GET", "/gate/1"), second].concat()).unwrap();
    assert_eq!([stage.next(), stage.next()], ["/gate/1", "/read"]);
    stage.nothing_begins();
    stage.open(1);
    answers(&mut client, "/gate/1");
    assert_eq!(client.read().unwrap().status, 100);
    client.send("ok").unwrap();
    answers(&mut client, "2");
}

#[test]
fn the_body_of_the_last_request_is_not_that_of_the_first() {
    let stage = Stage::new("{}");
    let mut client = stage.connect();
    let second = "GET /read HTTP/1.1\r\nhost: t\r\ncontent-length: 200000\r\n\r\n";
    client.send([&request("GET", "/gate/1"), second].concat()).unwrap();
    assert_eq!([stage.next(), stage.next()], ["/gate/1", "/read"]);
    stage.open(1);
    answers(&mut client, "/gate/1");
    client.send(vec![b'x'; 200_000]).unwrap();
    answers(&mut client, "200000");
    client.send(request("GET", "/now/3")).unwrap();
    answers(&mut client, "/now/3");
}

#[test]
fn all_requests_before_a_half_close_are_answered() {
    let stage = Stage::new(r#"{ "limits": { "pipeline": 3 } }"#);
    let mut client = stage.connect();
    let paths = ["/gate/1", "/now/2", "/now/3", "/now/4", "/now/5", "/now/6"];
    let methods = ["GET", "GET", "DELETE", "GET", "POST", "GET"];
    let all: String = methods.iter().zip(paths).map(|(method, path)| request(method, path)).collect();
    client.send(all).unwrap();
    client.socket().shutdown(Shutdown::Write).unwrap();
    assert_eq!(stage.next(), "/gate/1");
    stage.open(1);
    for path in paths {
        answers(&mut client, path);
    }
    assert!(client.is_closed().unwrap());
}

#[test]
fn nothing_after_close_is_served() {
    let stage = Stage::new("{}");
    let mut client = stage.connect();
    let last = "GET /gate/1 HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n";
    client.send([last, &request("GET", "/now/2")].concat()).unwrap();
    assert_eq!(stage.next(), "/gate/1");
    client.send(request("GET", "/now/3")).unwrap();
    stage.open(1);
    assert_eq!(client.read().unwrap().header("connection"), Some("close"));
    assert!(client.is_closed().unwrap());
    stage.nothing_begins();
}

#[test]
fn half_a_head_behind_a_request_has_its_time() {
    let stage = Stage::new(r#"{ "timeouts": { "header": 100 } }"#);
    let mut client = stage.connect();
    client.send([&request("GET", "/gate/1"), "GET /now/2 HTTP/1.1\r\nho"].concat()).unwrap();
    assert_eq!(stage.next(), "/gate/1");
    stage.open(1);
    answers(&mut client, "/gate/1");
    let reply = client.read().unwrap();
    assert_eq!((reply.status, reply.header("connection")), (408, Some("close")));
    assert!(client.is_closed().unwrap());
    assert_eq!(stage.server.metrics().header_timeouts.get(), 1);
}

#[test]
fn an_empty_line_behind_a_request_begins_no_head() {
    let stage = Stage::new(r#"{ "timeouts": { "header": 50, "idle": 400 } }"#);
    let mut client = stage.connect();
    for (before, behind) in [("", "\r\n"), ("", "\r"), ("\n", "\r\n\r\n")] {
        client.send([before, &request("GET", "/now/1"), behind].concat()).unwrap();
        answers(&mut client, "/now/1");
        // Longer than the time for a head.
        std::thread::sleep(Duration::from_millis(120));
    }
    let since = Instant::now();
    assert!(client.is_closed().unwrap(), "closed without a word");
    assert!(since.elapsed() >= Duration::from_millis(200), "{:?}", since.elapsed());
    assert_eq!(stage.server.metrics().header_timeouts.get(), 0);
}

#[test]
fn the_time_for_the_first_head_runs_since_accept() {
    let stage = Stage::new(r#"{ "timeouts": { "header": 600, "idle": 5000 } }"#);
    let mut client = stage.connect();
    let since = Instant::now();
    std::thread::sleep(Duration::from_millis(400));
    client.send("GET / HTTP/1.1\r\n").unwrap();
    assert_eq!(client.read().unwrap().status, 408);
    assert!(since.elapsed() < Duration::from_millis(950), "{:?}", since.elapsed());
}

#[test]
fn a_client_that_leaves_is_noticed_whatever_is_buffered() {
    let (tell, heard) = channel();
    let app = App::new().route(
        MethodPattern::Any,
        "/",
        HandlerFn(move |request: Request| {
            let tell = tell.clone();
            async move {
                let reason = std::future::poll_fn(|cx| match request.context.cancelled() {
                    Some(reason) => std::task::Poll::Ready(reason),
                    None => {
                        request.context.on_cancel(cx.waker());
                        std::task::Poll::Pending
                    }
                });
                let _ = tell.send(reason.await);
                Response::text("late")
            }
        }),
    );
    let server = serve(app, "{}").unwrap();
    let body = "x".repeat(50_000);
    for (what, text) in [
        ("nothing", "GET / HTTP/1.1\r\nhost: t\r\n\r\n".to_owned()),
        (
            "an unsafe request",
            "GET / HTTP/1.1\r\nhost: t\r\n\r\nDELETE / HTTP/1.1\r\nhost: t\r\n\r\n".to_owned(),
        ),
        ("half a head", "GET / HTTP/1.1\r\nhost: t\r\n\r\nGET / HT".to_owned()),
        ("a body", format!("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 50000\r\n\r\n{body}")),
        ("half a body", format!("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 100000\r\n\r\n{body}")),
        ("the last request", "GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n".to_owned()),
        (
            "more than the last",
            "GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\nGET / HTTP/1.1\r\n".to_owned(),
        ),
        (
            "half of the last body",
            format!(
                "POST / HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-length: 100000\r\n\r\n{body}"
            ),
        ),
    ] {
        for later in ["", "x"] {
            let mut client = Client::connect(&server).unwrap();
            client.send(&text).unwrap();
            until(|| server.metrics().in_flight.get() == 1);
            client.send(later).unwrap();
            drop(client);
            let reason =
                heard.recv_timeout(Duration::from_secs(10)).unwrap_or_else(|_| panic!("{what}: not noticed"));
            assert_eq!(reason, CancelReason::ClientGone, "{what}");
            until(|| server.metrics().connections.get() == 0);
        }
    }
}

#[test]
fn whoever_sent_before_the_drain_is_answered() {
    const CLIENTS: usize = 300;
    let (unblock, blocked) = channel::<()>();
    let blocked = std::sync::Arc::new(std::sync::Mutex::new(blocked));
    let app = App::new().route(
        Method::GET,
        "/block",
        HandlerFn(move |_: Request| {
            let _ = blocked.lock().unwrap().recv();
            async { Response::text("unblocked") }
        }),
    );
    let stage = Stage::with(app, "{}");
    let mut early: Vec<_> = (0..CLIENTS / 2).map(|_| stage.connect()).collect();
    until(|| stage.server.metrics().accepted.get() == (CLIENTS / 2) as u64);
    let mut blocker = stage.connect();
    blocker.send(request("GET", "/block")).unwrap();
    until(|| stage.server.metrics().requests.get() == 1);
    // The loop stands still: half of them are known to it, half wait in the accept queue.
    early.extend((0..CLIENTS / 2).map(|_| stage.connect()));
    for client in &mut early {
        client.send(request("GET", "/now/a")).unwrap();
    }
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| stage.server.close(Duration::from_secs(10)));
        unblock.send(()).unwrap();
        assert_eq!(blocker.read().unwrap().text(), "unblocked");
        for (n, client) in early.iter_mut().enumerate() {
            let reply = client.read().unwrap_or_else(|error| panic!("client {n}: {error}"));
            assert_eq!(reply.text(), "/now/a");
        }
        drop(early);
        drop(blocker);
        assert_eq!(closing.join().unwrap().cut_off, 0);
    });
}
