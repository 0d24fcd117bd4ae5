//! HTTP/3, with the client of the `h3` crate.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use armature_core::http::{Body, Frame, Request as ArmatureRequest, Response, StatusCode, Version};
use armature_core::pipeline::HandlerFn;
use armature_core::router::MethodPattern;
use armature_core::server::App;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use support::http3::{Client, connect, endpoint, endpoint_with, run, uri};
use support::tls::{Authority, address};
use support::{Stage, until};

struct Site {
    stage: Stage,
    authority: Authority,
    to: SocketAddr,
}

fn site(app: App, more: &str) -> Site {
    site_with(app, "true", more)
}

fn site_with(app: App, http3: &str, more: &str) -> Site {
    let authority = Authority::new();
    let pair = authority.issue(&["localhost"]);
    let listen = format!(
        r#"{{ "listen": {{ "host": "127.0.0.1", "port": 0, "tls": {{ {} }}, "http3": {http3} }}{more} }}"#,
        pair.options()
    );
    let stage = Stage::with(app, &listen);
    let to = address(&stage.server);
    Site { stage, authority, to }
}

impl Site {
    async fn client(&self) -> Client {
        Client::over(connect(&endpoint(self.authority.client()), self.to).await).await
    }
}

fn echo() -> App {
    App::new()
        .route(
            MethodPattern::Any,
            "/echo",
            HandlerFn(|mut request: ArmatureRequest| async move {
                let body = std::mem::take(&mut request.body);
                Response::new(StatusCode::OK).with_body(body)
            }),
        )
        .route(
            MethodPattern::Any,
            "/seen",
            HandlerFn(|request: ArmatureRequest| async move {
                assert_eq!(request.head.version(), Version::H3);
                let tls = request.peer.tls.as_ref().unwrap();
                Response::text(format!(
                    "{} {} {} {} {:?} {:?} {}",
                    request.peer.remote_ip,
                    request.peer.secure,
                    tls.version,
                    tls.cipher,
                    tls.server_name.as_deref(),
                    tls.alpn.as_deref(),
                    request.head.get_str("host").unwrap_or("-"),
                ))
            }),
        )
}

