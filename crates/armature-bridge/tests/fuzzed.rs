//! What the fuzzers of the bridge have kept.
#![cfg(not(armature_loom))]

use std::path::Path;

#[path = "../../../fuzz/checks/commands.rs"]
mod commands;
#[path = "../../../fuzz/checks/record.rs"]
mod record;

#[test]
fn what_the_fuzzers_kept_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (target, check) in [("record", record::check as fn(&[u8])), ("commands", commands::check)] {
        let mut files: Vec<_> =
            std::fs::read_dir(corpus.join(target)).unwrap().map(|f| f.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 10, "the corpus of {target} has {} files", files.len());
        for file in files {
            let data = std::fs::read(&file).unwrap();
            // The name tells which one it was.
            std::panic::catch_unwind(|| check(&data)).unwrap_or_else(|_| panic!("{}", file.display()));
        }
    }
}
