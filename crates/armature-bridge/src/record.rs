//! Records: what a loop tells JavaScript.
//!
//! Every record is a run of little-endian 32-bit words: total length in bytes (a multiple of 4), kind, slot, generation,
//! then what the kind needs. `src/bridge/record.ts` reads exactly this layout.
//!
//! | kind | words after the first four | bytes |
//! |---|---|---|
//! | request | see [`Request::encode`] | text, inline body |
//! | body data | 0, length | a piece of the request body |
//! | body end | 0 | |
//! | body error | [`BodyFault`] | |
//! | abort | reason | |
//! | credit | bytes that may be written again | |
//! | injected head | status, length | `name\0value\0...`, Latin-1 |
//! | injected data | 0, length | a piece of the response body |
//! | injected end | 1 when the body failed | |
//! | closed | connections that were cut off | |
//! | warning | 0, length | a sentence, UTF-8 |
//! | socket open | send buffer, length | three words, see [`socket_open`] |
//! | socket message | [`MESSAGE_BINARY`] and so on, the credit above them; length | a message, or a piece of one |
//! | socket closing, socket closed | close code, length | reason, UTF-8 |
//! | socket reopen | handler, length | see [`SocketReopen`] |
//! | socket leave, socket left | 0 | |

mod origin;

pub(crate) use origin::Origin;

use crate::slots::SlotId;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A request to handle.
    Request = 1,
    /// A piece of a request body.
    BodyData = 2,
    /// The request body is complete.
    BodyEnd = 3,
    /// The request body ends with an error.
    BodyError = 4,
    /// Nobody waits for the answer any more.
    Abort = 5,
    /// A streamed response may continue.
    Credit = 6,
    /// Head of the answer to an injected request.
    InjectedHead = 7,
    /// A piece of its body.
    InjectedData = 8,
    /// Its end.
    InjectedEnd = 9,
    /// The server has ended; how many connections had to be cut off.
    Closed = 10,
    /// Something that the operator should know.
    Warning = 11,
    /// A WebSocket is open.
    SocketOpen = 12,
    /// A message of a WebSocket, or a piece of one.
    SocketMessage = 13,
    /// A WebSocket is over.
    SocketClosed = 14,
    /// The peer of a WebSocket says goodbye: to be answered with a `close` command behind the answers to what came before.
    SocketClosing = 15,
    /// A WebSocket whose handlers were elsewhere is this lane's from now on.
    SocketReopen = 16,
    /// A WebSocket is to have its handlers elsewhere: to be answered with a `keep` command, behind the answers to what came before.
    SocketLeave = 17,
    /// It has them elsewhere.
    SocketLeft = 18,
}

/// Set when a message is binary.
pub const MESSAGE_BINARY: u32 = 1;
/// Set when the message goes on in the next record of its socket.
pub const MESSAGE_MORE: u32 = 1 << 1;
/// Set when all of a text is ASCII.
pub const MESSAGE_ASCII: u32 = 1 << 2;
/// Set when the message has begun in a record before.
pub const MESSAGE_REST: u32 = 1 << 3;
/// Where the credit begins that a message brings along: bytes that may be sent again.
pub const MESSAGE_CREDIT: u32 = 4;

/// Why a request body ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum BodyFault {
    /// Larger than the limit.
    TooLarge = 1,
    /// The client left.
    Aborted = 2,
    /// Broken framing.
    Malformed = 3,
    /// No byte within the timeout.
    Timeout = 4,
}

/// The four words that every record starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the whole record.
    pub len: usize,
    /// See [`Kind`].
    pub kind: u8,
    /// The request it is about.
    pub slot: SlotId,
}

/// Set in the kind of a record that was taken back.
const MOVED: u8 = 0x80;

impl Header {
    /// Bytes of a header.
    pub const LEN: usize = 16;

    /// Reads the header of the first record in `bytes`, which this crate has encoded.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        Self {
            len: word(bytes, 0) as usize,
            kind: word(bytes, 1) as u8,
            slot: SlotId { slot: word(bytes, 2), generation: word(bytes, 3) },
        }
    }

    /// Marks `record`, which begins with this header, as one that another lane has, or takes the mark away. No reader ever
    /// sees a marked one.
    pub(crate) fn mark(&self, record: &mut [u8], is_moved: bool) {
        let kind = (self.kind & !MOVED) | if is_moved { MOVED } else { 0 };
        record[4..8].copy_from_slice(&u32::from(kind).to_le_bytes());
    }

    /// Whether it is marked.
    pub(crate) fn is_moved(&self) -> bool {
        self.kind & MOVED != 0
    }

    /// Whether it is a request, marked or not.
    pub(crate) fn counts(&self) -> bool {
        self.kind & !MOVED == Kind::Request as u8
    }
}