#[test]
fn a_request_is_answered() {
    let site = site(echo(), "");
    run(async {
        let mut client = site.client().await;
        let reply = client.get("/now/one").await;
        assert_eq!((reply.status(), reply.text().as_str()), (200, "/now/one"));
        assert_eq!(reply.head.headers()["content-length"], "8");
        assert!(reply.head.headers().contains_key("date"));
        assert!(!reply.head.headers().contains_key("alt-svc"));
        let seen = client.get("/seen").await.text();
        assert!(seen.starts_with("127.0.0.1 true TLSv1.3 TLS_"), "{seen}");
        assert!(seen.ends_with(r#"Some("localhost") Some("h3") localhost"#), "{seen}");
        assert_eq!(client.get("/none").await.status(), 404);
    });
    let metrics = site.stage.server.metrics();
    assert_eq!((metrics.accepted.get(), metrics.handshakes.get(), metrics.requests.get()), (1, 1, 3));
    assert_eq!(metrics.malformed.get(), 0);
}

#[test]
fn bodies_go_both_ways_with_trailers() {
    let site = site(echo(), r#", "limits": { "body": "8mb" }"#);
    run(async {
        let mut client = site.client().await;
        let piece = vec![7; 300_000];
        let mut trailers = HeaderMap::new();
        trailers.append("x-sum", HeaderValue::from_static("1"));
        trailers.append("content-type", HeaderValue::from_static("ignored"));
        let request = Request::post(uri("/echo")).body(()).unwrap();
        let reply = client.send(request, &[&piece, b"", &piece], Some(trailers)).await.unwrap();
        assert_eq!((reply.status(), reply.body.len()), (200, 600_000));
        let trailers = reply.trailers.unwrap();
        assert_eq!((trailers.len(), trailers["x-sum"].to_str().unwrap()), (1, "1"));
        let head = client.send(Request::head(uri("/now/x")).body(()).unwrap(), &[], None).await.unwrap();
        assert_eq!((head.head.headers()["content-length"].to_str().unwrap(), head.body.len()), ("6", 0));
    });
}

#[test]
fn many_requests_at_the_same_time() {
    let site = site(echo(), "");
    run(async {
        let mut client = site.client().await;
        let mut all = Vec::new();
        for number in 0..50 {
            let mut sender = client.sender.clone();
            all.push(tokio::spawn(async move {
                let path = format!("/now/{number}");
                let mut stream =
                    sender.send_request(Request::get(uri(&path)).body(()).unwrap()).await.unwrap();
                stream.finish().await.unwrap();
                stream.recv_response().await.unwrap().status().as_u16()
            }));
        }
        for one in all {
            assert_eq!(one.await.unwrap(), 200);
        }
        assert_eq!(client.get("/now/last").await.status(), 200);
    });
}

#[test]
fn a_slow_reader_stops_a_fast_writer() {
    let (tell, told) = std::sync::mpsc::channel();
    let app = App::new().route(
        MethodPattern::Any,
        "/endless",
        HandlerFn(move |_: ArmatureRequest| {
            let tell = tell.clone();
            async move { Response::new(StatusCode::OK).with_body(Body::stream(Endless(tell))) }
        }),
    );
    let site = site(app, r#", "limits": { "responseBuffer": "1kb" }, "timeouts": { "write": "300ms" }"#);
    run(async {
        let mut transport = quinn::TransportConfig::default();
        transport.stream_receive_window(50_000u32.into());
        let quic = connect(&endpoint_with(site.authority.client(), transport), site.to).await;
        let mut client = Client::over(quic).await;
        let mut stream =
            client.sender.send_request(Request::get(uri("/endless")).body(()).unwrap()).await.unwrap();
        stream.finish().await.unwrap();
        stream.recv_response().await.unwrap();
        // Nothing is read, so the writer stalls, and is given up alone.
        until(|| {
            let metrics = site.stage.server.metrics();
            metrics.sum(|one| &one.write_timeouts) == 1
        });
        assert_eq!(client.get("/now/other").await.status(), 200);
    });
    let written = told.try_iter().count();
    assert!((1..200).contains(&written), "{written} pieces of 1000 bytes");
}

/// Tells that nobody works on an answer any more.
struct Gone(std::sync::mpsc::Sender<&'static str>);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = self.0.send("cancelled");
    }
}

struct Endless(std::sync::mpsc::Sender<()>);

impl armature_core::http::BodyStream for Endless {
    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame, armature_core::http::BodyError>>> {
        self.0.send(()).unwrap();
        std::task::Poll::Ready(Some(Ok(Frame::Data(Bytes::from_static(&[1; 1000])))))
    }
}

#[test]
fn a_client_that_leaves_cancels_its_request() {
    let (tell, told) = std::sync::mpsc::channel();
    let app = App::new().route(
        MethodPattern::Any,
        "/wait",
        HandlerFn(move |request: ArmatureRequest| {
            let gone = Gone(tell.clone());
            async move {
                let _ = gone.0.send("begun");
                std::future::pending::<()>().await;
                drop((request, gone));
                Response::text("")
            }
        }),
    );
    let site = site(app, "");
    run(async {
        let mut client = site.client().await;
        let request = Request::get(uri("/wait")).body(()).unwrap();
        let mut stream = client.sender.send_request(request.clone()).await.unwrap();
        stream.finish().await.unwrap();
        let heard = |what: &str| {
            assert_eq!(told.recv_timeout(Duration::from_secs(5)).unwrap(), what);
        };
        // The task of the connection sends what it has while we wait.
        while told.try_recv() != Ok("begun") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stream.stop_sending(h3::error::Code::H3_REQUEST_CANCELLED);
        while told.try_recv() != Ok("cancelled") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // The whole connection.
        let mut stream = client.sender.send_request(request).await.unwrap();
        stream.finish().await.unwrap();
        while told.try_recv() != Ok("begun") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        client.quic.close(0u32.into(), b"");
        tokio::time::sleep(Duration::from_millis(1)).await;
        heard("cancelled");
    });
    until(|| site.stage.server.metrics().connections.get() == 0);
}

#[test]
fn expectations_are_met_when_the_body_is_read() {
    use support::http3::{control, frame, request, status};
    let site = site(App::new(), "");
    run(async {
        let endpoint = endpoint(site.authority.client());
        let connection = connect(&endpoint, site.to).await;
        let _control = control(&connection, &[]).await;
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        let fields = [("expect", "100-continue"), ("content-length", "3")];
        send.write_all(&request("POST", "/read", &fields)).await.unwrap();
        let mut go_on = [0; 5];
        receive.read_exact(&mut go_on).await.unwrap();
        assert_eq!(go_on, [1, 4, 0, 0, 0xff]);
        receive.read_exact(&mut go_on[..1]).await.unwrap();
        assert_eq!(go_on[0], 0);
        send.write_all(&frame(0, b"abc")).await.unwrap();
        send.finish().unwrap();
        let answer = receive.read_to_end(1000).await.unwrap();
        assert_eq!(status(&answer), 200);
        assert!(answer.ends_with(b"3"));
    });
}

#[test]
fn draining_answers_what_is_in_progress() {
    let site = site(App::new(), "");
    let closer = run(async {
        let mut client = site.client().await;
        let mut stream =
            client.sender.send_request(Request::get(uri("/gate/0")).body(()).unwrap()).await.unwrap();
        stream.finish().await.unwrap();
        let idle = site.client().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(site.stage.next(), "/gate/0");
        let (done, closed) = tokio::sync::oneshot::channel();
        site.stage.server.close_with(Duration::from_secs(5), move |how| {
            let _ = done.send(how.cut_off);
        });
        assert_eq!(support::http3::closed(&idle.quic).await, 0x100);
        site.stage.open(0);
        assert_eq!(stream.recv_response().await.unwrap().status(), 200);
        assert_eq!(support::http3::closed(&client.quic).await, 0x100);
        closed.await.unwrap()
    });
    assert_eq!(closer, 0);
}

#[test]
fn answers_of_tcp_say_that_there_is_http3() {
    let site = site(App::new(), "");
    let config = std::sync::Arc::new(site.authority.client());
    let mut client = armature_core::testing::Client::on(support::tls::begin(site.to, &config, "localhost"));
    let reply = client.get("/now/x").unwrap();
    let expected = format!("h3=\":{}\"; ma=86400", site.to.port());
    assert_eq!(reply.header("alt-svc"), Some(expected.as_str()));
    for (http3, expected) in
        [(r#"{ "announce": 443 }"#, Some("h3=\":443\"; ma=86400")), (r#"{ "announce": false }"#, None)]
    {
        let site = site_with(App::new(), http3, "");
        let config = std::sync::Arc::new(site.authority.client());
        let mut client =
            armature_core::testing::Client::on(support::tls::begin(site.to, &config, "localhost"));
        assert_eq!(client.get("/now/x").unwrap().header("alt-svc"), expected);
    }
}

#[test]
fn certificates_are_exchanged_and_connections_stay() {
    let site = site(App::new(), "");
    let other = Authority::new();
    let pair = other.issue(&["localhost"]);
    run(async {
        let mut before = site.client().await;
        assert_eq!(before.get("/now/a").await.status(), 200);
        let value = serde_json::from_str(&format!("{{ {} }}", pair.options())).unwrap();
        let tls = armature_core::config::Tls::parse("tls", value).unwrap();
        site.stage.server.set_tls(&tls, None).unwrap();
        assert_eq!(before.get("/now/b").await.status(), 200);
        let refused = endpoint(site.authority.client()).connect(site.to, "localhost").unwrap().await;
        assert!(refused.is_err());
        let mut after = Client::over(connect(&endpoint(other.client()), site.to).await).await;
        assert_eq!(after.get("/now/c").await.status(), 200);
    });
}
