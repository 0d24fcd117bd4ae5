//! What RFC 9112 lets a server refuse, refused over real sockets: each case is what two implementations have read differently
//! somewhere, which is what request smuggling is made of. After a refusal nothing more is served on the connection.

use std::net::Shutdown;
use std::sync::{Arc, Mutex};

use armature_core::http::{Frame, Request, Response, StatusCode};
use armature_core::pipeline::HandlerFn;
use armature_core::server::{App, Server};
use armature_core::testing::{Client, serve};

/// Answers with what it has understood, and notes what was asked for.
fn start(seen: &Arc<Mutex<Vec<String>>>) -> Server {
    let seen = seen.clone();
    let app = App::new().fallback(HandlerFn(move |mut request: Request| {
        let seen = seen.clone();
        async move {
            let mut body = Vec::new();
            let mut trailers = 0;
            while let Some(frame) = request.body.frame().await {
                match frame {
                    Ok(Frame::Data(data)) => body.extend_from_slice(&data),
                    Ok(Frame::Trailers(fields)) => trailers += fields.len(),
                    Err(_) => return Response::new(StatusCode::BAD_REQUEST),
                }
            }
            let host = request.head.get("host").map(|host| String::from_utf8_lossy(host).into_owned());
            let understood = format!(
                "{} {} host={} body={} trailers={trailers}",
                request.method(),
                request.head.target(),
                host.as_deref().unwrap_or("-"),
                String::from_utf8_lossy(&body)
            );
            seen.lock().unwrap().push(understood.clone());
            Response::text(understood)
        }
    }));
    serve(app, "{}").unwrap()
}

/// A request that must not be served, sent behind every case that is refused.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: t\r\n\r\n";

struct Judge {
    server: Server,
    seen: Arc<Mutex<Vec<String>>>,
    wrong: Vec<String>,
}

impl Judge {
    fn new() -> Self {
        let seen = Arc::default();
        Self { server: start(&seen), seen, wrong: Vec::new() }
    }

    fn answers(&self, bytes: &[u8]) -> Result<Vec<(u16, String)>, String> {
        self.seen.lock().unwrap().clear();
        let mut client = Client::connect(&self.server).map_err(|e| e.to_string())?;
        client.send(bytes).map_err(|e| e.to_string())?;
        client.socket().shutdown(Shutdown::Write).map_err(|e| e.to_string())?;
        let mut answers = Vec::new();
        loop {
            match client.read() {
                Ok(reply) => {
                    let code = reply.text();
                    answers.push((reply.status, code));
                }
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(answers),
                Err(error) => return Err(format!("{error} after {answers:?}")),
            }
        }
    }

    /// One answer, `status`, and nothing that was behind it; nothing at all has reached a handler.
    fn refused(&mut self, what: &str, status: u16, bytes: impl AsRef<[u8]>) {
        let bytes = [bytes.as_ref(), SMUGGLED.as_bytes()].concat();
        let answers = self.answers(&bytes);
        let seen = self.seen.lock().unwrap().clone();
        let good = matches!(answers.as_deref(), Ok([(found, _)]) if *found == status) && seen.is_empty();
        if !good {
            self.wrong.push(format!("{what}: expected {status}, got {answers:?}, served {seen:?}"));
        }
    }

    /// Served as what it is, and so is what comes behind it.
    fn served(&mut self, what: &str, bytes: impl AsRef<[u8]>, understood: &str) {
        let bytes = [bytes.as_ref(), b"GET /next HTTP/1.1\r\nhost: t\r\n\r\n"].concat();
        let expected = [(200, understood.to_owned()), (200, "GET /next host=t body= trailers=0".to_owned())];
        let answers = self.answers(&bytes);
        if answers.as_deref() != Ok(&expected[..]) {
            self.wrong.push(format!("{what}: expected {understood}, got {answers:?}"));
        }
    }

