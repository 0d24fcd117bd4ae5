//! Content out of its framing: known lengths, chunks, extensions, trailers.

use super::*;

const LIMITS: HeadLimits = HeadLimits { bytes: 1024, fields: 4, target: 0 };

#[derive(Debug, PartialEq)]
struct Decoded {
    content: Vec<u8>,
    trailers: Option<HeaderMap>,
    /// What follows.
    rest: Vec<u8>,
}

/// `Ok(None)` when more is needed.
type Got = Result<Option<Decoded>, Malformed>;

fn decode_in<'a>(framing: Framing, pieces: impl IntoIterator<Item = &'a [u8]>) -> Got {
    let mut decoder = Decoder::new(framing);
    let (mut content, mut input, mut end) = (Vec::new(), Vec::new(), None);
    for piece in pieces {
        input.extend_from_slice(piece);
        if end.is_none() {
            let (used, step) = decoder.decode(&input, &mut content, &LIMITS)?;
            input.drain(..used);
            if let Step::End(trailers) = step {
                assert_eq!(decoder.remaining(), Some(0));
                end = Some(trailers);
            }
        }
    }
    Ok(end.map(|trailers| Decoded { content, trailers, rest: input }))
}

/// Decodes at once, byte by byte, and split in two at every position.
fn decode(framing: Framing, input: impl AsRef<[u8]>) -> Got {
    let input = input.as_ref();
    let at_once = decode_in(framing, [input]);
    assert_eq!(decode_in(framing, input.chunks(1)), at_once, "byte by byte");
    for at in 0..=input.len() {
        assert_eq!(decode_in(framing, [&input[..at], &input[at..]]), at_once, "split at {at}");
    }
    at_once
}

fn chunks(input: impl AsRef<[u8]>) -> Got {
    decode(Framing::Chunked, input)
}

/// The content of complete chunks without trailers.
#[track_caller]
fn content(input: impl AsRef<[u8]>) -> String {
    let decoded = chunks(input).unwrap().unwrap();
    assert_eq!((decoded.trailers, decoded.rest), (None, Vec::new()));
    String::from_utf8(decoded.content).unwrap()
}

#[test]
fn known_lengths() {
    for (length, input, expected, rest) in [
        (0, "", Some(""), ""),
        (0, "GET", Some(""), "GET"),
        (5, "hello", Some("hello"), ""),
        (5, "helloGET", Some("hello"), "GET"),
        (5, "hell", None, ""),
        (u64::MAX, "hell", None, ""),
    ] {
        let got = decode_in(Framing::Length(length), [input.as_bytes()]).unwrap();
        let expected =
            expected.map(|content| Decoded { content: content.into(), trailers: None, rest: rest.into() });
        assert_eq!(got, expected, "{length} {input}");
        if length > 0 {
            assert_eq!(decode(Framing::Length(length), input).unwrap(), expected);
        }
    }
    let mut decoder = Decoder::new(Framing::Length(5));
    decoder.decode(b"he", &mut Vec::new(), &LIMITS).unwrap();
    assert_eq!(decoder.remaining(), Some(3));
    assert_eq!(Decoder::new(Framing::Chunked).remaining(), None);
}

#[test]
fn sizes() {
    assert_eq!(content("5\r\nhello\r\n0\r\n\r\n"), "hello");
    assert_eq!(content("0\r\n\r\n"), "");
    assert_eq!(content("000\r\n\r\n"), "");
    assert_eq!(content("1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n"), "abcdef");
    assert_eq!(content("A\r\n0123456789\r\n000000000000006\r\nabcdef\r\n0\r\n\r\n"), "0123456789abcdef");
    assert_eq!(content(format!("fF\r\n{}\r\n0\r\n\r\n", "x".repeat(255))).len(), 255);
    assert_eq!(content("2\r\n\r\n\r\n0\r\n\r\n"), "\r\n");
    for bad in [
        "\r\n",
        " 5\r\n",
        "5 \r\n",
        "-5\r\n",
        "+5\r\n",
        "0x5\r\n",
        "g\r\n",
        "5\n",
        "5\r\r\n",
        "5,\r\n",
        "\u{e9}\r\n",
        "5.0\r\n",
        // Sixteen digits fill the 64 bits.
        "0000000000000005\r\n",
        "ffffffffffffffff\r\n",
        "10000000000000000\r\n",
        // What follows is not the end of the chunk.
        "1\r\nab\r\n",
        "1\r\na\n",
        "1\r\na\rb",
        "1\r\na\r\n\r\n",
        "1\r\na0\r\n",
    ] {
        assert_eq!(chunks(bad), Err(Malformed), "{bad:?}");
    }
    for open in [
        "",
        "5",
        "5\r",
        "5\r\nhell",
        "5\r\nhello",
        "5\r\nhello\r",
        "5\r\nhello\r\n",
        "0",
        "0\r\n",
        "0\r\n\r",
        "fffffffffffffff\r\nx",
    ] {
        assert_eq!(chunks(open), Ok(None), "{open:?}");
    }
}

#[test]
fn what_follows_is_left_alone() {
    let decoded = chunks("1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n").unwrap().unwrap();
    assert_eq!(
        (decoded.content.as_slice(), decoded.rest.as_slice()),
        (&b"a"[..], &b"GET / HTTP/1.1\r\n"[..])
    );
    let mut decoder = Decoder::new(Framing::Chunked);
    let mut out = Vec::new();
    decoder.decode(b"0\r\n\r\n", &mut out, &LIMITS).unwrap();
    assert_eq!(decoder.decode(b"more", &mut out, &LIMITS), Ok((0, Step::End(None))));
}

