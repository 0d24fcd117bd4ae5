//! The streams of a client that are no requests (RFC 9114 section 6.2).

use std::task::{Context, Poll};

use bytes::{Buf, Bytes};

use super::code;
use super::frames::{self, Beginning};
use super::qpack::instructions::{Decoders, is_encoders};
use super::shared::Shared;
use super::varint::{self, LONGEST};
use crate::listener::quic::{Dir, ReadEnd, StreamId};

/// Bytes that settings may have; those that are known need a few.
const SETTINGS: u64 = 4096;

/// See the module.
#[derive(Default)]
pub(super) struct Unidirectional {
    /// As many as the peer may open at the same time.
    streams: Vec<Stream>,
    /// Of the kinds that there may be one of.
    seen: [bool; 3],
}

struct Stream {
    id: StreamId,
    kind: Kind,
}

enum Kind {
    /// It has not been said yet.
    Unsaid {
        bytes: [u8; LONGEST],
        filled: usize,
    },
    Control(Box<Control>),
    Encoder,
    Decoder(Decoders),
}

impl Unidirectional {
    /// Takes in what has arrived.
    ///
    /// # Errors
    /// Why the connection cannot go on.
    pub fn poll(&mut self, shared: &Shared, cx: &Context<'_>) -> Result<(), u64> {
        while let Poll::Ready(Some(id)) = shared.connection.poll_accept(Dir::Uni, cx) {
            self.streams.push(Stream { id, kind: Kind::Unsaid { bytes: [0; LONGEST], filled: 0 } });
        }
        let mut index = 0;
        while index < self.streams.len() {
            if self.poll_one(index, shared, cx)? {
                index += 1;
            } else {
                let stream = self.streams.swap_remove(index);
                shared.connection.forget(stream.id);
            }
        }
        Ok(())
    }

    /// False when the stream at `index` is over, or means nothing.
    fn poll_one(&mut self, index: usize, shared: &Shared, cx: &Context<'_>) -> Result<bool, u64> {
        loop {
            let stream = &mut self.streams[index];
            let mut input = match shared.connection.poll_read(stream.id, cx) {
                Poll::Pending => return Ok(true),
                Poll::Ready(Ok(input)) => input,
                Poll::Ready(Err(ReadEnd::Closed)) => return Ok(false),
                Poll::Ready(Err(_)) if matches!(stream.kind, Kind::Unsaid { .. }) => return Ok(false),
                Poll::Ready(Err(_)) => return Err(code::CLOSED_CRITICAL_STREAM),
            };
            if let Kind::Unsaid { bytes, filled } = &mut stream.kind {
                let Some(said) = say(bytes, filled, &mut input) else { continue };
                match kind(said, &mut self.seen)? {
                    Some(kind) => self.streams[index].kind = kind,
                    None => {
                        shared.carried_nothing(1);
                        shared.connection.stop(self.streams[index].id, code::STREAM_CREATION_ERROR);
                        return Ok(false);
                    }
                }
            }
            match &mut self.streams[index].kind {
                Kind::Unsaid { .. } => {}
                Kind::Control(control) => control.take(input, shared)?,
                Kind::Encoder => {
                    shared.carried_nothing(input.len());
                    if !input.iter().copied().all(is_encoders) {
                        return Err(code::ENCODER_STREAM_ERROR);
                    }
                }
                Kind::Decoder(decoders) => {
                    shared.carried_nothing(input.len());
                    if !input.iter().all(|byte| decoders.is_next(*byte)) {
                        return Err(code::DECODER_STREAM_ERROR);
                    }
                }
            }
        }
    }
}

/// The number that a stream begins with, once it is there.
fn say(bytes: &mut [u8; LONGEST], filled: &mut usize, input: &mut Bytes) -> Option<u64> {
    while !input.is_empty() {
        *bytes.get_mut(*filled)? = input.get_u8();
        *filled += 1;
        if let Some((said, _)) = varint::take(&bytes[..*filled]) {
            return Some(said);
        }
    }
    None
}

/// `None` for a kind that is not known.
fn kind(said: u64, seen: &mut [bool; 3]) -> Result<Option<Kind>, u64> {
    let (place, kind) = match said {
        0 => (0, Kind::Control(Box::default())),
        // Only servers push.
        1 => return Err(code::STREAM_CREATION_ERROR),
        2 => (1, Kind::Encoder),
        3 => (2, Kind::Decoder(Decoders::default())),
        _ => return Ok(None),
    };
    if std::mem::replace(&mut seen[place], true) {
        return Err(code::STREAM_CREATION_ERROR);
    }
    Ok(Some(kind))
}

/// A control stream.
#[derive(Default)]
struct Control {
    beginning: Beginning,
    frame: Option<Frame>,
    has_settings: bool,
    /// The last push that the client would take, and the last that it does.
    max_push: Option<u64>,
    goaway: Option<u64>,
}

/// One of its frames.
struct Frame {
    kind: u64,
    left: u64,
    /// Of those that are understood.
    bytes: Vec<u8>,
}

impl Control {
    fn take(&mut self, mut input: Bytes, shared: &Shared) -> Result<(), u64> {
        loop {
            let Some(frame) = &mut self.frame else {
                let Some((kind, length)) = self.beginning.take(&mut input) else { return Ok(()) };
                self.begin(kind, length)?;
                shared.carried_nothing(1);
                continue;
            };
            let length = usize::try_from(frame.left).map_or(input.len(), |left| left.min(input.len()));
            let part = input.split_to(length);
            frame.left -= length as u64;
            if is_understood(frame.kind) {
                frame.bytes.extend_from_slice(&part);
            }
            if frame.left > 0 {
                return Ok(());
            }
            if let Some(frame) = self.frame.take() {
                self.end(&frame)?;
            }
        }
    }

