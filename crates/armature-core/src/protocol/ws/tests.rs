//! The decoder against frames that are built here, cut wherever the network may cut them.

use proptest::prelude::*;

use super::decode::{Decoder, Event, Text, Violation};
use super::deflate::tests::inflater;
use super::{CloseCode, Farewell, WsSettings};

/// A client's frame.
fn frame(first: u8, content: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut out = vec![first];
    match content.len() {
        len @ 0..=125 => out.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(content.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]));
    out
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Got {
    Message(Text, Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Farewell),
}

fn decode<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: &WsSettings,
) -> (Vec<Got>, Result<(), Violation>) {
    decode_with(Decoder::default(), pieces, limits)
}

fn decode_with<'a>(
    mut decoder: Decoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: &WsSettings,
) -> (Vec<Got>, Result<(), Violation>) {
    let mut got = Vec::new();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let fed = decoder.feed(&mut piece, limits, |event| {
            got.push(match event {
                Event::Message(text, content) => Got::Message(text, content.to_vec()),
                Event::Ping(content) => Got::Ping(content.to_vec()),
                Event::Pong => Got::Pong,
                Event::Close(farewell) => Got::Close(farewell),
            });
        });
        if let Err(violation) = fed {
            return (got, Err(violation));
        }
        // As the connection does: nothing is read behind a Close frame.
        if matches!(got.last(), Some(Got::Close(_))) {
            break;
        }
    }
    (got, Ok(()))
}

fn all(bytes: &[u8]) -> (Vec<Got>, Result<(), Violation>) {
    decode([bytes], &WsSettings::default())
}

#[test]
fn refuses_what_the_rfc_forbids() {
    let mask = [1, 2, 3, 4];
    let masked = |first| frame(first, b"", mask);
    for (bytes, violation) in [
        (masked(0xc1), Violation::RESERVED),
        (masked(0xa1), Violation::RESERVED),
        (masked(0x91), Violation::RESERVED),
        (masked(0x83), Violation::OPCODE),
        (masked(0x8b), Violation::OPCODE),
        (masked(0x09), Violation::CONTROL_FRAGMENT),
        (vec![0x81, 0], Violation::MASK),
        (frame(0x89, &[0; 126], mask), Violation::CONTROL_LENGTH),
        (vec![0x82, 0xfe, 0, 125, 0, 0, 0, 0], Violation::LENGTH),
        (vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0], Violation::LENGTH),
        (vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Violation::LENGTH),
        (masked(0x80), Violation::NO_MESSAGE),
        ([masked(0x01), masked(0x81)].concat(), Violation::IN_MESSAGE),
        (frame(0x88, b"\x03", mask), Violation::CLOSE),
        (frame(0x88, b"\x03\xee", mask), Violation::CLOSE_CODE),
        (frame(0x88, b"\x03\xe8\xff", mask), Violation::TEXT),
        (frame(0x81, b"\xff", mask), Violation::TEXT),
        (frame(0x81, b"\xe2\x82", mask), Violation::TEXT),
    ] {
        assert_eq!(all(&bytes).1, Err(violation), "{bytes:x?}");
        let bytewise = decode(bytes.chunks(1), &WsSettings::default());
        assert_eq!(bytewise.1, Err(violation), "{bytes:x?} byte by byte");
    }
}

#[test]
fn limits_count_before_anything_is_kept() {
    let limits = WsSettings { message: 10, frame: 6, ..WsSettings::default() };
    let mask = [9; 4];
    let head = |first, len| frame(first, &vec![0; len], mask)[..6].to_vec();
    assert_eq!(decode([&head(0x82, 7)[..]], &limits).1, Err(Violation::FRAME));
    let parts = [frame(0x02, &[0; 6], mask), head(0x80, 5)].concat();
    assert_eq!(decode([&parts[..]], &limits).1, Err(Violation::MESSAGE));
    let fits = [frame(0x02, &[0; 6], mask), frame(0x80, &[0; 4], mask)].concat();
    assert_eq!(decode([&fits[..]], &limits), (vec![Got::Message(Text::Not, vec![0; 10])], Ok(())));
}

#[test]
fn text_fails_inside_its_frame() {
    // The frame says that more comes; the first bytes cannot become text.
    let bytes = frame(0x81, b"ok\xf5 and more", [7; 4]);
    assert_eq!(all(&bytes[..9]).1, Err(Violation::TEXT));
    assert_eq!(all(&bytes[..8]).1, Ok(()));
}

