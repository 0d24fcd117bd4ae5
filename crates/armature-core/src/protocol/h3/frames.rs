//! What a stream of requests carries: frames (RFC 9114 section 7.2), of which no more is kept than the head of one.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};

use super::code;
use super::varint::{self, LONGEST};
use crate::listener::quic::{Connection, ReadEnd, StreamId};

const DATA: u64 = 0x00;
const HEADERS: u64 = 0x01;

/// Frames that mean nothing here, or nothing more, and yet have to be understood.
pub(super) const CANCEL_PUSH: u64 = 0x03;
pub(super) const SETTINGS: u64 = 0x04;
const PUSH_PROMISE: u64 = 0x05;
pub(super) const GOAWAY: u64 = 0x07;
pub(super) const MAX_PUSH_ID: u64 = 0x0d;

/// Whether frames of `kind` may come nowhere: those that HTTP/2 had (RFC 9114 section 7.2.8).
pub(super) fn is_reserved(kind: u64) -> bool {
    matches!(kind, 0x02 | 0x06 | 0x08 | 0x09)
}

/// The beginning of a frame: its kind and its length.
#[derive(Default)]
pub(super) struct Beginning {
    bytes: [u8; 2 * LONGEST],
    filled: usize,
}

impl Beginning {
    /// Takes what belongs to it off the front of `input`.
    pub fn take(&mut self, input: &mut Bytes) -> Option<(u64, u64)> {
        while !input.is_empty() {
            // Two integers fit, and end before there is no room.
            *self.bytes.get_mut(self.filled)? = input.get_u8();
            self.filled += 1;
            let bytes = &self.bytes[..self.filled];
            if let Some((kind, used)) = varint::take(bytes)
                && let Some((length, _)) = varint::take(&bytes[used..])
            {
                self.filled = 0;
                return Some((kind, length));
            }
        }
        None
    }

    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }
}

/// A part of a request.
#[derive(Debug)]
pub(super) enum Part {
    /// Fields: the head, or trailers.
    Section(Vec<u8>),
    /// Content; never empty.
    Data(Bytes),
    /// There is no more.
    End,
}

/// Why there is no next part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The client has reset the stream, or the connection is over.
    Gone,
    /// A field section is larger than any that is accepted; the rest of it is left alone.
    TooLarge,
    /// The connection cannot go on.
    Connection(u64),
}

enum State {
    Between(Beginning),
    Data(u64),
    Section { left: u64, bytes: Vec<u8> },
    Unknown(u64),
    Over,
}

/// Takes the bytes of a stream apart.
pub(super) struct Splitter {
    input: Bytes,
    state: State,
    /// Bytes that a section may have.
    most: usize,
    /// Frames that carried nothing, until somebody counts them.
    idle: usize,
}

impl Splitter {
    pub fn new(most: usize) -> Self {
        Self { input: Bytes::new(), state: State::Between(Beginning::default()), most, idle: 0 }
    }

    /// Further bytes, when there was no part in those before.
    pub fn feed(&mut self, bytes: Bytes) {
        self.input = bytes;
    }

    /// What has been fed makes a part; `None` when more is needed.
    pub fn part(&mut self) -> Option<Result<Part, Fault>> {
        let part = self.advance();
        if matches!(part, Some(Err(_))) {
            self.input.clear();
        }
        part
    }

    /// There is nothing more to feed. True when that is no place to end (RFC 9114 section 7.1).
    pub fn is_cut(&mut self) -> bool {
        let before = std::mem::replace(&mut self.state, State::Over);
        !matches!(&before, State::Between(beginning) if beginning.is_empty())
    }

