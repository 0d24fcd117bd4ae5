//! A folder as its users see it: what outlives whom, what is believed, and what becomes of it when the disk fails.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::file::Version;
use super::*;
use crate::config::{Millis, Size};
use crate::platform::OwnedFolder;

const PATIENCE: Duration = Duration::from_secs(30);

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("armature-disk-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn options(&self) -> DiskOptions {
        // More than any test needs: a machine that is busy is no disk that hangs.
        DiskOptions {
            max_bytes: Some(Size::mb(1)),
            timeout: Some(Millis(30_000)),
            ..DiskOptions::at(&self.0)
        }
    }

    fn open(&self) -> Disk {
        self.try_open(self.options()).unwrap()
    }

    fn try_open(&self, options: DiskOptions) -> Result<Disk> {
        Disk::open(&options.check("X").unwrap())
    }

    /// The files of values.
    fn files(&self) -> Vec<PathBuf> {
        let all = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| Version::of_file(path.file_name().unwrap().to_str().unwrap()).is_some()).collect()
    }

    /// Ends what has the folder open.
    fn close(disk: Disk) {
        let shared = disk.shared().clone();
        drop(disk);
        assert!(shared.wait_for_end(PATIENCE));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn name(n: u32) -> Name {
    let mut name = [0; 32];
    name[..4].copy_from_slice(&n.to_le_bytes());
    Name(name)
}

fn term(n: u8) -> Term {
    Term([n; 16])
}

fn record(terms: &[Term], payload: &[u8]) -> Record {
    Record::new(shared::now() + 600_000, terms.to_vec(), payload.to_vec())
}

fn get(disk: &Disk, n: u32) -> Option<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(disk.get(&name(n))).map(|(record, _)| record.payload.to_vec())
}

fn put(disk: &Disk, n: u32, terms: &[Term], payload: &[u8]) {
    disk.put(&name(n), record(terms, payload), disk.position());
}

/// Polls, because what happens on other threads tells nobody.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn settled(disk: &Disk) {
    until("everything is written", || {
        let state = disk.shared().lock();
        let waits = !state.writes.is_empty() || !state.removals.is_empty() || state.purging > 0;
        state.is_listed && state.writing.is_none() && !waits
    });
}

#[test]
fn values_outlive_whoever_stored_them() {
    let place = Place::new("outlive");
    let disk = place.open();
    assert_eq!(get(&disk, 1), None);
    put(&disk, 1, &[term(1)], b"one");
    put(&disk, 2, &[term(2)], b"two");
    put(&disk, 1, &[term(1)], b"new");
    Place::close(disk);
    assert_eq!(place.files().len(), 2, "one for each value");
    let disk = place.open();
    settled(&disk);
    assert_eq!((get(&disk, 1).as_deref(), get(&disk, 2).as_deref()), (Some(&b"new"[..]), Some(&b"two"[..])));
    disk.forget(&name(1));
    assert_eq!(get(&disk, 1), None);
    settled(&disk);
    let stats = disk.stats();
    assert_eq!((stats.entries, stats.bytes, stats.broken, stats.failed), (1, 4096, 0, 0));
    assert_eq!(place.files().len(), 1);
}

#[test]
fn nobody_else_may_read_them() {
    let place = Place::new("private");
    let disk = place.open();
    put(&disk, 1, &[], b"one");
    Place::close(disk);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.0), 0o700);
    for entry in fs::read_dir(&place.0).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn what_is_not_what_was_written_is_taken_out() {
    let place = Place::new("broken");
    let disk = place.open();
    for n in 0..4 {
        put(&disk, n, &[], b"content");
    }
    Place::close(disk);
    let path = |n: u32| {
        let found = place.files().into_iter().find(|path| {
            Version::of_file(path.file_name().unwrap().to_str().unwrap()).unwrap().name == name(n)
        });
        found.unwrap()
    };
    let mut bytes = fs::read(path(0)).unwrap();
    let middle = bytes.len() - 35;
    bytes[middle] ^= 1;
    fs::write(path(0), &bytes).unwrap();
    fs::write(path(1), &bytes[..bytes.len() / 2]).unwrap();
    let (moved, linked) = (place.0.join("elsewhere"), path(2));
    fs::rename(&linked, &moved).unwrap();
    symlink(&moved, &linked).unwrap();
    fs::write(place.0.join("notes.txt"), "not ours").unwrap();
    let disk = place.open();
    settled(&disk);
    assert_eq!([0, 1, 2].map(|n| get(&disk, n)), [None, None, None]);
    assert_eq!(get(&disk, 3).as_deref(), Some(&b"content"[..]));
    until("they are gone", || disk.stats().entries == 1 && disk.stats().broken == 2);
    assert!(moved.exists() && linked.is_symlink(), "what is no file of ours is left alone");
    assert_eq!(fs::read(place.0.join("notes.txt")).unwrap(), b"not ours");
    // One that becomes a link while it is known.
    let three = path(3);
    fs::remove_file(&three).unwrap();
    symlink(&moved, &three).unwrap();
    assert_eq!(get(&disk, 3), None);
    assert!(moved.exists() && !three.is_symlink());
}

