//! `benchmark-sockets echo PORT CONNECTIONS DEPTH MILLISECONDS`: every connection keeps DEPTH messages in flight and counts
//! those that come back. `benchmark-sockets broadcast PORT CONNECTIONS MILLISECONDS`: one more says a message to a topic that
//! all the others have; the next one when everybody has it. `deflated` is the same with a longer message and permessage-deflate.
//!
//! Prints a line when everybody is connected and waits for one before it begins; prints one line of JSON when it is done and waits
//! for the end of its input before it closes anything: whoever measures the server measures messages and no handshakes.

use std::io::{self, Read, Write};
use std::net::TcpStream as Blocking;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// Bytes of a message, and of one that is compressed.
const MESSAGE: usize = 64;
const LONG: usize = 2048;
/// What is offered for the latter: every message by itself, so that all frames of a server are equal.
const DEFLATE: &str = "sec-websocket-extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n";
/// A connection that hears nothing for so long has lost something.
const PATIENCE: Duration = Duration::from_secs(5);

struct Connection {
    stream: TcpStream,
    /// Bytes of each frame that comes.
    frame: usize,
    /// Bytes that have come of a frame that is not complete.
    partial: usize,
    sent: Instant,
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |index: usize| args[index].parse::<usize>().expect("a number");
    let result = match args.get(1).map(String::as_str) {
        Some("echo") => echo(number(2), number(3), number(4), number(5)),
        Some("broadcast") => broadcast(number(2), number(3), number(4), false),
        Some("deflated") => broadcast(number(2), number(3), number(4), true),
        _ => panic!(
            "echo PORT CONNECTIONS DEPTH MILLISECONDS, broadcast PORT CONNECTIONS MILLISECONDS, or deflated with the same"
        ),
    };
    match result {
        Ok(()) => {}
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}

/// What is said: letters, or records that are like each other.
fn content(is_long: bool) -> Vec<u8> {
    if !is_long {
        return (0..MESSAGE).map(|i| b'a' + (i % 26) as u8).collect();
    }
    let records = (0..).flat_map(|i| format!("{{\"id\":{i},\"price\":{}}},", i * 7919 % 10_007).into_bytes());
    records.take(LONG).collect()
}

/// The head of a frame (RFC 6455 section 5.2) without the mask.
fn head(length: usize, mask: u8) -> Vec<u8> {
    match length {
        0..=125 => vec![0x81, mask | length as u8],
        _ => [&[0x81, mask | 126][..], &(length as u16).to_be_bytes()].concat(),
    }
}

/// A message as a client sends it, masked.
fn masked(content: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = head(content.len(), 0x80);
    frame.extend(mask);
    frame.extend(content.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A connection that has become a WebSocket at `path`.
fn open(port: usize, path: &str, extension: &str) -> io::Result<Blocking> {
    let mut stream = Blocking::connect(("127.0.0.1", port as u16))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n{extension}\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        answer.push(byte[0]);
    }
    // RFC 6455 section 1.3 has the answer to this key.
    let answer = String::from_utf8_lossy(&answer);
    if !answer.starts_with("HTTP/1.1 101") || !answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") {
        return Err(io::Error::other(format!("{path} answered {answer:?}")));
    }
    if !extension.is_empty() && !answer.contains("server_no_context_takeover") {
        return Err(io::Error::other(format!("{path} does not compress: {answer:?}")));
    }
    Ok(stream)
}

/// The first message that comes, looked at before anything is measured: it is what was said, or that compressed. Returns the
/// bytes of its frame.
fn check(stream: &mut Blocking, said: &[u8], is_compressed: bool) -> io::Result<usize> {
    let mut frame = vec![0; 2];
    stream.read_exact(&mut frame)?;
    if frame[1] == 126 {
        frame.resize(4, 0);
        stream.read_exact(&mut frame[2..])?;
    }
    let length =
        if frame.len() == 2 { frame[1].into() } else { usize::from(frame[2]) << 8 | usize::from(frame[3]) };
    let mut content = vec![0; length];
    stream.read_exact(&mut content)?;
    let is_right = match is_compressed {
        false => frame[0] == 0x81 && content == said,
        true => frame[0] == 0xc1 && length < said.len() / 2,
    };
    if is_right {
        Ok(frame.len() + length)
    } else {
        Err(io::Error::other(format!("not what was said: {frame:?}")))
    }
}

/// Says that everything is ready, and waits until it is to begin.
fn ready() -> io::Result<()> {
    println!("@@ready");
    io::stdin().read_line(&mut String::new()).map(drop)
}

fn watch(poll: &Poll, streams: Vec<Blocking>, frame: usize) -> io::Result<Vec<Connection>> {
    let mut connections = Vec::with_capacity(streams.len());
    for (index, stream) in streams.into_iter().enumerate() {
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
        connections.push(Connection { stream, frame, partial: 0, sent: Instant::now() });
    }
    Ok(connections)
}

/// Reads all that is there; how many frames that completes.
fn frames(connection: &mut Connection, buf: &mut [u8]) -> io::Result<usize> {
    let mut complete = 0;
    loop {
        match connection.stream.read(buf) {
            Ok(0) => return Err(io::Error::other("the server closed a connection")),
            Ok(n) => {
                connection.partial += n;
                complete += connection.partial / connection.frame;
                connection.partial %= connection.frame;
                // Events are edges, and a read that did not fill the buffer has emptied the socket.
                if n < buf.len() {
                    return Ok(complete);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(complete),
            Err(error) => return Err(error),
        }
    }
}

fn echo(port: usize, count: usize, depth: usize, milliseconds: usize) -> io::Result<()> {
    let said = content(false);
    let message = masked(&said);
    let burst = message.repeat(depth);
    let mut streams = (0..count).map(|_| open(port, "/ws", "")).collect::<io::Result<Vec<_>>>()?;
    let mut frame = 0;
    for stream in &mut streams {
        stream.write_all(&message)?;
        frame = check(stream, &said, false)?;
    }
    let mut poll = Poll::new()?;
    let mut connections = watch(&poll, streams, frame)?;
    let mut events = Events::with_capacity(1024);
    let mut buf = vec![0; 64 * 1024];
    let mut took = Vec::new();
    let mut messages = 0;
    ready()?;
    let begin = Instant::now();
    let end = begin + Duration::from_millis(milliseconds as u64);
    for connection in &mut connections {
        connection.sent = Instant::now();
        connection.stream.write_all(&burst)?;
    }
    while Instant::now() < end {
        poll.poll(&mut events, Some(PATIENCE))?;
        if events.is_empty() {
            return Err(io::Error::other("no message came back for 5 s"));
        }
        for event in &events {
            let connection = &mut connections[event.token().0];
            let complete = frames(connection, &mut buf)?;
            if complete == 0 {
                continue;
            }
            messages += complete;
            if depth == 1 {
                took.push(connection.sent.elapsed().as_nanos() as u64);
                connection.sent = Instant::now();
            }
            // A server that answers takes what is said to it: never more than `depth` are on their way.
            connection.stream.write_all(&burst[..complete * message.len()])?;
        }
    }
    report(messages, begin.elapsed(), took)
}

fn broadcast(port: usize, count: usize, milliseconds: usize, is_compressed: bool) -> io::Result<()> {
    let said = content(is_compressed);
    let message = masked(&said);
    let (path, speak, extension) =
        if is_compressed { ("/deflated", "/speak-deflated", DEFLATE) } else { ("/topic", "/speak", "") };
    let mut streams = (0..count).map(|_| open(port, path, extension)).collect::<io::Result<Vec<_>>>()?;
    let mut speaker = open(port, speak, "")?;
    speaker.write_all(&message)?;
    let mut frame = 0;
    for stream in &mut streams {
        let size = check(stream, &said, is_compressed)?;
        if frame != 0 && frame != size {
            return Err(io::Error::other("the same message has frames of different sizes"));
        }
        frame = size;
    }
    let mut poll = Poll::new()?;
    let mut connections = watch(&poll, streams, frame)?;
    let mut events = Events::with_capacity(4096);
    let mut buf = vec![0; 64 * 1024];
    let mut messages = 0;
    let mut took = Vec::new();
    ready()?;
    let begin = Instant::now();
    let end = begin + Duration::from_millis(milliseconds as u64);
    while Instant::now() < end {
        let said = Instant::now();
        speaker.write_all(&message)?;
        let mut missing = count;
        while missing > 0 {
            poll.poll(&mut events, Some(PATIENCE))?;
            if events.is_empty() {
                return Err(io::Error::other(format!("{missing} of {count} did not get a message in 5 s")));
            }
            for event in &events {
                let complete = frames(&mut connections[event.token().0], &mut buf)?;
                missing -= complete;
                messages += complete;
            }
        }
        took.push(said.elapsed().as_nanos() as u64);
    }
    report(messages, begin.elapsed(), took)
}

/// Says what came of it, and keeps the connections until that has been heard.
fn report(messages: usize, elapsed: Duration, mut took: Vec<u64>) -> io::Result<()> {
    took.sort_unstable();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).map_or(0.0, |&n| n as f64 / 1e6);
    let (microseconds, p50, p99) = (elapsed.as_micros(), at(0.5), at(0.99));
    println!("@@{{\"messages\":{messages},\"microseconds\":{microseconds},\"p50\":{p50},\"p99\":{p99}}}");
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}
