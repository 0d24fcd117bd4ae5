//! Many clients that take nothing, beside some that read slowly: `limits.unsent` bounds what waits for all of them, those are given
//! up that do not read, and those that do get all of it.

mod support;

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use armature_core::server::Server;
use armature_core::testing::serve;
use h2::RecvStream;
use socket2::{Domain, Socket, Type};
use support::http2::{DATA, END_STREAM, RST_STREAM, Raw, SETTINGS, WINDOW_UPDATE, frame};
use support::tls::{Authority, address};
use support::tracked::{Answers, MB, app};
use support::{http2, http3, request, until};
use tokio::runtime::Handle;

const LIMIT: usize = 8 * MB;
const ANSWER: usize = 2 * MB;
/// Clients that take nothing, each with one request.
const GREEDY: u64 = 24;
/// How much a slow client reads at a time.
const SIP: usize = 16 * 1024;
const ENHANCE_YOUR_CALM: u64 = 11;
const EXCESSIVE_LOAD: u64 = 0x107;

/// A client that has asked for `/big` and reads it slowly.
trait Slow {
    /// Reads a part that is left; 0 at the end.
    fn read(&mut self) -> usize;
}

/// A client that has asked for `/big` and takes nothing, until it is asked what it can get.
trait Greedy {
    /// All of it, or why not, as an error code where there is one.
    fn outcome(self: Box<Self>) -> Result<usize, Option<u64>>;
}

/// Reads as much as shows that it reads: from then on it may be busy for a while without weighing more than those who take
/// nothing, however recently they have come.
fn some(slow: &mut dyn Slow) -> usize {
    let mut read = 0;
    while read < 48 * SIP {
        read += slow.read();
    }
    read
}

struct Site {
    server: Server,
    answers: Answers,
    warnings: Arc<Mutex<Vec<String>>>,
}