#[test]
fn only_the_first_frame_says_that_a_message_is_compressed() {
    let (mask, limits) = ([1, 2, 3, 4], WsSettings { message: 300, frame: 7, ..WsSettings::default() });
    let decode = |pieces: &[Vec<u8>], size: usize| {
        let bytes = pieces.concat();
        decode_with(Decoder::inflating(inflater(true)), bytes.chunks(size.min(bytes.len())), &limits)
    };
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let again = [0xf2, 0x00, 0x11, 0x00, 0x00];
    let got = |text: &str| Got::Message(Text::Ascii, text.as_bytes().to_vec());
    for size in [1, 2, 7, 1000] {
        let pieces = [
            frame(0xc1, &hello, mask),
            frame(0x81, b"plain", mask),
            frame(0x41, &again[..2], mask),
            frame(0x89, b"!", mask),
            frame(0x00, b"", mask),
            frame(0x80, &again[2..], mask),
            frame(0xc2, &[0], mask),
        ];
        let expected = vec![
            got("Hello"),
            got("plain"),
            Got::Ping(b"!".to_vec()),
            got("Hello"),
            Got::Message(Text::Not, Vec::new()),
        ];
        assert_eq!(decode(&pieces, size), (expected, Ok(())));
        for (pieces, violation) in [
            (&[frame(0x41, &hello, mask), frame(0xc0, b"", mask)][..], Violation::RESERVED),
            (&[frame(0x01, b"", mask), frame(0xc0, &hello, mask)], Violation::RESERVED),
            (&[frame(0xc9, b"", mask)], Violation::RESERVED),
            (&[frame(0xc8, b"", mask)], Violation::RESERVED),
            (&[frame(0xe1, &hello, mask)], Violation::RESERVED),
            (&[frame(0xd1, &hello, mask)], Violation::RESERVED),
            (&[frame(0xc1, &hello[..6], mask)], Violation::DEFLATE),
            (&[frame(0x41, b"1234567", mask), frame(0x80, b"12345678", mask)], Violation::FRAME),
            // A block as it is, of text that is none.
            (&[frame(0xc1, &[0, 1, 0, 0xfe, 0xff, 0xff, 0], mask)], Violation::TEXT),
        ] {
            assert_eq!(decode(pieces, size).1, Err(violation), "{pieces:x?} {size}");
        }
    }
    // What was taken in before is in no frame of the message.
    assert_eq!(decode(&[frame(0xc1, &again, mask)], 1000).1, Err(Violation::DEFLATE));
}

#[test]
fn what_comes_of_one_read_is_bounded() {
    // 200 KiB of the same byte in a few bytes, five times.
    let mut zlib = flate2::Compress::new(flate2::Compression::new(9), false);
    let mut content = Vec::with_capacity(4096);
    zlib.compress_vec(&[7; 200 << 10], &mut content, flate2::FlushCompress::Sync).unwrap();
    content.truncate(content.len() - 4);
    let one = frame(0xc2, &content, [1, 2, 3, 4]);
    let mut bytes = one.repeat(5);
    let mut decoder = Decoder::inflating(inflater(false));
    let (mut rest, mut counts) = (&mut bytes[..], Vec::new());
    while !rest.is_empty() {
        let mut count = 0;
        let left = decoder.feed(rest, &WsSettings::default(), |_| count += 1).unwrap();
        counts.push(count);
        let at = rest.len() - left;
        rest = &mut rest[at..];
    }
    assert_eq!(counts, [2, 2, 1]);
}

#[test]
fn nothing_counts_behind_a_close_frame() {
    let bytes = [frame(0x88, b"\x03\xe8", [1; 4]), frame(0x83, b"", [1; 4])].concat();
    let farewell = Farewell { code: CloseCode::NORMAL, reason: String::new() };
    assert_eq!(all(&bytes), (vec![Got::Close(farewell)], Ok(())));
}

#[test]
fn keeps_nothing_between_messages() {
    let mut decoder = Decoder::default();
    let bytes = frame(0x82, &[3; 100_000], [1; 4]);
    for piece in bytes.chunks(1000) {
        decoder.feed(&mut piece.to_vec(), &WsSettings::default(), |_| {}).unwrap();
    }
    assert_eq!(decoder.kept(), 0);
}

/// A message in frames, with control frames between them.
fn message() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<Got>)> {
    let content = prop_oneof![
        "\\PC{0,80}".prop_map(|text| (true, text.into_bytes())),
        "[a-z]{0,300}".prop_map(|text| (true, text.into_bytes())),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| (false, bytes)),
    ];
    let cuts = prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    let pings = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..10), 0..2);
    (content, cuts, any::<[u8; 4]>(), pings).prop_map(|((is_text, content), cuts, mask, pings)| {
        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(content.len() + 1)).collect();
        at.sort_unstable();
        at.push(content.len());
        let (mut frames, mut got, mut from) = (Vec::new(), Vec::new(), 0);
        for (i, to) in at.iter().enumerate() {
            let opcode = if i > 0 {
                0
            } else if is_text {
                1
            } else {
                2
            };
            let is_last = i + 1 == at.len();
            frames.push(frame(if is_last { 0x80 } else { 0 } | opcode, &content[from..*to], mask));
            from = *to;
            if let Some(ping) = pings.get(i).filter(|_| !is_last) {
                frames.push(frame(0x89, ping, mask));
                got.push(Got::Ping(ping.clone()));
            }
        }
        let text = match (is_text, content.is_ascii()) {
            (false, _) => Text::Not,
            (true, true) => Text::Ascii,
            (true, false) => Text::Utf8,
        };
        got.push(Got::Message(text, content));
        (frames, got)
    })
}

proptest! {
    #[test]
    fn cuts_do_not_matter(
        messages in prop::collection::vec(message(), 1..5),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let bytes = messages.iter().flat_map(|(frames, _)| frames.concat()).collect::<Vec<_>>();
        let expected = messages.into_iter().flat_map(|(_, got)| got).collect::<Vec<_>>();
        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        let pieces = at.windows(2).map(|ends| &bytes[ends[0]..ends[1]]);
        let limits = WsSettings::default();
        prop_assert_eq!(decode(pieces, &limits), (expected.clone(), Ok(())));
        prop_assert_eq!(decode(bytes.chunks(1), &limits), (expected, Ok(())));
    }

    #[test]
    fn anything_may_come(bytes in prop::collection::vec(any::<u8>(), 0..200), size in 1..50usize) {
        let limits = WsSettings { message: 64, frame: 32, ..WsSettings::default() };
        // What a whole says, its pieces say; and neither panics.
        prop_assert_eq!(decode([&bytes[..]], &limits).1, decode(bytes.chunks(size), &limits).1);
    }
}
