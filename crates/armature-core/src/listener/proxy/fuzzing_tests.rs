//! Random input for the check, and what the fuzzer has kept.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::header;

fn line() -> impl Strategy<Value = Vec<u8>> {
    let word = select(vec![
        "PROXY",
        "TCP4",
        "TCP6",
        "UNKNOWN",
        "192.0.2.1",
        "::1",
        "2001:db8::1",
        "0",
        "80",
        "65535",
        "65536",
        "+1",
        "01",
        "",
        "x",
    ]);
    let end = select(vec!["\r\n", "\n", "\r", "\r\n\r\n", ""]);
    (vec(word, 1..8), end).prop_map(|(words, end)| format!("{}{end}", words.join(" ")).into_bytes())
}

fn proper_line() -> impl Strategy<Value = Vec<u8>> {
    let v4 = (any::<[u8; 4]>(), any::<[u8; 4]>())
        .prop_map(|(a, b)| format!("TCP4 {} {}", std::net::Ipv4Addr::from(a), std::net::Ipv4Addr::from(b)));
    let v6 = (any::<[u16; 8]>(), any::<[u16; 8]>())
        .prop_map(|(a, b)| format!("TCP6 {} {}", std::net::Ipv6Addr::from(a), std::net::Ipv6Addr::from(b)));
    (prop_oneof![v4, v6], any::<(u16, u16)>(), vec(any::<u8>(), 0..4)).prop_map(
        |(addresses, (a, b), after)| [format!("PROXY {addresses} {a} {b}\r\n").into_bytes(), after].concat(),
    )
}

fn binary() -> impl Strategy<Value = Vec<u8>> {
    let command = prop_oneof![9 => select(vec![0x20u8, 0x21]), 1 => any::<u8>()];
    let family = prop_oneof![9 => select(vec![0u8, 0x11, 0x12, 0x21, 0x31]), 1 => any::<u8>()];
    let addition = (select(vec![1u8, 4, 0x20, 0x30, 0xea]), vec(any::<u8>(), 0..9))
        .prop_map(|(kind, value)| [&[kind, 0, value.len() as u8][..], &value].concat());
    let rest = (select(vec![0usize, 11, 12, 36, 216]), any::<u8>(), vec(addition, 0..5))
        .prop_map(|(addresses, byte, additions)| [vec![byte; addresses], additions.concat()].concat());
    (command, family, rest, -1..2i32).prop_map(|(command, family, rest, off)| {
        let length = (rest.len() as i32 + off).clamp(0, 0xffff) as u16;
        [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length.to_be_bytes(), &rest].concat()
    })
}

proptest! {
    #[test]
    fn lines(input in line()) {
        header(&input);
    }

    #[test]
    fn proper_lines(input in proper_line()) {
        header(&input);
    }

    #[test]
    fn binaries(input in binary()) {
        header(&input);
    }

    #[test]
    fn bytes(input in vec(any::<u8>(), 0..300)) {
        header(&input);
    }
}

#[test]
fn what_the_fuzzer_kept_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/proxy");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "the corpus has {} files", files.len());
    for file in files {
        let data = std::fs::read(&file).unwrap();
        // The name tells which one it was.
        std::panic::catch_unwind(|| header(&data)).unwrap_or_else(|_| panic!("{}", file.display()));
    }
}
