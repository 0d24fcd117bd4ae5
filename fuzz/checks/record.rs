//! Records: whatever goes into a batch comes out of it, front to back, by the layout that `record.rs` documents.
//!
//! Shared by the target and by the test that replays its corpus.

use armature_bridge::SlotId;
use armature_bridge::record::{self, FLAG_ASCII, FLAG_TLS, Kind, Request};

/// What a record with FLAG_TLS says of it.
const TLS: &[u8] = b"TLSv1.3\0cipher\0\x01";

/// Bytes as what a record has in it.
struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    fn word(&mut self) -> u32 {
        self.bytes(4).iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
    }

    fn long(&mut self) -> u64 {
        u64::from(self.word()) << 32 | u64::from(self.word())
    }

    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Some bytes; how many, the first one says.
    fn some(&mut self) -> &'a [u8] {
        let count = usize::from(self.byte());
        self.bytes(count)
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(self.some()).into_owned()
    }

    fn slot(&mut self) -> SlotId {
        SlotId { slot: self.word(), generation: self.word() }
    }
}

#[derive(Debug, PartialEq)]
struct Sample {
    slot: SlotId,
    numbers: [u32; 2],
    packed: (u8, u8, u32),
    longs: [u64; 3],
    path: String,
    search: String,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    params: Vec<String>,
    /// ip, remote ip, host, given id, method name.
    texts: [String; 5],
    port: u16,
    body: Vec<u8>,
}

#[derive(Debug, PartialEq)]
enum Sent {
    Request(Box<Sample>),
    Event(u8, SlotId, u32),
    Data(u8, SlotId, u32, Vec<u8>),
}

const EVENTS: [Kind; 6] =
    [Kind::BodyEnd, Kind::BodyError, Kind::Abort, Kind::Credit, Kind::InjectedEnd, Kind::Closed];
const DATA: [Kind; 3] = [Kind::BodyData, Kind::InjectedHead, Kind::InjectedData];

