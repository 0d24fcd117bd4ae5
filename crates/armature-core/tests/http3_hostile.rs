//! HTTP/3 from those who break the protocol, cost too much, or are no clients at all.

mod support;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use armature_core::server::App;
use support::http3::{
    Client, closed, connect, control, endpoint, exchange, frame, get, request, run, section, status,
    unidirectional,
};
use support::tls::{Authority, address};
use support::{Stage, until};

struct Site {
    stage: Stage,
    authority: Authority,
    to: SocketAddr,
}

fn site(http3: &str, more: &str) -> Site {
    let authority = Authority::new();
    let pair = authority.issue(&["localhost"]);
    let options = format!(
        r#"{{ "listen": {{ "host": "127.0.0.1", "port": 0, "tls": {{ {} }}, "http3": {http3} }}{more} }}"#,
        pair.options()
    );
    let stage = Stage::with(App::new(), &options);
    let to = address(&stage.server);
    Site { stage, authority, to }
}

impl Site {
    async fn raw(&self) -> quinn::Connection {
        connect(&endpoint(self.authority.client()), self.to).await
    }

    async fn is_well(&self) {
        let mut client = Client::over(self.raw().await).await;
        assert_eq!(client.get("/now/well").await.status(), 200);
    }
}

const MESSAGE_ERROR: u64 = 0x10e;

