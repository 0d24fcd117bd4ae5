//! Commands: memory that JavaScript can write, so any bytes. What is read of them stays inside of them, and says the same whether
//! a loop reads all of it or its own part.
//!
//! Shared by the target and by the test that replays its corpus.

use armature_bridge::command::{Action, Command, Commands, HeaderFields, split_by_loop};

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
    }
}

/// A batch.
pub fn check(batch: &[u8]) {
    let all: Vec<_> =
        Commands::new(batch).map(|command| (command.slot.io_loop(), read(batch, command))).collect();
    let mut parts = Vec::new();
    split_by_loop(batch, |io_loop, part| parts.push((io_loop, part)));
    assert!(parts.iter().map(|(_, part)| part.len()).sum::<usize>() <= batch.len());
    for (io_loop, part) in &parts {
        assert_eq!(parts.iter().filter(|(other, _)| other == io_loop).count(), 1, "loop {io_loop} twice");
        let own: Vec<_> = Commands::new(part).map(|command| read(part, command)).collect();
        let of_all: Vec<_> = all.iter().filter(|(other, _)| other == io_loop).map(|(_, read)| read).collect();
        assert_eq!(own.iter().collect::<Vec<_>>(), of_all, "loop {io_loop}");
    }
    let delivered = |io_loop: &u8| parts.iter().any(|(other, _)| other == io_loop);
    assert!(all.iter().all(|(io_loop, _)| delivered(io_loop)), "a command is delivered to nobody");
}
