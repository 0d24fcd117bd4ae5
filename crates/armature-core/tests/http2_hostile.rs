//! HTTP/2 from clients that mean no good: every flood ends its own connection, nothing of it stays, and others are served.

mod support;

use std::io::Write;
use std::net::Shutdown;

use support::http2::{
    CONTINUATION, Client, DATA, END_HEADERS, END_STREAM, Frame, HEADERS, PING, PRIORITY, RST_STREAM, Raw,
    SETTINGS, WINDOW_UPDATE, fields, frame, get_with,
};
use support::{Stage, until};

const NO_ERROR: u32 = 0;
const PROTOCOL_ERROR: u32 = 1;
const FRAME_SIZE_ERROR: u32 = 6;
const CANCEL: u32 = 8;
const COMPRESSION_ERROR: u32 = 9;
const ENHANCE_YOUR_CALM: u32 = 11;

fn stage() -> Stage {
    Stage::new(
        r#"{
            "limits": { "resets": 20, "controlFrames": 50, "streams": 100 },
            "timeouts": { "header": 500, "write": 500, "body": 2000, "idle": 2000 }
        }"#,
    )
}

#[track_caller]
fn is_well(stage: &Stage) {
    let metrics = stage.server.metrics();
    until(|| metrics.connections.get() == 0);
    until(|| metrics.in_flight.get() == 0);
    assert_eq!(metrics.panics.get(), 0);
    assert_eq!(metrics.sum(|of_loop| &of_loop.busy), 0);
    assert_eq!(Client::connect(&stage.server).get("/now/good").text(), "/now/good");
}

/// Sends the same again and again until the server has had enough; then the code it gave.
#[track_caller]
fn flood(stage: &Stage, mut next: impl FnMut(u32) -> Vec<u8>) {
    let mut raw = Raw::connect(&stage.server);
    let mut calm = Client::connect(&stage.server);
    for n in 0..100_000 {
        if !raw.throw(&next(n)) {
            break;
        }
        if n % 1000 == 0 {
            assert_eq!(calm.get("/now/calm").text(), "/now/calm");
        }
        if stage.server.metrics().floods.get() > 0 {
            break;
        }
    }
    assert_eq!(raw.goaway(), ENHANCE_YOUR_CALM);
    // It may be counted when the last word has left.
    until(|| stage.server.metrics().floods.get() == 1);
    assert_eq!(calm.get("/now/calm").text(), "/now/calm");
    drop((raw, calm));
    is_well(stage);
}

fn post(stream: u32, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut list = vec![(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test")];
    list.extend_from_slice(more);
    frame(HEADERS, END_HEADERS, stream, &fields(&list))
}

#[test]
fn rapid_reset() {
    let stage = stage();
    flood(&stage, |n| {
        let stream = 2 * n + 1;
        let mut bytes = frame(HEADERS, END_HEADERS | END_STREAM, stream, &get_with("/gate/1", &[]));
        bytes.extend(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
        bytes
    });
}

#[test]
fn rapid_reset_in_one_piece() {
    let stage = stage();
    let mut raw = Raw::connect(&stage.server);
    let mut bytes = Vec::new();
    for n in 0..5000 {
        let stream = 2 * n + 1;
        bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &get_with("/gate/1", &[])));
        bytes.extend(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
    }
    raw.throw(&bytes);
    assert_eq!(raw.goaway(), ENHANCE_YOUR_CALM);
    assert!(stage.server.metrics().requests.get() <= 100, "no more than streams may be open");
    drop(raw);
    is_well(&stage);
}

#[test]
fn resets_that_the_server_is_made_to_send() {
    // A window of which nothing is left to add breaks its stream.
    let stage = stage();
    flood(&stage, |n| {
        let stream = 2 * n + 1;
        let mut bytes = frame(HEADERS, END_HEADERS | END_STREAM, stream, &get_with("/gate/1", &[]));
        bytes.extend(frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffffu32.to_be_bytes()));
        bytes
    });
}

#[test]
fn malformed_requests_are_counted_and_bounded() {
    let stage = stage();
    flood(&stage, |n| {
        frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &get_with("/now/1", &[("connection", "close")]))
    });
    until(|| stage.server.metrics().malformed.get() >= 20);
}

