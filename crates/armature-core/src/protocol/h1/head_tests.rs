//! Heads: what is understood, what is refused and how it is called.

use super::*;

const LIMITS: HeadLimits = HeadLimits { bytes: 16 * 1024, fields: 100, target: 8 * 1024 };

type Got = Result<Option<(Parsed, usize)>, Problem>;

fn parse_with(text: &[u8], limits: HeadLimits) -> Got {
    let at_once = HeadParser::default().advance(text, &limits);
    let mut parser = HeadParser::default();
    let in_bytes = (1..=text.len())
        .map(|end| parser.advance(&text[..end], &limits))
        .find(|result| !matches!(result, Ok(None)))
        .unwrap_or(Ok(None));
    assert_eq!(show(&at_once), show(&in_bytes), "byte by byte, {:?}", String::from_utf8_lossy(text));
    at_once
}

fn show(got: &Got) -> String {
    match got {
        Ok(got) => format!("{got:?}"),
        Err(problem) => format!("{} {}", problem.status.as_u16(), problem.detail),
    }
}

fn parse(text: impl AsRef<[u8]>) -> Parsed {
    let text = text.as_ref();
    match parse_with(text, LIMITS) {
        Ok(Some((parsed, used))) => {
            assert_eq!(used, text.len());
            parsed
        }
        other => panic!("{}: {}", String::from_utf8_lossy(text), show(&other)),
    }
}

/// Asserts that `text` is refused as `problem`.
#[track_caller]
fn refuses(text: impl AsRef<[u8]>, limits: HeadLimits, problem: Problem) {
    let text = text.as_ref();
    let got = parse_with(text, limits);
    assert_eq!(show(&got), show(&Err(problem)), "{:?}", String::from_utf8_lossy(text));
}

/// A request for `/` with `fields` behind its Host.
fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nhost: t\r\n{fields}\r\n")
}

fn line(line: &str) -> String {
    format!("{line}\r\nhost: t\r\n\r\n")
}

#[test]
fn understands_a_head() {
    let parsed = parse(
        "PATCH /a%20b?c=d HTTP/1.1\r\nHost: t:80\r\nX-A:\t one, \ttwo \t\r\nX-B:\r\nx-a: \u{80}\r\n\r\n",
    );
    let head = parsed.head;
    assert_eq!(
        (head.method().as_str(), head.target(), head.version()),
        ("PATCH", "/a%20b?c=d", Version::Http11)
    );
    let fields: Vec<_> = head.iter().collect();
    let expected: [(&str, &[u8]); 4] =
        [("host", b"t:80"), ("x-a", b"one, \ttwo"), ("x-b", b""), ("x-a", "\u{80}".as_bytes())];
    assert_eq!(fields, expected);
    assert_eq!((parsed.framing, parsed.persists, parsed.expects), (Framing::Length(0), true, false));
}

#[test]
fn waits_for_all_of_it() {
    let text = get("x: y\r\n");
    for end in 0..text.len() {
        assert!(matches!(parse_with(&text.as_bytes()[..end], LIMITS), Ok(None)), "{end}");
    }
    let both = format!("{text}GET");
    let Ok(Some((_, used))) = HeadParser::default().advance(both.as_bytes(), &LIMITS) else {
        panic!("no head")
    };
    assert_eq!(used, text.len());
}

#[test]
fn empty_lines_before_it_are_skipped() {
    assert_eq!(parse(format!("\r\n\r\n{}", get(""))).head.target(), "/");
    let mut parser = HeadParser::default();
    for (input, begun) in
        [("\r", false), ("\r\n", false), ("\r\n\r", false), ("\r\n\r\n", false), ("\r\n\r\nG", true)]
    {
        assert!(matches!(parser.advance(input.as_bytes(), &LIMITS), Ok(None)));
        assert_eq!(parser.has_begun(input.as_bytes()), begun, "{input:?}");
    }
    refuses("\n", LIMITS, Problem::BARE_LF);
}

