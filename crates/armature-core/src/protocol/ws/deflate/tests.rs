//! Both directions against each other, against the examples of the RFC, and against flate2 alone.

use std::rc::Rc;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use proptest::prelude::*;

pub(in crate::protocol::ws) use super::agreement::tests::negotiate;
use super::budget::Budget;
use super::codecs::{Codecs, compressor_bytes};
use super::*;
use crate::protocol::ws::decode::Violation;
use crate::protocol::ws::header::Opcode;

fn deflate(settings: DeflateSettings) -> Rc<Deflate> {
    let budget = Budget::new(settings.memory);
    Rc::new(Deflate { settings, codecs: Rc::new(Codecs::default()), budget })
}

fn always(level: u8, window_bits: u8) -> DeflateSettings {
    DeflateSettings { threshold: 0, level, window_bits, ..DeflateSettings::default() }
}

/// With a context of the largest window, or without one.
pub(in crate::protocol::ws) fn inflater(takeover: bool) -> Inflater {
    let deflate = deflate(DeflateSettings::default());
    let held = takeover.then(|| deflate.budget.hold(1 << 15).unwrap());
    Inflater::new(deflate, 15, held)
}

fn inflate(inflater: &mut Inflater, compressed: &[u8]) -> Result<Vec<u8>, Violation> {
    inflater.inflate(compressed, 1 << 20, <[u8]>::to_vec)
}

/// The content of a frame of ours, and whether it is compressed.
fn content(frame: &[u8]) -> (bool, &[u8]) {
    let at = match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    (frame[0] & 0x40 != 0, &frame[at..])
}

fn sent(compressor: &Compressor, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    compressor.frame(&mut out, Opcode::Binary, message);
    out
}

/// What a client has to do with a frame.
fn received(inflater: &mut Inflater, frame: &[u8]) -> Vec<u8> {
    match content(frame) {
        (true, content) => inflate(inflater, content).unwrap(),
        (false, content) => content.to_vec(),
    }
}

#[test]
fn reads_the_examples_of_the_rfc() {
    // RFC 7692 section 7.2.3.
    for bytes in [
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
        &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        // The same without the empty block behind the last one.
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
    ] {
        assert_eq!(inflate(&mut inflater(false), bytes).unwrap(), b"Hello", "{bytes:x?}");
    }
    assert_eq!(inflate(&mut inflater(false), &[0]).unwrap(), b"");
    let mut shared = inflater(true);
    assert_eq!(inflate(&mut shared, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]).unwrap(), b"Hello");
    assert_eq!(inflate(&mut shared, &[0xf2, 0x00, 0x11, 0x00, 0x00]).unwrap(), b"Hello");
    // Whoever was told not to refer to earlier messages, and does.
    assert_eq!(inflate(&mut inflater(false), &[0xf2, 0x00, 0x11, 0x00, 0x00]), Err(Violation::DEFLATE));
}

#[test]
fn a_last_block_ends_no_context() {
    let mut inflater = inflater(true);
    assert_eq!(inflate(&mut inflater, &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]).unwrap(), b"Hello");
    // Refers across it, in the next message and within one.
    assert_eq!(inflate(&mut inflater, &[0xf2, 0x00, 0x11, 0x00, 0x00]).unwrap(), b"Hello");
    let both = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0xf2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(inflate(&mut inflater, &both).unwrap(), b"HelloHello");
}

#[test]
fn refuses_what_is_no_message() {
    for bytes in [
        &[][..],
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07],
        &[0xf2, 0x48],
        &[0xff; 20],
        // A block of a kind that does not exist.
        &[0x06, 0x00],
        // With the four bytes that have to be taken off.
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff],
    ] {
        assert_eq!(inflate(&mut inflater(false), bytes), Err(Violation::DEFLATE), "{bytes:x?}");
    }
}

