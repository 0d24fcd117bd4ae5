//! The scenario without sockets: a request on its way through the bridge to JavaScript and back, without JavaScript.
//! Each step is a function of its own that is never inlined, so that a profile shows it.

use std::hint::black_box;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use armature_bridge::command::{self, Action, Command, Commands, HeaderFields, Part};
use armature_bridge::record::{FLAG_LENGTH, Request};
use armature_bridge::{Generations, Lane, LaneReader, Mailbox, SlotId, Slots, Wake};

use crate::Scenario;
use crate::counted::counted;

/// JavaScript, which is here anyway.
struct Awake;

impl Wake for Awake {
    fn wake(&self) {}
}

/// One loop, one lane.
pub struct Bridge {
    lane: Lane<Awake>,
    reader: LaneReader,
    slots: Slots<u64>,
    generations: Arc<Generations>,
    mailbox: Mailbox,
    records: Box<[u8]>,
    commands: Vec<u8>,
    sequence: u64,
}

impl Bridge {
    pub fn new() -> Self {
        let slots = Slots::new(0, 1024);
        Self {
            lane: Lane::new(1024, Awake),
            reader: LaneReader::default(),
            generations: slots.generations(),
            slots,
            mailbox: Mailbox::default(),
            records: vec![0; 64 * 1024].into(),
            commands: Vec::new(),
            sequence: 0,
        }
    }
}

impl Scenario for Bridge {
    fn step(&mut self) {
        self.sequence += 1;
        let mut slot = None;
        counted(&mut || {
            let id = enter(&mut self.slots, self.sequence);
            push(&self.lane, id, self.sequence);
            drain(&mut self.reader, &self.lane, &self.generations, &mut self.records);
            slot = Some(id);
        });
        // What JavaScript would do.
        respond(&mut self.commands, slot.expect("a slot was free"));
        counted(&mut || {
            hand_over(&self.mailbox, &self.commands);
            complete(&self.mailbox, &self.lane, &mut self.slots);
            // Empty again, as it is when the pump comes back: the lane is disarmed and the mailbox has its waker.
            drain(&mut self.reader, &self.lane, &self.generations, &mut self.records);
            idle(&self.mailbox);
        });
        assert!(self.slots.is_empty(), "each request was answered");
    }
}

#[inline(never)]
fn enter(slots: &mut Slots<u64>, sequence: u64) -> SlotId {
    slots.insert(sequence).expect("each request before was answered")
}

#[inline(never)]
fn push(lane: &Lane<Awake>, slot: SlotId, sequence: u64) {
    let request = Request {
        slot,
        handler: 1,
        routes: 0,
        method: 0,
        method_name: "",
        version: 1,
        flags: FLAG_LENGTH,
        id: sequence,
        given_id: "",
        content_length: 0,
        body_limit: 1 << 20,
        target: "/users/42",
        path: 9,
        text: b"host127.0.0.1:3000accept*/*",
        fields: [(4, 14), (6, 3)].into_iter(),
        params: ["42"].into_iter(),
        ip: "127.0.0.1",
        remote_ip: "",
        remote_port: 50_000,
        host: "",
        tls: &[],
        body: b"",
    };
    lane.push_request(false, || black_box(sequence), |out| request.encode(out)).expect("the lane is empty");
}

#[inline(never)]
fn drain(reader: &mut LaneReader, lane: &Lane<Awake>, generations: &Generations, records: &mut [u8]) {
    black_box(reader.drain(lane, records, |slot| generations.is_current(slot)));
}

#[inline(never)]
fn hand_over(mailbox: &Mailbox, commands: &[u8]) {
    command::split_by_loop(commands, |part| {
        if let Part::Commands(_, batch) = part {
            mailbox.send(batch);
        }
    });
}

#[inline(never)]
fn complete(mailbox: &Mailbox, lane: &Lane<Awake>, slots: &mut Slots<u64>) {
    let Poll::Ready(batches) = receive(mailbox) else { return };
    for batch in &batches {
        for Command { slot, action } in Commands::new(batch) {
            let Action::Respond { status, headers, body, .. } = action else { continue };
            let fields = HeaderFields(&batch[headers]);
            let mut at = 0;
            while let Some((name, value)) = fields.next_at(at) {
                at = value.end;
                black_box((name, value));
            }
            black_box((status, &batch[body]));
            if slots.remove(slot).is_some() {
                lane.settle();
            }
        }
    }
}

#[inline(never)]
fn idle(mailbox: &Mailbox) {
    assert!(receive(mailbox).is_pending(), "one batch for each request");
}

fn receive(mailbox: &Mailbox) -> Poll<Vec<Vec<u8>>> {
    mailbox.poll_receive(&mut Context::from_waker(Waker::noop()))
}

/// A respond command: status, a header set, one field more, a short body.
fn respond(out: &mut Vec<u8>, slot: SlotId) {
    let (name, value, body) = (&b"x-user"[..], &b"42"[..], &br#"{"id":"42"}"#[..]);
    let headers = 6 + name.len() + value.len();
    out.clear();
    let words = [0, 1 | 200 << 16, slot.slot, slot.generation, 1, headers as u32, body.len() as u32];
    out.extend(words.iter().flat_map(|word: &u32| word.to_le_bytes()));
    out.extend((name.len() as u16).to_le_bytes());
    out.extend((value.len() as u32).to_le_bytes());
    out.extend_from_slice(name);
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend_from_slice(body);
    out.resize(out.len().next_multiple_of(4), 0);
    let len = out.len() as u32;
    out[..4].copy_from_slice(&len.to_le_bytes());
}
