//! Commands: memory that JavaScript can write, so any bytes. What is read of them stays inside of them, and says the same whether
//! a loop reads all of it or its own part.
//!
//! Shared by the target and by the test that replays its corpus.

use armature_bridge::command::{Action, Command, Commands, HeaderFields, Part, split_by_loop};

/// A command with its bytes, wherever they were.
#[derive(Debug, PartialEq)]
struct Read {
    slot: (u32, u32),
    action: (u8, u32, u32),
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    bytes: Vec<u8>,
}

fn fields(block: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((name, value)) = HeaderFields(block).next_at(at) {
        assert!(name.start >= at + 6 && name.end == value.start && value.end <= block.len());
        at = value.end;
        found.push((block[name].to_vec(), block[value].to_vec()));
    }
    found
}

fn read(batch: &[u8], Command { slot, action }: Command) -> Read {
    let slot = (slot.slot, slot.generation);
    let of = |action, headers: &[u8], bytes: &[u8]| Read {
        slot,
        action,
        headers: fields(headers),
        bytes: bytes.to_vec(),
    };
    match action {
        Action::Respond { status, flags, header_set, headers, body } => {
            assert!(headers.end <= body.start, "{headers:?} {body:?}");
            let action = (1, u32::from(status) << 8 | u32::from(flags), header_set);
            of(action, &batch[headers], &batch[body])
        }
        Action::Data(bytes) => of((2, 0, 0), &[], &batch[bytes]),
        Action::End => of((3, 0, 0), &[], &[]),
        Action::Fail => of((4, 0, 0), &[], &[]),
        Action::Grant(bytes) => of((5, bytes, 0), &[], &[]),
        Action::Cancel => of((6, 0, 0), &[], &[]),
        Action::Send { is_binary, content } => of((7, u32::from(is_binary), 0), &[], &batch[content]),
        Action::Close { code, reason } => of((8, u32::from(code), 0), &[], &batch[reason]),
        Action::Cut => of((9, 0, 0), &[], &[]),
        Action::Keep { leaves, state } => of((11, u32::from(leaves), 0), &[], &batch[state]),
        Action::Publish { is_binary, has_publisher, topic, content } => {
            assert!(topic.end == content.start, "{topic:?} {content:?}");
            let flags = u32::from(is_binary) | u32::from(has_publisher) << 1;
            of((10, flags, topic.len() as u32), &[], &batch[topic.start..content.end])
        }
    }
}

/// Whom a command is for: a loop, or, when it is published, nobody in particular.
fn whom(command: &Command) -> Option<u8> {
    let is_published = matches!(command.action, Action::Publish { .. });
    (!is_published).then(|| command.slot.io_loop())
}

/// A batch.
pub fn check(batch: &[u8]) {
    let mut all: Vec<_> =
        Commands::new(batch).map(|command| (whom(&command), read(batch, command))).collect();
    let mut parts = Vec::new();
    split_by_loop(batch, |part| {
        parts.push(match part {
            Part::Commands(io_loop, part) => (Some(io_loop), part),
            Part::Publish(command) => (None, command.to_vec()),
        });
    });
    assert!(parts.iter().map(|(_, part)| part.len()).sum::<usize>() <= batch.len());
    // Between two that are published each loop has one part.
    for stage in parts.split(|(to, _)| to.is_none()) {
        for (to, _) in stage {
            assert_eq!(stage.iter().filter(|(other, _)| other == to).count(), 1, "{to:?} twice");
        }
    }
    let mut said = Vec::new();
    for (to, part) in &parts {
        for command in Commands::new(part) {
            assert_eq!(whom(&command), *to);
            said.push((*to, read(part, command)));
        }
    }
    // Nothing is lost, and the order of each is kept.
    all.sort_by_key(|(to, _)| *to);
    said.sort_by_key(|(to, _)| *to);
    assert_eq!(said, all);
}
