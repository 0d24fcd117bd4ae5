//! A folder below the memory of a store, and processes that are killed while they write to it.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Weak;
use std::time::{Duration, Instant, SystemTime};

use armature_core::config::Size;
use armature_core::store::disk::DiskOptions;
use armature_core::store::levels::{LevelSettings, Levels};
use armature_core::store::tiers::{Purged, Record, Term};
use tokio::runtime::Builder;

const PATIENCE: Duration = Duration::from_secs(60);
/// Names the folder to the process that is killed.
const FOLDER: &str = "ARMATURE_TEST_DISK";
const MAX_BYTES: u64 = 4 << 20;

struct Nobody;

impl Purged for Nobody {
    fn begun(&self) {}

    fn purged(&self, _: Option<&[u8]>) {}

    fn everything(&self) -> (Term, Vec<u8>) {
        (Term::none(), Vec::new())
    }
}

fn open(path: &Path) -> Levels {
    let options = DiskOptions { max_bytes: Some(Size(MAX_BYTES)), ..DiskOptions::at(path) };
    let disk = Some(options.check("X").unwrap());
    let settings = LevelSettings { name: "test".to_owned(), redis: None, disk };
    let nobody: Weak<Nobody> = Weak::new();
    let end = Instant::now() + PATIENCE;
    loop {
        match Levels::open(&settings, nobody.clone()) {
            Ok(levels) => return levels,
            // The system has not taken down the process that was killed.
            Err(error) if Instant::now() > end => panic!("{error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64
}

/// A value that says which one it is, of a length of its own.
fn payload(n: u32) -> Vec<u8> {
    n.to_le_bytes().repeat(1 + (n as usize * 7919) % 8000)
}

fn put(levels: &Levels, n: u32) {
    let terms = vec![levels.term(&[b"all"]), levels.term(&[&(n % 10).to_le_bytes()])];
    let record = Record::new(now() + 600_000, terms, payload(n));
    levels.put(&levels.name(&n.to_le_bytes()), record, levels.position(), now());
}

fn get(levels: &Levels, n: u32) -> Option<Vec<u8>> {
    let runtime = Builder::new_current_thread().build().unwrap();
    let looked = runtime.block_on(levels.get(&levels.name(&n.to_le_bytes())));
    looked.record.map(|record| record.payload.to_vec())
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Bytes of all files.
fn used(path: &Path) -> u64 {
    let files = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().metadata());
    files.map(|metadata| metadata.map_or(0, |metadata| metadata.len())).sum()
}

/// What is run in the process that is killed; by itself it does nothing.
#[test]
fn writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(FOLDER) else { return };
    let levels = open(&PathBuf::from(path));
    for n in 0.. {
        put(&levels, n % 3000);
        if n % 64 == 0 {
            let queued = || levels.disk().unwrap().stats().queued;
            until("it is written", || queued() < 1 << 20);
        }
        if n % 5000 == 4999 {
            levels.purge(levels.term(&[&3u32.to_le_bytes()]), Vec::new());
        }
    }
}

#[test]
fn a_process_that_is_killed_leaves_nothing_broken() {
    let path = std::env::temp_dir().join(format!("armature-killed-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let mut found = 0;
    for round in 0..5u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writes_until_it_is_killed"])
            .env(FOLDER, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        until("it has written", || path.exists() && used(&path) > MAX_BYTES / 4);
        std::thread::sleep(Duration::from_millis(round * 13));
        child.kill().unwrap();
        child.wait().unwrap();
        let levels = open(&path);
        let disk = levels.disk().unwrap();
        until("it knows what there is", || (0..3000).any(|n| get(&levels, n).is_some()));
        for n in 0..3000 {
            if let Some(bytes) = get(&levels, n) {
                assert_eq!(bytes, payload(n), "{n}");
                found += 1;
            }
        }
        // What is purged now is not found by whoever comes next, however this process ends.
        levels.purge(levels.term(&[&1u32.to_le_bytes()]), Vec::new());
        until("it is noted", || disk.stats().purging == 0);
        let stats = disk.stats();
        assert!(stats.bytes <= MAX_BYTES && stats.failed == 0, "{stats:?}");
        assert_eq!(stats.broken, 0, "a value has its name only when it is whole");
        until("files are bounded", || used(&path) <= MAX_BYTES + (1 << 16));
    }
    assert!(found > 100, "{found}");
    let levels = open(&path);
    until("it knows what there is", || (0..3000).any(|n| get(&levels, n).is_some()));
    assert!((0..3000).filter(|n| n % 10 == 1).all(|n| get(&levels, n).is_none()));
    drop(levels);
    let _ = std::fs::remove_dir_all(&path);
}