#[test]
fn a_bomb_is_not_unpacked() {
    let mut bomb = Vec::with_capacity(1 << 20);
    let mut zlib = Compress::new_with_window_bits(Compression::new(9), false, 15);
    zlib.compress_vec(&vec![0; 64 << 20], &mut bomb, FlushCompress::Sync).unwrap();
    bomb.truncate(bomb.len() - 4);
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    let mut inflater = inflater(true);
    for limit in [0, 1, 1000, 1 << 20] {
        assert_eq!(inflater.inflate(&bomb, limit, |_| ()), Err(Violation::MESSAGE), "{limit}");
    }
    assert_eq!(inflater.kept(), 0);
    assert_eq!(inflater.inflate(&bomb, 64 << 20, <[u8]>::len), Ok(64 << 20));
    // The output was a large one, and nobody keeps that.
    inflater.deflate.codecs.with_output(|output| assert_eq!(output.capacity(), 0));
    assert_eq!(inflater.kept(), 1 << 15);
}

#[test]
fn the_limit_is_that_of_the_message() {
    let message = vec![b'x'; 1000];
    let frame = sent(&Compressor::new(deflate(always(6, 15)), 15, false), &message);
    let (_, content) = content(&frame);
    assert_eq!(inflater(false).inflate(content, 1000, <[u8]>::len), Ok(1000));
    assert_eq!(inflater(false).inflate(content, 999, <[u8]>::len), Err(Violation::MESSAGE));
}

#[test]
fn only_what_gets_smaller_is_compressed() {
    let deflate = deflate(DeflateSettings { threshold: 100, ..DeflateSettings::default() });
    for takeover in [false, true] {
        let compressor = Compressor::new(deflate.clone(), 15, takeover);
        let is_compressed = |message: &[u8]| content(&sent(&compressor, message)).0;
        assert!(!is_compressed(b""));
        assert!(!is_compressed(&[b'x'; 99]));
        assert!(is_compressed(&[b'x'; 100]));
        let noise = noise(10_000);
        assert!(!is_compressed(&noise));
    }
}

#[test]
fn contexts_are_made_when_there_is_memory_for_them() {
    let settings = DeflateSettings { memory: compressor_bytes(15), ..always(3, 15) };
    let deflate = deflate(settings);
    let text = b"the same words again and again, and the same words once more".repeat(3);
    let [first, second] = [(); 2].map(|()| Compressor::new(deflate.clone(), 15, true));
    assert_eq!(deflate.held(), 0);
    let before = sent(&first, &text).len();
    assert_eq!(deflate.held(), compressor_bytes(15));
    let again = sent(&first, &text).len();
    assert!(again < before / 2, "{again} of {before}");
    // No room for a second one: it compresses without.
    assert_eq!([sent(&second, &text).len(), sent(&second, &text).len()], [before; 2]);
    drop(first);
    assert_eq!(deflate.held(), 0);
    sent(&second, &text);
    assert_eq!(deflate.held(), compressor_bytes(15));
}

#[test]
fn small_messages_learn_from_each_other() {
    let compressor = Compressor::new(deflate(always(3, 15)), 15, true);
    let [first, second] = [0, 1].map(|n| sent(&compressor, format!("{{\"price\":{n}.17}}").as_bytes()));
    // The first one is not worth it by itself.
    assert!(content(&first).0 && first.len() >= 16, "{first:x?}");
    assert!(content(&second).0 && second.len() < 12, "{second:x?}");
}

#[test]
fn a_frame_for_many_is_for_those_who_agree() {
    let all = deflate(always(6, 15));
    let [large, small] = [15, 9].map(|bits| Compressor::new(all.clone(), bits, true));
    let text = b"news that all connections get, and get, and get";
    assert_ne!(large.variant(text), small.variant(text));
    assert_eq!(large.variant(text), Compressor::new(all.clone(), 15, false).variant(text));
    let frame = large.frame_for_many(Opcode::Text, text).unwrap();
    assert_eq!((frame[0], received(&mut inflater(false), &frame)), (0xc1, text.to_vec()));
    assert!(large.frame_for_many(Opcode::Binary, &noise(1000)).is_none());
    let compressor = Compressor::new(deflate(DeflateSettings::default()), 15, true);
    assert!(compressor.variant(&[0; 1023]).is_none() && compressor.variant(&[0; 1024]).is_some());
}