pub(crate) fn word(bytes: &[u8], index: usize) -> u32 {
    match bytes.get(index * 4..index * 4 + 4) {
        Some(four) => u32::from_le_bytes([four[0], four[1], four[2], four[3]]),
        None => 0,
    }
}

/// Set when the message has a body.
pub const FLAG_BODY: u32 = 1;
/// Set when the whole body is in the record.
pub const FLAG_INLINE: u32 = 1 << 1;
/// Set when the connection is encrypted, or a trusted proxy says so.
pub const FLAG_SECURE: u32 = 1 << 2;
/// Set when the length of the body is known.
pub const FLAG_LENGTH: u32 = 1 << 3;
/// Set when the record says what the TLS of our connection is.
pub const FLAG_TLS: u32 = 1 << 4;

/// Set when a body in the record is ASCII; by [`Request::encode`].
pub const FLAG_ASCII: u32 = 1 << 5;

/// Method number of a method whose name is in the record.
pub const METHOD_OTHER: u8 = 255;

/// A request as it crosses. All text is ASCII or Latin-1 but `params` and `host`, which are UTF-8.
pub struct Request<'a, P, F> {
    /// Where the answer goes.
    pub slot: SlotId,
    /// Index of the handler in JavaScript.
    pub handler: u32,
    /// Generation of the routes.
    pub routes: u32,
    /// Position of the method in the shared list, or [`METHOD_OTHER`].
    pub method: u8,
    /// Name of a method that the list lacks.
    pub method_name: &'a str,
    /// 0 HTTP/1.0, 1 HTTP/1.1, 2 HTTP/2, 3 HTTP/3.
    pub version: u8,
    /// `FLAG_*`, but for [`FLAG_ASCII`].
    pub flags: u32,
    /// Counter part of the request id.
    pub id: u64,
    /// An id that a trusted peer gave; replaces the counter.
    pub given_id: &'a str,
    /// Announced length of the body.
    pub content_length: u64,
    /// Bytes the body may have.
    pub body_limit: u64,
    /// Path and query.
    pub target: &'a str,
    /// Bytes of the path, which `target` begins with.
    pub path: u32,
    /// Names and values of the fields.
    pub text: &'a [u8],
    /// Lengths of names and values.
    pub fields: F,
    /// Decoded path parameters.
    pub params: P,
    /// The client's address, as trusted proxies tell it.
    pub ip: &'a str,
    /// The socket's remote address, when it differs from `ip`.
    pub remote_ip: &'a str,
    /// The socket's remote port.
    pub remote_port: u16,
    /// Host as a trusted proxy tells it; empty to use the Host field.
    pub host: &'a str,
    /// What there is to know of the connection's TLS, with [`FLAG_TLS`]: text parts that end with a zero byte, and what they say.
    pub tls: &'a [u8],
    /// The whole body, with [`FLAG_INLINE`].
    pub body: &'a [u8],
}

impl<'a, P, F> Request<'a, P, F>
where
    P: ExactSizeIterator<Item = &'a str> + Clone,
    F: ExactSizeIterator<Item = (u32, u32)>,
{
    /// Appends the record to `out`.
    ///
    /// Words from 4: handler, routes, method | version << 8 | flags << 16, id (low, high), content length (low, high),
    /// body limit (low, high), target bytes, path bytes, fields | params << 16, where the params begin, body bytes, port, then the
    /// bytes of ip, remote ip, host, given id and method name, then a length for each param, then name and value length
    /// for each field. The bytes follow in this order: target, fields, params, ip, remote ip, host, given id, method name, TLS,
    /// padding, body, padding. What TLS says has its own ends.
    pub fn encode(self, out: &mut Vec<u8>) {
        let start = out.len();
        let (fields, params) = (self.fields.len(), self.params.len());
        let mut words = [0u32; HEAD_WORDS];
        words[1] = Kind::Request as u32;
        words[2] = self.slot.slot;
        words[3] = self.slot.generation;
        words[4] = self.handler;
        words[5] = self.routes;
        let ascii = if !self.body.is_empty() && self.body.is_ascii() { FLAG_ASCII } else { 0 };
        words[6] = u32::from(self.method) | u32::from(self.version) << 8;
        words[6] |= (self.flags & !FLAG_ASCII | ascii) << 16;
        (words[7], words[8]) = split(self.id);
        (words[9], words[10]) = split(self.content_length);
        (words[11], words[12]) = split(self.body_limit);
        (words[13], words[14]) = (self.target.len() as u32, self.path);
        words[15] = fields as u32 | (params as u32) << 16;
        words[17] = self.body.len() as u32;
        words[18] = u32::from(self.remote_port);
        words[19] = self.ip.len() as u32;
        words[20] = self.remote_ip.len() as u32;
        words[21] = self.host.len() as u32;
        words[22] = self.given_id.len() as u32;
        words[23] = self.method_name.len() as u32;
        // All numbers at once: a record has too many of them to look for room each time.
        let text = start + (HEAD_WORDS + params + fields * 2) * 4;
        words[16] = (text - start + self.target.len() + self.text.len()) as u32;
        out.reserve(text - start + self.target.len() + self.text.len() + self.body.len() + 256);
        out.resize(text, 0);
        let (head, lengths) = out[start..].split_at_mut(HEAD_WORDS * 4);
        put_words(head, &words);
        let (param_lengths, field_lengths) = lengths.split_at_mut(params * 4);
        for (to, (name, value)) in field_lengths.chunks_exact_mut(8).zip(self.fields) {
            put_words(to, &[name, value]);
        }
        for (to, param) in param_lengths.chunks_exact_mut(4).zip(self.params.clone()) {
            put_words(to, &[param.len() as u32]);
        }
        out.extend_from_slice(self.target.as_bytes());
        out.extend_from_slice(self.text);
        for param in self.params {
            out.extend_from_slice(param.as_bytes());
        }
        for text in [self.ip, self.remote_ip, self.host, self.given_id, self.method_name] {
            if !text.is_empty() {
                out.extend_from_slice(text.as_bytes());
            }
        }
        if !self.tls.is_empty() {
            out.extend_from_slice(self.tls);
        }
        if !self.body.is_empty() {
            pad(out);
            out.extend_from_slice(self.body);
        }
        finish(out, start);
    }
}