#[test]
fn bytes_are_bounded_and_what_is_asked_for_stays() {
    let place = Place::new("bounded");
    let disk = place.open();
    put(&disk, 0, &[], b"often");
    settled(&disk);
    for n in 1..1000 {
        put(&disk, n, &[], &[7; 5000]);
        if n % 20 == 0 {
            settled(&disk);
            assert_eq!(get(&disk, 0).as_deref(), Some(&b"often"[..]), "after {n}");
        }
        assert!(disk.stats().bytes <= 1 << 20);
    }
    settled(&disk);
    let sum: u64 =
        place.files().iter().map(|path| fs::metadata(path).unwrap().len().div_ceil(4096) * 4096).sum();
    let stats = disk.stats();
    assert_eq!((stats.bytes, stats.entries), (sum, place.files().len() as u64));
    assert!(sum <= 1 << 20 && stats.evicted + stats.entries == 1000 - stats.dropped, "{stats:?}");
    // One that is larger than all of it.
    put(&disk, 5000, &[], &vec![7; 2 << 20]);
    settled(&disk);
    assert_eq!((get(&disk, 5000), disk.stats().dropped), (None, stats.dropped + 1));
    // Less room than before.
    Place::close(disk);
    for n in 0..300 {
        fs::write(place.0.join(Version { name: name(90_000 + n), sequence: 1 }.file()), vec![0; 8192])
            .unwrap();
    }
    let disk = place.open();
    settled(&disk);
    until("there is room", || disk.stats().bytes <= 1 << 20);
    assert!(place.files().len() <= 256);
}

#[test]
fn what_was_purged_stays_purged() {
    let place = Place::new("purged");
    let disk = place.open();
    let before = disk.position();
    for n in 1..=3 {
        put(&disk, n.into(), &[term(n), term(9)], b"content");
    }
    settled(&disk);
    disk.purge(term(1));
    assert_eq!((get(&disk, 1), get(&disk, 2).is_some()), (None, true));
    // What was made before comes after.
    disk.put(&name(1), record(&[term(1)], b"late"), before);
    put(&disk, 4, &[term(1)], b"new");
    settled(&disk);
    assert_eq!((get(&disk, 1), get(&disk, 4).is_some()), (None, true));
    disk.purge(term(2));
    let position = disk.position();
    Place::close(disk);
    let disk = place.open();
    assert!(disk.position() >= position);
    settled(&disk);
    assert_eq!([1, 2, 3, 4].map(|n| get(&disk, n).is_some()), [false, false, true, true]);
    // Also where a process was killed before it could take the files out.
    let kept: Vec<_> = place.files().into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
    disk.purge(term(9));
    settled(&disk);
    Place::close(disk);
    kept.iter().for_each(|(bytes, path)| fs::write(path, bytes).unwrap());
    let disk = place.open();
    settled(&disk);
    assert_eq!([3, 4].map(|n| get(&disk, n).is_some()), [false, true]);
    until("it is taken out", || place.files().len() == 1);
}

#[test]
fn where_nobody_knows_what_was_purged_everything_was() {
    for spoil in [
        (|path| fs::remove_file(path).unwrap()) as fn(&Path),
        |path| fs::write(path, b"").unwrap(),
        |path| fs::write(path, [&fs::read(path).unwrap()[..], b"half a note"].concat()).unwrap(),
        |path| {
            let mut bytes = fs::read(path).unwrap();
            bytes[3] ^= 1;
            fs::write(path, bytes).unwrap();
        },
    ] {
        let place = Place::new("unknown");
        let disk = place.open();
        put(&disk, 1, &[], b"content");
        Place::close(disk);
        spoil(&place.0.join("purges"));
        let disk = place.open();
        settled(&disk);
        assert_eq!((get(&disk, 1), place.files().len()), (None, 0));
        put(&disk, 1, &[], b"again");
        Place::close(disk);
        let disk = place.open();
        settled(&disk);
        assert_eq!(get(&disk, 1).as_deref(), Some(&b"again"[..]));
        Place::close(disk);
    }
}

#[test]
fn a_journal_is_shortened_when_nothing_is_left_of_what_it_says() {
    let place = Place::new("short");
    let disk = place.open();
    put(&disk, 1, &[term(1)], b"content");
    for n in 0..3000u32 {
        let mut term = [0; 16];
        term[..4].copy_from_slice(&n.to_le_bytes());
        disk.purge(Term(term));
        if n % 1000 == 0 {
            settled(&disk);
        }
    }
    settled(&disk);
    let length = || fs::metadata(place.0.join("purges")).unwrap().len();
    assert!(length() > 3000 * 33);
    Place::close(disk);
    let disk = place.open();
    until("it is short", || length() < 100 * 33);
    assert_eq!(get(&disk, 1).as_deref(), Some(&b"content"[..]));
}

