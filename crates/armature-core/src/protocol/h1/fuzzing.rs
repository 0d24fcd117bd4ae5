//! What has to hold for every input, as functions that panic when it does not: for the targets of `fuzz/`, the property
//! tests, and the test that replays what the fuzzers have found.

use super::content::{Decoder, Malformed, Step};
use super::framing::Framing;
use super::head::{HeadLimits, HeadParser, Parsed};
use super::model::{self, ModelContent, ModelHead, Outcome};
use crate::http::Problem;

/// Small, so that short inputs reach them.
const LIMITS: HeadLimits = HeadLimits { bytes: 512, fields: 8, target: 64 };

/// A head; the first byte says how the others are cut into pieces.
pub fn head(data: &[u8]) {
    let Some((seed, input)) = data.split_first() else { return };
    head_of(input, cuts(*seed, input.len()), LIMITS);
}

/// Chunked content; the first byte says how the others are cut into pieces.
pub fn content(data: &[u8]) {
    let Some((seed, input)) = data.split_first() else { return };
    content_of(input, cuts(*seed, input.len()), LIMITS);
}

/// What follows the last chunk; the first byte says how it is cut into pieces.
pub fn trailers(data: &[u8]) {
    let Some((seed, input)) = data.split_first() else { return };
    let input = [b"0\r\n", input].concat();
    content_of(&input, cuts(*seed, input.len()), LIMITS);
}

/// Where pieces end: after every byte, or at places that follow from `seed`.
fn cuts(seed: u8, len: usize) -> Vec<usize> {
    let mut state = u32::from(seed);
    let mut at = 0;
    let mut cuts = Vec::new();
    while at < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        at += if seed == 0 { 1 } else { 1 + (state >> 24) as usize % 40 };
        cuts.push(at.min(len));
    }
    cuts
}

/// The parser gives the same at once and in pieces, and the same as the model.
pub(super) fn head_of(input: &[u8], cuts: impl IntoIterator<Item = usize>, limits: HeadLimits) {
    let at_once = read_head(input, [input.len()], limits);
    let in_pieces = read_head(input, cuts, limits);
    assert_eq!(at_once, in_pieces, "in pieces it is something else");
    match (model::head(input, limits), at_once) {
        (Outcome::Open, Ok(None) | Err(_)) | (Outcome::Refused, Err(_)) => {}
        (Outcome::Whole(expected, len), Ok(Some((head, used)))) => assert_eq!((head, used), (expected, len)),
        (expected, got) => panic!("expected {expected:?}, got {got:?}"),
    }
}

type HeadResult = Result<Option<(ModelHead, usize)>, (u16, &'static str)>;

fn read_head(input: &[u8], cuts: impl IntoIterator<Item = usize>, limits: HeadLimits) -> HeadResult {
    let mut parser = HeadParser::default();
    for cut in cuts {
        match parser.advance(&input[..cut], &limits) {
            Ok(None) => {}
            Ok(Some((parsed, used))) => return Ok(Some((flat(&parsed), used))),
            Err(Problem { status, detail, .. }) => return Err((status.as_u16(), detail)),
        }
    }
    Ok(None)
}

fn flat(Parsed { head, framing, persists, expects, upgrades }: &Parsed) -> ModelHead {
    ModelHead {
        method: head.method().to_string(),
        target: head.target().to_owned(),
        fields: head.iter().map(|(name, value)| (name.to_owned(), value.to_vec())).collect(),
        framing: *framing,
        persists: *persists,
        expects: *expects,
        upgrades: *upgrades,
    }
}

/// The decoder gives the same at once and in pieces, the same as the model, and never waits with much in its hands.
pub(super) fn content_of(input: &[u8], cuts: impl IntoIterator<Item = usize>, limits: HeadLimits) {
    let at_once = read_content(input, [input.len()], limits);
    let in_pieces = read_content(input, cuts, limits);
    assert_eq!(at_once, in_pieces, "in pieces it is something else");
    match (model::content(input, limits), at_once) {
        (Outcome::Open, (_, Ok(None) | Err(_))) | (Outcome::Refused, (_, Err(_))) => {}
        (Outcome::Whole(mut expected, len), (content, Ok(Some((trailers, used))))) => {
            // A map keeps values of one name together.
            expected.trailers.sort_by(|a, b| a.0.cmp(&b.0));
            assert_eq!((ModelContent { content, trailers }, used), (expected, len));
        }
        (expected, got) => panic!("expected {expected:?}, got {got:?}"),
    }
}

type Trailers = Vec<(String, Vec<u8>)>;
type ContentResult = (Vec<u8>, Result<Option<(Trailers, usize)>, Malformed>);

fn read_content(input: &[u8], cuts: impl IntoIterator<Item = usize>, limits: HeadLimits) -> ContentResult {
    let mut decoder = Decoder::new(Framing::Chunked);
    let mut content = Vec::new();
    let mut done = 0;
    for cut in cuts {
        match decoder.decode(&input[done..cut], &mut content, &limits) {
            Ok((used, Step::More)) => {
                done += used;
                assert!(cut - done <= limits.bytes.max(1024), "{} bytes are waited with", cut - done);
                assert!(content.len() <= done, "content out of nothing");
            }
            Ok((used, Step::End(trailers))) => {
                let flat = trailers.iter().flatten();
                let mut flat: Trailers =
                    flat.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
                flat.sort_by(|a, b| a.0.cmp(&b.0));
                return (content, Ok(Some((flat, done + used))));
            }
            Err(malformed) => return (content, Err(malformed)),
        }
    }
    (content, Ok(None))
}

#[cfg(test)]
#[path = "fuzzing_tests.rs"]
mod tests;