#[test]
fn request_lines() {
    for (text, problem) in [
        ("GET", Problem::BAD_REQUEST_LINE),
        ("GET /", Problem::BAD_REQUEST_LINE),
        ("GET  / HTTP/1.1", Problem::BAD_TARGET),
        (" GET / HTTP/1.1", Problem::BAD_REQUEST_LINE),
        ("GET /  HTTP/1.1", Problem::BAD_REQUEST_LINE),
        ("GET / HTTP/1.1 ", Problem::BAD_REQUEST_LINE),
        ("GET /a b HTTP/1.1", Problem::BAD_REQUEST_LINE),
        ("GET\t/\tHTTP/1.1", Problem::BAD_REQUEST_LINE),
        ("GET / http/1.1", Problem::BAD_REQUEST_LINE),
        ("GET / HTTP/1", Problem::BAD_REQUEST_LINE),
        ("GET / HTTP/1.10", Problem::BAD_REQUEST_LINE),
        ("GET / HTTP/11.1", Problem::BAD_REQUEST_LINE),
        ("GET / HTTP/a.b", Problem::BAD_REQUEST_LINE),
        ("G@T / HTTP/1.1", Problem::BAD_REQUEST_LINE),
        ("G\u{e9}T / HTTP/1.1", Problem::BAD_REQUEST_LINE),
        ("G\0T / HTTP/1.1", Problem::BAD_REQUEST),
        ("GET /\x7f HTTP/1.1", Problem::BAD_REQUEST),
        ("GET /\r HTTP/1.1", Problem::BAD_REQUEST),
        ("\x16\x03\x01\x02", Problem::BAD_REQUEST),
        ("GET / HTTP/0.9", Problem::VERSION_NOT_SUPPORTED),
        ("GET / HTTP/2.0", Problem::VERSION_NOT_SUPPORTED),
        ("GET / HTTP/3.1", Problem::VERSION_NOT_SUPPORTED),
        ("PRI * HTTP/2.0", Problem::VERSION_NOT_SUPPORTED),
        ("CONNECT t:80 HTTP/1.1", Problem::NO_TUNNEL),
    ] {
        refuses(line(text), LIMITS, problem);
    }
    // A later minor version is answered as the latest that is known.
    assert_eq!(parse(line("GET / HTTP/1.2")).head.version(), Version::Http11);
    assert_eq!(parse(line("GET / HTTP/1.0")).head.version(), Version::Http10);
    assert_eq!(parse(line("M-SEARCH / HTTP/1.1")).head.method().as_str(), "M-SEARCH");
}

#[test]
fn targets() {
    for (text, target, host) in [
        ("GET //a//b", "//a//b", "t"),
        ("GET /{a}|\"b\"^`\\", "/{a}|\"b\"^`\\", "t"),
        ("OPTIONS *", "*", "t"),
        ("GET http://a.b", "/", "a.b"),
        ("GET HTTP://a.b:81/c?d", "/c?d", "a.b:81"),
        ("GET https://a?b/c", "/?b/c", "a"),
        ("GET http://[::1]:1/", "/", "[::1]:1"),
        ("OPTIONS http://a", "*", "a"),
        ("OPTIONS http://a/", "/", "a"),
        ("OPTIONS http://a?", "/?", "a"),
    ] {
        let head = parse(line(&format!("{text} HTTP/1.1"))).head;
        assert_eq!((head.target(), head.get_str("host"), head.len()), (target, Some(host), 1), "{text}");
    }
    for (text, problem) in [
        ("GET a", Problem::BAD_TARGET),
        ("GET ?a", Problem::BAD_TARGET),
        ("GET *", Problem::BAD_TARGET),
        ("GET /#a", Problem::BAD_TARGET),
        ("GET /\u{e9}", Problem::BAD_TARGET),
        ("GET ftp://a/", Problem::BAD_TARGET),
        ("GET http:/a", Problem::BAD_TARGET),
        ("OPTIONS **", Problem::BAD_TARGET),
        ("GET http://", Problem::BAD_HOST),
        ("GET http:///a", Problem::BAD_HOST),
        ("GET http://:80/", Problem::BAD_HOST),
        ("GET http://a@b/", Problem::BAD_HOST),
        ("GET http://a:b/", Problem::BAD_HOST),
        ("GET http://[a/", Problem::BAD_HOST),
    ] {
        refuses(line(&format!("{text} HTTP/1.1")), LIMITS, problem);
    }
}