#[test]
fn extensions() {
    for good in [
        ";a",
        ";a=b",
        ";a=\"b\"",
        ";a=\"\"",
        ";a=\"b;c\\\"d\\\\\"",
        " ; a = b",
        "\t;a\t=\tb",
        ";a;b=c;d=\"e\"",
        ";a=\"\u{e9}\"",
    ] {
        assert_eq!(content(format!("1{good}\r\nx\r\n0{good}\r\n\r\n")), "x", "{good:?}");
    }
    for bad in [
        ";",
        "; ",
        ";;a",
        "x",
        "=a",
        ";=a",
        ";a=",
        ";a= ",
        ";a b",
        ";a;",
        ";a=b c",
        ";a=\"",
        ";a=\"b",
        ";a=\"b\"c",
        ";a=\"\\\"",
        ";a=\"\0\"",
        ";a=\"\\\0\"",
        ";a\0",
        ";a=b ",
        ";a=\u{e9}",
        ";a\rb",
    ] {
        assert_eq!(chunks(format!("1{bad}\r\nx\r\n")), Err(Malformed), "{bad:?}");
    }
}

#[test]
fn extensions_are_limited() {
    // One line: size, `;`, and the CR.
    let line = |len: usize| format!("1;{}\r\nx\r\n", "a".repeat(len - 3));
    assert_eq!(chunks(line(CHUNK_LINE)), Ok(None));
    assert_eq!(chunks(line(CHUNK_LINE + 1)), Err(Malformed));
    assert_eq!(chunks("1".repeat(CHUNK_LINE)), Ok(None));
    assert_eq!(chunks("1".repeat(CHUNK_LINE + 1)), Err(Malformed), "a line without an end");
    // All of them.
    let at_once = |input: &str| decode_in(Framing::Chunked, [input.as_bytes()]);
    let many = format!("1;{}\r\nx\r\n", "a".repeat(511)).repeat(EXTENSION_BYTES / 512);
    assert_eq!(at_once(&many), Ok(None));
    assert_eq!(at_once(&format!("{many}1;a\r\n")), Err(Malformed));
    assert!(at_once(&format!("{many}0\r\n\r\n")).unwrap().is_some());
}

#[test]
fn trailers() {
    let decoded = chunks("1\r\na\r\n0\r\nX-Sum: 1\r\nx-sum:\t2 \r\nY:\r\n\r\n").unwrap().unwrap();
    let trailers = decoded.trailers.unwrap();
    assert_eq!(trailers.get_all("x-sum").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!((trailers.len(), trailers["y"].as_bytes()), (3, &b""[..]));
    for bad in [
        "x\r\n",
        "x : y\r\n",
        " x: y\r\n",
        ": y\r\n",
        "x y: z\r\n",
        "x: \0\r\n",
        "x: y\n",
        "x: y\r\n\n",
        "x: a\rb\r\n",
        "\n",
    ] {
        assert_eq!(chunks(format!("0\r\n{bad}\r\n")), Err(Malformed), "{bad:?}");
    }
}

#[test]
fn fields_that_are_no_trailers() {
    for framing in ["Content-Length: 1", "transfer-encoding: chunked", "HOST: a", "content-length:"] {
        assert_eq!(chunks(format!("0\r\nx: y\r\n{framing}\r\n\r\n")), Err(Malformed), "{framing}");
    }
    for name in [
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Upgrade",
        "Cache-Control",
        "Expect",
        "Max-Forwards",
        "Pragma",
        "Range",
        "If-Match",
        "If-None-Match",
        "If-Modified-Since",
        "If-Unmodified-Since",
        "If-Range",
        "Authorization",
        "Cookie",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Set-Cookie",
        "WWW-Authenticate",
        "Age",
        "Date",
        "Expires",
        "Location",
        "Retry-After",
        "Vary",
        "Warning",
        "Content-Encoding",
        "Content-Range",
        "Content-Type",
    ] {
        let decoded = chunks(format!("0\r\n{name}: a\r\nx: y\r\n{name}: b\r\n\r\n")).unwrap().unwrap();
        let trailers = decoded.trailers.unwrap();
        assert_eq!((trailers.len(), trailers["x"].as_bytes()), (1, &b"y"[..]), "{name}");
        let decoded = chunks(format!("0\r\n{name}: a\r\n\r\n")).unwrap().unwrap();
        assert_eq!(decoded.trailers, None, "{name}");
    }
    for name in ["Authentication-Info", "Digest", "ETag", "Server-Timing", "Grpc-Status", "Content-Digest"] {
        let decoded = chunks(format!("0\r\n{name}: a\r\n\r\n")).unwrap().unwrap();
        assert!(decoded.trailers.unwrap().contains_key(name), "{name}");
    }
}

#[test]
fn trailers_are_limited_like_a_head() {
    let at_once = |input: String| decode_in(Framing::Chunked, [input.as_bytes()]);
    // Those that are left out count too.
    let dropped = |n: usize| format!("0\r\n{}\r\n", "te: y\r\n".repeat(n));
    assert!(at_once(dropped(4)).unwrap().is_some());
    assert_eq!(at_once(dropped(5)), Err(Malformed));
    let fields = |n: usize| format!("0\r\n{}\r\n", "x: y\r\n".repeat(n));
    assert!(at_once(fields(4)).unwrap().is_some());
    assert_eq!(at_once(fields(5)), Err(Malformed));
    let bytes = |n: usize| format!("0\r\nx: y\r\nx: {}\r\n\r\n", "y".repeat(n - 6 - 5));
    assert!(at_once(bytes(LIMITS.bytes)).unwrap().is_some());
    assert_eq!(at_once(bytes(LIMITS.bytes + 1)), Err(Malformed));
    assert_eq!(at_once(format!("0\r\n{}", "x".repeat(LIMITS.bytes + 1))), Err(Malformed), "without an end");
}