#[test]
fn malformed_requests_end_their_stream_alone() {
    let site = site("true", "");
    run(async {
        let connection = site.raw().await;
        let _control = control(&connection, &[]).await;
        let own =
            [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/now/x")];
        let malformed: [&[(&str, &str)]; 7] = [
            &[own[0], own[1], own[2]],
            &[own[0], own[0], own[1], own[2], own[3]],
            &[own[0], own[1], own[2], ("x", "1"), own[3]],
            &[own[0], own[1], own[2], own[3], (":status", "200")],
            &[own[0], own[1], own[2], own[3], ("Upper", "1")],
            &[own[0], own[1], own[2], own[3], ("connection", "close")],
            &[own[0], own[1], own[2], own[3], ("x", "a\nb")],
        ];
        for fields in malformed {
            let answer = exchange(&connection, &frame(1, &section(fields))).await;
            assert_eq!(answer, Err(MESSAGE_ERROR), "{fields:?}");
        }
        // Content that is not as long as it says, shorter and longer.
        for content in [&b"ab"[..], b"abcd"] {
            let head = request("POST", "/read", &[("content-length", "3")]);
            let answer = exchange(&connection, &[head, frame(0, content)].concat()).await;
            assert_eq!(answer, Err(MESSAGE_ERROR));
        }
        // What HTTP/1 would answer is answered.
        let refused = exchange(&connection, &get("/now/x", &[("host", "other")])).await.unwrap();
        assert_eq!(status(&refused), 400);
        let large = exchange(&connection, &get("/now/x", &[("x", &"1".repeat(40_000))])).await.unwrap();
        assert_eq!(status(&large), 431);
        assert_eq!(exchange(&connection, &[]).await, Err(0x10d));
        let unknown = [frame(0x21, b"grease"), get("/now/x", &[]), frame(0x40, &[0; 3000])].concat();
        assert_eq!(status(&exchange(&connection, &unknown).await.unwrap()), 200);
    });
    assert_eq!(site.stage.server.metrics().floods.get(), 0);
}

#[test]
fn what_leaves_a_connection_in_doubt_ends_it() {
    let site = site("true", "");
    let head = get("/read", &[]);
    let requests: [(Vec<u8>, u64); 7] = [
        (frame(0, b"content first"), 0x105),
        (frame(4, &[]), 0x105),
        (frame(5, &[0]), 0x105),
        (frame(2, &[]), 0x105),
        (frame(1, &[2, 0, 0x80]), 0x200),
        (head[..head.len() - 1].to_vec(), 0x106),
        ([head.clone(), frame(1, &section(&[("x", "1")])), frame(0, b"x")].concat(), 0x105),
    ];
    run(async {
        for (bytes, code) in &requests {
            let connection = site.raw().await;
            let _control = control(&connection, &[]).await;
            let (mut send, _receive) = connection.open_bi().await.unwrap();
            send.write_all(bytes).await.unwrap();
            let _ = send.finish();
            assert_eq!(closed(&connection).await, *code, "{bytes:x?}");
        }
        let streams: [(u64, &[u8], u64); 8] = [
            (0, &frame(7, &[0]), 0x10a),
            (0, &[4, 0, 4, 0], 0x105),
            (0, &[4, 2, 2, 0], 0x109),
            (0, &[4, 0, 0, 0], 0x105),
            (0, &[4, 0, 3, 1, 0], 0x108),
            (1, &[0], 0x103),
            (2, &[0x3f, 0xe1, 0x1f], 0x201),
            (3, &[0x80], 0x202),
        ];
        for (kind, bytes, code) in streams {
            let connection = site.raw().await;
            let _stream = unidirectional(&connection, kind, bytes).await;
            assert_eq!(closed(&connection).await, code, "{kind} {bytes:x?}");
        }
        // Twice, and closed.
        let connection = site.raw().await;
        let _one = control(&connection, &[]).await;
        let _two = control(&connection, &[]).await;
        assert_eq!(closed(&connection).await, 0x103);
        let connection = site.raw().await;
        control(&connection, &[]).await.finish().unwrap();
        assert_eq!(closed(&connection).await, 0x104);
        site.is_well().await;
    });
    assert_eq!(site.stage.server.metrics().malformed.get(), 17);
}

#[test]
fn floods_are_ended() {
    let site = site("true", r#", "limits": { "resets": 20, "controlFrames": 50 }"#);
    run(async {
        // Rapid reset.
        let connection = site.raw().await;
        let _control = control(&connection, &[]).await;
        for _ in 0..200 {
            let Ok((mut send, mut receive)) = connection.open_bi().await else { break };
            let _ = send.write_all(&get("/gate/1", &[])).await;
            let _ = send.reset(0x10cu32.into());
            let _ = receive.stop(0x10cu32.into());
            tokio::task::yield_now().await;
        }
        assert_eq!(closed(&connection).await, 0x107);
        // Frames, and streams, that mean nothing.
        let connection = site.raw().await;
        let empty = vec![0; 2 * 200];
        let _ = connection.open_bi().await.unwrap().0.write_all(&[get("/read", &[]), empty].concat()).await;
        assert_eq!(closed(&connection).await, 0x107);
        let connection = site.raw().await;
        while let Ok(mut stream) = connection.open_uni().await {
            let _ = stream.write_all(&[0x21]).await;
            let _ = stream.finish();
        }
        assert_eq!(closed(&connection).await, 0x107);
        site.is_well().await;
    });
    assert_eq!(site.stage.server.metrics().floods.get(), 3);
}

#[test]
fn nobody_is_waited_for_for_ever() {
    let site = site("true", r#", "timeouts": { "header": "200ms", "body": "200ms", "idle": "300ms" }"#);
    run(async {
        let connection = site.raw().await;
        let _control = control(&connection, &[]).await;
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&get("/now/x", &[])[..5]).await.unwrap();
        let answer = receive.read_to_end(10_000).await.unwrap();
        assert_eq!(status(&answer), 408);
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&request("POST", "/read", &[])).await.unwrap();
        let answer = receive.read_to_end(10_000).await.unwrap();
        assert_eq!(status(&answer), 400);
        // Idle.
        assert_eq!(closed(&connection).await, 0x100);
        let silent = site.raw().await;
        assert_eq!(closed(&silent).await, 0x100);
    });
    let metrics = site.stage.server.metrics();
    assert_eq!(metrics.header_timeouts.get(), 1);
    assert_eq!((metrics.sum(|one| &one.body_timeouts), metrics.sum(|one| &one.idle_timeouts)), (1, 2));
}

#[test]
fn connections_have_limits() {
    let site = site("true", r#", "limits": { "connectionsPerIp": 2 }"#);
    run(async {
        let (one, _two) = (site.raw().await, site.raw().await);
        let three = site.raw().await;
        assert_eq!(closed(&three).await, 0x107);
        one.close(0u32.into(), b"");
        while site.stage.server.metrics().connections.get() != 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        site.is_well().await;
    });
    assert_eq!(site.stage.server.metrics().refused_per_ip.get(), 1);
}

#[test]
fn strangers_prove_their_address() {
    let site = site(r#"{ "strangers": 0 }"#, r#", "limits": { "connectionsPerIp": 1 }"#);
    run(async {
        let _one = site.raw().await;
        // Whoever has proven it is refused before the handshake.
        let two = endpoint(site.authority.client()).connect(site.to, "localhost").unwrap().await;
        assert!(matches!(two, Err(quinn::ConnectionError::ConnectionClosed(_))), "{two:?}");
    });
    assert_eq!(site.stage.server.metrics().retries.get(), 2);
    assert_eq!(site.stage.server.metrics().handshakes.get(), 1);
}

/// A datagram that begins like a first packet of `version`.
fn initial(version: u32, number: u32, length: usize) -> Vec<u8> {
    let mut bytes = vec![0xc3];
    bytes.extend_from_slice(&version.to_be_bytes());
    bytes.push(8);
    bytes.extend_from_slice(&[number.to_be_bytes(), [7; 4]].concat());
    bytes.extend_from_slice(&[4, 1, 2, 3, 4, 0]);
    bytes.extend_from_slice(&(0x4000 | (length - bytes.len() - 2) as u16).to_be_bytes());
    bytes.resize(length, number as u8);
    bytes
}

#[test]
fn datagrams_that_are_no_connection_cost_nothing() {
    let site = site("true", "");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(site.to).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut answer = [0; 2000];
    // A version that nobody speaks: those that are spoken, to whoever sends enough, and no more than was sent.
    socket.send(&initial(0x1a2a_3a4a, 1, 1200)).unwrap();
    let length = socket.recv(&mut answer).unwrap();
    assert!(length < 1200);
    assert_eq!(answer[1..5], [0; 4]);
    assert!(answer[..length].windows(4).any(|version| version == [0, 0, 0, 1]));
    for short in [initial(0x1a2a_3a4a, 1, 1199), initial(1, 1, 1199), vec![0xc3], vec![0x40; 30]] {
        socket.send(&short).unwrap();
    }
    // First packets that do not decrypt, and bytes of any kind.
    let mut garbage = 1_u32;
    for number in 0..2000 {
        socket.send(&initial(1, number, 1200)).unwrap();
        garbage = garbage.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let bytes: Vec<u8> = (0..garbage as usize % 1300).map(|i| (garbage >> (i % 24)) as u8).collect();
        socket.send(&bytes).unwrap();
    }
    run(site.is_well());
    until(|| site.stage.server.metrics().connections.get() <= 1);
    let metrics = site.stage.server.metrics();
    assert!(metrics.handshakes.get() == 1, "{}", metrics.handshakes.get());
}