impl Sent {
    fn of(from: &mut Source<'_>) -> Self {
        let choice = from.byte();
        let slot = from.slot();
        match choice % 3 {
            0 => Self::Event(EVENTS[usize::from(choice / 3) % 6] as u8, slot, from.word()),
            1 => {
                let value = from.word();
                Self::Data(DATA[usize::from(choice / 3) % 3] as u8, slot, value, from.some().to_vec())
            }
            _ => Self::Request(Box::new(Sample {
                slot,
                numbers: [from.word(), from.word()],
                packed: (from.byte(), from.byte(), from.word() & 0xffff & !FLAG_ASCII),
                longs: [from.long(), from.long(), from.long()],
                path: from.text(),
                search: from.text(),
                fields: (0..from.byte() % 16).map(|_| (from.some().to_vec(), from.some().to_vec())).collect(),
                params: (0..from.byte() % 8).map(|_| from.text()).collect(),
                texts: [(); 5].map(|()| from.text()),
                port: from.word() as u16,
                body: from.some().repeat(usize::from(from.byte() % 4)),
            })),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let kind = |number: u8| {
            let of = |kind: &&Kind| **kind as u8 == number;
            *EVENTS.iter().chain(&DATA).find(of).expect("one of them")
        };
        match self {
            Self::Event(number, slot, value) => record::event(out, kind(*number), *slot, *value),
            Self::Data(number, slot, value, bytes) => {
                record::data(out, kind(*number), *slot, *value, bytes);
            }
            Self::Request(sample) => sample.encode(out),
        }
    }
}

impl Sample {
    fn encode(&self, out: &mut Vec<u8>) {
        let text: Vec<u8> =
            self.fields.iter().flat_map(|(name, value)| [&name[..], value].concat()).collect();
        let [ip, remote_ip, host, given_id, method_name] = self.texts.each_ref().map(String::as_str);
        Request {
            slot: self.slot,
            handler: self.numbers[0],
            routes: self.numbers[1],
            method: self.packed.0,
            method_name,
            version: self.packed.1,
            flags: self.packed.2,
            id: self.longs[0],
            given_id,
            content_length: self.longs[1],
            body_limit: self.longs[2],
            target: &format!("{}{}", self.path, self.search),
            path: self.path.len() as u32,
            text: &text,
            fields: self.fields.iter().map(|(name, value)| (name.len() as u32, value.len() as u32)),
            params: self.params.iter().map(String::as_str),
            ip,
            remote_ip,
            remote_port: self.port,
            host,
            tls: if self.packed.2 & FLAG_TLS == 0 { &[] } else { TLS },
            body: &self.body,
        }
        .encode(out);
    }
}

/// Reads one record, front to back.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn bytes(&mut self, count: u32) -> Vec<u8> {
        let (bytes, rest) = self.0.split_at(count as usize);
        self.0 = rest;
        bytes.to_vec()
    }

    fn text(&mut self, count: u32) -> String {
        String::from_utf8(self.bytes(count)).expect("text")
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes(4).try_into().expect("four bytes"))
    }

    fn long(&mut self) -> u64 {
        u64::from(self.word()) | u64::from(self.word()) << 32
    }

    /// Skips zeros up to a multiple of 4.
    fn pad(&mut self) {
        let padding = self.bytes((self.0.len() % 4) as u32);
        assert!(padding.iter().all(|byte| *byte == 0), "padding is {padding:?}");
    }

    fn request(&mut self, slot: SlotId) -> Sample {
        let numbers = [self.word(), self.word()];
        let packed = self.word();
        let longs = [self.long(), self.long(), self.long()];
        let (target, path, counts) = (self.word(), self.word(), self.word());
        let (_params_at, body, port) = (self.word(), self.word(), self.word());
        let texts = [(); 5].map(|()| self.word());
        let params: Vec<u32> = (0..counts >> 16).map(|_| self.word()).collect();
        let fields: Vec<(u32, u32)> = (0..counts & 0xffff).map(|_| (self.word(), self.word())).collect();
        let (path, search) = (self.text(path), self.text(target - path));
        let fields = fields.iter().map(|&(name, value)| (self.bytes(name), self.bytes(value))).collect();
        let params = params.iter().map(|&length| self.text(length)).collect();
        let texts = texts.map(|length| self.text(length));
        if packed >> 16 & FLAG_TLS != 0 {
            assert_eq!(self.bytes(TLS.len() as u32), TLS);
        }
        self.pad();
        let body = self.bytes(body);
        self.pad();
        let (method, version) = (packed as u8, (packed >> 8) as u8);
        let is_ascii = packed >> 16 & FLAG_ASCII != 0;
        assert_eq!(is_ascii, !body.is_empty() && body.is_ascii(), "a body that is ASCII says so");
        let packed = (method, version, packed >> 16 & !FLAG_ASCII);
        Sample { slot, numbers, packed, longs, path, search, fields, params, texts, port: port as u16, body }
    }
}

/// The record that `batch` starts with, and the rest.
fn decode(batch: &[u8]) -> (Sent, &[u8]) {
    let length = Reader(batch).word();
    assert!(length >= 16 && length % 4 == 0, "a record of {length} bytes");
    let (whole, rest) = batch.split_at(length as usize);
    let mut reader = Reader(&whole[4..]);
    let kind = reader.word() as u8;
    let slot = SlotId { slot: reader.word(), generation: reader.word() };
    let sent = match kind {
        1 => Sent::Request(Box::new(reader.request(slot))),
        _ if DATA.iter().any(|data| *data as u8 == kind) => {
            let (value, length) = (reader.word(), reader.word());
            let bytes = reader.bytes(length);
            reader.pad();
            Sent::Data(kind, slot, value, bytes)
        }
        _ => Sent::Event(kind, slot, reader.word()),
    };
    assert!(reader.0.is_empty(), "{} bytes too many", reader.0.len());
    (sent, rest)
}

/// A batch made of `data`.
pub fn check(data: &[u8]) {
    let mut from = Source(data);
    let mut sent = Vec::new();
    let mut batch = Vec::new();
    while !from.0.is_empty() {
        let one = Sent::of(&mut from);
        one.encode(&mut batch);
        sent.push(one);
    }
    let mut rest = &batch[..];
    for expected in &sent {
        let (found, after) = decode(rest);
        assert_eq!(&found, expected);
        rest = after;
    }
    assert!(rest.is_empty(), "{} bytes behind the last record", rest.len());
}
