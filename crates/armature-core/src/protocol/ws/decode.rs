//! Bytes of a client into messages, strictly (RFC 6455 section 5).

use super::close::{CloseCode, Farewell};
use super::deflate::Inflater;
use super::header::{Header, Opcode, Partial};
use super::mask::unmask;
use super::settings::WsSettings;
use super::utf8::Utf8;

/// Why a connection is closed: what the peer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its code.
    pub code: CloseCode,
    /// One short sentence.
    pub reason: &'static str,
}

macro_rules! violations {
    ($($name:ident = $code:ident, $reason:literal;)*) => {
        impl Violation {
            $(pub(super) const $name: Self = Self { code: CloseCode::$code, reason: $reason };)*
        }
    };
}

violations! {
    RESERVED = PROTOCOL, "reserved bits must be zero";
    OPCODE = PROTOCOL, "unknown opcode";
    MASK = PROTOCOL, "frames of a client must be masked";
    LENGTH = PROTOCOL, "the length is not encoded in the shortest way";
    CONTROL_FRAGMENT = PROTOCOL, "control frames cannot be fragmented";
    CONTROL_LENGTH = PROTOCOL, "control frames have at most 125 bytes";
    NO_MESSAGE = PROTOCOL, "there is no message to continue";
    IN_MESSAGE = PROTOCOL, "the message before is not complete";
    CLOSE = PROTOCOL, "a close code has two bytes";
    CLOSE_CODE = PROTOCOL, "this close code cannot be sent";
    TEXT = INVALID, "text must be UTF-8";
    DEFLATE = INVALID, "the message cannot be decompressed";
    FRAME = TOO_BIG, "the frame is too large";
    MESSAGE = TOO_BIG, "the message is too large";
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// It is binary.
    Not,
    /// UTF-8.
    Utf8,
    /// UTF-8 that has nothing but ASCII in it.
    Ascii,
}

impl Text {
    /// What the text of a whole message is.
    fn of(content: &[u8]) -> Result<Self, Violation> {
        if content.is_ascii() {
            Ok(Self::Ascii)
        } else if std::str::from_utf8(content).is_ok() {
            Ok(Self::Utf8)
        } else {
            Err(Violation::TEXT)
        }
    }
}

