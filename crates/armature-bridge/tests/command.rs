//! Commands: whatever JavaScript writes into the buffer, nothing outside of it is touched.
#![cfg(not(armature_loom))]

use std::collections::BTreeMap;

use armature_bridge::SlotId;
use armature_bridge::command::{Action, Command, Commands, HeaderFields, Part, split_by_loop};
use proptest::collection::vec;
use proptest::prelude::*;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// A command with its bytes instead of ranges.
#[derive(Clone, Debug, PartialEq)]
enum Sent {
    Respond { status: u16, flags: u8, set: u32, headers: Fields, body: Vec<u8> },
    Data(Vec<u8>),
    End,
    Fail,
    Grant(u32),
    Cancel,
    Send(bool, Vec<u8>),
    Close(u16, Vec<u8>),
    Cut,
    Keep(bool, Vec<u8>),
    Publish { is_binary: bool, has_publisher: bool, topic: Vec<u8>, content: Vec<u8> },
}

/// Written from the documentation of the layout.
fn encode(out: &mut Vec<u8>, slot: SlotId, sent: &Sent) {
    let (kind, words, parts) = match sent {
        Sent::Respond { status, flags, set, headers, body } => {
            let headers = encode_fields(headers);
            let kind = 1 | u32::from(*flags) << 8 | u32::from(*status) << 16;
            let words = vec![*set, headers.len() as u32, body.len() as u32];
            (kind, words, vec![headers, body.clone()])
        }
        Sent::Data(bytes) => (2, vec![bytes.len() as u32], vec![bytes.clone()]),
        Sent::End => (3, vec![], vec![]),
        Sent::Fail => (4, vec![], vec![]),
        Sent::Grant(bytes) => (5, vec![*bytes], vec![]),
        Sent::Cancel => (6, vec![], vec![]),
        Sent::Send(is_binary, bytes) => {
            (7 | u32::from(*is_binary) << 8, vec![bytes.len() as u32], vec![bytes.clone()])
        }
        Sent::Close(code, reason) => (8, vec![u32::from(*code), reason.len() as u32], vec![reason.clone()]),
        Sent::Cut => (9, vec![], vec![]),
        Sent::Keep(leaves, state) => {
            (11 | u32::from(*leaves) << 8, vec![state.len() as u32], vec![state.clone()])
        }
        Sent::Publish { is_binary, has_publisher, topic, content } => {
            let flags = u32::from(*is_binary) | u32::from(*has_publisher) << 1;
            let words = vec![topic.len() as u32, content.len() as u32];
            (10 | flags << 8, words, vec![[&topic[..], content].concat()])
        }
    };
    let start = out.len();
    for word in [0, kind, slot.slot, slot.generation].into_iter().chain(words) {
        out.extend(word.to_le_bytes());
    }
    for part in parts {
        out.extend(part);
        out.resize(out.len().next_multiple_of(4), 0xaa);
    }
    let len = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
}

fn encode_fields(fields: &Fields) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.extend((name.len() as u16).to_le_bytes());
        out.extend((value.len() as u32).to_le_bytes());
        out.extend([&name[..], value].concat());
    }
    out
}

/// What a command says, with the bytes of its ranges.
fn resolve(batch: &[u8], command: &Command) -> (SlotId, Sent) {
    let sent = match &command.action {
        Action::Respond { status, flags, header_set, headers, body } => Sent::Respond {
            status: *status,
            flags: *flags,
            set: *header_set,
            headers: fields(&batch[headers.clone()]),
            body: batch[body.clone()].to_vec(),
        },
        Action::Data(range) => Sent::Data(batch[range.clone()].to_vec()),
        Action::End => Sent::End,
        Action::Fail => Sent::Fail,
        Action::Grant(bytes) => Sent::Grant(*bytes),
        Action::Cancel => Sent::Cancel,
        Action::Send { is_binary, content } => Sent::Send(*is_binary, batch[content.clone()].to_vec()),
        Action::Close { code, reason } => Sent::Close(*code, batch[reason.clone()].to_vec()),
        Action::Cut => Sent::Cut,
        Action::Keep { leaves, state } => Sent::Keep(*leaves, batch[state.clone()].to_vec()),
        Action::Publish { is_binary, has_publisher, topic, content } => Sent::Publish {
            is_binary: *is_binary,
            has_publisher: *has_publisher,
            topic: batch[topic.clone()].to_vec(),
            content: batch[content.clone()].to_vec(),
        },
    };
    (command.slot, sent)
}

