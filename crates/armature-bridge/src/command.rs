//! Commands: what JavaScript tells a loop. The bytes come from memory that JavaScript can write, so nothing in them is
//! trusted: a length that does not fit ends the batch, an unknown kind is skipped.
//!
//! Words: total length in bytes (a multiple of 4), kind | flags << 8 | status << 16, slot, generation, then
//!
//! | kind | words | bytes |
//! |---|---|---|
//! | respond | header set, header bytes, body bytes | headers, padding, body |
//! | data | length | a piece of a streamed response |
//! | end, fail | | |
//! | grant | bytes of request body that may be sent | |
//! | cancel | | |
//! | send | length | a message of a WebSocket; flag 1 when it is binary |
//! | close | close code, length | reason, UTF-8 |
//! | cut | | |
//! | keep | length | what the next lane of a WebSocket is to know of it; flag 1 when it is to have that lane now |
//! | publish | topic length, content length | topic, content: a message for all who subscribe to the topic; flag 1 when it is binary, flag 2 when the socket that the command names does not get it |
//!
//! A header is 2 bytes name length, 4 bytes value length, name, value.

use std::ops::Range;

use crate::record::word;
use crate::slots::SlotId;

/// The body follows as `data` commands.
pub const FLAG_STREAM: u8 = 1;
/// The native handler of the route produces the answer, and with it the status: instead, `status` counts the headers
/// at the front of the list that only name what the answer loses. The others are added to it.
pub const FLAG_NATIVE: u8 = 1 << 1;
/// Beside [`FLAG_STREAM`]: it is one of server-sent events. The body of the command is the time after which an idle stream
/// says something, in milliseconds as 4 bytes (0: never), and what the stream begins with.
pub const FLAG_EVENTS: u8 = 1 << 2;
/// The request becomes a WebSocket; the status is 101 whatever stands there.
pub const FLAG_SOCKET: u8 = 1 << 3;
/// The body of the command is JSON that names a file: `src/bridge/file.ts` writes it.
pub const FLAG_FILE: u8 = 1 << 4;
/// Of a `send` and of a `publish`: the message is binary.
pub const FLAG_BINARY: u8 = 1;
/// Of a `keep`: the socket leaves its lane.
pub const FLAG_LEAVE: u8 = 1;
/// Of a `publish`: the socket that the command names has published it, and does not get it. Without, the command names nobody.
pub const FLAG_FROM: u8 = 1 << 1;

/// One command, with ranges into its batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The request it is about.
    pub slot: SlotId,
    /// What to do.
    pub action: Action,
}

/// What JavaScript wants of a request in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Answer it.
    Respond {
        /// Status code as JavaScript wrote it.
        status: u16,
        /// `FLAG_*`.
        flags: u8,
        /// A registered set of headers, 0 for none.
        header_set: u32,
        /// Further headers, encoded.
        headers: Range<usize>,
        /// Content.
        body: Range<usize>,
    },
    /// The next piece of a streamed response.
    Data(Range<usize>),
    /// The streamed response is complete.
    End,
    /// The streamed response cannot be completed.
    Fail,
    /// So many bytes of the request body may be sent.
    Grant(u32),
    /// Nobody reads the request body any more.
    Cancel,
    /// Send a message through the WebSocket.
    Send {
        /// Whether it is binary.
        is_binary: bool,
        /// Its content.
        content: Range<usize>,
    },
    /// Close the WebSocket.
    Close {
        /// Close code as JavaScript wrote it.
        code: u16,
        /// Reason as JavaScript wrote it.
        reason: Range<usize>,
    },
    /// End the WebSocket at once.
    Cut,
    /// Keep this for the next lane of the WebSocket.
    Keep {
        /// Whether it is to have that lane now.
        leaves: bool,
        /// What that lane is to know.
        state: Range<usize>,
    },
    /// Send a message to all who subscribe to a topic.
    Publish {
        /// Whether it is binary.
        is_binary: bool,
        /// Whether the socket that the command names has published it, and does not get it.
        has_publisher: bool,
        /// The topic as JavaScript wrote it.
        topic: Range<usize>,
        /// The content of the message.
        content: Range<usize>,
    },
}

/// Bytes before the headers of a respond command, and before the bytes of a data or send, of a close and of a publish command. A
/// range from there fits only a command that has all its words.
const RESPOND_LEN: usize = 28;
const DATA_LEN: usize = 20;
const CLOSE_LEN: usize = 24;
const PUBLISH_LEN: usize = 24;
const PUBLISH: u8 = 10;

/// Reads the commands of a batch.
pub struct Commands<'a> {
    batch: &'a [u8],
    at: usize,
}

impl<'a> Commands<'a> {
    /// Starts at the first command of `batch`.
    pub fn new(batch: &'a [u8]) -> Self {
        Self { batch, at: 0 }
    }
}