fn site(more: &str) -> Site {
    let (app, answers) = app();
    let options =
        format!(r#"{{ "limits": {{ "unsent": {LIMIT} }}, "timeouts": {{ "write": "20s" }}{more} }}"#);
    let server = serve(app, &options).unwrap();
    let warnings = Arc::<Mutex<Vec<String>>>::default();
    let told = warnings.clone();
    server.warn_of_unsent(move |text| told.lock().unwrap().push(text));
    Site { server, answers, warnings }
}

impl Site {
    /// `refusal` is the code that those get who are given up.
    fn besiege(
        &self,
        slow: impl Fn() -> Box<dyn Slow>,
        greedy: impl Fn() -> Box<dyn Greedy>,
        refusal: Option<u64>,
    ) {
        let metrics = self.server.metrics();
        let begun = Cell::new(metrics.requests.get() + 1);
        let mut early = slow();
        // It has shown that it reads before it gets difficult.
        let mut read = some(&mut *early);
        let mut crowd = Vec::new();
        let mut patient: Vec<(Box<dyn Slow>, usize)> = Vec::new();
        let begins = || {
            begun.set(begun.get() + 1);
            until(|| metrics.requests.get() == begun.get());
            until(|| metrics.unsent.get() <= LIMIT as i64);
        };
        for n in 0..GREEDY {
            crowd.push(greedy());
            begins();
            read += early.read();
            for (late, read) in &mut patient {
                *read += late.read();
            }
            if n == GREEDY / 2 {
                // Somebody comes when all is taken by those who have read nothing for long, whatever the system has taken for them.
                for _ in 0..8 {
                    std::thread::sleep(Duration::from_millis(500));
                    read += early.read();
                }
                let mut late = slow();
                begins();
                let read = some(&mut *late);
                patient.push((late, read));
            }
        }
        // An answer that comes when there is no room, and what has been sent of others: a part keeps all of its memory.
        self.answers.were_bounded(LIMIT, 3 * ANSWER);
        patient.push((early, read));
        for (mut slow, mut read) in patient {
            while let more @ 1.. = slow.read() {
                read += more;
            }
            assert_eq!(read, ANSWER, "a client that reads was given up");
        }
        let outcomes: Vec<_> = crowd.into_iter().map(|greedy| greedy.outcome()).collect();
        let given_up = metrics.given_up.get();
        assert!(given_up >= GREEDY - (LIMIT / ANSWER) as u64 - 1, "{given_up} were given up");
        let refused = outcomes.iter().filter(|outcome| **outcome == Err(refusal)).count() as u64;
        let complete = outcomes.iter().filter(|outcome| **outcome == Ok(ANSWER)).count() as u64;
        assert_eq!((refused, complete), (given_up, GREEDY - given_up), "{outcomes:?}");
        until(|| self.answers.now() == 0 && metrics.unsent.get() == 0);
        let warnings = self.warnings.lock().unwrap();
        assert!(matches!(&warnings[..], [only] if only.contains("limits.unsent")), "{warnings:?}");
    }
}

/// The same over HTTP/1, for both.
struct Http1 {
    socket: TcpStream,
    /// What has been read, until the head is complete.
    head: Option<Vec<u8>>,
    left: usize,
}

impl Http1 {
    fn greedy(server: &Server) -> Box<Self> {
        Self::ask(TcpStream::connect(http2::address(server)).unwrap())
    }

    /// What it reads makes room at once. A receive buffer of the usual size has a window that opens again by halves, and on the
    /// loopback by what fits into one of its large segments: until then whoever reads looks like one who does not.
    fn slow(server: &Server) -> Box<Self> {
        let to: SocketAddr = http2::address(server);
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(2 * SIP).unwrap();
        socket.connect(&to.into()).unwrap();
        Self::ask(socket.into())
    }

    fn ask(mut socket: TcpStream) -> Box<Self> {
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket.write_all(request("GET", "/big").as_bytes()).unwrap();
        Box::new(Self { socket, head: Some(Vec::new()), left: ANSWER })
    }

    /// Content; nothing at the end.
    fn content(&mut self) -> std::io::Result<usize> {
        let mut bytes = [0; SIP];
        while let Some(head) = &mut self.head {
            let n = self.socket.read(&mut bytes)?;
            if n == 0 {
                return Ok(0);
            }
            head.extend_from_slice(&bytes[..n]);
            if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                let content = head.len() - end - 4;
                self.head = None;
                self.left -= content;
                if content > 0 {
                    return Ok(content);
                }
            }
        }
        if self.left == 0 {
            return Ok(0);
        }
        let n = self.socket.read(&mut bytes[..SIP.min(self.left)])?;
        self.left -= n;
        Ok(n)
    }
}

impl Slow for Http1 {
    fn read(&mut self) -> usize {
        self.content().unwrap()
    }
}

impl Greedy for Http1 {
    fn outcome(mut self: Box<Self>) -> Result<usize, Option<u64>> {
        while self.left > 0 {
            if self.content().map_err(|_| None::<u64>)? == 0 {
                return Err(None);
            }
        }
        Ok(ANSWER)
    }
}

#[test]
fn http1_unread() {
    let site = site("");
    site.besiege(|| Http1::slow(&site.server), || Http1::greedy(&site.server), None);
}

/// A client of HTTP/2 that keeps to the rules and opens its windows as it reads.
struct Http2 {
    client: http2::Client,
    stream: RecvStream,
}

impl Http2 {
    fn connect(server: &Server) -> Box<Self> {
        let mut client = http2::Client::connect(server);
        let (answer, _) = client.begin(http2::request("GET", "/big"), true);
        let stream = client.head(answer).unwrap().into_body();
        Box::new(Self { client, stream })
    }
}

impl Slow for Http2 {
    fn read(&mut self) -> usize {
        self.client.data(&mut self.stream).map_or(0, |data| data.unwrap().len())
    }
}

/// One that takes nothing, with or without room in its windows.
struct Unread(Raw);

fn settings(window: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[&[0, 4][..], &window.to_be_bytes()].concat())
}

const WIDE: u32 = (1 << 31) - 1;
/// What a connection has is 65,535 before.
const WIDER: u32 = WIDE - 65_535;

impl Unread {
    fn connect(server: &Server, window: u32) -> Box<Self> {
        let mut raw = Raw::connect(server);
        raw.send(&settings(window));
        raw.send(&frame(WINDOW_UPDATE, 0, 0, &WIDER.to_be_bytes()));
        raw.request(1, "/big");
        Box::new(Self(raw))
    }
}