#[test]
fn floods_of_frames_that_carry_nothing() {
    let floods: [fn(u32) -> Vec<u8>; 5] = [
        |_| frame(SETTINGS, 0, 0, b""),
        |_| frame(PING, 0, 0, &[0; 8]),
        |n| frame(PRIORITY, 0, 2 * n + 1, &[0, 0, 0, 0, 16]),
        |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        |n| if n == 0 { post(1, "/read", &[]) } else { frame(DATA, 0, 1, b"") },
    ];
    for next in floods {
        flood(&stage(), next);
    }
}

#[test]
fn a_flood_of_continuations() {
    let stage = stage();
    flood(&stage, |n| {
        if n == 0 { frame(HEADERS, 0, 1, &get_with("/now/1", &[])) } else { frame(CONTINUATION, 0, 1, b"") }
    });
}

#[test]
fn floods_of_small_content() {
    let stage = stage();
    // Nobody reads it.
    flood(&stage, |n| if n == 0 { post(1, "/gate/1", &[]) } else { frame(DATA, 0, 1, b"x") });
}

#[test]
fn a_bomb_of_headers() {
    let stage = stage();
    let mut raw = Raw::connect(&stage.server);
    // A field of 4000 bytes goes into the table, then one byte each stands for it.
    let mut block = get_with("/now/1", &[]);
    block.extend([0x40, 1, b'x', 0x7f, 0xa1, 0x1e]);
    block.extend([b'a'; 4000]);
    block.extend([0xbe; 10_000]);
    raw.throw(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block));
    assert_eq!(raw.goaway(), ENHANCE_YOUR_CALM);
    // It may be counted when the last word has left.
    until(|| stage.server.metrics().floods.get() == 1);
    drop(raw);
    is_well(&stage);
}

#[test]
fn heads_that_are_too_large_are_answered() {
    let stage = Stage::new(r#"{ "limits": { "header": "2kb", "headers": 20 } }"#);
    let mut raw = Raw::connect(&stage.server);
    let (large, many) = ("a".repeat(2030), vec![("a", "1"); 21]);
    for (stream, more) in [(1, &[("a", &*large)][..]), (3, &many)] {
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &get_with("/now/1", more)));
        let body = raw.expect(DATA);
        assert_eq!(body.stream, stream);
        assert!(String::from_utf8_lossy(&body.payload).contains("ARMATURE_HEADERS_TOO_LARGE"), "{body:?}");
    }
    assert_eq!(stage.server.metrics().malformed.get(), 2);
    // Larger than what was announced, and much larger.
    raw.send(&frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        5,
        &get_with("/now/1", &[("a", &large), ("b", &large)]),
    ));
    assert_eq!(raw.receive_of(5).kind, HEADERS);
    raw.send(&frame(
        HEADERS,
        END_HEADERS | END_STREAM,
        7,
        &get_with("/now/1", &[("a", &"a".repeat(16_000))]),
    ));
    assert_eq!(raw.goaway(), ENHANCE_YOUR_CALM);
    assert_eq!(stage.server.metrics().requests.get(), 0);
}