#[test]
fn an_absolute_target_replaces_host_wherever_it_stands() {
    let head = parse("GET http://a/ HTTP/1.1\r\nx: 1\r\nHost: other\r\ny: 2\r\n\r\n").head;
    let fields: Vec<_> = head.iter().collect();
    let expected: [(&str, &[u8]); 3] = [("host", b"a"), ("x", b"1"), ("y", b"2")];
    assert_eq!(fields, expected);
    refuses("GET http://a/ HTTP/1.1\r\nhost: a b\r\n\r\n", LIMITS, Problem::BAD_HOST);
    refuses("GET http://a/ HTTP/1.1\r\n\r\n", LIMITS, Problem::BAD_HOST);
    assert_eq!(parse("GET http://a/ HTTP/1.0\r\n\r\n").head.get_str("host"), Some("a"));
}

#[test]
fn fields() {
    for field in [
        "x",
        "x y: z",
        " x: y",
        "\tx: y",
        "x : y",
        "x\t: y",
        ": y",
        "x\u{e9}: y",
        "x: \0",
        "x: a\rb",
        "x: \x7f",
        "x\0: y",
    ] {
        refuses(get(&format!("{field}\r\n")), LIMITS, Problem::BAD_FIELD);
    }
    // A folded line, also right behind the request line.
    refuses(get("x: a\r\n b\r\n"), LIMITS, Problem::BAD_FIELD);
    refuses("GET / HTTP/1.1\r\n host: t\r\n\r\n", LIMITS, Problem::BAD_FIELD);
    for text in [
        "GET / HTTP/1.1\nhost: t\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: t\n\r\n",
        "GET / HTTP/1.1\r\nhost: t\r\n\n",
    ] {
        refuses(text, LIMITS, Problem::BARE_LF);
    }
}