    #[track_caller]
    fn found_nothing(self) {
        assert!(self.wrong.is_empty(), "{} cases:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}

fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nhost: t\r\n{fields}\r\n")
}

fn post(fields: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: t\r\n{fields}\r\n{body}")
}

const CHUNKED: &str = "transfer-encoding: chunked\r\n";

#[test]
fn lengths() {
    let mut judge = Judge::new();
    judge.served("a length", post("content-length: 2\r\n", "ab"), "POST / host=t body=ab trailers=0");
    judge.served(
        "zeros before it",
        post("content-length: 002\r\n", "ab"),
        "POST / host=t body=ab trailers=0",
    );
    judge.served("no content", post("content-length: 0\r\n", ""), "POST / host=t body= trailers=0");
    for (what, fields) in [
        ("two lengths that differ", "content-length: 2\r\ncontent-length: 3\r\n"),
        ("two lengths that agree", "content-length: 2\r\ncontent-length: 2\r\n"),
        ("two lengths in different case", "Content-Length: 2\r\nCONTENT-LENGTH: 3\r\n"),
        ("a list of lengths", "content-length: 2, 3\r\n"),
        ("a list of equal lengths", "content-length: 2, 2\r\n"),
        ("a length with a plus", "content-length: +2\r\n"),
        ("a length with a minus", "content-length: -2\r\n"),
        ("a length with a fraction", "content-length: 2.0\r\n"),
        ("a length with an exponent", "content-length: 2e0\r\n"),
        ("a length in hex", "content-length: 0x2\r\n"),
        ("a length with an underscore", "content-length: 1_0\r\n"),
        ("a length with a space in it", "content-length: 1 0\r\n"),
        ("a length in quotes", "content-length: \"2\"\r\n"),
        ("no length in the field", "content-length:\r\n"),
        ("only spaces in the field", "content-length:  \t \r\n"),
        ("a length beyond 64 bits", "content-length: 18446744073709551616\r\n"),
        ("a length of a thousand digits", &format!("content-length: {}\r\n", "9".repeat(1000))),
        ("digits that are not ASCII", "content-length: \u{662}\r\n"),
    ] {
        judge.refused(what, 400, post(fields, "ab"));
    }
    judge.found_nothing();
}

#[test]
fn codings() {
    let mut judge = Judge::new();
    let body = "2\r\nab\r\n0\r\n\r\n";
    let understood = "POST / host=t body=ab trailers=0";
    judge.served("chunked", post(CHUNKED, body), understood);
    judge.served("chunked in capitals", post("Transfer-Encoding: CHUNKED\r\n", body), understood);
    judge.served("an empty element beside it", post("transfer-encoding: , chunked ,\r\n", body), understood);
    for (what, status, fields) in [
        ("a length, then chunked", 400, "content-length: 2\r\ntransfer-encoding: chunked\r\n"),
        ("chunked, then a length", 400, "transfer-encoding: chunked\r\ncontent-length: 2\r\n"),
        ("a length of 0 and chunked", 400, "content-length: 0\r\ntransfer-encoding: chunked\r\n"),
        ("a length and a coding that is none", 400, "content-length: 2\r\ntransfer-encoding: x\r\n"),
        ("chunked twice", 400, "transfer-encoding: chunked, chunked\r\n"),
        ("chunked in two fields", 400, "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n"),
        ("chunked that is not last", 400, "transfer-encoding: chunked, gzip\r\n"),
        (
            "chunked that is not last, in two fields",
            400,
            "transfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n",
        ),
        ("no chunked", 400, "transfer-encoding: gzip\r\n"),
        ("no coding", 400, "transfer-encoding:\r\n"),
        ("identity", 400, "transfer-encoding: identity\r\n"),
        ("a coding before chunked", 501, "transfer-encoding: gzip, chunked\r\n"),
        ("identity before chunked", 501, "transfer-encoding: identity, chunked\r\n"),
        ("a parameter", 400, "transfer-encoding: chunked;a=b\r\n"),
        ("quotes", 400, "transfer-encoding: \"chunked\"\r\n"),
        ("a letter too many", 400, "transfer-encoding: xchunked\r\n"),
        ("a letter too few", 400, "transfer-encoding: chunke\r\n"),
        ("a vertical tab before it", 400, "transfer-encoding: \x0bchunked\r\n"),
        ("a form feed behind it", 400, "transfer-encoding: chunked\x0c\r\n"),
        ("a NUL behind it", 400, "transfer-encoding: chunked\0\r\n"),
        ("a no-break space before it", 400, "transfer-encoding: \u{a0}chunked\r\n"),
        ("a dotless i somewhere", 400, "trans\u{131}er-encoding: chunked\r\n"),
        ("a space in its name", 400, "transfer encoding: chunked\r\n"),
        ("folded", 400, "transfer-encoding:\r\n chunked\r\n"),
    ] {
        judge.refused(what, status, post(fields, body));
    }
    judge.refused("chunked in HTTP/1.0", 400, format!("POST / HTTP/1.0\r\n{CHUNKED}\r\n{body}"));
    judge.found_nothing();
}

#[test]
fn chunks() {
    let mut judge = Judge::new();
    for (what, body, content, trailers) in [
        ("none", "0\r\n\r\n", "", 0),
        ("two", "1\r\na\r\n1\r\nb\r\n0\r\n\r\n", "ab", 0),
        (
            "digits in either case",
            "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
            "01234567890123456789",
            0,
        ),
        ("zeros before a size", "0002\r\nab\r\n000\r\n\r\n", "ab", 0),
        ("extensions", "2;a;b=c;d=\"e;\\\"f\"\r\nab\r\n0;g\r\n\r\n", "ab", 0),
        ("a trailer", "2\r\nab\r\n0\r\nx-sum: 1\r\n\r\n", "ab", 1),
        ("a trailer that is of the head", "2\r\nab\r\n0\r\nauthorization: x\r\n\r\n", "ab", 0),
    ] {
        let understood = format!("POST / host=t body={content} trailers={trailers}");
        judge.served(what, post(CHUNKED, body), &understood);
    }
    for (what, body) in [
        ("a size that is none", "x\r\nab\r\n0\r\n\r\n"),
        ("no size", "\r\nab\r\n0\r\n\r\n"),
        ("a size with 0x", "0x2\r\nab\r\n0\r\n\r\n"),
        ("a size with a plus", "+2\r\nab\r\n0\r\n\r\n"),
        ("a size with a minus", "-2\r\nab\r\n0\r\n\r\n"),
        ("a size with an underscore", "1_0\r\n0123456789abcdef\r\n0\r\n\r\n"),
        ("a space before a size", " 2\r\nab\r\n0\r\n\r\n"),
        ("a space behind a size", "2 \r\nab\r\n0\r\n\r\n"),
        ("a tab behind a size", "2\t\r\nab\r\n0\r\n\r\n"),
        ("a size beyond 64 bits", "10000000000000002\r\nab\r\n0\r\n\r\n"),
        ("a size of many zeros", "0000000000000000002\r\nab\r\n0\r\n\r\n"),
        ("a bare LF behind a size", "2\nab\r\n0\r\n\r\n"),
        ("a bare CR behind a size", "2\rab\r\n0\r\n\r\n"),
        ("a CR before the CRLF of a size", "2\r\r\nab\r\n0\r\n\r\n"),
        ("a NUL behind a size", "2\0\r\nab\r\n0\r\n\r\n"),
        ("an extension without a name", "2;\r\nab\r\n0\r\n\r\n"),
        ("an extension that is no token", "2;a b\r\nab\r\n0\r\n\r\n"),
        ("an extension without a semicolon", "2 a\r\nab\r\n0\r\n\r\n"),
        ("an open quote in an extension", "2;a=\"\r\nab\r\n0\r\n\r\n"),
        ("a bare LF in an extension", "2;a\nb\r\nab\r\n0\r\n\r\n"),
        ("a bare CR in an extension", "2;a\rb\r\nab\r\n0\r\n\r\n"),
        ("a NUL in an extension", "2;a=\"\0\"\r\nab\r\n0\r\n\r\n"),
        ("a chunk that is longer than its size", "2\r\nabc\r\n0\r\n\r\n"),
        ("a chunk that is shorter than its size", "3\r\nab\r\n0\r\n\r\n"),
        ("a bare LF behind a chunk", "2\r\nab\n0\r\n\r\n"),
        ("a bare CR behind a chunk", "2\r\nab\r0\r\n\r\n"),
        ("nothing behind a chunk", "2\r\nab0\r\n\r\n"),
        ("a bare LF behind the last chunk", "2\r\nab\r\n0\n\r\n"),
        ("a bare LF at the end", "2\r\nab\r\n0\r\n\n"),
        ("a trailer without a colon", "2\r\nab\r\n0\r\nx\r\n\r\n"),
        ("a trailer with a space before the colon", "2\r\nab\r\n0\r\nx : y\r\n\r\n"),
        ("a folded trailer", "2\r\nab\r\n0\r\nx: y\r\n z\r\n\r\n"),
        ("a trailer that frames: a length", "2\r\nab\r\n0\r\ncontent-length: 2\r\n\r\n"),
        ("a trailer that frames: a coding", "2\r\nab\r\n0\r\ntransfer-encoding: chunked\r\n\r\n"),
        ("a trailer that routes", "2\r\nab\r\n0\r\nhost: other\r\n\r\n"),
    ] {
        judge.refused(what, 400, post(CHUNKED, body));
    }
    judge.found_nothing();
}

#[test]
fn lines_and_fields() {
    let mut judge = Judge::new();
    judge.served("an empty line before it", format!("\r\n{}", get("")), "GET / host=t body= trailers=0");
    judge.served("bytes above ASCII in a value", get("x: \u{e9}\r\n"), "GET / host=t body= trailers=0");
    judge.served("a tab in a value", get("x: a\tb\r\n"), "GET / host=t body= trailers=0");
    judge.served("no value", get("x:\r\n"), "GET / host=t body= trailers=0");
    for (what, bytes) in [
        ("a bare LF behind the request line", "GET / HTTP/1.1\nhost: t\r\n\r\n".to_owned()),
        ("a bare CR behind the request line", "GET / HTTP/1.1\rhost: t\r\n\r\n".to_owned()),
        ("a bare LF behind a field", "GET / HTTP/1.1\r\nhost: t\nx: y\r\n\r\n".to_owned()),
        ("a bare CR behind a field", "GET / HTTP/1.1\r\nhost: t\rx: y\r\n\r\n".to_owned()),
        ("a bare LF at the end of the head", "GET / HTTP/1.1\r\nhost: t\r\n\n".to_owned()),
        ("a bare LF before the request line", format!("\n{}", get(""))),
        ("a bare CR before the request line", format!("\r{}", get(""))),
        ("only LF", "GET / HTTP/1.1\nhost: t\n\n".to_owned()),
        ("a bare CR in a value", get("x: a\rb\r\n")),
        ("a CR before the CRLF", get("x: a\r\r\n")),
        ("a NUL in a value", get("x: a\0b\r\n")),
        ("a NUL in a name", get("x\0: b\r\n")),
        ("a NUL in the target", "GET /\0 HTTP/1.1\r\nhost: t\r\n\r\n".to_owned()),
        ("a NUL in the method", "GE\0T / HTTP/1.1\r\nhost: t\r\n\r\n".to_owned()),
        ("a backspace in a value", get("x: a\x08b\r\n")),
        ("DEL in a value", get("x: a\x7fb\r\n")),
        ("a space before the colon", get("x : y\r\n")),
        ("a tab before the colon", get("x\t: y\r\n")),
        ("a space before the name of the first field", "GET / HTTP/1.1\r\n host: t\r\n\r\n".to_owned()),
        ("a space before the colon of Host", "GET / HTTP/1.1\r\nhost : t\r\n\r\n".to_owned()),
        ("a space before the colon of a length", post("content-length : 2\r\n", "ab")),
        ("a folded value", get("x: y\r\n z\r\n")),
        ("a value folded with a tab", get("x: y\r\n\tz\r\n")),
        ("a folded value of spaces", get("x: y\r\n \r\n")),
        ("no colon", get("x\r\n")),
        ("no name", get(": y\r\n")),
        ("a name in parentheses", get("(x): y\r\n")),
        ("a name with bytes above ASCII", get("\u{e9}: y\r\n")),
        ("a name with a slash", get("a/b: y\r\n")),
        ("a name in quotes", get("\"x\": y\r\n")),
    ] {
        judge.refused(what, 400, bytes);
    }
    judge.found_nothing();
}

#[test]
fn request_lines() {
    let mut judge = Judge::new();
    let line = |line: &str| format!("{line}\r\nhost: t\r\n\r\n");
    judge.served("a later minor version", line("GET / HTTP/1.9"), "GET / host=t body= trailers=0");
    for (what, status, text) in [
        ("two spaces before the target", 400, "GET  / HTTP/1.1"),
        ("two spaces behind the target", 400, "GET /  HTTP/1.1"),
        ("a space behind the version", 400, "GET / HTTP/1.1 "),
        ("a space before the method", 400, " GET / HTTP/1.1"),
        ("a tab between", 400, "GET\t/\tHTTP/1.1"),
        ("a space in the target", 400, "GET /a b HTTP/1.1"),
        ("no version", 400, "GET /"),
        ("no target", 400, "GET HTTP/1.1"),
        ("a method that is no token", 400, "G@T / HTTP/1.1"),
        ("a method that nobody knows", 501, &format!("{} / HTTP/1.1", "X".repeat(40))),
        ("a version in small letters", 400, "GET / http/1.1"),
        ("a version with two digits", 400, "GET / HTTP/1.10"),
        ("a version without a minor", 400, "GET / HTTP/1"),
        ("a version with a comma", 400, "GET / HTTP/1,1"),
        ("HTTP/2", 505, "GET / HTTP/2.0"),
        ("HTTP/0.9 with a version", 505, "GET / HTTP/0.9"),
        ("another protocol", 400, "GET / HTCPCP/1.0"),
        ("the preface of HTTP/2", 505, "PRI * HTTP/2.0"),
        ("a fragment", 400, "GET /#a HTTP/1.1"),
        ("bytes above ASCII in the target", 400, "GET /\u{e9} HTTP/1.1"),
        ("a target that is no path", 400, "GET a HTTP/1.1"),
        ("a target that is a host", 400, "GET t:80 HTTP/1.1"),
        ("a star that is not of OPTIONS", 400, "GET * HTTP/1.1"),
        ("another scheme", 400, "GET ftp://t/ HTTP/1.1"),
        ("user information", 400, "GET http://a@t/ HTTP/1.1"),
        ("no host in an absolute target", 400, "GET http:///a HTTP/1.1"),
        ("only a port in an absolute target", 400, "GET http://:80/ HTTP/1.1"),
        ("a backslash in the host", 400, "GET http://t\\a/ HTTP/1.1"),
        ("a tunnel", 501, "CONNECT t:443 HTTP/1.1"),
        ("a tunnel to an IPv6 address", 501, "CONNECT [::1]:443 HTTP/1.1"),
        ("a tunnel to a path", 501, "CONNECT / HTTP/1.1"),
    ] {
        judge.refused(what, status, line(text));
    }
    judge.refused("HTTP/0.9", 400, "GET /\r\n");
    judge.found_nothing();
}

#[test]
fn hosts_and_absolute_targets() {
    let mut judge = Judge::new();
    let with = |line: &str, host: &str| format!("{line} HTTP/1.1\r\n{host}\r\n");
    for (what, bytes, understood) in [
        ("a host", with("GET /", "host: a.example:80\r\n"), "GET / host=a.example:80 body= trailers=0"),
        ("an IPv6 host", with("GET /", "host: [::1]:80\r\n"), "GET / host=[::1]:80 body= trailers=0"),
        ("an empty host", with("GET /", "host:\r\n"), "GET / host= body= trailers=0"),
        ("absolute", with("GET http://a/b?c", "host: a\r\n"), "GET /b?c host=a body= trailers=0"),
        // RFC 9112 section 3.2.2: what Host says is ignored then.
        (
            "absolute, another host",
            with("GET http://a/b", "host: evil\r\n"),
            "GET /b host=a body= trailers=0",
        ),
        (
            "absolute without a path",
            with("GET HTTPS://a:1", "host: a\r\n"),
            "GET / host=a:1 body= trailers=0",
        ),
        (
            "absolute with only a query",
            with("GET http://a?b", "host: a\r\n"),
            "GET /?b host=a body= trailers=0",
        ),
        // The next request of the connection is not lost: HTTP/1.0 asks for it.
        (
            "no host in HTTP/1.0",
            "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n".to_owned(),
            "GET / host=- body= trailers=0",
        ),
    ] {
        judge.served(what, bytes, understood);
    }
    for (what, line, host) in [
        ("no host", "GET /", ""),
        ("no host with an absolute target", "GET http://t/", ""),
        ("two hosts", "GET /", "host: a\r\nhost: b\r\n"),
        ("two hosts that agree", "GET /", "host: a\r\nhost: a\r\n"),
        ("two hosts in different case", "GET /", "Host: a\r\nHOST: b\r\n"),
        ("two hosts with an absolute target", "GET http://a/", "host: a\r\nhost: b\r\n"),
        ("a list of hosts", "GET /", "host: a, b\r\n"),
        ("user information", "GET /", "host: a@b\r\n"),
        ("a path", "GET /", "host: a/b\r\n"),
        ("a query", "GET /", "host: a?b\r\n"),
        ("a fragment", "GET /", "host: a#b\r\n"),
        ("a scheme", "GET /", "host: http://a\r\n"),
        ("a space", "GET /", "host: a b\r\n"),
        ("a backslash", "GET /", "host: a\\b\r\n"),
        ("a port that is none", "GET /", "host: a:b\r\n"),
        ("a port that is too long", "GET /", "host: a:123456\r\n"),
        ("two ports", "GET /", "host: a:1:2\r\n"),
        ("IPv6 without brackets", "GET /", "host: ::1\r\n"),
        ("an open bracket", "GET /", "host: [::1\r\n"),
        ("bytes above ASCII", "GET /", "host: \u{e9}\r\n"),
        ("a NUL", "GET /", "host: a\0b\r\n"),
    ] {
        judge.refused(what, 400, with(line, host));
    }
    judge.found_nothing();
}

#[test]
fn bytes_after_an_upgrade() {
    let mut judge = Judge::new();
    // Nobody upgrades here, so what follows is HTTP still.
    judge.served(
        "an upgrade that nobody takes up",
        get("connection: upgrade\r\nupgrade: websocket\r\n"),
        "GET / host=t body= trailers=0",
    );
    judge.served(
        "h2c, which is not upgraded to",
        get("connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"),
        "GET / host=t body= trailers=0",
    );
    judge.served(
        "an upgrade with a body",
        post("connection: upgrade\r\nupgrade: a\r\ncontent-length: 2\r\n", "ab"),
        "POST / host=t body=ab trailers=0",
    );
    // An upgrade does not excuse bad framing.
    judge.refused(
        "an upgrade with two lengths",
        400,
        post("connection: upgrade\r\nupgrade: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n", "ab"),
    );
    judge.found_nothing();
}
