//! A client on the thread of the server: it never waits, the server has its turns instead.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use armature_core::io_loop::HostLoop;

use crate::counted::counted;

/// Longer than a turn ever takes: a turn that ends early would be one more.
const BUDGET: Duration = Duration::from_secs(60);

/// Turns after which somebody has to look at what went wrong.
const PATIENCE: usize = 10_000;

/// One connection.
pub struct Client {
    stream: TcpStream,
    buffer: Box<[u8]>,
}

/// A turn of the server.
pub fn turn(host: &HostLoop) {
    counted(&mut || {
        host.turn(BUDGET);
    });
}

/// Has turns until `done`.
pub fn turn_until(host: &HostLoop, mut done: impl FnMut() -> bool) {
    for _ in 0..PATIENCE {
        turn(host);
        if done() {
            return;
        }
        // Loopback hands bytes over at once, unless the kernel is busy with other things.
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("the server does not answer");
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a server listens");
        stream.set_nodelay(true).expect("a socket");
        stream.set_nonblocking(true).expect("a socket");
        Self { stream, buffer: vec![0; 64 * 1024].into() }
    }

    /// Sends `request` and has the server answer with `expected` bytes; with 0 with as many as it takes until a body of the
    /// announced length is there. Returns how many came.
    pub fn exchange(&mut self, host: &HostLoop, request: &[u8], expected: usize) -> usize {
        self.stream.write_all(request).expect("small requests fit into the socket");
        let mut got = 0;
        turn_until(host, || {
            got += self.receive(got);
            if expected == 0 { is_whole(&self.buffer[..got]) } else { got >= expected }
        });
        assert!(self.buffer.starts_with(b"HTTP/1.1 200 "), "{}", self.buffer[..got].escape_ascii());
        assert!(expected == 0 || got == expected, "one answer is as long as the other");
        got
    }

    fn receive(&mut self, at: usize) -> usize {
        match self.stream.read(&mut self.buffer[at..]) {
            Ok(0) => panic!("the server has closed the connection"),
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Whether `answer` is a head and the body that it announces.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.is_some_and(|length| length.trim().parse() == Ok(body.len()))
}