/// Headers up to the first that does not fit.
fn fields(block: &[u8]) -> Fields {
    let (mut fields, mut at) = (Vec::new(), 0);
    while let Some((name, value)) = HeaderFields(block).next_at(at) {
        assert!(name.start == at + 6 && name.end == value.start && value.end <= block.len());
        at = value.end;
        fields.push((block[name].to_vec(), block[value].to_vec()));
    }
    fields
}

fn resolve_all(batch: &[u8]) -> Vec<(SlotId, Sent)> {
    // A command has 16 bytes at least; the one too many is what a loop without end would yield.
    let commands: Vec<Command> = Commands::new(batch).take(batch.len() / 16 + 1).collect();
    assert!(commands.len() <= batch.len() / 16);
    let mut at = 0;
    for command in &commands {
        let ranges = match &command.action {
            Action::Respond { headers, body, .. } => vec![headers, body],
            Action::Publish { topic, content, .. } => vec![topic, content],
            Action::Data(range)
            | Action::Send { content: range, .. }
            | Action::Keep { state: range, .. }
            | Action::Close { reason: range, .. } => {
                vec![range]
            }
            _ => vec![],
        };
        for range in ranges {
            assert!(at <= range.start && range.start <= range.end && range.end <= batch.len());
            at = range.end;
        }
    }
    commands.iter().map(|command| resolve(batch, command)).collect()
}

/// Whom a command is for: a loop, or, when it is published, nobody in particular.
type For = Option<u8>;

/// The commands of each loop between two that are published, those that are published by themselves.
fn by_loop(commands: Vec<(SlotId, Sent)>) -> Vec<BTreeMap<For, Vec<(SlotId, Sent)>>> {
    let mut stages = vec![BTreeMap::<For, Vec<_>>::new()];
    for (slot, sent) in commands {
        let is_published = matches!(sent, Sent::Publish { .. });
        let whom = (!is_published).then(|| slot.io_loop());
        if is_published || stages.last().unwrap().contains_key(&None) {
            stages.push(BTreeMap::new());
        }
        stages.last_mut().unwrap().entry(whom).or_default().push((slot, sent));
    }
    stages.retain(|stage| !stage.is_empty());
    stages
}

fn split(batch: &[u8]) -> (Vec<BTreeMap<For, Vec<u8>>>, usize) {
    let (mut stages, mut bytes) = (vec![BTreeMap::<For, Vec<u8>>::new()], 0);
    let mut starts_anew = false;
    split_by_loop(batch, |part| {
        let (whom, part) = match part {
            Part::Commands(io_loop, part) => (Some(io_loop), part),
            Part::Publish(command) => (None, command.to_vec()),
        };
        bytes += part.len();
        if whom.is_none() || starts_anew {
            stages.push(BTreeMap::new());
        }
        starts_anew = whom.is_none();
        let before = stages.last_mut().unwrap().insert(whom, part);
        assert!(before.is_none(), "loop {whom:?} is served twice");
    });
    stages.retain(|stage| !stage.is_empty());
    (stages, bytes)
}

/// What the parts say; those whose commands are all unknown are delivered too, and say nothing.
fn delivered(stages: &[BTreeMap<For, Vec<u8>>]) -> Vec<BTreeMap<For, Vec<(SlotId, Sent)>>> {
    let read = |stage: &BTreeMap<For, Vec<u8>>| -> BTreeMap<_, _> {
        let parts = stage.iter().map(|(whom, part)| (*whom, resolve_all(part)));
        parts.filter(|(_, part)| !part.is_empty()).collect()
    };
    stages.iter().map(read).filter(|stage: &BTreeMap<_, _>| !stage.is_empty()).collect()
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=max)
}

