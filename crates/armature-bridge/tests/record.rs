//! Records, read back by a decoder that knows their documentation and nothing else.
#![cfg(not(armature_loom))]

use armature_bridge::SlotId;
use armature_bridge::record::{
    self, FLAG_ASCII, FLAG_BODY, FLAG_INLINE, FLAG_LENGTH, Kind, METHOD_OTHER, Request,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// A request with everything owned; what goes in must come out.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sample {
    slot: (u32, u32),
    handler: u32,
    routes: u32,
    method: u8,
    version: u8,
    flags: u32,
    id: u64,
    content_length: u64,
    body_limit: u64,
    path: String,
    search: String,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    params: Vec<String>,
    ip: String,
    remote_ip: String,
    remote_port: u16,
    host: String,
    given_id: String,
    method_name: String,
    /// Ends with something else than zero.
    tls: Vec<u8>,
    body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
enum Sent {
    Request(Box<Sample>),
    Event { kind: Kind, slot: (u32, u32), value: u32 },
    Data { kind: Kind, slot: (u32, u32), value: u32, bytes: Vec<u8> },
}

fn slot_id((slot, generation): (u32, u32)) -> SlotId {
    SlotId { slot, generation }
}

impl Sent {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Sent::Request(sample) => sample.encode(out),
            Sent::Event { kind, slot, value } => record::event(out, *kind, slot_id(*slot), *value),
            Sent::Data { kind, slot, value, bytes } => {
                record::data(out, *kind, slot_id(*slot), *value, bytes);
            }
        }
    }
}

impl Sample {
    fn encode(&self, out: &mut Vec<u8>) {
        let target = &format!("{}{}", self.path, self.search);
        let mut text = Vec::new();
        for (name, value) in &self.fields {
            text.extend([&name[..], value].concat());
        }
        Request {
            slot: slot_id(self.slot),
            handler: self.handler,
            routes: self.routes,
            method: self.method,
            method_name: &self.method_name,
            version: self.version,
            flags: self.flags,
            id: self.id,
            given_id: &self.given_id,
            content_length: self.content_length,
            body_limit: self.body_limit,
            target,
            path: self.path.len() as u32,
            text: &text,
            fields: self.fields.iter().map(|(name, value)| (name.len() as u32, value.len() as u32)),
            params: self.params.iter().map(String::as_str),
            ip: &self.ip,
            remote_ip: &self.remote_ip,
            remote_port: self.remote_port,
            host: &self.host,
            tls: &self.tls,
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
        String::from_utf8(self.bytes(count)).unwrap()
    }

    fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes(4).try_into().unwrap())
    }

    fn long(&mut self) -> u64 {
        u64::from(self.word()) | u64::from(self.word()) << 32
    }

    /// Skips zeros up to a multiple of 4.
    fn pad(&mut self) {
        let padding = self.bytes((self.0.len() % 4) as u32);
        assert!(padding.iter().all(|byte| *byte == 0));
    }
}

/// Decodes the record that `batch` starts with, and returns the rest.
fn decode(batch: &[u8]) -> (Sent, &[u8]) {
    let len = Reader(batch).word();
    assert!(len >= 16 && len % 4 == 0, "a record of {len} bytes");
    let (whole, rest) = batch.split_at(len as usize);
    let mut record = Reader(&whole[4..]);
    let kind = record.word();
    let slot = (record.word(), record.word());
    let sent = match kind {
        1 => Sent::Request(Box::new(decode_request(&mut record, slot))),
        2 | 7 | 8 | 11 => {
            let (value, len) = (record.word(), record.word());
            let bytes = record.bytes(len);
            record.pad();
            Sent::Data { kind: kind_of(kind), slot, value, bytes }
        }
        _ => Sent::Event { kind: kind_of(kind), slot, value: record.word() },
    };
    assert!(record.0.is_empty(), "{} bytes too many", record.0.len());
    (sent, rest)
}

