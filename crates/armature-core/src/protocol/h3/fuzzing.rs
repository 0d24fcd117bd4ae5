//! What has to hold for every stream of a client, as a function that panics when it does not: for the target of `fuzz/`, the
//! property tests, and the test that replays what the fuzzer has found.

use bytes::Bytes;

use super::frames::{Fault, Part, Splitter};
use super::head::{self, Parsed, Unusable, most};
use super::model::{Field, ModelHead, Verdict, judge};
use super::qpack::{self, Broken, Section};
use super::{body, code};
use crate::config::Limits;
use crate::http::Head;

fn limits() -> Limits {
    // Small, so that short inputs reach them.
    Limits { header: 512, headers: 8, ..Limits::default() }
}

/// A stream of a request; the first byte says how the others are cut into pieces.
pub fn stream(data: &[u8]) {
    let Some((seed, input)) = data.split_first() else { return };
    stream_of(input, usize::from(*seed) + 1, &limits());
}

/// What a stream says, part by part.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Section(Vec<u8>),
    /// However many frames it came in.
    Data(Vec<u8>),
    End,
    Fault(Fault),
}

/// The stream is the same at once and in pieces of `size` bytes, and its head and trailers are what the model says.
pub(super) fn stream_of(input: &[u8], size: usize, limits: &Limits) {
    let at_once = take_apart(input, input.len().max(1), most(limits));
    let in_pieces = take_apart(input, size, most(limits));
    assert_eq!(at_once, in_pieces, "in pieces it is something else");
    let mut sections = at_once.0.iter().filter_map(|said| match said {
        Said::Section(section) => Some(section),
        _ => None,
    });
    if let Some(section) = sections.next() {
        head_of(section, limits);
    }
    for section in sections {
        trailers_of(section, limits);
    }
}

fn take_apart(input: &[u8], size: usize, most: usize) -> (Vec<Said>, usize) {
    let mut splitter = Splitter::new(most);
    let mut said = Vec::new();
    for piece in input.chunks(size) {
        splitter.feed(Bytes::copy_from_slice(piece));
        while let Some(part) = splitter.part() {
            match part {
                Ok(Part::Section(section)) => {
                    assert!(section.len() <= most, "{} bytes are kept", section.len());
                    said.push(Said::Section(section));
                }
                Ok(Part::Data(data)) => {
                    assert!(!data.is_empty());
                    match said.last_mut() {
                        Some(Said::Data(before)) => before.extend_from_slice(&data),
                        _ => said.push(Said::Data(data.to_vec())),
                    }
                }
                Ok(Part::End) => panic!("the stream has not ended"),
                Err(fault) => {
                    said.push(Said::Fault(fault));
                    return (said, splitter.take_idle());
                }
            }
        }
    }
    let is_cut = splitter.is_cut();
    said.push(if is_cut { Said::Fault(Fault::Connection(code::FRAME_ERROR)) } else { Said::End });
    (said, splitter.take_idle())
}

/// The fields of a section, without a limit.
fn fields_of(section: &[u8]) -> Result<Vec<Field>, Broken> {
    let mut fields = Vec::new();
    qpack::decode::<Broken>(section, usize::MAX, |name, value| {
        fields.push((name.to_vec(), value.to_vec()));
        Ok(())
    })?;
    Ok(fields)
}

fn head_of(section: &[u8], limits: &Limits) {
    let got = head::read(section, Head::default(), limits);
    let Ok(fields) = fields_of(section) else {
        let is_request = matches!(&got, Ok(parsed) if parsed.problem.is_none());
        return assert!(!is_request, "a section that cannot be read made a request: {got:?}");
    };
    assert_ne!(got.as_ref().err(), Some(&Unusable::Undecodable), "{fields:?}");
    match (judge(&fields, limits), got) {
        (Verdict::Malformed | Verdict::TooMany, Err(_)) => {}
        (Verdict::Refused | Verdict::TooMany, Ok(Parsed { problem: Some(_), .. })) => {}
        (Verdict::Request(expected), Ok(parsed @ Parsed { problem: None, .. })) => {
            assert_eq!(flat(&parsed), expected);
        }
        (expected, got) => panic!("expected {expected:?}, got {got:?}"),
    }
    written_again(&fields);
}

fn flat(Parsed { head, length, expects, .. }: &Parsed) -> ModelHead {
    ModelHead {
        method: head.method().to_string(),
        target: head.target().to_owned(),
        fields: head.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())).collect(),
        length: *length,
        expects: *expects,
    }
}

/// Fields that this side writes are read as they were.
fn written_again(fields: &[Field]) {
    let mut section = Section::new();
    for (name, value) in fields {
        let Ok(name) = std::str::from_utf8(name) else { return };
        section.field(name, value);
    }
    assert_eq!(fields_of(&section.into_bytes()).as_deref(), Ok(fields));
}

fn trailers_of(section: &[u8], limits: &Limits) {
    let Ok(trailers) = body::trailers(section, most(limits), limits.headers) else { return };
    let fields = fields_of(section).expect("they have been read");
    assert!(trailers.len() <= fields.len() && fields.len() <= limits.headers);
    for (name, value) in &trailers {
        let is_there = fields.iter().any(|(n, v)| n == name.as_str().as_bytes() && v == value.as_bytes());
        assert!(is_there, "{name:?} came out of nothing");
    }
}

#[cfg(test)]
#[path = "fuzzing_tests.rs"]
mod tests;