impl Iterator for Commands<'_> {
    type Item = Command;

    fn next(&mut self) -> Option<Command> {
        loop {
            let at = self.at;
            let rest = self.batch.get(at..)?;
            let len = frame_len(rest)?;
            self.at += len;
            let command = &rest[..len];
            let slot = SlotId { slot: word(command, 2), generation: word(command, 3) };
            // Ranges relative to the batch, checked against the command they are in.
            let range = |from: usize, len: u32| -> Option<Range<usize>> {
                let to = from.checked_add(len as usize)?;
                (to <= command.len()).then_some(at + from..at + to)
            };
            let action = match word(command, 1) as u8 {
                1 => {
                    // The headers fit before anything is added to their length: it may be as large as a word can be,
                    // which is all that an address can be on some targets.
                    let Some(headers) = range(RESPOND_LEN, word(command, 5)) else { continue };
                    let body_at = RESPOND_LEN + headers.len().next_multiple_of(4);
                    let Some(body) = range(body_at, word(command, 6)) else { continue };
                    Action::Respond {
                        status: (word(command, 1) >> 16) as u16,
                        flags: (word(command, 1) >> 8) as u8,
                        header_set: word(command, 4),
                        headers,
                        body,
                    }
                }
                2 => match range(DATA_LEN, word(command, 4)) {
                    Some(data) => Action::Data(data),
                    None => continue,
                },
                3 => Action::End,
                4 => Action::Fail,
                5 => Action::Grant(word(command, 4)),
                6 => Action::Cancel,
                7 => match range(DATA_LEN, word(command, 4)) {
                    Some(content) => {
                        let is_binary = (word(command, 1) >> 8) as u8 & FLAG_BINARY != 0;
                        Action::Send { is_binary, content }
                    }
                    None => continue,
                },
                8 => match range(CLOSE_LEN, word(command, 5)) {
                    Some(reason) => Action::Close { code: word(command, 4) as u16, reason },
                    None => continue,
                },
                9 => Action::Cut,
                11 => match range(DATA_LEN, word(command, 4)) {
                    Some(state) => {
                        Action::Keep { leaves: (word(command, 1) >> 8) as u8 & FLAG_LEAVE != 0, state }
                    }
                    None => continue,
                },
                PUBLISH => {
                    let Some(topic) = range(PUBLISH_LEN, word(command, 4)) else { continue };
                    let Some(content) = range(PUBLISH_LEN + topic.len(), word(command, 5)) else { continue };
                    let flags = (word(command, 1) >> 8) as u8;
                    let (is_binary, has_publisher) = (flags & FLAG_BINARY != 0, flags & FLAG_FROM != 0);
                    Action::Publish { is_binary, has_publisher, topic, content }
                }
                _ => continue,
            };
            return Some(Command { slot, action });
        }
    }
}

/// Length of the first command in `bytes`, when it is well-formed and complete.
fn frame_len(bytes: &[u8]) -> Option<usize> {
    let len = word(bytes, 0) as usize;
    (bytes.len() >= 16 && len >= 16 && len.is_multiple_of(4) && len <= bytes.len()).then_some(len)
}

/// What [`split_by_loop`] hands on.
pub enum Part<'a> {
    /// Commands for one loop.
    Commands(u8, Vec<u8>),
    /// A `publish` command, alone: which loops it is for, its topic tells.
    Publish(&'a [u8]),
}

/// Splits a batch by the loop that each command is for and hands each loop's part to `deliver`; all that comes before a
/// `publish` is handed over before it.
pub fn split_by_loop<'a>(batch: &'a [u8], mut deliver: impl FnMut(Part<'a>)) {
    let mut parts: Vec<(u8, Vec<u8>)> = Vec::new();
    let mut at = 0;
    // A run of commands for one loop is copied at once; with one loop that is the whole batch.
    while let Some(first) = frame_len(&batch[at..]) {
        if is_publish(&batch[at..]) {
            for (io_loop, part) in parts.drain(..) {
                deliver(Part::Commands(io_loop, part));
            }
            deliver(Part::Publish(&batch[at..at + first]));
            at += first;
            continue;
        }
        let io_loop = SlotId { slot: word(&batch[at..], 2), generation: 0 }.io_loop();
        let mut end = at + first;
        while let Some(len) = frame_len(&batch[end..]) {
            let is_same = SlotId { slot: word(&batch[end..], 2), generation: 0 }.io_loop() == io_loop;
            if !is_same || is_publish(&batch[end..]) {
                break;
            }
            end += len;
        }
        match parts.iter_mut().find(|(index, _)| *index == io_loop) {
            Some((_, part)) => part.extend_from_slice(&batch[at..end]),
            None => parts.push((io_loop, batch[at..end].to_vec())),
        }
        at = end;
    }
    for (io_loop, part) in parts {
        deliver(Part::Commands(io_loop, part));
    }
}

fn is_publish(command: &[u8]) -> bool {
    word(command, 1) as u8 == PUBLISH
}

/// Reads the headers of a respond command.
pub struct HeaderFields<'a>(pub &'a [u8]);

impl HeaderFields<'_> {
    /// Ranges of the next name and value, relative to the block; `None` at the end or where a length does not fit.
    pub fn next_at(&self, at: usize) -> Option<(Range<usize>, Range<usize>)> {
        let prefix = self.0.get(at..at.checked_add(6)?)?;
        let name = usize::from(u16::from_le_bytes([prefix[0], prefix[1]]));
        let value = u32::from_le_bytes([prefix[2], prefix[3], prefix[4], prefix[5]]) as usize;
        let name = at + 6..at + 6 + name;
        let value = name.end..name.end.checked_add(value)?;
        (value.end <= self.0.len()).then_some((name, value))
    }
}