fn kind_of(number: u32) -> Kind {
    KINDS[number as usize - 2]
}

/// By number, from 2.
const KINDS: [Kind; 10] = [
    Kind::BodyData,
    Kind::BodyEnd,
    Kind::BodyError,
    Kind::Abort,
    Kind::Credit,
    Kind::InjectedHead,
    Kind::InjectedData,
    Kind::InjectedEnd,
    Kind::Closed,
    Kind::Warning,
];

fn decode_request(record: &mut Reader<'_>, slot: (u32, u32)) -> Sample {
    let (handler, routes) = (record.word(), record.word());
    let packed = record.word();
    let (id, content_length, body_limit) = (record.long(), record.long(), record.long());
    let (target, path) = (record.word(), record.word());
    let counts = record.word();
    let (params_at, body, port) = (record.word(), record.word(), record.word());
    let [ip, remote_ip, host, given_id, method_name] = [(); 5].map(|()| record.word());
    let params: Vec<u32> = (0..counts >> 16).map(|_| record.word()).collect();
    let fields: Vec<(u32, u32)> = (0..counts & 0xffff).map(|_| (record.word(), record.word())).collect();
    let text_at = (24 + params.len() + fields.len() * 2) * 4;
    let before = record.0.len();
    let mut sample = Sample {
        slot,
        handler,
        routes,
        method: packed as u8,
        version: (packed >> 8) as u8,
        flags: packed >> 16 & !FLAG_ASCII,
        id,
        content_length,
        body_limit,
        path: record.text(path),
        search: record.text(target - path),
        fields: fields.iter().map(|&(name, value)| (record.bytes(name), record.bytes(value))).collect(),
        remote_port: port as u16,
        ..Sample::default()
    };
    assert_eq!(
        text_at + before - record.0.len(),
        params_at as usize,
        "the params follow the target and the fields"
    );
    sample.params = params.iter().map(|&param| record.text(param)).collect();
    sample.ip = record.text(ip);
    sample.remote_ip = record.text(remote_ip);
    sample.host = record.text(host);
    sample.given_id = record.text(given_id);
    sample.method_name = record.text(method_name);
    sample.tls = record.bytes(record.0.len() as u32 - body.next_multiple_of(4));
    let end = sample.tls.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    assert!(sample.tls.len() - end < 4, "padding of {} bytes", sample.tls.len() - end);
    sample.tls.truncate(end);
    sample.body = record.bytes(body);
    let is_ascii = packed >> 16 & FLAG_ASCII != 0;
    assert_eq!(is_ascii, !sample.body.is_empty() && sample.body.is_ascii());
    record.pad();
    sample
}

/// Bytes that are cheap to make, however many.
fn filled(len: impl Strategy<Value = usize>) -> impl Strategy<Value = Vec<u8>> {
    (len, any::<u8>()).prop_map(|(len, seed)| (0..len).map(|i| seed.wrapping_add((i * 31) as u8)).collect())
}

fn text() -> impl Strategy<Value = String> {
    vec(prop_oneof![any::<char>(), Just('a'), Just('é'), Just('\0')], 0..9)
        .prop_map(|chars| chars.into_iter().collect())
}

fn slot() -> impl Strategy<Value = (u32, u32)> {
    any::<(u32, u32)>()
}

fn fields() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    let field = || (filled(0..20usize), filled(0..70usize));
    prop_oneof![vec(field(), 0..8), vec(field(), 0..=200)]
}

