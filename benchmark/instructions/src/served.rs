//! Scenarios with sockets: a server on this thread, answering what its client sends.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use armature_core::config::{Config, Environment, Settings};
use armature_core::handler::Fixed;
use armature_core::http::{Address, Method, Request, Response, StatusCode};
use armature_core::io_loop::{HostLoop, Sleep};
use armature_core::pipeline::HandlerFn;
use armature_core::server::{App, Server};

use crate::Scenario;
use crate::client::{Client, turn_until};

/// Requests in one write of `pipelined`.
const PIPELINED: usize = 16;

/// A request as load generators send it.
const FIXED: &str = "GET /fixed HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n\r\n";
const PARAM: &str = "GET /users/42 HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n\r\n";

/// A request as browsers send it.
const TYPICAL: &str = "GET /users/42?page=2&sort=new HTTP/1.1\r\n\
    Host: www.example.com\r\n\
    Connection: keep-alive\r\n\
    sec-ch-ua: \"Chromium\";v=\"140\", \"Not;A=Brand\";v=\"24\"\r\n\
    sec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Linux\"\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-Dest: document\r\n\
    Referer: https://www.example.com/articles\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    Cookie: session=6f1d3a0c9b8e7f65; theme=dark; consent=all\r\n\r\n";

/// Sends the same bytes to the same server again and again.
pub struct Served {
    // Dropped in this order: whoever uses the loop goes before it.
    client: Option<Client>,
    server: Server,
    host: HostLoop,
    address: SocketAddr,
    request: Vec<u8>,
    /// Requests among these bytes.
    size: usize,
    /// Bytes of an answer, 0 before the first one.
    expected: usize,
    /// A connection is for one step.
    reconnects: bool,
}

impl Served {
    /// `None` when no scenario has this name.
    pub fn new(name: &str) -> Option<Self> {
        let (request, size) = match name {
            "fixed" => (FIXED.into(), 1),
            "param" | "connection" => (PARAM.into(), 1),
            "pipelined" => (PARAM.repeat(PIPELINED), PIPELINED),
            "post" => (post(), 1),
            "head-typical" => (TYPICAL.into(), 1),
            _ => return None,
        };
        wait_for_a_second_to_begin();
        let host = HostLoop::new(0, || {}).expect("an inline loop; there is none but on Linux");
        let generation = app().build().expect("a valid application");
        let server = Server::start_inline(generation, settings(), &host).expect("a free port");
        let address = match server.addresses().first() {
            Some(Address::Ip(address)) => *address,
            other => panic!("{other:?} is no address of TCP"),
        };
        host.run(|handle| handle.spawn(often(handle.sleep())));
        let reconnects = name == "connection";
        let request = request.into_bytes();
        Some(Self { client: None, server, host, address, request, size, expected: 0, reconnects })
    }
}

impl Scenario for Served {
    fn size(&self) -> usize {
        self.size
    }

    fn step(&mut self) {
        if self.expected == 0 {
            // One request alone shows how long an answer is.
            let one = &self.request[..self.request.len() / self.size];
            let answer = Client::connect(self.address).exchange(&self.host, one, 0);
            self.expected = answer * self.size;
        }
        let client = self.client.get_or_insert_with(|| Client::connect(self.address));
        client.exchange(&self.host, &self.request, self.expected);
        if self.reconnects {
            self.client = None;
            turn_until(&self.host, || self.server.metrics().connections.get() == 0);
        }
    }
}

/// A new second has a new `Date` made, and what that frees makes glibc tidy up: once, but at a cost that 1,000 requests would
/// share. The next second begins when this scenario is over.
fn wait_for_a_second_to_begin() {
    let into = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_millis());
    // The server rounds up to a tick of 10 ms.
    std::thread::sleep(Duration::from_millis(1020 - u64::from(into)));
}

/// A timer that is never far away, as a server with many connections has one: looking for the next one takes longer the
/// further away it is, and how far that is depends on how fast valgrind is today.
async fn often(timer: Sleep) {
    loop {
        timer.reset(Duration::from_millis(300));
        poll_fn(|cx| if timer.poll_fired(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

fn app() -> App {
    let user = HandlerFn(|request: Request| async move {
        Response::text(format!("user {}", request.param(0).unwrap_or("nobody")))
    });
    let echo = HandlerFn(|request: Request| async move {
        let body = request.into_body().collect(1024).await.expect("it was short and arrived whole");
        Response::new(StatusCode::OK).with_body(body)
    });
    App::new()
        .route(Method::GET, "/fixed", Fixed::new(StatusCode::OK, "hello"))
        .route(Method::GET, "/users/:id", user)
        .route(Method::POST, "/echo", echo)
}

fn post() -> String {
    let head = "POST /echo HTTP/1.1\r\nHost: 127.0.0.1:3000\r\nContent-Type: application/octet-stream\r\n";
    format!("{head}Content-Length: 500\r\n\r\n{}", "0123456789".repeat(50))
}

fn settings() -> Settings {
    // A default of another day, or the variables of whoever counts, must not change what is counted.
    let config = r#"{ "listen": "127.0.0.1:0", "io": "inline", "limits": { "pipeline": 16 } }"#;
    let config = Config::from_json(config).expect("valid options");
    Settings::resolve(config, &Environment::default()).expect("valid options")
}