#[test]
fn what_has_ended_is_taken_out() {
    let place = Place::new("ended");
    let disk = place.open();
    let soon = Record { until: shared::now() + 1, ..record(&[], b"soon") };
    disk.put(&name(1), soon, disk.position());
    put(&disk, 2, &[], b"later");
    settled(&disk);
    Place::close(disk);
    let disk = place.open();
    settled(&disk);
    until("it is gone", || place.files().len() == 1);
    assert_eq!((get(&disk, 1), get(&disk, 2).is_some()), (None, true));
}

#[test]
fn a_folder_is_one_process_s_and_all_in_it_share_it() {
    let place = Place::new("shared");
    let one = place.open();
    let two = place.open();
    assert!(one.is_same(&two));
    put(&one, 1, &[], b"content");
    settled(&two);
    assert!(get(&two, 1).is_some());
    let other = DiskOptions { max_bytes: Some(Size::mb(2)), ..place.options() };
    let error = place.try_open(other.clone()).unwrap_err();
    assert!(error.is_option() && error.to_string().contains("is another cache's as well"), "{error}");
    drop((one, two));
    let disk = place.try_open(other).unwrap();
    settled(&disk);
    assert!(get(&disk, 1).is_some(), "it is free when nobody has it");
    Place::close(disk);
    let _lock = OwnedFolder::open(&place.0).unwrap().lock("lock").unwrap().unwrap();
    let error = place.try_open(place.options()).unwrap_err();
    assert!(error.is_option() && error.to_string().starts_with("X.path: another process has '"), "{error}");
}

#[test]
fn folders_of_no_use_are_refused_by_name() {
    let place = Place::new("refused");
    fs::create_dir_all(&place.0).unwrap();
    fs::set_permissions(&place.0, fs::Permissions::from_mode(0o777)).unwrap();
    let error = place.try_open(place.options()).unwrap_err().to_string();
    assert!(error.starts_with("X.path: others than its owner may write to '"), "{error}");
    fs::write(place.0.join("file"), "").unwrap();
    for path in ["file", "file/below"] {
        let options = DiskOptions::at(place.0.join(path));
        let error = place.try_open(options).unwrap_err();
        assert!(
            error.is_option() && error.to_string().contains("cannot be used: Not a directory"),
            "{error}"
        );
    }
    fs::set_permissions(&place.0, fs::Permissions::from_mode(0o700)).unwrap();
    fs::create_dir(place.0.join("value.new")).unwrap();
    let error = place.try_open(place.options()).unwrap_err();
    assert!(error.to_string().contains("cannot be used: File exists"), "{error}");
}

#[test]
fn a_disk_that_fails_is_passed_over_until_it_works() {
    let place = Place::new("fails");
    let disk = place.open();
    put(&disk, 1, &[], b"before");
    settled(&disk);
    // Where the next value would be written there is something else.
    let blocked = place.0.join("value.new");
    fs::create_dir(&blocked).unwrap();
    put(&disk, 2, &[], b"lost");
    until("it is counted", || disk.stats().dropped == 1);
    assert_eq!((get(&disk, 1).is_some(), get(&disk, 2)), (true, None), "what is there is given");
    fs::remove_dir(&blocked).unwrap();
    until("it is written again", || {
        put(&disk, 3, &[], b"after");
        get(&disk, 3).is_some()
    });
    // The whole folder is taken away.
    fs::remove_dir_all(&place.0).unwrap();
    assert_eq!(get(&disk, 1), None);
    until("there is a new one", || {
        put(&disk, 4, &[], b"after");
        get(&disk, 4).is_some()
    });
    Place::close(disk);
    let disk = place.open();
    settled(&disk);
    assert!(get(&disk, 4).is_some());
}

#[test]
fn nobody_waits_for_a_disk_that_hangs() {
    let place = Place::new("hangs");
    let options = DiskOptions { timeout: Some(Millis(1)), queue: Some(Size::kb(64)), ..place.options() };
    let disk = place.try_open(options).unwrap();
    put(&disk, 1, &[], b"content");
    settled(&disk);
    until("the thread has nothing to do", || disk.shared().lock().busy.is_none());
    disk.shared().lock().busy = Some(Instant::now() - Duration::from_secs(1));
    assert_eq!(get(&disk, 1), None);
    put(&disk, 2, &[], b"content");
    let stats = disk.stats();
    assert_eq!((stats.failed, stats.dropped), (1, 1));
    disk.shared().lock().busy = None;
    // What may wait is bounded.
    put(&disk, 3, &[], &[7; (64 << 10) + 1]);
    assert_eq!(disk.stats().dropped, 2);
}