prop_compose! {
    fn sample()(
        slot in slot(),
        (handler, routes) in any::<(u32, u32)>(),
        (method, version, flags) in (any::<u8>(), any::<u8>(), (0..0x1_0000u32).prop_map(|flags| flags & !FLAG_ASCII)),
        (id, content_length, body_limit) in any::<(u64, u64, u64)>(),
        (path, search) in ("[!-~]{0,60}", "[!-~]{0,20}"),
        fields in fields(),
        params in vec(text(), 0..6),
        (ip, remote_ip, host, given_id, method_name) in (text(), text(), text(), text(), text()),
        remote_port in any::<u16>(),
        tls in filled(prop_oneof![Just(0), 1..90usize]),
        body in filled(prop_oneof![Just(0), 0..10usize, 0..=70_000usize]),
    ) -> Sample {
        let mut tls = tls;
        if let Some(last) = tls.last_mut() { *last |= 1; }
        Sample {
            slot, handler, routes, method, version, flags, id, content_length, body_limit, path, search,
            fields, params, ip, remote_ip, remote_port, host, given_id, method_name, tls, body,
        }
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let event = prop::sample::select(vec![
        Kind::BodyEnd,
        Kind::BodyError,
        Kind::Abort,
        Kind::Credit,
        Kind::InjectedEnd,
        Kind::Closed,
    ]);
    let data =
        prop::sample::select(vec![Kind::BodyData, Kind::InjectedHead, Kind::InjectedData, Kind::Warning]);
    prop_oneof![
        sample().prop_map(|sample| Sent::Request(Box::new(sample))),
        (event, slot(), any::<u32>()).prop_map(|(kind, slot, value)| Sent::Event { kind, slot, value }),
        (data, slot(), any::<u32>(), filled(0..300usize)).prop_map(|(kind, slot, value, bytes)| Sent::Data {
            kind,
            slot,
            value,
            bytes
        }),
    ]
}

proptest! {
    #[test]
    fn records_in_one_buffer_come_back_one_by_one(all in vec(sent(), 0..6)) {
        let mut batch = Vec::new();
        for sent in &all {
            sent.encode(&mut batch);
            prop_assert_eq!(batch.len() % 4, 0);
        }
        let mut rest = &batch[..];
        for sent in all {
            let (decoded, after) = decode(rest);
            prop_assert_eq!(decoded, sent);
            rest = after;
        }
        prop_assert!(rest.is_empty());
    }
}

#[track_caller]
fn round_trip(sample: Sample) -> usize {
    let mut batch = Vec::new();
    sample.encode(&mut batch);
    let (decoded, rest) = decode(&batch);
    assert_eq!(decoded, Sent::Request(Box::new(sample)));
    assert!(rest.is_empty());
    batch.len()
}

#[test]
fn an_empty_request_is_its_words() {
    assert_eq!(round_trip(Sample::default()), 24 * 4);
}

#[test]
fn the_largest_values_fit_their_words() {
    round_trip(Sample {
        slot: (u32::MAX, u32::MAX),
        handler: u32::MAX,
        routes: u32::MAX,
        method: METHOD_OTHER,
        method_name: "PROPFIND".into(),
        version: 255,
        flags: FLAG_BODY | FLAG_INLINE | FLAG_LENGTH | (0xfff0 & !FLAG_ASCII),
        id: u64::MAX,
        content_length: u64::MAX,
        body_limit: u64::MAX,
        remote_port: u16::MAX,
        fields: vec![(b"x".to_vec(), vec![0xff; 9]); 200],
        params: vec!["日本語".into(), String::new(), "🦀".into()],
        host: "bücher.example".into(),
        tls: b"TLSv1.3\0x\0".repeat(200).into_iter().chain([1]).collect(),
        body: vec![7; 70 * 1024],
        ..Sample::default()
    });
}

#[test]
fn every_remainder_is_padded_between_text_and_body_and_after_it() {
    for text in 0..4 {
        for body in 0..5usize {
            let len = round_trip(Sample { path: "/".repeat(text), body: vec![1; body], ..Sample::default() });
            assert_eq!(len, 24 * 4 + text.next_multiple_of(4) + body.next_multiple_of(4));
        }
    }
}

#[test]
fn kinds_have_the_numbers_that_javascript_knows() {
    assert_eq!(Kind::Request as u8, 1);
    for (index, kind) in KINDS.into_iter().enumerate() {
        assert_eq!(kind as usize, index + 2);
    }
}