fn sent() -> impl Strategy<Value = Sent> {
    let respond = (any::<u16>(), any::<u8>(), any::<u32>(), vec((bytes(12), bytes(30)), 0..5), bytes(70));
    prop_oneof![
        3 => respond.prop_map(|(status, flags, set, headers, body)| {
            Sent::Respond { status, flags, set, headers, body }
        }),
        2 => bytes(70).prop_map(Sent::Data),
        1 => Just(Sent::End),
        1 => Just(Sent::Fail),
        1 => any::<u32>().prop_map(Sent::Grant),
        1 => Just(Sent::Cancel),
        2 => (any::<bool>(), bytes(70)).prop_map(|(is_binary, content)| Sent::Send(is_binary, content)),
        1 => (any::<u16>(), bytes(30)).prop_map(|(code, reason)| Sent::Close(code, reason)),
        1 => Just(Sent::Cut),
        1 => (any::<bool>(), bytes(70)).prop_map(|(leaves, state)| Sent::Keep(leaves, state)),
        2 => (any::<bool>(), any::<bool>(), bytes(9), bytes(70)).prop_map(
            |(is_binary, has_publisher, topic, content)| Sent::Publish { is_binary, has_publisher, topic, content }
        ),
    ]
}

/// Few loops, so that their commands interleave.
fn commands() -> impl Strategy<Value = Vec<(SlotId, Sent)>> {
    let slot = (prop_oneof![Just(0u32), Just(1), Just(255)], 0..1u32 << 24, any::<u32>())
        .prop_map(|(io_loop, index, generation)| SlotId { slot: io_loop << 24 | index, generation });
    vec((slot, sent()), 0..12)
}

fn batch_of(commands: &[(SlotId, Sent)]) -> Vec<u8> {
    let mut batch = Vec::new();
    for (slot, sent) in commands {
        encode(&mut batch, *slot, sent);
    }
    batch
}

/// Bytes without sense, words that look like lengths and kinds, and valid batches with a few bytes changed.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![0..9u32, 0..80u32, Just(u32::MAX), Just(u32::MAX - 3), any::<u32>()];
    let words = vec(word, 0..60).prop_map(|words| words.iter().flat_map(|word| word.to_le_bytes()).collect());
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let changed = (commands(), changes, any::<prop::sample::Index>()).prop_map(|(commands, changes, end)| {
        let mut batch = batch_of(&commands);
        for (at, value) in changes {
            if !batch.is_empty() {
                let at = at.index(batch.len());
                batch[at] = value;
            }
        }
        batch.truncate(batch.len() - end.index(batch.len().min(8) + 1));
        batch
    });
    prop_oneof![bytes(200), words, changed]
}

/// The same for the headers of one command.
fn hostile_headers() -> impl Strategy<Value = Vec<u8>> {
    let cut = (vec((bytes(12), bytes(30)), 0..5), any::<prop::sample::Index>()).prop_map(|(fields, end)| {
        let mut block = encode_fields(&fields);
        block.truncate(block.len() - end.index(block.len().min(3) + 1));
        block
    });
    prop_oneof![hostile(), cut]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 4, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_end_and_stay_inside(batch in hostile()) {
        let commands = resolve_all(&batch);
        let (stages, bytes) = split(&batch);
        prop_assert!(bytes <= batch.len());
        let by_whom = |stages: Vec<BTreeMap<For, Vec<(SlotId, Sent)>>>| {
            let parts = stages.into_iter().flatten();
            let mut said: Vec<_> =
                parts.flat_map(|(whom, part)| part.into_iter().map(move |sent| (whom, sent))).collect();
            said.sort_by_key(|(whom, _)| *whom);
            said
        };
        // A `publish` that makes no sense says nothing, and divides what is around it all the same.
        prop_assert_eq!(by_whom(delivered(&stages)), by_whom(by_loop(commands)));
    }

    #[test]
    fn any_header_block_ends_and_stays_inside(
        block in hostile_headers(),
        at in prop_oneof![0..300usize, usize::MAX - 9..=usize::MAX],
    ) {
        fields(&block);
        if let Some((name, value)) = HeaderFields(&block).next_at(at) {
            prop_assert!(at < name.start && name.end == value.start && value.end <= block.len());
        }
    }

    #[test]
    fn what_is_encoded_is_read(commands in commands()) {
        prop_assert_eq!(resolve_all(&batch_of(&commands)), commands);
    }

    #[test]
    fn each_loop_gets_its_commands_in_order(commands in commands()) {
        let batch = batch_of(&commands);
        let (stages, bytes) = split(&batch);
        prop_assert_eq!(bytes, batch.len());
        prop_assert_eq!(delivered(&stages), by_loop(commands));
    }
}