    fn advance(&mut self) -> Option<Result<Part, Fault>> {
        loop {
            match &mut self.state {
                State::Between(beginning) => {
                    let (kind, length) = beginning.take(&mut self.input)?;
                    self.state = match kind {
                        DATA => {
                            self.idle += usize::from(length == 0);
                            State::Data(length)
                        }
                        HEADERS if length > self.most as u64 => return Some(Err(Fault::TooLarge)),
                        HEADERS => State::Section { left: length, bytes: Vec::new() },
                        CANCEL_PUSH | SETTINGS | PUSH_PROMISE | GOAWAY | MAX_PUSH_ID => {
                            return Some(Err(Fault::Connection(code::FRAME_UNEXPECTED)));
                        }
                        _ if is_reserved(kind) => {
                            return Some(Err(Fault::Connection(code::FRAME_UNEXPECTED)));
                        }
                        _ => {
                            self.idle += 1;
                            State::Unknown(length)
                        }
                    };
                }
                State::Data(0) | State::Unknown(0) => self.state = State::Between(Beginning::default()),
                State::Data(left) => {
                    let data = split(&mut self.input, left)?;
                    return Some(Ok(Part::Data(data)));
                }
                State::Unknown(left) => drop(split(&mut self.input, left)?),
                State::Section { left: 0, bytes } => {
                    let section = std::mem::take(bytes);
                    self.state = State::Between(Beginning::default());
                    return Some(Ok(Part::Section(section)));
                }
                State::Section { left, bytes } => {
                    let more = split(&mut self.input, left)?;
                    bytes.extend_from_slice(&more);
                }
                State::Over => return Some(Err(Fault::Gone)),
            }
        }
    }

    /// Frames that carried nothing since the last call.
    pub fn take_idle(&mut self) -> usize {
        std::mem::take(&mut self.idle)
    }

    fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }
}

/// Reads a stream part by part. Whoever drops it before its end tells the client to send no more.
pub(super) struct Frames {
    connection: Rc<Connection>,
    id: StreamId,
    splitter: Splitter,
    /// What the client is told when it is to send no more.
    stop: u64,
}

impl Frames {
    pub fn new(connection: Rc<Connection>, id: StreamId, most: usize) -> Self {
        Self { connection, id, splitter: Splitter::new(most), stop: code::NO_ERROR }
    }

    /// The next part. None is asked for after an end or a fault.
    pub fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Result<Part, Fault>> {
        loop {
            if let Some(part) = self.splitter.part() {
                return Poll::Ready(part);
            }
            match ready!(self.connection.poll_read(self.id, cx)) {
                Ok(bytes) => self.splitter.feed(bytes),
                Err(end) => {
                    let is_cut = self.splitter.is_cut();
                    return Poll::Ready(match end {
                        ReadEnd::Finished if is_cut => Err(Fault::Connection(code::FRAME_ERROR)),
                        ReadEnd::Finished => Ok(Part::End),
                        ReadEnd::Reset | ReadEnd::Closed => Err(Fault::Gone),
                    });
                }
            }
        }
    }

    /// See [`Splitter::take_idle`].
    pub fn take_idle(&mut self) -> usize {
        self.splitter.take_idle()
    }

    /// What the client is told when it is to send no more.
    pub fn stop_with(&mut self, code: u64) {
        self.stop = code;
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        if !self.splitter.is_over() {
            self.connection.stop(self.id, self.stop);
        }
    }
}

/// At most `left` bytes off the front of `input`; `None` when there are none.
fn split(input: &mut Bytes, left: &mut u64) -> Option<Bytes> {
    if input.is_empty() {
        return None;
    }
    let length = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
    *left -= length as u64;
    Some(input.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_may_be_cut_anywhere() {
        let mut frame = Vec::new();
        varint::put(&mut frame, 0x1f * 1000 + 0x21);
        varint::put(&mut frame, 1 << 40);
        for cut in 0..frame.len() {
            let mut beginning = Beginning::default();
            let (mut first, mut rest) = (Bytes::copy_from_slice(&frame), Bytes::new());
            rest.clone_from(&first.split_off(cut));
            assert_eq!(beginning.take(&mut first), None);
            assert_eq!(beginning.take(&mut rest), Some((0x1f * 1000 + 0x21, 1 << 40)));
            assert!(beginning.is_empty());
        }
    }
}
