//! Random input for the check, and what the fuzzer has kept.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::varint;
use super::*;

/// Names and values that mean something.
const FIELDS: &[(&str, &str)] = &[
    (":method", "GET"),
    (":method", "POST"),
    (":method", "OPTIONS"),
    (":method", "CONNECT"),
    (":method", "G T"),
    (":scheme", "https"),
    (":scheme", "ftp"),
    (":authority", "a.b:80"),
    (":authority", "u@b"),
    (":path", "/a?b=c"),
    (":path", "*"),
    (":path", ""),
    (":path", "/\u{e9}"),
    (":status", "200"),
    ("host", "A.b:80"),
    ("host", "c"),
    ("cookie", "a=1"),
    ("cookie", "b=2"),
    ("content-length", "5"),
    ("content-length", "05x"),
    ("expect", "100-continue"),
    ("expect", "tea"),
    ("te", "trailers"),
    ("te", "gzip"),
    ("connection", "close"),
    ("transfer-encoding", "chunked"),
    ("Upper", "1"),
    ("x", " padded"),
    ("x", "a\r\nb"),
    ("x", "1"),
    ("authorization", "x"),
    ("", ""),
];

const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "a.b:80"), (":path", "/")];

fn section(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut section = Section::new();
    for (name, value) in fields {
        section.field(name, value.as_bytes());
    }
    section.into_bytes()
}

fn sections() -> impl Strategy<Value = Vec<u8>> {
    let some = || vec(select(FIELDS), 0..7);
    prop_oneof![
        3 => some().prop_map(|more| section(&[&GET[..], &more].concat())),
        2 => some().prop_map(|fields| section(&fields)),
        1 => vec(any::<u8>(), 0..40),
    ]
}

/// `input` with bytes replaced, put in and taken away.
fn mutated(input: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (input, vec((any::<Index>(), 0..3, any::<u8>()), 0..3)).prop_map(|(mut input, changes)| {
        for (at, kind, byte) in changes {
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

fn frame() -> impl Strategy<Value = Vec<u8>> {
    let of = |kind: u64| {
        move |content: Vec<u8>| {
            let mut out = Vec::new();
            varint::put(&mut out, kind);
            varint::put(&mut out, content.len() as u64);
            [out, content].concat()
        }
    };
    prop_oneof![
        4 => mutated(sections()).prop_map(of(1)),
        2 => vec(any::<u8>(), 0..90).prop_map(of(0)),
        1 => (select(vec![2u64, 4, 7, 0x21, 0x40, 1 << 40]), vec(any::<u8>(), 0..9))
            .prop_map(move |(kind, content)| of(kind)(content)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn streams_are_what_the_specification_says(
        input in mutated(vec(frame(), 0..5).prop_map(|frames| frames.concat())),
        size in 1usize..60,
        headers in 1usize..9,
    ) {
        for limits in [limits(), Limits { headers, header: 100, ..limits() }] {
            stream_of(&input, size, &limits);
            stream_of(&input, 1, &limits);
        }
    }

    #[test]
    fn heads_are_what_the_specification_says(section in mutated(sections())) {
        head_of(&section, &limits());
    }
}

#[test]
fn what_the_fuzzer_kept_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/http3");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "the corpus has {} files", files.len());
    for file in files {
        let data = std::fs::read(&file).unwrap();
        // The name tells which one it was.
        std::panic::catch_unwind(|| stream(&data)).unwrap_or_else(|_| panic!("{}", file.display()));
    }
}