#[test]
fn more_streams_than_announced_are_refused() {
    let stage = Stage::new(r#"{ "limits": { "streams": 2 } }"#);
    let mut raw = Raw::connect(&stage.server);
    for stream in [1, 3, 5] {
        raw.request(stream, "/gate/1");
    }
    assert_eq!(raw.reset(), (5, 7), "REFUSED_STREAM");
    stage.open(1);
    stage.open(1);
}

#[test]
fn frames_that_break_the_protocol() {
    let stage = stage();
    let cases: [(&str, Vec<u8>, u32); 9] = [
        ("data of no stream", frame(DATA, 0, 0, b"x"), PROTOCOL_ERROR),
        ("a stream of even number", frame(HEADERS, 5, 2, &get_with("/", &[])), PROTOCOL_ERROR),
        ("a frame that is too large", vec![0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1], FRAME_SIZE_ERROR),
        ("a ping of seven bytes", frame(PING, 0, 0, &[0; 7]), PROTOCOL_ERROR),
        ("a continuation of nothing", frame(CONTINUATION, 4, 1, b""), PROTOCOL_ERROR),
        ("fields that cannot be decoded", frame(HEADERS, 5, 1, &[0x80]), COMPRESSION_ERROR),
        ("a name in capitals", frame(HEADERS, 5, 1, &get_with("/", &[("X", "1")])), PROTOCOL_ERROR),
        ("an unknown pseudo field", frame(HEADERS, 5, 1, &get_with("/", &[(":x", "1")])), PROTOCOL_ERROR),
        ("a window without room", frame(WINDOW_UPDATE, 0, 0, &[0; 4]), PROTOCOL_ERROR),
    ];
    for (what, bytes, code) in cases {
        let before = stage.server.metrics().malformed.get();
        let mut raw = Raw::connect(&stage.server);
        raw.send(&bytes);
        let got = raw.goaway();
        assert!(got == code || got == PROTOCOL_ERROR, "{what}: {got}");
        until(|| stage.server.metrics().malformed.get() == before + 1);
    }
    is_well(&stage);
}

#[test]
fn heads_that_break_the_protocol() {
    let stage = Stage::new("{}");
    let mut raw = Raw::connect(&stage.server);
    let path = (":path", "/now/1");
    let (get, scheme, host) = ((":method", "GET"), (":scheme", "http"), (":authority", "test"));
    let cases: [&[(&str, &str)]; 10] = [
        &[scheme, path, host],
        &[get, path, host],
        &[get, scheme, host],
        &[get, scheme, (":path", ""), host],
        &[get, get, scheme, path, host],
        &[get, scheme, path, host, (":status", "200")],
        &[get, scheme, path, ("x", "1"), host],
        &[get, scheme, path, host, ("connection", "close")],
        &[get, scheme, path, host, ("transfer-encoding", "chunked")],
        &[get, scheme, path, host, ("te", "gzip")],
    ];
    for (n, list) in cases.iter().enumerate() {
        let stream = 2 * n as u32 + 1;
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields(list)));
        assert_eq!(raw.reset(), (stream, PROTOCOL_ERROR), "{list:?}");
    }
    // What the rules of HTTP forbid, and not those of its second version, gets an answer.
    let cases: [&[(&str, &str)]; 6] = [
        &[get, scheme, path],
        &[get, scheme, path, host, ("host", "other")],
        &[get, scheme, path, (":authority", "a b")],
        &[get, scheme, path, host, ("x", " 1")],
        &[get, scheme, (":path", "/\u{e9}"), host],
        &[get, (":scheme", "ftp"), path, host],
    ];
    for (n, list) in cases.iter().enumerate() {
        let stream = 2 * n as u32 + 101;
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields(list)));
        match raw.receive_of(stream) {
            Frame { kind: HEADERS, .. } => {
                let body = raw.receive_of(stream);
                let text = String::from_utf8_lossy(&body.payload).into_owned();
                assert!(text.contains("ARMATURE_BAD_REQUEST"), "{list:?}: {text}");
            }
            other => assert_eq!(other.payload, PROTOCOL_ERROR.to_be_bytes(), "{list:?}"),
        }
    }
    raw.request(1001, "/now/1");
    assert_eq!(raw.receive_of(1001).kind, HEADERS);
    assert_eq!(stage.server.metrics().requests.get(), 1, "none of the others was a request");
}

#[test]
fn prefaces() {
    let stage = stage();
    // In any pieces.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for cut in 0..preface.len() {
        let mut raw = Raw::silent(&stage.server);
        raw.send(&preface[..cut]);
        raw.send(&preface[cut..]);
        raw.send(&frame(SETTINGS, 0, 0, b""));
        raw.request(1, "/now/1");
        assert_eq!(raw.expect(HEADERS).stream, 1, "{cut}");
    }
    let mut raw = Raw::silent(&stage.server);
    for byte in preface.iter().chain(&frame(SETTINGS, 0, 0, b"")) {
        raw.send(&[*byte]);
    }
    raw.request(1, "/now/1");
    assert_eq!(raw.expect(HEADERS).stream, 1);
    drop(raw);
    // One that stops, or is followed by something else.
    let mut raw = Raw::silent(&stage.server);
    raw.send(&preface[..20]);
    assert!(raw.text().starts_with("HTTP/1.1 408 "));
    let mut raw = Raw::silent(&stage.server);
    raw.send(b"PRI * HTTP/2.0\r\n\r\nSX");
    assert!(raw.text().starts_with("HTTP/1.1 505 "));
    drop(raw);
    is_well(&stage);
}

