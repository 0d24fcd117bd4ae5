//! Where connections come from: Unix sockets and their files, inherited sockets, the PROXY protocol, connections by address.
#![cfg(unix)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use armature_core::config::{Config, Environment, ListenAddress, Settings};
use armature_core::error::Error;
use armature_core::http::{Address, Request, Response};
use armature_core::pipeline::HandlerFn;
use armature_core::server::{App, Server};
use armature_core::testing::{Client, Reply, serve};
use support::until;

/// Answers with who asks, from where, and whether encrypted.
fn app() -> App {
    App::new().fallback(HandlerFn(|request: Request| async move {
        let peer = &request.peer;
        Response::text(format!("{} {} {}", peer.remote_ip, peer.remote.port(), peer.secure))
    }))
}

/// A folder that is empty and goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("armature-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("app.sock")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn listen_on(listen: &str) -> Result<Server, Error> {
    serve(app(), &format!(r#"{{ "listen": {listen} }}"#))
}

fn over_unix(path: &Path) -> String {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_socket_file_has_its_permissions_before_anybody_can_connect_and_goes_with_the_server() {
    let folder = Folder::new("mode");
    let path = folder.socket();
    for (mode, expected) in [(r#""0600""#, 0o600), ("438", 0o666), (r#""660""#, 0o660)] {
        let server = listen_on(&format!(r#"{{ "path": "{}", "mode": {mode} }}"#, path.display())).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, expected);
        assert_eq!(server.addresses(), [Address::Unix(Some(path.clone()))]);
        assert!(over_unix(&path).ends_with("\r\n\r\n 0 false"));
        server.close(Duration::from_secs(5));
        drop(server);
        assert!(!path.exists());
    }
}

#[test]
fn a_socket_file_that_nobody_listens_on_is_replaced_and_others_are_not() {
    let folder = Folder::new("stale");
    let path = folder.socket();
    let listen = format!(r#"{{ "path": "{}" }}"#, path.display());
    // As after a crash: the file is there, and nobody listens.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let server = listen_on(&listen).unwrap();
    assert!(over_unix(&path).contains("200 OK"));
    let error = listen_on(&listen).err().unwrap();
    assert_eq!(error.code(), "ARMATURE_LISTEN");
    assert!(over_unix(&path).contains("200 OK"), "the one that failed has left the other's file alone");
    // Somebody puts another file there: it is not the server's to remove.
    fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    server.close(Duration::from_secs(5));
    drop(server);
    assert!(path.exists());
    drop(other);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    assert_eq!(listen_on(&listen).err().unwrap().code(), "ARMATURE_LISTEN");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

fn inherit(number: u32, socket: Option<OwnedFd>, more: &str) -> Result<Server, String> {
    let json = format!(r#"{{ "listen": {{ "fd": {number}{more} }}, "io": 1 }}"#);
    let mut settings = Settings::resolve(Config::from_json(&json).unwrap(), &Environment::default()).unwrap();
    if let (ListenAddress::Inherited(descriptor), Some(socket)) = (&mut settings.listen[0].address, socket) {
        descriptor.adopt(socket);
    }
    Server::start(app().build().unwrap(), settings)
        .map_err(|error| format!("{error}: {}", std::error::Error::source(&error).unwrap()))
}

#[test]
fn inherited_sockets() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let server = inherit(3, Some(tcp.try_clone().unwrap().into()), "").unwrap();
    assert_eq!(server.addresses(), [Address::Ip(address)]);
    let client = TcpStream::connect(address).unwrap();
    let port = client.local_addr().unwrap().port();
    let reply = Client::over(client).unwrap().get("/").unwrap();
    assert_eq!(reply.text(), format!("127.0.0.1 {port} false"));
    server.close(Duration::from_secs(5));
    // The original is somebody else's, who may go on with it.
    let again = inherit(3, Some(tcp.into()), "").unwrap();
    assert_eq!(Client::connect(&again).unwrap().get("/").unwrap().status, 200);

    let folder = Folder::new("inherited");
    let unix = UnixListener::bind(folder.socket()).unwrap();
    let server = inherit(4, Some(unix.into()), "").unwrap();
    assert_eq!(server.addresses(), [Address::Unix(Some(folder.socket()))]);
    assert!(over_unix(&folder.socket()).contains("200 OK"));
    drop(server);
    assert!(folder.socket().exists(), "the file is that of whoever made it");
}

#[test]
fn descriptors_that_are_no_listening_sockets() {
    let file = fs::File::open("/dev/null").unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (connected, _other) = UnixStream::pair().unwrap();
    let quiet = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let table: [(Option<OwnedFd>, &str); 5] = [
        (None, "there is no such descriptor"),
        (Some(file.into()), "it is not a socket"),
        (Some(datagrams.into()), "it is a datagram or raw socket, not a stream"),
        (Some(connected.into()), "it is a socket that does not listen: call listen() before it is passed on"),
        (Some(quiet.into()), "it is a socket that does not listen: call listen() before it is passed on"),
    ];
    for (socket, why) in table {
        let error = inherit(77, socket, "").err().unwrap();
        assert_eq!(error, format!("cannot listen on fd:77: {why}"));
    }
}

/// A server whose clients are behind a proxy on this machine.
fn proxied(options: &str) -> Server {
    let listen = r#""listen": { "port": 0, "proxy": ["127.0.0.0/8"] }"#;
    serve(app(), &format!("{{ {listen}{options} }}")).unwrap()
}

fn send(server: &Server, bytes: &[u8]) -> Client {
    let mut client = Client::connect(server).unwrap();
    client.send(bytes).unwrap();
    client
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: t\r\n\r\n";
const LINE: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 8080 443\r\n";

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = (rest.len() as u16).to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, rest].concat()
}

fn v2_of_192_0_2_1(more: &[u8]) -> Vec<u8> {
    v2(0x21, 0x11, &[&[192, 0, 2, 1, 198, 51, 100, 2, 0x1f, 0x90, 1, 187][..], more].concat())
}

#[test]
fn the_client_is_the_one_that_the_proxy_names() {
    let server = proxied("");
    let v6 = [&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[1], &[0; 16], &[0x1f, 0x90, 1, 187]].concat();
    let table: [(&[u8], &str); 5] = [
        (LINE, "192.0.2.1 8080 false"),
        (b"PROXY TCP6 2001:db8::1 ::1 8080 443\r\n", "2001:db8::1 8080 false"),
        (&v2_of_192_0_2_1(&[]), "192.0.2.1 8080 false"),
        (&v2_of_192_0_2_1(&[0x20, 0, 5, 1, 0, 0, 0, 0]), "192.0.2.1 8080 true"),
        (&v2(0x21, 0x21, &v6), "2001:db8::1 8080 false"),
    ];
    for (header, expected) in table {
        // Together with a request, before it, and a byte at a time.
        let mut client = send(&server, &[header, GET, GET].concat());
        assert_eq!(client.read().unwrap().text(), expected);
        assert_eq!(client.read().unwrap().text(), expected, "the second request of the connection");
        let mut client = send(&server, header);
        assert_eq!(client.get("/").unwrap().text(), expected);
        let mut client = Client::connect(&server).unwrap();
        for byte in [header, GET].concat() {
            client.send([byte]).unwrap();
        }
        assert_eq!(client.read().unwrap().text(), expected);
    }
    // A proxy that speaks for itself is who it is.
    for header in
        [&b"PROXY UNKNOWN\r\n"[..], &v2(0x20, 0, &[]), &v2(0x21, 0, &[]), &v2(0x21, 0x31, &[b'/'; 216])]
    {
        let client = Client::connect(&server).unwrap();
        let port = client.socket().local_addr().unwrap().port();
        let mut client = client;
        client.send(header).unwrap();
        assert_eq!(client.get("/").unwrap().text(), format!("127.0.0.1 {port} false"));
    }
    assert_eq!(server.metrics().refused_proxy.get(), 0);
}

/// Reads until the server closes: nothing must come.
#[track_caller]
fn is_closed_without_a_word(client: Client, what: &str) {
    let mut said = Vec::new();
    let _ = client.socket().read_to_end(&mut said);
    assert_eq!(String::from_utf8_lossy(&said), "", "{what}");
}

#[test]
fn what_is_no_header_is_closed_without_a_word_and_counted() {
    let server = proxied("");
    let table: [(&str, &[u8]); 9] = [
        ("plain HTTP", GET),
        ("TLS", b"\x16\x03\x01\x02\x00"),
        ("an address that is none", b"PROXY TCP4 192.0.2.256 198.51.100.2 8080 443\r\n"),
        ("a line without an end", &[b'P'; 200]),
        ("a line that is too long", &[b"PROXY UNKNOWN ", &[b'x'; 200][..]].concat()),
        ("a bare LF", b"PROXY UNKNOWN\n"),
        ("a length that nobody needs", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"),
        ("a length that is too short", &v2(0x21, 0x11, &[1, 2, 3])),
        ("a version of tomorrow", &v2(0x31, 0x11, &[0; 12])),
    ];
    for (at, (what, bytes)) in table.iter().enumerate() {
        is_closed_without_a_word(send(&server, bytes), what);
        until(|| server.metrics().refused_proxy.get() == at as u64 + 1);
    }
    // Half a header, and the end of the connection.
    let client = send(&server, &LINE[..20]);
    client.socket().shutdown(Shutdown::Write).unwrap();
    is_closed_without_a_word(client, "half a header");
    until(|| server.metrics().refused_proxy.get() == table.len() as u64 + 1);
    // Connecting and leaving is a health check.
    drop(Client::connect(&server).unwrap());
    until(|| server.metrics().connections.get() == 0);
    assert_eq!(server.metrics().refused_proxy.get(), table.len() as u64 + 1);
    assert_eq!((server.metrics().requests.get(), server.metrics().malformed.get()), (0, 0));
}

#[test]
fn only_trusted_peers_speak_for_others() {
    let listen = r#"{ "listen": { "port": 0, "proxy": ["10.0.0.0/8"] } }"#;
    let server = serve(app(), listen).unwrap();
    for bytes in [LINE, GET] {
        let client = Client::connect(&server).unwrap();
        // The server may have closed already.
        let _ = client.socket().write_all(bytes);
        is_closed_without_a_word(client, "somebody else");
    }
    until(|| server.metrics().refused_proxy.get() == 2 && server.metrics().connections.get() == 0);
    // `true` are those of trustProxy; the peer of a Unix socket counts as 127.0.0.1.
    let folder = Folder::new("proxied");
    let listen = format!(
        r#"{{ "listen": {{ "path": "{}", "proxy": true }}, "trustProxy": ["127.0.0.1"] }}"#,
        folder.socket().display()
    );
    let _server = serve(app(), &listen).unwrap();
    let mut stream = UnixStream::connect(folder.socket()).unwrap();
    stream.write_all(&[LINE, b"GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n"].concat()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("192.0.2.1 8080 false"), "{answer}");
}

#[test]
fn a_header_is_waited_for_as_long_as_a_head() {
    let server = proxied(r#", "timeouts": { "header": 200 }"#);
    let started = Instant::now();
    let silent = Client::connect(&server).unwrap();
    let slow = send(&server, &LINE[..20]);
    let late = send(&server, &[LINE, &GET[..10]].concat());
    is_closed_without_a_word(silent, "nothing");
    is_closed_without_a_word(slow, "half a header");
    // The head has what is left of the time, not the same again.
    let mut late = late;
    assert_eq!(late.read().unwrap().status, 408);
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(190) && took < Duration::from_secs(5), "{took:?}");
    assert_eq!(server.metrics().refused_proxy.get(), 2);
}

#[test]
fn a_server_that_drains_waits_for_no_header_and_loses_no_request() {
    let server = proxied("");
    let silent = Client::connect(&server).unwrap();
    let half = send(&server, &LINE[..20]);
    until(|| server.metrics().accepted.get() == 2);
    let started = Instant::now();
    let closed = server.close(Duration::from_secs(30));
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(closed.cut_off, 0);
    is_closed_without_a_word(silent, "nothing");
    is_closed_without_a_word(half, "half a header");
    assert_eq!((server.metrics().connections.get(), server.metrics().refused_proxy.get()), (0, 0));
}

#[test]
fn what_was_sent_before_the_end_is_answered() {
    for _ in 0..20 {
        let server = proxied("");
        // Perhaps it is accepted already, perhaps it waits in the kernel.
        let mut client = send(&server, &[LINE, GET].concat());
        std::thread::scope(|threads| {
            threads.spawn(|| server.close(Duration::from_secs(5)));
            assert_eq!(client.read().unwrap().text(), "192.0.2.1 8080 false");
            // The server waits for its client to leave.
            drop(client);
        });
    }
}

#[test]
fn early_bytes_of_a_body_belong_to_it() {
    let server = serve(
        App::new().fallback(HandlerFn(|mut request: Request| async move {
            let mut all = Vec::new();
            while let Some(Ok(frame)) = request.body.frame().await {
                if let armature_core::http::Frame::Data(data) = frame {
                    all.extend_from_slice(&data);
                }
            }
            Response::text(format!("{}", all.iter().map(|b| u64::from(*b)).sum::<u64>()))
        })),
        r#"{ "listen": { "port": 0, "proxy": ["127.0.0.1"] } }"#,
    )
    .unwrap();
    let body: Vec<u8> = (0..100_000u32).map(|i| i as u8).collect();
    let head = format!("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: {}\r\n\r\n", body.len());
    let expected = body.iter().map(|b| u64::from(*b)).sum::<u64>().to_string();
    for cut in [0, 1, 200, 3000, 5000, 60_000] {
        let mut client = send(&server, &[LINE, head.as_bytes(), &body[..cut]].concat());
        client.send(&body[cut..]).unwrap();
        assert_eq!(client.read().unwrap().text(), expected);
    }
}

fn status(reply: std::io::Result<Reply>) -> u16 {
    reply.unwrap().status
}

#[test]
fn connections_of_one_address() {
    let server = serve(app(), r#"{ "limits": { "connectionsPerIp": 2 } }"#).unwrap();
    let (mut first, mut second) = (Client::connect(&server).unwrap(), Client::connect(&server).unwrap());
    assert_eq!((status(first.get("/")), status(second.get("/"))), (200, 200));
    let mut third = Client::connect(&server).unwrap();
    let refused = third.read().unwrap();
    assert_eq!(refused.status, 503);
    assert!(refused.text().contains("ARMATURE_OVERLOADED"));
    assert_eq!(refused.header("connection"), Some("close"));
    assert!(third.is_closed().unwrap());
    assert_eq!((server.metrics().refused_per_ip.get(), server.metrics().refused.get()), (1, 0));
    // Those that are served stay, and one that leaves makes room.
    assert_eq!(status(first.get("/")), 200);
    drop(second);
    until(|| server.metrics().connections.get() == 1);
    assert_eq!(status(Client::connect(&server).unwrap().get("/")), 200);
}

#[test]
fn connections_of_trusted_proxies_and_of_unix_sockets_are_not_counted() {
    let folder = Folder::new("uncounted");
    let options = format!(
        r#"{{ "listen": ["127.0.0.1:0", "unix:{}"], "limits": {{ "connectionsPerIp": 1 }}, "trustProxy": ["127.0.0.1"] }}"#,
        folder.socket().display()
    );
    let server = serve(app(), &options).unwrap();
    let mut clients: Vec<_> = (0..5).map(|_| Client::connect(&server).unwrap()).collect();
    assert!(clients.iter_mut().all(|client| status(client.get("/")) == 200));
    let _held =
        [UnixStream::connect(folder.socket()).unwrap(), UnixStream::connect(folder.socket()).unwrap()];
    assert!(over_unix(&folder.socket()).contains("200 OK"));
}

#[test]
fn connections_behind_a_proxy_are_counted_by_who_they_are_for() {
    let server = proxied(r#", "limits": { "connectionsPerIp": 1 }"#);
    let of = |address: &str| {
        let mut client = Client::connect(&server).unwrap();
        client.send(format!("PROXY {address} 8080 443\r\n")).unwrap();
        let status = client.get("/").unwrap().status;
        (client, status)
    };
    let (_a, first) = of("TCP4 192.0.2.1 198.51.100.2");
    let (_b, second) = of("TCP4 192.0.2.2 198.51.100.2");
    let (_c, third) = of("TCP6 2001:db8:0:1::1 ::1");
    let (_d, fourth) = of("TCP6 2001:db8:0:2::1 ::1");
    assert_eq!([first, second, third, fourth], [200; 4]);
    // The same address, in the other notation too; and the same /64.
    for again in ["TCP4 192.0.2.1 198.51.100.2", "TCP6 ::ffff:192.0.2.1 ::1", "TCP6 2001:db8:0:1:ffff::2 ::1"]
    {
        let mut client = Client::connect(&server).unwrap();
        client.send(format!("PROXY {again} 8080 443\r\n")).unwrap();
        assert_eq!(client.read().unwrap().status, 503, "{again}");
    }
    assert_eq!(server.metrics().refused_per_ip.get(), 3);
}