#[test]
fn hosts() {
    refuses("GET / HTTP/1.1\r\n\r\n", LIMITS, Problem::BAD_HOST);
    for field in ["host: t\r\n", "host: \r\n"] {
        refuses(get(field), LIMITS, Problem::BAD_HOST);
    }
    for host in ["a b", "a/b", "a@b", "a:x", "[::1", "\u{e9}"] {
        refuses(format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"), LIMITS, Problem::BAD_HOST);
    }
    assert!(parse("GET / HTTP/1.1\r\nhost:\r\n\r\n").head.get("host").is_some_and(<[u8]>::is_empty));
    refuses("GET / HTTP/1.0\r\nhost: a\r\nhost: a\r\n\r\n", LIMITS, Problem::BAD_HOST);
    assert_eq!(parse("GET / HTTP/1.0\r\n\r\n").head.get("host"), None);
}

#[test]
fn framing() {
    for (fields, framing) in [
        ("", Framing::Length(0)),
        ("content-length: 0\r\n", Framing::Length(0)),
        ("content-length: 0042 \r\n", Framing::Length(42)),
        ("content-length: 18446744073709551615\r\n", Framing::Length(u64::MAX)),
        ("transfer-encoding: Chunked\r\n", Framing::Chunked),
        ("transfer-encoding: , chunked ,\r\n", Framing::Chunked),
    ] {
        assert_eq!(parse(get(fields)).framing, framing, "{fields}");
    }
    for (fields, problem) in [
        ("content-length:\r\n", Problem::BAD_LENGTH),
        ("content-length: -1\r\n", Problem::BAD_LENGTH),
        ("content-length: +1\r\n", Problem::BAD_LENGTH),
        ("content-length: 1 2\r\n", Problem::BAD_LENGTH),
        ("content-length: 0x1\r\n", Problem::BAD_LENGTH),
        ("content-length: 1, 1\r\n", Problem::BAD_LENGTH),
        ("content-length: 1\r\ncontent-length: 1\r\n", Problem::BAD_LENGTH),
        ("content-length: 18446744073709551616\r\n", Problem::BAD_LENGTH),
        ("content-length: 1\r\ntransfer-encoding: chunked\r\n", Problem::BAD_FRAMING),
        ("transfer-encoding: chunked\r\ncontent-length: 1\r\n", Problem::BAD_FRAMING),
        ("transfer-encoding:\r\n", Problem::BAD_CODING),
        ("transfer-encoding: identity\r\n", Problem::BAD_CODING),
        ("transfer-encoding: chunked, gzip\r\n", Problem::BAD_CODING),
        ("transfer-encoding: chunked, chunked\r\n", Problem::BAD_CODING),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", Problem::BAD_CODING),
        ("transfer-encoding: \"chunked\"\r\n", Problem::BAD_CODING),
        ("transfer-encoding: chunked;a=b\r\n", Problem::BAD_CODING),
        ("transfer-encoding: \x0bchunked\r\n", Problem::BAD_FIELD),
        ("transfer-encoding: gzip, chunked\r\n", Problem::UNKNOWN_CODING),
        ("transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n", Problem::UNKNOWN_CODING),
    ] {
        refuses(get(fields), LIMITS, problem);
    }
    let http10 = |method: &str, fields: &str| format!("{method} / HTTP/1.0\r\n{fields}\r\n");
    refuses(http10("GET", "transfer-encoding: chunked\r\n"), LIMITS, Problem::BAD_FRAMING);
    refuses(http10("POST", ""), LIMITS, Problem::LENGTH_REQUIRED);
    assert_eq!(parse(http10("POST", "content-length: 1\r\n")).framing, Framing::Length(1));
    assert_eq!(parse("POST / HTTP/1.1\r\nhost: t\r\n\r\n").framing, Framing::Length(0));
}

#[test]
fn persistence_and_expectations() {
    for (version, fields, persists, expects) in [
        ("1.1", "", true, false),
        ("1.1", "connection: Close\r\n", false, false),
        ("1.1", "connection: x, close , y\r\n", false, false),
        ("1.1", "connection: keep-alive\r\nconnection: close\r\n", false, false),
        ("1.1", "connection: closed\r\n", true, false),
        ("1.0", "", false, false),
        ("1.0", "connection: Keep-Alive\r\n", true, false),
        ("1.0", "connection: keep-alive, close\r\n", false, false),
        ("1.1", "expect: 100-Continue\r\n", true, true),
        ("1.0", "expect: 100-continue\r\n", false, false),
        ("1.0", "expect: anything\r\n", false, false),
    ] {
        let parsed = parse(format!("GET / HTTP/{version}\r\nhost: t\r\n{fields}\r\n"));
        assert_eq!((parsed.persists, parsed.expects), (persists, expects), "{version} {fields}");
    }
    for value in ["", "200-ok", "100-continue, x", "100-continue;q=1"] {
        refuses(get(&format!("expect: {value}\r\n")), LIMITS, Problem::EXPECTATION_FAILED);
    }
}

#[test]
fn upgrades() {
    for (version, fields, upgrades) in [
        ("1.1", "connection: Upgrade\r\nupgrade: a\r\n", true),
        ("1.2", "upgrade: a/1\r\nconnection: x, uPGRADE\r\n", true),
        ("1.1", "connection: x\r\nconnection: upgrade\r\nupgrade:\r\nupgrade: , a\r\n", true),
        ("1.1", "connection: keep-alive, upgrade\r\nupgrade: a, b\r\n", true),
        ("1.1", "", false),
        ("1.1", "upgrade: a\r\n", false),
        ("1.1", "connection: upgrade\r\n", false),
        ("1.1", "connection: upgrade\r\nupgrade: ,\r\n", false),
        ("1.1", "connection: upgrades\r\nupgrade: a\r\n", false),
        ("1.1", "connection: \"upgrade\"\r\nupgrade: a\r\n", false),
        ("1.1", "connection: upgrade, close\r\nupgrade: a\r\n", false),
        ("1.0", "connection: upgrade, keep-alive\r\nupgrade: a\r\n", false),
    ] {
        let parsed = parse(format!("GET / HTTP/{version}\r\nhost: t\r\n{fields}\r\n"));
        assert_eq!(parsed.upgrades, upgrades, "{version} {fields}");
    }
}

#[test]
fn limits_are_exact() {
    let small = HeadLimits { bytes: 100, fields: 3, target: 20 };
    // The whole head.
    let of = |len: usize| get(&format!("x: {}\r\n", "y".repeat(len - get("x: \r\n").len())));
    assert!(matches!(parse_with(of(100).as_bytes(), small), Ok(Some((_, 100)))));
    refuses(of(101), small, Problem::HEADERS_TOO_LARGE);
    refuses(of(5000), small, Problem::HEADERS_TOO_LARGE);
    // Fields, an absolute target's Host among them.
    for start in ["GET / HTTP/1.1", "GET http://a/ HTTP/1.1"] {
        for fields in ["host: t\r\na: 1\r\nb: 2\r\n", "a: 1\r\nb: 2\r\nhost: t\r\n"] {
            let text = format!("{start}\r\n{fields}\r\n");
            assert!(matches!(parse_with(text.as_bytes(), small), Ok(Some(_))), "{text}");
            refuses(format!("{start}\r\n{fields}c: 3\r\n\r\n"), small, Problem::HEADERS_TOO_LARGE);
        }
    }
    // The target, as it was sent.
    for method in ["G".to_owned(), "M".repeat(METHOD_BYTES)] {
        let of = |len: usize| line(&format!("{method} /{} HTTP/1.1", "a".repeat(len - 1)));
        assert!(matches!(parse_with(of(20).as_bytes(), small), Ok(Some(_))));
        refuses(of(21), small, Problem::URI_TOO_LONG);
        refuses(of(90), small, Problem::URI_TOO_LONG);
        refuses(of(2000), small, Problem::URI_TOO_LONG);
    }
    assert!(matches!(parse_with(line("GET http://abcdefghi/abc HTTP/1.1").as_bytes(), small), Ok(Some(_))));
    refuses(line("GET http://abcdefghi/abcd HTTP/1.1"), small, Problem::URI_TOO_LONG);
    // The method.
    parse(line(&format!("{} / HTTP/1.1", "M".repeat(METHOD_BYTES))));
    refuses(line(&format!("{} / HTTP/1.1", "M".repeat(METHOD_BYTES + 1))), small, Problem::UNKNOWN_METHOD);
    // A line without an end is given up as soon as it is too long.
    refuses("a".repeat(1 + METHOD_BYTES + 20 + AFTER_TARGET + 1), small, Problem::URI_TOO_LONG);
    assert!(matches!(
        parse_with("a".repeat(1 + METHOD_BYTES + 20 + AFTER_TARGET).as_bytes(), small),
        Ok(None)
    ));
    refuses("\r\n".repeat(51), small, Problem::URI_TOO_LONG);
}

#[test]
fn what_there_is_of_a_refused_head_can_be_shown() {
    let mut parser = HeadParser::default();
    assert!(parser.advance(b"GET /a HTTP/1.1\r\nhost: t\r\nbad\r\n\r\n", &LIMITS).is_err());
    let head = parser.take_head().unwrap();
    assert_eq!((head.target(), head.get_str("host")), ("/a", Some("t")));
    let mut parser = HeadParser::default();
    assert!(parser.advance(b"GET\r\n", &LIMITS).is_err());
    assert!(parser.take_head().is_none());
}