#[test]
fn a_context_keeps_no_more_than_its_window() {
    let deflate = deflate(DeflateSettings::default());
    let mut inflater = Inflater::new(deflate.clone(), 10, deflate.budget.hold(1 << 10));
    let mut zlib = Compress::new_with_window_bits(Compression::new(6), false, 10);
    for n in 0..200 {
        let message = format!("{n} {}", "word ".repeat(n % 70)).into_bytes();
        let mut compressed = Vec::with_capacity(10_000);
        zlib.compress_vec(&message, &mut compressed, FlushCompress::Sync).unwrap();
        compressed.truncate(compressed.len() - 4);
        assert_eq!(inflate(&mut inflater, &compressed).unwrap(), message);
        assert!(inflater.kept() <= 1 << 10, "{}", inflater.kept());
    }
}

/// Bytes that do not get smaller.
pub(in crate::protocol::ws) fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Content of the kinds that messages have.
fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-d ]{0,600}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..300),
        ("[a-z]{1,40}", 1..4000_usize).prop_map(|(word, times)| word.repeat(times % 400).into_bytes()),
        (1..70_000_usize).prop_map(noise),
    ]
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(
        messages in prop::collection::vec(message(), 1..12),
        level in 1..=9_u8,
        window_bits in 8..=15_u8,
        takeover: bool,
    ) {
        let compressor = Compressor::new(deflate(always(level, window_bits)), window_bits, takeover);
        // One that never resets, as that of a client that takes contexts over.
        let mut zlib = Decompress::new_with_window_bits(false, window_bits.max(9));
        let mut ours = inflater(takeover);
        for message in &messages {
            let frame = sent(&compressor, message);
            prop_assert_eq!(&received(&mut ours, &frame), message);
            if let (true, content) = content(&frame) {
                let mut output = Vec::with_capacity(message.len() + 1);
                let whole = [content, &TAIL].concat();
                let status = zlib.decompress_vec(&whole, &mut output, FlushDecompress::Sync).unwrap();
                prop_assert_eq!(status, Status::Ok);
                prop_assert_eq!(&output, message);
            }
        }
    }

    #[test]
    fn anything_may_come(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 1..5),
        limit in 0..5000_usize,
    ) {
        let mut inflater = inflater(true);
        for piece in pieces {
            let come = inflater.inflate(&piece, limit, <[u8]>::len);
            prop_assert!(come.is_err() || come.unwrap() <= limit);
            prop_assert!(inflater.kept() <= 1 << 15);
        }
    }

    #[test]
    fn frames_for_many_come_between_others(
        messages in prop::collection::vec((message(), any::<bool>(), any::<bool>()), 1..16),
        level in 1..=9_u8,
        window_bits in 8..=15_u8,
        takeover: bool,
    ) {
        let deflate = deflate(always(level, window_bits));
        let compressor = Compressor::new(deflate.clone(), window_bits, takeover);
        // Never reset: a client with context takeover, which remembers whatever was compressed.
        let mut zlib = Decompress::new_with_window_bits(false, window_bits.max(9));
        for (message, is_for_many, is_plain) in &messages {
            let for_many = || compressor.frame_for_many(Opcode::Binary, message).filter(|_| !message.is_empty());
            let frame = match is_for_many {
                true if *is_plain => None,
                true => for_many().inspect(|_| compressor.forget()).map(|frame| frame.to_vec()),
                false => Some(sent(&compressor, message)),
            };
            // What is sent as it is, the client's context has no part in.
            if let Some((true, content)) = frame.as_deref().map(content) {
                let mut output = Vec::with_capacity(message.len() + 1);
                let whole = [content, &TAIL].concat();
                zlib.decompress_vec(&whole, &mut output, FlushDecompress::Sync).unwrap();
                prop_assert_eq!(&output, message);
            }
        }
    }
}