#[test]
fn whoever_says_too_little_has_no_longer_than_the_header() {
    let stage = stage();
    // Nothing behind the preface, nothing behind the settings, half a head, half a frame.
    let head = frame(HEADERS, END_HEADERS | END_STREAM, 1, &get_with("/now/1", &[]));
    let parts: [&[u8]; 4] =
        [b"", &[0], &head[..20], &frame(HEADERS, END_STREAM, 1, &get_with("/now/1", &[]))];
    for (n, part) in parts.iter().enumerate() {
        let mut raw = Raw::connect(&stage.server);
        raw.send(part);
        assert_eq!(raw.goaway(), NO_ERROR, "{n}");
    }
    let metrics = stage.server.metrics();
    assert_eq!(metrics.header_timeouts.get(), 3);
    assert_eq!(metrics.sum(|of_loop| &of_loop.idle_timeouts), 1);
    let silent = {
        let mut raw = Raw::silent(&stage.server);
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        while raw.receive().is_some() {}
        metrics.sum(|of_loop| &of_loop.idle_timeouts)
    };
    assert_eq!(silent, 2);
    is_well(&stage);
}

#[test]
fn windows_that_stay_shut() {
    let stage = stage();
    let mut raw = Raw::connect(&stage.server);
    // SETTINGS_INITIAL_WINDOW_SIZE is 0.
    raw.send(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
    for stream in 0..50 {
        raw.request(2 * stream + 1, "/now/1");
    }
    // Each is reset after `timeouts.write`, which is more than may be reset.
    let mut calm = Client::connect(&stage.server);
    while stage.server.metrics().floods.get() == 0 {
        assert_eq!(calm.get("/now/calm").text(), "/now/calm");
    }
    assert_eq!(raw.goaway(), ENHANCE_YOUR_CALM);
    assert!(stage.server.metrics().sum(|of_loop| &of_loop.write_timeouts) >= 20);
    drop((raw, calm));
    is_well(&stage);
}

#[test]
fn whoever_reads_nothing_is_reset() {
    let stage = stage();
    let mut raw = Raw::connect(&stage.server);
    // Answers to pings, and nobody who reads them.
    raw.0.set_nonblocking(true).unwrap();
    let pings = frame(PING, 0, 0, &[0; 8]);
    let head = frame(HEADERS, END_HEADERS | END_STREAM, 1, &get_with("/now/1", &[]));
    let _ = (raw.0.write(&pings), raw.0.write(&head));
    until(|| stage.server.metrics().requests.get() == 1);
    drop(raw);
    is_well(&stage);
}

#[test]
fn connections_that_end_anywhere() {
    let stage = stage();
    let mut whole = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    whole.extend(frame(SETTINGS, 0, 0, b""));
    whole.extend(post(1, "/read", &[("content-length", "5")]));
    whole.extend(frame(DATA, END_STREAM, 1, b"hello"));
    whole.extend(frame(HEADERS, END_HEADERS | END_STREAM, 3, &get_with("/now/1", &[])));
    for end in 0..=whole.len() {
        let mut raw = Raw::silent(&stage.server);
        raw.send(&whole[..end]);
        if end % 2 == 0 {
            raw.0.shutdown(Shutdown::Write).unwrap();
            while raw.receive().is_some() {}
        }
    }
    is_well(&stage);
}

#[test]
fn garbage() {
    let stage = Stage::new(r#"{ "timeouts": { "header": 500, "idle": 500, "write": 500, "body": 500 } }"#);
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for _ in 0..300 {
        let mut raw = Raw::connect(&stage.server);
        for n in 0..20 {
            let length = (random() % 40) as usize;
            let payload: Vec<u8> = (0..length).map(|_| random() as u8).collect();
            let (kind, flags, stream) = (random() % 11, random() & 0x2d, random() % 6);
            let bytes = match random() % 4 {
                0 => frame(HEADERS, random() as u8 & 5, 2 * n + 1, &get_with("/now/1", &[])),
                _ => frame(kind as u8, flags as u8, stream as u32, &payload),
            };
            if !raw.throw(&bytes) {
                break;
            }
        }
    }
    is_well(&stage);
}