impl Greedy for Unread {
    fn outcome(mut self: Box<Self>) -> Result<usize, Option<u64>> {
        let _ = self.0.throw(&settings(WIDE));
        let mut read = 0;
        while let Some(frame) = self.0.receive() {
            match frame.kind {
                DATA => {
                    read += frame.payload.len();
                    if frame.flags & END_STREAM != 0 {
                        return Ok(read);
                    }
                }
                RST_STREAM => {
                    return Err(Some(u32::from_be_bytes(frame.payload.try_into().unwrap()).into()));
                }
                _ => {}
            }
        }
        Err(None)
    }
}

#[test]
fn http2_with_a_window_that_is_shut() {
    let site = site("");
    site.besiege(
        || Http2::connect(&site.server),
        || Unread::connect(&site.server, 0),
        Some(ENHANCE_YOUR_CALM),
    );
}

#[test]
fn http2_unread() {
    let site = site("");
    site.besiege(
        || Http2::connect(&site.server),
        || Unread::connect(&site.server, WIDE),
        Some(ENHANCE_YOUR_CALM),
    );
}

/// The same over HTTP/3, for both: a stream is read a little at a time, or not at all.
struct Http3 {
    runtime: Handle,
    /// Kept while the stream is.
    _connection: quinn::Connection,
    receive: quinn::RecvStream,
    /// Bytes before the content.
    head: usize,
}

impl Http3 {
    /// Bytes of the stream; nothing at the end.
    fn chunk(&mut self) -> Result<usize, quinn::ReadError> {
        let Self { runtime, receive, .. } = self;
        let read =
            async { tokio::time::timeout(Duration::from_secs(10), receive.read_chunk(SIP, true)).await };
        let chunk = runtime.block_on(read).expect("timed out")?;
        Ok(chunk.map_or(0, |chunk| chunk.bytes.len()))
    }
}

impl Slow for Http3 {
    fn read(&mut self) -> usize {
        let n = self.chunk().unwrap();
        let of_head = self.head.min(n);
        self.head -= of_head;
        n - of_head
    }
}

impl Greedy for Http3 {
    fn outcome(mut self: Box<Self>) -> Result<usize, Option<u64>> {
        let mut read = 0;
        loop {
            match self.chunk() {
                Ok(0) => return Ok(read - self.head),
                Ok(n) => read += n,
                Err(quinn::ReadError::Reset(code)) => return Err(Some(code.into_inner())),
                Err(_) => return Err(None),
            }
        }
    }
}

#[test]
fn http3_unread() {
    let authority = Authority::new();
    let pair = authority.issue(&["localhost"]);
    let listen = format!(
        r#", "listen": {{ "host": "127.0.0.1", "port": 0, "tls": {{ {} }}, "http3": true }}"#,
        pair.options()
    );
    let site = site(&listen);
    let to = address(&site.server);
    let driven = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let runtime = driven.handle().clone();
    // What is sent leaves while nobody waits for anything.
    std::thread::spawn(move || driven.block_on(std::future::pending::<()>()));
    let endpoint = runtime.block_on(async {
        let mut transport = quinn::TransportConfig::default();
        transport.stream_receive_window(50_000u32.into());
        http3::endpoint_with(authority.client(), transport)
    });
    let ask = || {
        runtime.block_on(async {
            let connection = http3::connect(&endpoint, to).await;
            let (mut send, receive) = connection.open_bi().await.unwrap();
            send.write_all(&http3::get("/big", &[])).await.unwrap();
            send.finish().unwrap();
            (connection, receive)
        })
    };
    // All answers have the same head.
    let head = {
        let (_connection, mut receive) = ask();
        runtime.block_on(receive.read_to_end(2 * ANSWER)).unwrap().len() - ANSWER
    };
    let connect = || {
        let (connection, receive) = ask();
        Box::new(Http3 { runtime: runtime.clone(), _connection: connection, receive, head })
    };
    site.besiege(|| connect(), || connect(), Some(EXCESSIVE_LOAD));
}
