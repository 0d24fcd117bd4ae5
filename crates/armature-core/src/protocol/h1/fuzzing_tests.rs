//! Random input for the checks, and what the fuzzers have kept.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

const PIECES: &[&[u8]] = &[
    b"GET",
    b"POST",
    b"OPTIONS",
    b"CONNECT",
    b" ",
    b"/",
    b"*",
    b"?",
    b"http://",
    b"HTTPS://",
    b"a.b:80",
    b"[::1]",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"HTTP/2.0",
    b"\r\n",
    b"\r",
    b"\n",
    b"\r\n\r\n",
    b":",
    b"\t",
    b"\0",
    b"\x7f",
    b"\x80",
    b",",
    b"Host: a\r\n",
    b"Host: b:1\r\n",
    b"Content-Length: 5\r\n",
    b"content-length:",
    b"Transfer-Encoding: chunked\r\n",
    b"chunked",
    b"gzip",
    b"Connection: close\r\n",
    b"connection: keep-alive\r\n",
    b"Expect: 100-continue\r\n",
    b"Upgrade: a, b/1\r\n",
    b"Connection: Upgrade\r\n",
    b"upgrade",
    b"x: \"y\"\r\n",
    b"0",
    b"1",
    b"f",
    b"5\r\nhello\r\n",
    b"0\r\n",
    b";",
    b"=",
    b"a",
    b"\"",
    b"\\",
    b"18446744073709551616",
    b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => select(PIECES).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = select(vec!["GET", "POST", "OPTIONS", "DELETE", "M-SEARCH", "CONNECT"]);
    let target = prop_oneof![
        "/[a-z0-9/._~%?&=-]{0,70}",
        "(http|HTTPS)://[a-z.]{1,8}(:[0-9]{0,6})?(/[a-z]{0,4})?([?][a-z]{0,4})?",
        "[*]",
    ];
    let version = select(vec!["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.7"]);
    let field = prop_oneof![
        4 => "[A-Za-z-]{1,12}:[ \t]{0,2}[ -~]{0,20}[ \t]{0,2}",
        1 => Just("Content-Length: 12".to_owned()),
        1 => Just("Transfer-Encoding: chunked".to_owned()),
        1 => Just("Connection: close, keep-alive".to_owned()),
        1 => Just("Expect: 100-Continue".to_owned()),
        1 => Just("Connection: Upgrade".to_owned()),
        1 => "Upgrade: [a-c, ]{0,4}",
        1 => Just("Host: other:80".to_owned()),
    ];
    (vec(Just("\r\n"), 0..2), method, target, version, vec(field, 0..7), "[a-z]{0,6}").prop_map(
        |(before, method, target, version, fields, rest)| {
            let before = before.concat();
            let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
            format!("{before}{method} {target} {version}\r\nHost: t\r\n{fields}\r\n{rest}").into_bytes()
        },
    )
}

/// `input` with bytes replaced, put in and taken away.
fn mutated(input: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let interesting = prop_oneof![select(b"\r\n :\t\0,;=\"\\0fG/\x7f\x80".to_vec()), any::<u8>()];
    (input, vec((any::<Index>(), 0..3, interesting), 0..4)).prop_map(|(mut input, changes)| {
        for (at, kind, byte) in changes.into_iter() {
            let at = at.index(input.len() + 1);
            match kind {
                0 => input.insert(at, byte),
                1 if at < input.len() => input[at] = byte,
                2 if at < input.len() => drop(input.remove(at)),
                _ => {}
            }
        }
        input
    })
}

fn chunked(content: &[u8], sizes: &[Index], extension: &str, trailers: &[(String, String)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = content;
    let mut sizes = sizes.iter();
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |size| 1 + size.index(rest.len()));
        out.extend_from_slice(format!("{size:x}{extension}\r\n").as_bytes());
        out.extend_from_slice(&rest[..size]);
        out.extend_from_slice(b"\r\n");
        rest = &rest[size..];
    }
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out
}

fn body() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let extension =
        prop_oneof![Just(String::new()), "( ?; ?[a-z]{1,3}( ?= ?([a-z]{1,3}|\"[a-z;=]{0,3}\"))?){0,3}"];
    let trailers = vec(("[A-Za-z-]{1,9}", "([!-~]([ -~]{0,9}[!-~])?)?"), 0..5);
    (vec(any::<u8>(), 0..300), vec(any::<Index>(), 0..8), extension, trailers).prop_map(
        |(content, sizes, extension, trailers)| {
            let encoded = chunked(&content, &sizes, &extension, &trailers);
            (content, encoded)
        },
    )
}

fn pieces(cuts: &[Index], len: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(len + 1)).collect();
    cuts.sort_unstable();
    cuts.push(len);
    cuts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn heads_are_those_of_the_grammar(
        input in prop_oneof![soup(), request(), mutated(request()), vec(any::<u8>(), 0..64)],
        cuts in vec(any::<Index>(), 0..6),
        (bytes, fields, target) in (20usize..600, 1usize..9, 1usize..90),
    ) {
        let limits = HeadLimits { bytes, fields, target };
        for limits in [limits, LIMITS] {
            head_of(&input, pieces(&cuts, input.len()), limits);
            head_of(&input, 1..=input.len(), limits);
        }
    }

    #[test]
    fn content_is_that_of_the_grammar(
        input in prop_oneof![soup(), mutated(body().prop_map(|(_, encoded)| encoded)), vec(any::<u8>(), 0..64)],
        cuts in vec(any::<Index>(), 0..6),
        (bytes, fields) in (2usize..600, 1usize..9),
    ) {
        let limits = HeadLimits { bytes, fields, target: 0 };
        for limits in [limits, LIMITS] {
            content_of(&input, pieces(&cuts, input.len()), limits);
            content_of(&input, 1..=input.len(), limits);
        }
    }

    #[test]
    fn chunks_carry_content((content, mut encoded) in body(), cuts in vec(any::<Index>(), 0..6)) {
        let len = encoded.len();
        encoded.extend_from_slice(b"GET / HTTP/1.1\r\n");
        let cuts = pieces(&cuts, encoded.len());
        content_of(&encoded, cuts.iter().copied(), LIMITS);
        let (decoded, end) = read_content(&encoded, cuts, LIMITS);
        prop_assert_eq!(decoded, content);
        prop_assert_eq!(end.unwrap().unwrap().1, len);
    }
}

#[test]
fn what_the_fuzzers_kept_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (target, check) in [("head", head as fn(&[u8])), ("content", content), ("trailers", trailers)] {
        let mut files: Vec<_> =
            std::fs::read_dir(corpus.join(target)).unwrap().map(|f| f.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 10, "the corpus of {target} has {} files", files.len());
        for file in files {
            let data = std::fs::read(&file).unwrap();
            // The name tells which one it was.
            std::panic::catch_unwind(|| check(&data)).unwrap_or_else(|_| panic!("{}", file.display()));
        }
    }
}