/// What has arrived.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole message.
    Message(Text, &'a [u8]),
    /// To be answered with the same bytes.
    Ping(&'a [u8]),
    /// The answer to a ping, or none.
    Pong,
    /// Nothing behind it counts.
    Close(Farewell),
}

/// What bytes of one connection have led to so far. Keeps nothing of a message that arrives at once.
#[derive(Debug, Default)]
pub struct Decoder {
    header: Partial,
    /// The frame that is arriving, with what is left of it and what has come of it.
    frame: Option<(Header, u64, u64)>,
    /// What the message is whose frames are arriving.
    kind: Option<Opcode>,
    /// Whether that is compressed.
    compressed: bool,
    /// Exists where messages may be compressed.
    inflater: Option<Box<Inflater>>,
    message: Vec<u8>,
    utf8: Utf8,
    control: Vec<u8>,
}

/// How much may come of compressed messages before whoever gets them is asked again: they may be a thousand times as large as what
/// was read.
const INFLATED_AT_ONCE: usize = 256 * 1024;

impl Decoder {
    /// For a connection whose messages may be compressed.
    pub(super) fn inflating(inflater: Inflater) -> Self {
        Self { inflater: Some(Box::new(inflater)), ..Self::default() }
    }

    /// Reads `input`, in which masks are taken off, and returns how much of it is left. That is nothing, unless a Close frame has
    /// come, behind which nothing counts, or a lot has come of compressed messages: then the rest is for the next call.
    ///
    /// # Errors
    /// The first [`Violation`]; nothing more is to be read then.
    pub fn feed(
        &mut self,
        mut input: &mut [u8],
        limits: &WsSettings,
        mut on: impl FnMut(Event<'_>),
    ) -> Result<usize, Violation> {
        let mut inflated = 0;
        loop {
            let (header, left, had) = match self.frame {
                Some(frame) => frame,
                None => {
                    if inflated >= INFLATED_AT_ONCE {
                        return Ok(input.len());
                    }
                    let deflates = self.inflater.is_some();
                    let Some(header) = self.header.take(&mut input, deflates)? else { return Ok(0) };
                    self.check(&header, limits)?;
                    (header, header.len, 0)
                }
            };
            let here = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
            let (content, rest) = input.split_at_mut(here);
            input = rest;
            unmask(content, header.mask, had);
            let is_last = here as u64 == left;
            self.frame = (!is_last).then_some((header, left - here as u64, had + here as u64));
            let is_closed = match header.opcode.is_control() {
                true => self.control(&header, content, is_last, &mut on)?,
                false if self.compressed => {
                    inflated += self.compressed(&header, content, is_last, limits, &mut on)?;
                    false
                }
                false => self.data(&header, content, is_last, &mut on).map(|()| false)?,
            };
            if is_closed || !is_last {
                return Ok(input.len());
            }
        }
    }

    /// What of a message is kept; for whoever wants to know what a connection takes.
    pub fn kept(&self) -> usize {
        self.message.capacity() + self.inflater.as_ref().map_or(0, |inflater| inflater.kept())
    }

    fn check(&mut self, header: &Header, limits: &WsSettings) -> Result<(), Violation> {
        if header.opcode.is_control() {
            return Ok(());
        }
        match (header.opcode, self.kind) {
            (Opcode::Continuation, None) => return Err(Violation::NO_MESSAGE),
            (Opcode::Continuation, Some(_)) => {}
            (_, Some(_)) => return Err(Violation::IN_MESSAGE),
            (opcode, None) => {
                self.kind = Some(opcode);
                self.compressed = header.compressed;
            }
        }
        if header.len > limits.frame as u64 {
            return Err(Violation::FRAME);
        }
        if self.message.len() as u64 + header.len > limits.message as u64 {
            return Err(Violation::MESSAGE);
        }
        Ok(())
    }

    fn data(
        &mut self,
        header: &Header,
        content: &[u8],
        is_last: bool,
        on: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Violation> {
        let is_text = self.kind == Some(Opcode::Text);
        let is_whole = is_last && header.fin;
        if is_whole && content.len() as u64 == header.len && header.opcode != Opcode::Continuation {
            self.kind = None;
            let text = if is_text { Text::of(content)? } else { Text::Not };
            on(Event::Message(text, content));
            return Ok(());
        }
        if is_text {
            self.utf8.feed(content)?;
        }
        self.message.extend_from_slice(content);
        if is_whole {
            if is_text {
                self.utf8.finish()?;
            }
            self.kind = None;
            // Handed over, not kept: between two messages a connection has no buffer.
            let message = std::mem::take(&mut self.message);
            let text = match is_text {
                false => Text::Not,
                true if message.is_ascii() => Text::Ascii,
                true => Text::Utf8,
            };
            on(Event::Message(text, &message));
        }
        Ok(())
    }

    /// A part of a message that is compressed. Returns how much has come of it.
    fn compressed(
        &mut self,
        header: &Header,
        content: &[u8],
        is_last: bool,
        limits: &WsSettings,
        on: &mut impl FnMut(Event<'_>),
    ) -> Result<usize, Violation> {
        let Self { message, inflater, .. } = self;
        let Some(inflater) = inflater else { return Err(Violation::RESERVED) };
        let is_whole = is_last && header.fin;
        let gathered;
        let content = if is_whole && message.is_empty() {
            content
        } else {
            message.extend_from_slice(content);
            if !is_whole {
                return Ok(0);
            }
            gathered = std::mem::take(message);
            &gathered
        };
        let is_text = self.kind.take() == Some(Opcode::Text);
        inflater.inflate(content, limits.message, |content| {
            let text = if is_text { Text::of(content)? } else { Text::Not };
            on(Event::Message(text, content));
            Ok(content.len())
        })?
    }

    /// True behind a Close frame.
    fn control(
        &mut self,
        header: &Header,
        content: &[u8],
        is_last: bool,
        on: &mut impl FnMut(Event<'_>),
    ) -> Result<bool, Violation> {
        let gathered;
        let content = if content.len() as u64 == header.len {
            content
        } else {
            self.control.extend_from_slice(content);
            if !is_last {
                return Ok(false);
            }
            gathered = std::mem::take(&mut self.control);
            &gathered
        };
        match header.opcode {
            Opcode::Ping => on(Event::Ping(content)),
            Opcode::Close => {
                on(Event::Close(Farewell::parse(content)?));
                return Ok(true);
            }
            _ => on(Event::Pong),
        }
        Ok(false)
    }
}