/// Words of a request record before its lengths.
const HEAD_WORDS: usize = 24;

fn put_words(to: &mut [u8], words: &[u32]) {
    for (to, word) in to.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
}

/// Appends a record with one more word.
pub fn event(out: &mut Vec<u8>, kind: Kind, slot: SlotId, value: u32) {
    let start = begin(out, kind, slot);
    out.extend_from_slice(&value.to_le_bytes());
    finish(out, start);
}

/// Appends a record with one more word and bytes.
pub fn data(out: &mut Vec<u8>, kind: Kind, slot: SlotId, value: u32, bytes: &[u8]) {
    let start = begin(out, kind, slot);
    out.extend_from_slice(&value.to_le_bytes());
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
    finish(out, start);
}

/// Bounds of a WebSocket, as JavaScript keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketLimits {
    /// Bytes that wait for the peer when `send()` reports false.
    pub send_buffer: u32,
    /// Bytes that may wait for the peer.
    pub backlog: u32,
    /// Bytes that may wait in JavaScript.
    pub receive_buffer: u32,
    /// Topics that it may subscribe to.
    pub topics: u32,
}

/// Appends the record of a WebSocket that is open. Words: send buffer, length, then backlog, receive buffer, topics.
pub fn socket_open(out: &mut Vec<u8>, slot: SlotId, limits: SocketLimits) {
    let SocketLimits { send_buffer, backlog, receive_buffer, topics } = limits;
    let words = [backlog, receive_buffer, topics].map(u32::to_le_bytes).concat();
    data(out, Kind::SocketOpen, slot, send_buffer, &words);
}

/// A WebSocket that has a new lane.
#[derive(Clone, Copy, Debug)]
pub struct SocketReopen<'a> {
    /// Which one.
    pub slot: SlotId,
    /// Index of the handler in JavaScript.
    pub handler: u32,
    /// As in [`socket_open`].
    pub limits: SocketLimits,
    /// Bytes that were sent and that the peer may not have taken.
    pub buffered: u32,
    /// Nobody has heard yet that it is open.
    pub is_fresh: bool,
    /// The topics that it subscribes to, as a JSON array.
    pub topics: &'a [u8],
    /// What JavaScript has kept of it.
    pub state: &'a [u8],
}

impl SocketReopen<'_> {
    /// Appends the record. Words: handler, length, then send buffer, backlog, receive buffer, topics that it may have, buffered,
    /// 1 when it is fresh, bytes of the topics; behind them the topics and the state.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let SocketLimits { send_buffer, backlog, receive_buffer, topics } = self.limits;
        let (fresh, names) = (u32::from(self.is_fresh), self.topics.len() as u32);
        let words = [send_buffer, backlog, receive_buffer, topics, self.buffered, fresh, names];
        let content = [&words.map(u32::to_le_bytes).concat(), self.topics, self.state].concat();
        data(out, Kind::SocketReopen, self.slot, self.handler, &content);
    }
}

fn begin(out: &mut Vec<u8>, kind: Kind, slot: SlotId) -> usize {
    let start = out.len();
    for word in [0, kind as u32, slot.slot, slot.generation] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    start
}

fn finish(out: &mut Vec<u8>, start: usize) {
    pad(out);
    let len = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
}

fn pad(out: &mut Vec<u8>) {
    // Every record starts aligned, so alignment in the queue is alignment in the record.
    out.resize(out.len().next_multiple_of(4), 0);
}

fn split(value: u64) -> (u32, u32) {
    (value as u32, (value >> 32) as u32)
}
