//! HTTPS: certificates by name, what a request knows of its connection, clients' certificates, and connections that go wrong.

#[path = "support/tls.rs"]
mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use armature_core::config::Tls;
use armature_core::http::{Request, Response};
use armature_core::pipeline::HandlerFn;
use armature_core::server::{App, Server};
use armature_core::testing::{Client, serve};
use rustls::ClientConfig;
use support::{Authority, Folder, address, begin, connect, credulous, forgetful, json};

/// Answers with what the request knows of its connection; `/body` with the length of what was sent, `/long` at length.
fn app() -> App {
    App::new()
        .route(armature_core::http::Method::GET, "/long", HandlerFn(|_| async { Response::text(long()) }))
        .route(
            armature_core::http::Method::POST,
            "/body",
            HandlerFn(|mut request: Request| async move {
                let body = std::mem::take(&mut request.body).collect(1 << 24).await;
                Response::text(body.map_or_else(|e| e.code().to_owned(), |body| body.len().to_string()))
            }),
        )
        .fallback(HandlerFn(|request: Request| async move {
            let peer = &request.peer;
            let text = peer.tls.as_ref().map(|tls| {
                let certificate = tls.peer_certificate.as_ref().map(|der| der.len());
                let (name, alpn) = (tls.server_name.as_deref(), tls.alpn.as_deref());
                format!("{} {} {name:?} {alpn:?} {certificate:?} {}", tls.version, tls.cipher, peer.secure)
            });
            Response::text(text.unwrap_or_else(|| "plain".into()))
        }))
}

fn long() -> String {
    "0123456789abcdef".repeat(1 << 18)
}

fn https(tls: &str) -> Server {
    serve_with(tls, "")
}

