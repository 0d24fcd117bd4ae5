//! `benchmark-sockets echo PORT CONNECTIONS DEPTH MILLISECONDS`: every connection keeps DEPTH messages in flight and counts
//! those that come back. `benchmark-sockets broadcast PORT CONNECTIONS MILLISECONDS`: one more says a message to a topic that
//! all the others have; the next one when everybody has it. Prints one line of JSON.

use std::io::{self, Read, Write};
use std::net::TcpStream as Blocking;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// Bytes of a message.
const MESSAGE: usize = 64;
/// A frame from the server: two bytes of head (RFC 6455 section 5.2).
const FRAME: usize = 2 + MESSAGE;
/// A connection that hears nothing for so long has lost something.
const PATIENCE: Duration = Duration::from_secs(5);

struct Connection {
    stream: TcpStream,
    /// Bytes that have come of a frame that is not complete.
    partial: usize,
    sent: Instant,
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |index: usize| args[index].parse::<usize>().expect("a number");
    let result = match args.get(1).map(String::as_str) {
        Some("echo") => echo(number(2), number(3), number(4), number(5)),
        Some("broadcast") => broadcast(number(2), number(3), number(4)),
        _ => panic!("echo PORT CONNECTIONS DEPTH MILLISECONDS, or broadcast PORT CONNECTIONS MILLISECONDS"),
    };
    match result {
        Ok(line) => println!("@@{line}"),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}

/// A message as a client sends it, masked.
fn masked() -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![0x81, 0x80 | MESSAGE as u8];
    frame.extend(mask);
    frame.extend((0..MESSAGE).map(|i| text(i) ^ mask[i % 4]));
    frame
}

fn text(index: usize) -> u8 {
    b'a' + (index % 26) as u8
}

/// A message as a server sends it.
fn plain() -> Vec<u8> {
    [0x81, MESSAGE as u8].into_iter().chain((0..MESSAGE).map(text)).collect()
}

/// A connection that has become a WebSocket at `path`.
fn open(port: usize, path: &str) -> io::Result<Blocking> {
    let mut stream = Blocking::connect(("127.0.0.1", port as u16))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\r\n"
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
    Ok(stream)
}

/// What the server says is what was said to it: looked at once, before anything is measured.
fn check(stream: &mut Blocking) -> io::Result<()> {
    let mut frame = [0; FRAME];
    stream.read_exact(&mut frame)?;
    if frame[..] == plain()[..] { Ok(()) } else { Err(io::Error::other(format!("not what was said: {frame:?}"))) }
}

fn watch(poll: &Poll, streams: Vec<Blocking>) -> io::Result<Vec<Connection>> {
    let mut connections = Vec::with_capacity(streams.len());
    for (index, stream) in streams.into_iter().enumerate() {
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
        connections.push(Connection { stream, partial: 0, sent: Instant::now() });
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
                complete += connection.partial / FRAME;
                connection.partial %= FRAME;
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

fn echo(port: usize, count: usize, depth: usize, milliseconds: usize) -> io::Result<String> {
    let message = masked();
    let burst = message.repeat(depth);
    let mut streams = (0..count).map(|_| open(port, "/ws")).collect::<io::Result<Vec<_>>>()?;
    for stream in &mut streams {
        stream.write_all(&message)?;
        check(stream)?;
    }
    let mut poll = Poll::new()?;
    let mut connections = watch(&poll, streams)?;
    let mut events = Events::with_capacity(1024);
    let mut buf = vec![0; 64 * 1024];
    let mut took = Vec::new();
    let mut messages = 0;
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
    let elapsed = begin.elapsed();
    took.sort_unstable();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).map_or(0.0, |&n| n as f64 / 1e6);
    Ok(report(messages, elapsed, at(0.5), at(0.99)))
}

fn broadcast(port: usize, count: usize, milliseconds: usize) -> io::Result<String> {
    let message = masked();
    let mut streams = (0..count).map(|_| open(port, "/topic")).collect::<io::Result<Vec<_>>>()?;
    let mut speaker = open(port, "/speak")?;
    speaker.write_all(&message)?;
    for stream in &mut streams {
        check(stream)?;
    }
    let mut poll = Poll::new()?;
    let mut connections = watch(&poll, streams)?;
    let mut events = Events::with_capacity(4096);
    let mut buf = vec![0; 64 * 1024];
    let mut messages = 0;
    let mut took = Vec::new();
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
    let elapsed = begin.elapsed();
    took.sort_unstable();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).map_or(0.0, |&n| n as f64 / 1e6);
    Ok(report(messages, elapsed, at(0.5), at(0.99)))
}

fn report(messages: usize, elapsed: Duration, p50: f64, p99: f64) -> String {
    let microseconds = elapsed.as_micros();
    format!("{{\"messages\":{messages},\"microseconds\":{microseconds},\"p50\":{p50},\"p99\":{p99}}}")
}
