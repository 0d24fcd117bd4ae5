//! Clients that speak HTTP/2: one that keeps to the rules, and one that sends any frame.

#![allow(dead_code, reason = "each file of tests uses a part")]

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use armature_core::http::Address;
use armature_core::server::Server;
use bytes::Bytes;
use h2::client::{Builder, Connection, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const PATIENCE: Duration = Duration::from_secs(10);

pub fn address(server: &Server) -> SocketAddr {
    match server.addresses().first() {
        Some(Address::Ip(address)) => *address,
        _ => panic!("the server has no TCP address"),
    }
}

/// A socket that is asked again and again.
struct Socket(TcpStream);

fn again<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.0.read(buf.initialize_unfilled());
        again(read).map_ok(|n| buf.advance(n))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        again(self.0.write(buf))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Polls until it is ready, or the patience is over.
#[track_caller]
fn wait<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = poll(&mut cx) {
            return value;
        }
        assert!(Instant::now() < deadline, "timed out");
        std::thread::yield_now();
    }
}

/// One connection of a client that keeps to the rules.
pub struct Client {
    requests: SendRequest<Bytes>,
    connection: Connection<Socket, Bytes>,
    /// How the connection ended.
    ended: Option<Result<(), h2::Error>>,
}

/// A complete answer.
#[derive(Debug)]
pub struct Reply {
    pub head: Response<()>,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

impl Reply {
    pub fn status(&self) -> u16 {
        self.head.status().as_u16()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers().get(name).map(|value| value.to_str().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A request to `path` with `method`.
pub fn request(method: &str, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("http://test{path}")).body(()).unwrap()
}

impl Client {
    #[track_caller]
    pub fn connect(server: &Server) -> Self {
        Self::with(server, &Builder::new())
    }

    #[track_caller]
    pub fn with(server: &Server, builder: &Builder) -> Self {
        let socket = TcpStream::connect(address(server)).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_nonblocking(true).unwrap();
        let mut handshake = pin!(builder.handshake(Socket(socket)));
        let (requests, connection) = wait(|cx| handshake.as_mut().poll(cx)).unwrap();
        Self { requests, connection, ended: None }
    }

    /// Drives the connection until `poll` is ready.
    #[track_caller]
    pub fn until<T>(&mut self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
        let Self { connection, ended, .. } = self;
        wait(|cx| {
            if ended.is_none()
                && let Poll::Ready(end) = Pin::new(&mut *connection).poll(cx)
            {
                *ended = Some(end);
            }
            poll(cx)
        })
    }

    /// Sends what there is to send, and takes in what has come.
    pub fn turn(&mut self) {
        let mut turns = 0;
        self.until(|_| {
            turns += 1;
            if turns > 3 { Poll::Ready(()) } else { Poll::Pending }
        });
    }

    /// Begins a request; the stream is for its content, unless it has none.
    #[track_caller]
    pub fn begin(&mut self, request: Request<()>, is_over: bool) -> (ResponseFuture, SendStream<Bytes>) {
        let mut requests = self.requests.clone();
        self.until(|cx| requests.poll_ready(cx)).unwrap();
        let begun = self.requests.send_request(request, is_over).unwrap();
        self.turn();
        begun
    }

    /// Waits for the head of an answer.
    ///
    /// # Errors
    /// When the stream was reset, or the connection ended.
    #[track_caller]
    pub fn head(&mut self, mut answer: ResponseFuture) -> Result<Response<RecvStream>, h2::Error> {
        self.until(|cx| Pin::new(&mut answer).poll(cx))
    }

    /// The next piece of content, whose room is given back.
    #[track_caller]
    pub fn data(&mut self, stream: &mut RecvStream) -> Option<Result<Bytes, h2::Error>> {
        let data = self.until(|cx| stream.poll_data(cx));
        if let Some(Ok(data)) = &data {
            stream.flow_control().release_capacity(data.len()).unwrap();
        }
        data
    }

    /// Waits for a whole answer.
    ///
    /// # Errors
    /// When the stream was reset, or the connection ended.
    #[track_caller]
    pub fn finish(&mut self, answer: ResponseFuture) -> Result<Reply, h2::Error> {
        let (head, mut stream) = self.head(answer)?.into_parts();
        let mut body = Vec::new();
        while let Some(data) = self.data(&mut stream) {
            body.extend_from_slice(&data?);
        }
        let trailers = self.until(|cx| stream.poll_trailers(cx))?;
        Ok(Reply { head: Response::from_parts(head, ()), body, trailers })
    }

    /// A request without content, and its answer.
    #[track_caller]
    pub fn send(&mut self, request: Request<()>) -> Result<Reply, h2::Error> {
        let (answer, _) = self.begin(request, true);
        self.finish(answer)
    }

    #[track_caller]
    pub fn get(&mut self, path: &str) -> Reply {
        self.send(request("GET", path)).unwrap()
    }

    /// A request with content, and its answer.
    #[track_caller]
    pub fn post(&mut self, request: Request<()>, body: &[u8]) -> Result<Reply, h2::Error> {
        let (mut answer, mut stream) = self.begin(request, body.is_empty());
        let mut rest = Bytes::copy_from_slice(body);
        stream.reserve_capacity(rest.len());
        let (mut head, mut received) = (None, Vec::new());
        // Both directions at once: the answer may need to be read before the server takes more.
        self.until(|cx| {
            while !rest.is_empty() {
                let room = stream.capacity().min(rest.len());
                if room > 0 {
                    let part = rest.split_to(room);
                    let sent = stream.send_data(part, rest.is_empty());
                    sent.unwrap_or_else(|_| rest.clear());
                } else if !matches!(stream.poll_capacity(cx), Poll::Ready(Some(Ok(_)))) {
                    break;
                }
            }
            if head.is_none() {
                head = Some(ready!(Pin::new(&mut answer).poll(cx))?);
            }
            let stream = head.as_mut().map(Response::body_mut).unwrap();
            while let Some(data) = ready!(stream.poll_data(cx)) {
                let data = data?;
                stream.flow_control().release_capacity(data.len())?;
                received.extend_from_slice(&data);
            }
            Poll::Ready(Ok::<_, h2::Error>(()))
        })?;
        let head = head.unwrap().map(drop);
        Ok(Reply { head, body: received, trailers: None })
    }

    /// Waits until the connection has ended, with the reason of its GOAWAY.
    #[track_caller]
    pub fn end(&mut self) -> Option<Reason> {
        let Self { connection, ended, .. } = self;
        if ended.is_none() {
            *ended = Some(wait(|cx| Pin::new(&mut *connection).poll(cx)));
        }
        ended.as_ref().and_then(|end| end.as_ref().err()).and_then(h2::Error::reason)
    }
}

/// A frame as it is on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Fields as literals that nobody has to remember (RFC 7541 section 6.2.2).
pub fn fields(list: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let text = |bytes: &mut Vec<u8>, text: &str| {
        match text.len() {
            short @ ..127 => bytes.push(short as u8),
            long => {
                bytes.push(127);
                let mut left = long - 127;
                while left >= 128 {
                    bytes.push((left % 128 + 128) as u8);
                    left /= 128;
                }
                bytes.push(left as u8);
            }
        }
        bytes.extend_from_slice(text.as_bytes());
    };
    for (name, value) in list {
        bytes.push(0);
        text(&mut bytes, name);
        text(&mut bytes, value);
    }
    bytes
}

/// The pseudo fields of a GET, and others.
pub fn get_with(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut list = vec![(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "test")];
    list.extend_from_slice(more);
    fields(&list)
}

/// One connection of a client that sends what it likes.
pub struct Raw(pub TcpStream);

impl Raw {
    /// Connects, and says what a client says first.
    #[track_caller]
    pub fn connect(server: &Server) -> Self {
        let mut raw = Self::silent(server);
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        raw.send(&frame(SETTINGS, 0, 0, b""));
        raw
    }

    #[track_caller]
    pub fn silent(server: &Server) -> Self {
        let socket = TcpStream::connect(address(server)).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Sends what the server is ready to take: it may have closed already.
    pub fn throw(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    pub fn request(&mut self, stream: u32, path: &str) {
        self.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &get_with(path, &[])));
    }

    /// The next frame; `None` at the end.
    pub fn receive(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload).ok()?;
        Some(Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
    }

    /// Skips frames until one of `kind`.
    #[track_caller]
    pub fn expect(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.receive().expect("the connection ended");
            assert!(kind == GOAWAY || frame.kind != GOAWAY, "{frame:?}");
            if frame.kind == kind {
                return frame;
            }
        }
    }

    /// The code of the GOAWAY that ends the connection.
    #[track_caller]
    pub fn goaway(&mut self) -> u32 {
        let frame = self.expect(GOAWAY);
        let code = u32::from_be_bytes(frame.payload[4..8].try_into().unwrap());
        while let Some(frame) = self.receive() {
            assert_eq!(frame.kind, GOAWAY, "nothing follows but a repetition");
        }
        code
    }

    /// The code of the next RST_STREAM, with its stream.
    #[track_caller]
    pub fn reset(&mut self) -> (u32, u32) {
        let frame = self.expect(RST_STREAM);
        (frame.stream, u32::from_be_bytes(frame.payload.try_into().unwrap()))
    }

    /// The next frame of `stream`.
    #[track_caller]
    pub fn receive_of(&mut self, stream: u32) -> Frame {
        loop {
            let frame = self.receive().expect("the connection ended");
            if frame.stream == stream {
                return frame;
            }
        }
    }

    /// All that comes, as text.
    #[track_caller]
    pub fn text(&mut self) -> String {
        let mut text = Vec::new();
        self.0.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    }
}