fn serve_with(tls: &str, more: &str) -> Server {
    serve(app(), &format!(r#"{{ "listen": {{ "port": 0, "tls": {{ {tls} }} }}{more} }}"#)).unwrap()
}

fn refusal(tls: &str) -> (String, String) {
    let error =
        serve(app(), &format!(r#"{{ "listen": {{ "port": 0, "tls": {{ {tls} }} }} }}"#)).err().unwrap();
    (error.code().to_owned(), error.to_string())
}

/// The certificate that `server` shows to somebody who asks for `name`.
fn shown(server: &Server, client: &Arc<ClientConfig>, name: &str) -> Vec<u8> {
    let mut stream = begin(address(server), client, name);
    let _ = stream.conn.complete_io(&mut stream.sock);
    stream.conn.peer_certificates().expect("a certificate")[0].to_vec()
}

#[test]
fn requests_know_their_connection() {
    let authority = Authority::new();
    let server = https(&authority.issue(&["localhost"]).options());
    let mut config = authority.client();
    config.alpn_protocols = vec![b"h3-99".to_vec(), b"http/1.1".to_vec()];
    let mut client = connect(address(&server), &Arc::new(config), "localhost").unwrap();
    for _ in 0..3 {
        let reply = client.get("/").unwrap();
        let expected = r#"TLSv1.3 TLS_AES_256_GCM_SHA384 Some("localhost") Some("http/1.1") None true"#;
        assert_eq!(reply.text(), expected);
    }
    let old = Arc::new(authority.client_of(&rustls::version::TLS12));
    let reply = connect(address(&server), &old, "localhost").unwrap().get("/").unwrap();
    let expected = r#"TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 Some("localhost") None None true"#;
    assert_eq!(reply.text(), expected);
    assert_eq!(server.metrics().handshakes.get(), 2);
    assert_eq!(server.metrics().failed_handshakes.get(), 0);
}

#[test]
fn nobody_is_served_who_speaks_none_of_the_protocols() {
    let authority = Authority::new();
    let server = https(&authority.issue(&["localhost"]).options());
    let mut config = authority.client();
    config.alpn_protocols = vec![b"smtp".to_vec()];
    let error = connect(address(&server), &Arc::new(config), "localhost").err().unwrap();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    until(|| server.metrics().failed_handshakes.get() == 1);
}

#[test]
fn sessions_are_resumed() {
    let authority = Authority::new();
    let server = https(&authority.issue(&["localhost"]).options());
    for version in rustls::ALL_VERSIONS {
        let before = server.metrics().resumed.get();
        let config = Arc::new(authority.client_of(version));
        for _ in 0..3 {
            let mut client = connect(address(&server), &config, "localhost").unwrap();
            // The tickets of TLS 1.3 come behind the handshake.
            assert_eq!(client.get("/").unwrap().status, 200);
        }
        assert_eq!(server.metrics().resumed.get() - before, 2, "{version:?}");
    }
}

#[test]
fn certificates_are_chosen_by_name() {
    let authority = Authority::new();
    let names: [&[&str]; 4] =
        [&["default.test"], &["a.test", "www.a.test"], &["*.a.test", "*.b.test"], &["deep.b.test"]];
    let pairs: Vec<_> = names.iter().map(|names| authority.issue(names)).collect();
    let listed: Vec<_> = pairs[1..].iter().map(|pair| format!("{{ {} }}", pair.options())).collect();
    let server = https(&format!(r#"{}, "certificates": [{}]"#, pairs[0].options(), listed.join(",")));
    let client = credulous();
    let table = [
        ("default.test", 0),
        ("a.test", 1),
        ("A.Test", 1),
        ("www.a.test", 1),
        ("mail.a.test", 2),
        ("deep.b.test", 3),
        ("other.b.test", 2),
        ("b.test", 0),
        ("x.y.a.test", 0),
        ("test", 0),
        ("127.0.0.1", 0),
    ];
    for (name, expected) in table {
        assert!(shown(&server, &client, name) == *pairs[expected].der(), "{name}");
    }
    // Without one of its own the first of the list is the default.
    let server = https(&format!(r#""certificates": [{}]"#, listed.join(",")));
    assert!(shown(&server, &client, "nobody.test") == *pairs[1].der());
}

#[test]
fn clients_show_their_certificates() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let own = authority.issue(&["localhost"]).options();
    let (known, unknown) = (clients.issue(&["me"]), authority.issue(&["me"]));
    let ask = |server: &Server, config: ClientConfig| {
        // With TLS 1.3 the server's verdict comes behind the handshake.
        let mut client = connect(address(server), &forgetful(config), "localhost")?;
        client.get("/").map(|reply| reply.text())
    };
    for (auth, anonymous) in [("request", true), ("require", false)] {
        let ca = json(&clients.pem());
        let server = https(&format!(r#"{own}, "clientAuth": "{auth}", "ca": {ca}"#));
        let text = ask(&server, authority.client_with(&known)).unwrap();
        assert!(text.contains(&format!("Some({}) true", known.der().len())), "{text}");
        let error = ask(&server, authority.client_with(&unknown)).unwrap_err();
        assert!(error.to_string().contains("UnknownCA"), "{error}");
        match ask(&server, authority.client()) {
            Ok(text) => assert!(anonymous && text.contains("None true"), "{text}"),
            Err(error) => assert!(!anonymous && error.to_string().contains("CertificateRequired"), "{error}"),
        }
        until(|| server.metrics().failed_handshakes.get() == if anonymous { 1 } else { 2 });
    }
}

#[test]
fn what_is_sent_arrives_however_large_and_however_slowly_it_is_read() {
    let authority = Authority::new();
    let server = serve_with(&authority.issue(&["localhost"]).options(), r#", "limits": { "body": "16mb" }"#);
    let client = Arc::new(authority.client());
    let mut client = connect(address(&server), &client, "localhost").unwrap();
    // The answer does not fit anywhere: the server has to wait for room, over and over.
    client.send("GET /long HTTP/1.1\r\nhost: t\r\n\r\nGET /long HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    for _ in 0..2 {
        assert!(client.read().unwrap().text() == long());
    }
    let body = long();
    client.send(format!("POST /body HTTP/1.1\r\nhost: t\r\ncontent-length: {}\r\n\r\n", body.len())).unwrap();
    client.send(&body).unwrap();
    assert_eq!(client.read().unwrap().text(), body.len().to_string());
}

#[test]
fn both_sides_say_that_they_leave() {
    let authority = Authority::new();
    let server = https(&authority.issue(&["localhost"]).options());
    let config = Arc::new(authority.client());
    // rustls takes an end without close_notify for an error.
    let mut client = connect(address(&server), &config, "localhost").unwrap();
    client.send("GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").unwrap();
    assert_eq!(client.read().unwrap().status, 200);
    assert!(client.is_closed().unwrap());
    // The client leaves first, and is answered.
    let mut client = connect(address(&server), &config, "localhost").unwrap();
    assert_eq!(client.get("/").unwrap().status, 200);
    client.stream().conn.send_close_notify();
    assert!(client.stream().flush().is_ok() && client.is_closed().unwrap());
    // What was asked before the end is answered behind it.
    let mut client = connect(address(&server), &config, "localhost").unwrap();
    client.send("GET / HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    client.stream().conn.send_close_notify();
    client.stream().flush().unwrap();
    assert_eq!(client.read().unwrap().status, 200);
}

#[test]
fn a_stream_that_is_cut_is_not_one_that_ended() {
    let authority = Authority::new();
    let server = https(&authority.issue(&["localhost"]).options());
    let mut client = connect(address(&server), &Arc::new(authority.client()), "localhost").unwrap();
    client
        .send("POST /body HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
        .unwrap();
    client.stream().sock.shutdown(Shutdown::Write).unwrap();
    // Who cut the stream may have been anybody.
    assert_eq!(client.read().unwrap().text(), "ARMATURE_BODY_ABORTED");
    assert!(client.is_closed().is_err() || client.is_closed().unwrap());
    until(|| server.metrics().connections.get() == 0);
}

#[test]
fn a_record_that_was_tampered_with_ends_the_connection() {
    let authority = Authority::new();
    let server = https(&authority.issue(&["localhost"]).options());
    let mut client = connect(address(&server), &Arc::new(authority.client()), "localhost").unwrap();
    assert_eq!(client.get("/").unwrap().status, 200);
    client
        .stream()
        .sock
        .write_all(&[23, 3, 3, 0, 32].iter().chain(&[7; 32]).copied().collect::<Vec<u8>>())
        .unwrap();
    assert!(client.read().is_err());
    until(|| server.metrics().connections.get() == 0);
}

#[test]
fn plain_http_gets_a_clear_answer() {
    let authority = Authority::new();
    let server = https(&authority.issue(&["localhost"]).options());
    let mut client = Client::connect(&server).unwrap();
    let reply = client.get("/").unwrap();
    assert_eq!(reply.status, 400);
    assert!(
        reply.text().contains("This port speaks HTTPS; use https:// instead of http://."),
        "{}",
        reply.text()
    );
    assert!(client.is_closed().unwrap());
    until(|| server.metrics().failed_handshakes.get() == 1);
    // Whatever else it is gets an alert.
    let mut socket = TcpStream::connect(address(&server)).unwrap();
    socket.write_all(&[0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    assert_eq!(answer.first(), Some(&21), "{answer:?}");
}

#[test]
fn clients_of_http_are_sent_to_https() {
    let authority = Authority::new();
    let own = authority.issue(&["localhost"]).options();
    let options = format!(
        r#"{{ "listen": [
            {{ "port": 0, "redirectHttps": true }},
            {{ "port": 0, "redirectHttps": 443, "proxy": ["127.0.0.1"] }},
            {{ "port": 0, "tls": {{ {own} }} }}
        ], "trustProxy": ["127.0.0.1"] }}"#
    );
    let server = serve(app(), &options).unwrap();
    let port = |index: usize| server.addresses()[index].port();
    let ask = |index: usize, head: &str| {
        let mut client = Client::to(([127, 0, 0, 1], port(index)).into()).unwrap();
        client.send(head).unwrap();
        client.read().unwrap()
    };
    let https = port(2);
    for (host, target, expected) in [
        ("localhost", "/a?b=c", format!("https://localhost:{https}/a?b=c")),
        ("example.com:8080", "/%20", format!("https://example.com:{https}/%20")),
        ("[::1]:80", "/", format!("https://[::1]:{https}/")),
        ("[::1]", "/", format!("https://[::1]:{https}/")),
    ] {
        let reply = ask(0, &format!("POST {target} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n\r\n"));
        assert_eq!((reply.status, reply.header("location")), (308, Some(&*expected)), "{host}");
    }
    assert_eq!(ask(0, "OPTIONS * HTTP/1.1\r\nhost: t\r\n\r\n").status, 400);
    assert_eq!(ask(0, "GET / HTTP/1.0\r\n\r\n").status, 400);
    // Who comes by HTTPS to a trusted proxy is served.
    let forwarded = "x-forwarded-for: 1.2.3.4\r\nx-forwarded-proto: https\r\n";
    assert_eq!(ask(0, &format!("GET / HTTP/1.1\r\nhost: t\r\n{forwarded}\r\n")).text(), "plain");
    let reply = ask(1, "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET /a HTTP/1.1\r\nhost: t:80\r\n\r\n");
    assert_eq!((reply.status, reply.header("location")), (308, Some("https://t/a")));
}

#[test]
fn a_proxy_may_pass_encrypted_connections_on() {
    let authority = Authority::new();
    let own = authority.issue(&["localhost"]).options();
    let options = format!(r#"{{ "listen": {{ "port": 0, "proxy": ["127.0.0.1"], "tls": {{ {own} }} }} }}"#);
    let server = serve(app(), &options).unwrap();
    let config = Arc::new(authority.client());
    let mut stream = begin(address(&server), &config, "localhost");
    // In one packet with the first bytes of the handshake.
    let mut first = b"PROXY TCP4 192.0.2.1 5.6.7.8 1000 2\r\n".to_vec();
    stream.conn.write_tls(&mut first).unwrap();
    stream.sock.write_all(&first).unwrap();
    let reply = Client::on(stream).get("/").unwrap();
    assert!(reply.text().starts_with("TLSv1.3"), "{}", reply.text());
}

#[test]
fn a_handshake_has_the_time_of_a_head() {
    let authority = Authority::new();
    let server =
        serve_with(&authority.issue(&["localhost"]).options(), r#", "timeouts": { "header": "200ms" }"#);
    let started = Instant::now();
    for first in [&b""[..], &[22, 3, 1, 1, 0]] {
        let mut socket = TcpStream::connect(address(&server)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket.write_all(first).unwrap();
        match socket.read(&mut [0; 100]) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(started.elapsed() >= Duration::from_millis(390));
    until(|| server.metrics().failed_handshakes.get() == 2);
    until(|| server.metrics().connections.get() == 0);
}

#[test]
fn a_server_that_closes_waits_for_handshakes_that_have_begun_and_for_no_others() {
    let authority = Authority::new();
    let server = https(&authority.issue(&["localhost"]).options());
    let silent = TcpStream::connect(address(&server)).unwrap();
    let mut half = TcpStream::connect(address(&server)).unwrap();
    half.write_all(&[22, 3, 1]).unwrap();
    until(|| server.metrics().connections.get() == 2);
    let started = Instant::now();
    server.close(Duration::from_secs(10));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    drop((silent, half));
}

/// A server with a certificate in files, and these.
fn from_files(folder: &Folder, pair: &support::Pair) -> Server {
    let (cert, key) = (folder.write("cert.pem", &pair.cert), folder.write("key.pem", &pair.key));
    let quoted = |path: &std::path::Path| json(path.to_str().unwrap());
    https(&format!(r#""cert": {}, "key": {}"#, quoted(&cert), quoted(&key)))
}

fn parsed(options: &str) -> Result<Tls, armature_core::error::Error> {
    Tls::parse("setTls()", serde_json::from_str(&format!("{{ {options} }}")).unwrap())
}

#[test]
fn certificates_are_exchanged_for_those_who_come_then() {
    let authority = Authority::new();
    let (old, new) = (authority.issue(&["localhost"]), authority.issue(&["localhost"]));
    let server = https(&old.options());
    let config = Arc::new(authority.client());
    let client = forgetful(authority.client());
    let mut open = connect(address(&server), &config, "localhost").unwrap();
    assert_eq!(open.get("/").unwrap().status, 200);
    server.set_tls(&parsed(&new.options()).unwrap(), None).unwrap();
    assert!(shown(&server, &client, "localhost") == *new.der());
    // Who is there stays, and a session from before goes on.
    assert_eq!(open.get("/").unwrap().status, 200);
    assert_eq!(connect(address(&server), &config, "localhost").unwrap().get("/").unwrap().status, 200);
    assert_eq!(server.metrics().resumed.get(), 1);
    // What cannot be used changes nothing.
    let broken = format!(r#""cert": {}, "key": {}"#, json(&new.cert), json(&old.key));
    let error = server.set_tls(&parsed(&broken).unwrap(), None).unwrap_err();
    assert_eq!(error.code(), "ARMATURE_TLS");
    assert_eq!(
        error.to_string(),
        "setTls().key: the text is not the key of the first certificate in setTls().cert (text)"
    );
    assert!(shown(&server, &client, "localhost") == *new.der());
    let error = server.set_tls(&parsed(&old.options()).unwrap(), Some("1.2.3.4:5")).unwrap_err();
    let known = address(&server);
    assert_eq!(
        error.to_string(),
        format!("setTls(): no listener at '1.2.3.4:5' has tls; those that have: '{known}'")
    );
    server.set_tls(&parsed(&old.options()).unwrap(), Some(&known.to_string())).unwrap();
    assert!(shown(&server, &client, "localhost") == *old.der());
    assert_eq!(parsed("").unwrap_err().to_string(), "setTls(): needs cert and key, certificates or acme");
    let plain = serve(app(), "{}").unwrap();
    let error = plain.set_tls(&parsed(&old.options()).unwrap(), None).unwrap_err();
    assert_eq!(error.to_string(), "setTls(): no listener has tls; those that have: none");
}

#[test]
fn who_has_a_session_is_asked_for_a_certificate_when_that_is_new() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let own = authority.issue(&["localhost"]).options();
    let server = https(&own);
    let config = Arc::new(authority.client());
    assert_eq!(connect(address(&server), &config, "localhost").unwrap().get("/").unwrap().status, 200);
    let strict = format!(r#"{own}, "clientAuth": "require", "ca": {}"#, json(&clients.pem()));
    server.set_tls(&parsed(&strict).unwrap(), None).unwrap();
    let answer = connect(address(&server), &config, "localhost").and_then(|mut client| client.get("/"));
    assert!(answer.is_err(), "an earlier session is no certificate");
    assert_eq!(server.metrics().resumed.get(), 0);
}

/// How often certificates are exchanged while clients connect; `ARMATURE_TLS_SWAPS=1000` for more.
fn swaps() -> usize {
    std::env::var("ARMATURE_TLS_SWAPS").map_or(100, |number| number.parse().unwrap())
}

#[test]
fn no_handshake_fails_while_certificates_are_exchanged() {
    let authority = Authority::new();
    let pairs: Vec<_> = (0..4).map(|_| parsed(&authority.issue(&["localhost"]).options()).unwrap()).collect();
    let server = https(&authority.issue(&["localhost"]).options());
    let (to, client) = (address(&server), forgetful(authority.client()));
    let over = AtomicBool::new(false);
    let served = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut served = 0u64;
                    while !over.load(Ordering::Relaxed) {
                        let reply = connect(to, &client, "localhost").unwrap().get("/").unwrap();
                        assert_eq!(reply.status, 200);
                        served += 1;
                    }
                    served
                })
            })
            .collect();
        for number in 0..swaps() {
            let before = server.metrics().handshakes.get();
            server.set_tls(&pairs[number % pairs.len()], None).unwrap();
            // Somebody has come since.
            until(|| server.metrics().handshakes.get() > before || clients.iter().any(|c| c.is_finished()));
        }
        over.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).sum::<u64>()
    });
    assert!(served >= swaps() as u64, "{served}");
    assert_eq!(server.metrics().failed_handshakes.get(), 0);
}

#[test]
fn files_that_change_are_read_anew_and_broken_ones_are_not_taken() {
    let (authority, folder) = (Authority::new(), Folder::new("watched"));
    let (old, new) = (authority.issue(&["localhost"]), authority.issue(&["localhost", "longer.test"]));
    let server = from_files(&folder, &old);
    let (tell, told) = std::sync::mpsc::channel();
    server.watch_certificates(move |error| tell.send(error.to_string()).unwrap()).unwrap();
    let client = forgetful(authority.client());
    // A certificate without its key, for as long as that takes: said once, and the old one stays.
    folder.write("cert.pem", &new.cert);
    let message = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(message.contains("is not the key of the first certificate in"), "{message}");
    assert!(shown(&server, &client, "localhost") == *old.der());
    folder.write("key.pem", &format!("{}\n", new.key));
    until(|| shown(&server, &client, "localhost") == *new.der());
    std::fs::remove_file(folder.path().join("key.pem")).unwrap();
    let message = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(message.contains("cannot be read"), "{message}");
    assert!(shown(&server, &client, "localhost") == *new.der());
    assert!(told.try_recv().is_err());
}

#[test]
fn what_cannot_be_used_is_named() {
    let (authority, folder) = (Authority::new(), Folder::new("refusals"));
    let (one, other) = (authority.issue(&["a.test"]), authority.issue(&["b.test"]));
    let missing = folder.path().join("none.pem");
    let cert = folder.write("cert.pem", &one.cert);
    let key = folder.write("key.pem", &other.key);
    let noise = folder.write("noise.pem", "nothing");
    let quoted = |path: &std::path::Path| json(path.to_str().unwrap());
    let tls = |message: String| ("ARMATURE_TLS".to_owned(), message);
    assert_eq!(
        refusal(&format!(r#""cert": {}, "key": {}"#, quoted(&missing), quoted(&key))),
        tls(format!(
            "listen.tls.cert: '{}' cannot be read: No such file or directory (os error 2)",
            missing.display()
        ))
    );
    assert_eq!(
        refusal(&format!(r#""cert": {}, "key": {}"#, quoted(&cert), quoted(&key))),
        tls(format!(
            "listen.tls.key: '{}' is not the key of the first certificate in '{}'",
            key.display(),
            cert.display()
        ))
    );
    assert_eq!(
        refusal(&format!(r#""cert": {}, "key": {}"#, quoted(&noise), quoted(&key))),
        tls(format!(
            "listen.tls.cert: '{}' holds no certificate in PEM (-----BEGIN CERTIFICATE-----)",
            noise.display()
        ))
    );
    let key_for_cert = format!(
        r#""certificates": [{{ {} }}, {{ "cert": {}, "key": {} }}]"#,
        one.options(),
        json(&one.cert),
        json(&one.cert)
    );
    assert_eq!(
        refusal(&key_for_cert),
        tls("listen.tls.certificates[1].key: the text holds no private key in PEM (-----BEGIN PRIVATE KEY-----)".into())
    );
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_eq!(
        refusal(&format!(r#""cert": {}, "key": {}"#, json(&one.cert), json(encrypted))).1,
        "listen.tls.key: the text holds an encrypted key; decrypt it with `openssl pkey -in key.pem -out plain.pem`"
    );
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let (code, message) = refusal(&format!(r#""cert": {}, "key": {}"#, json(broken), json(&one.key)));
    assert_eq!(code, "ARMATURE_TLS");
    assert!(message.starts_with("listen.tls.cert: the text holds a certificate that is none"), "{message}");
}

#[track_caller]
fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "timed out");
        std::thread::yield_now();
    }
}