const SLOT: SlotId = SlotId { slot: 5, generation: 9 };

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The first command is as named, the second is an end: is the first one read, and the second one still found?
#[test]
fn a_command_that_does_not_fit_is_skipped_and_a_frame_that_does_not_fit_ends_the_batch() {
    #[rustfmt::skip]
    let cases: &[(&str, &[u32], bool, bool)] = &[
        ("respond without its words",       &[16, 1, 5, 9],                         false, true),
        ("respond with two of three words", &[24, 1, 5, 9, 0, 0],                   false, true),
        ("respond, empty",                  &[28, 1, 5, 9, 0, 0, 0],                true,  true),
        ("headers past the end",            &[28, 1, 5, 9, 0, 1, 0],                false, true),
        ("body past the end",               &[32, 1, 5, 9, 0, 0, 5, 0],             false, true),
        ("body past the end by padding",    &[32, 1, 5, 9, 0, 1, 1, 0],             false, true),
        ("headers as long as can be",       &[28, 1, 5, 9, 0, u32::MAX, 0],         false, true),
        ("both as long as can be",          &[28, 1, 5, 9, 0, u32::MAX, u32::MAX],  false, true),
        ("data without its length",         &[16, 2, 5, 9],                         false, true),
        ("data past the end",               &[20, 2, 5, 9, 1],                      false, true),
        ("data, empty",                     &[20, 2, 5, 9, 0],                      true,  true),
        ("kind 0",                          &[16, 0, 5, 9],                         false, true),
        ("kind 7",                          &[16, 7, 5, 9],                         false, true),
        ("frame of 0 bytes",                &[0, 3, 5, 9],                          false, false),
        ("frame of 12 bytes",               &[12, 3, 5, 9],                         false, false),
        ("frame of 18 bytes",               &[18, 3, 5, 9],                         false, false),
        ("frame past the end",              &[36, 3, 5, 9],                         false, false),
        ("frame as long as can be",         &[u32::MAX - 3, 3, 5, 9],               false, false),
    ];
    for (name, first, read, found) in cases {
        let mut batch = words(first);
        encode(&mut batch, SLOT, &Sent::End);
        let commands = resolve_all(&batch);
        assert_eq!(commands.len(), usize::from(*read) + usize::from(*found), "{name}");
        assert!(commands.iter().all(|(slot, _)| *slot == SLOT), "{name}");
        assert_eq!(matches!(commands.last(), Some((_, Sent::End))), *found, "{name}");
    }
}

#[test]
fn a_truncated_batch_loses_its_last_command_only() {
    let batch = batch_of(&[(SLOT, Sent::Grant(1)), (SLOT, Sent::Data(vec![1, 2, 3]))]);
    for len in 20..batch.len() {
        assert_eq!(resolve_all(&batch[..len]), [(SLOT, Sent::Grant(1))]);
        assert_eq!(split(&batch[..len]).1, 20);
    }
    for len in 0..20 {
        assert_eq!(resolve_all(&batch[..len]), []);
    }
}