    fn begin(&mut self, kind: u64, length: u64) -> Result<(), u64> {
        if !self.has_settings && kind != frames::SETTINGS {
            return Err(code::MISSING_SETTINGS);
        }
        match kind {
            frames::SETTINGS if self.has_settings => return Err(code::FRAME_UNEXPECTED),
            frames::SETTINGS if length > SETTINGS => return Err(code::EXCESSIVE_LOAD),
            frames::SETTINGS => self.has_settings = true,
            frames::CANCEL_PUSH | frames::GOAWAY | frames::MAX_PUSH_ID if length > LONGEST as u64 => {
                return Err(code::FRAME_ERROR);
            }
            // Content, fields and promises are for requests.
            0x00 | 0x01 | 0x05 => return Err(code::FRAME_UNEXPECTED),
            _ if frames::is_reserved(kind) => return Err(code::FRAME_UNEXPECTED),
            _ => {}
        }
        self.frame = Some(Frame { kind, left: length, bytes: Vec::new() });
        Ok(())
    }

    fn end(&mut self, frame: &Frame) -> Result<(), u64> {
        if frame.kind == frames::SETTINGS {
            return settings(&frame.bytes);
        }
        if !is_understood(frame.kind) {
            return Ok(());
        }
        let whole = varint::take(&frame.bytes).filter(|(_, used)| *used == frame.bytes.len());
        let (id, _) = whole.ok_or(code::FRAME_ERROR)?;
        match frame.kind {
            frames::MAX_PUSH_ID if self.max_push.is_none_or(|max| id >= max) => self.max_push = Some(id),
            frames::GOAWAY if self.goaway.is_none_or(|last| id <= last) => self.goaway = Some(id),
            // Nothing was ever promised, so nothing can be cancelled; and limits do not go back.
            _ => return Err(code::ID_ERROR),
        }
        Ok(())
    }
}

fn is_understood(kind: u64) -> bool {
    matches!(kind, frames::SETTINGS | frames::CANCEL_PUSH | frames::GOAWAY | frames::MAX_PUSH_ID)
}

/// What the client has set is of no use here, but has to be in order (RFC 9114 section 7.2.4.1).
fn settings(bytes: &[u8]) -> Result<(), u64> {
    let mut rest = bytes;
    let mut seen = Vec::new();
    while !rest.is_empty() {
        let (name, used) = varint::take(rest).ok_or(code::FRAME_ERROR)?;
        let (_, more) = varint::take(&rest[used..]).ok_or(code::FRAME_ERROR)?;
        rest = &rest[used + more..];
        // Those that HTTP/2 had, and those that come twice.
        if (0x02..=0x05).contains(&name) && name != 0x01 || name == 0 || seen.contains(&name) {
            return Err(code::SETTINGS_ERROR);
        }
        seen.push(name);
        if seen.len() > 64 {
            return Err(code::EXCESSIVE_LOAD);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_an_order() {
        assert_eq!(settings(&[]), Ok(()));
        assert_eq!(settings(&[0x01, 0, 0x06, 0x44, 0, 0x07, 5, 0x08, 1, 0x21, 9]), Ok(()));
        for name in [0, 2, 3, 4, 5] {
            assert_eq!(settings(&[name, 1]), Err(code::SETTINGS_ERROR));
        }
        assert_eq!(settings(&[0x06, 1, 0x06, 1]), Err(code::SETTINGS_ERROR));
        assert_eq!(settings(&[0x06]), Err(code::FRAME_ERROR));
        assert_eq!(settings(&[0x06, 0x40]), Err(code::FRAME_ERROR));
    }

    #[test]
    fn there_is_one_of_each_kind() {
        let mut seen = [false; 3];
        for said in [0, 2, 3] {
            assert!(kind(said, &mut seen).unwrap().is_some());
            assert_eq!(kind(said, &mut seen).err(), Some(code::STREAM_CREATION_ERROR));
        }
        assert_eq!(kind(1, &mut seen).err(), Some(code::STREAM_CREATION_ERROR));
        assert!(kind(0x21, &mut seen).unwrap().is_none());
    }

    #[test]
    fn frames_of_a_control_stream() {
        let run = |frames: &[(u64, &[u8])]| {
            let mut control = Control::default();
            frames.iter().try_for_each(|(kind, bytes)| {
                control.begin(*kind, bytes.len() as u64)?;
                let frame = Frame { kind: *kind, left: 0, bytes: bytes.to_vec() };
                control.end(&frame)
            })
        };
        const SET: (u64, &[u8]) = (4, &[]);
        assert_eq!(run(&[SET, (0x0d, &[5]), (0x0d, &[6]), (7, &[9]), (7, &[8]), (0x21, b"x")]), Ok(()));
        assert_eq!(run(&[(0x0d, &[5])]), Err(code::MISSING_SETTINGS));
        for kind in [0, 1, 2, 4, 5, 6, 8, 9] {
            assert_eq!(run(&[SET, (kind, &[])]), Err(code::FRAME_UNEXPECTED), "{kind}");
        }
        assert_eq!(run(&[SET, (0x0d, &[6]), (0x0d, &[5])]), Err(code::ID_ERROR));
        assert_eq!(run(&[SET, (7, &[8]), (7, &[9])]), Err(code::ID_ERROR));
        assert_eq!(run(&[SET, (3, &[0])]), Err(code::ID_ERROR));
        assert_eq!(run(&[SET, (7, &[1, 1])]), Err(code::FRAME_ERROR));
        assert_eq!(run(&[SET, (7, &[])]), Err(code::FRAME_ERROR));
    }
}
