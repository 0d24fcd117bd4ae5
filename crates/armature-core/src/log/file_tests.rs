use std::io::Read;
use std::path::PathBuf;

use super::*;
use crate::config::{LogPeriod, Millis, Size};

/// A folder that goes away.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("armature-log-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn options(&self) -> LogFileConfig {
        LogFileConfig { path: self.0.join("app.log"), ..Default::default() }
    }

    /// Names and contents, unpacked.
    fn files(&self) -> Vec<(String, String)> {
        let mut files: Vec<_> = std::fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let bytes = std::fs::read(&path).unwrap();
                let mut text = String::new();
                if path.extension().is_some_and(|end| end == "gz") {
                    flate2::read::GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
                } else {
                    text = String::from_utf8(bytes).unwrap();
                }
                (path.file_name().unwrap().to_str().unwrap().to_owned(), text)
            })
            .collect();
        files.sort();
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// 2026-11-29, at `hour` and `second`.
fn at(hour: u64, second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_910_400 + hour * 3600 + second)
}

fn write(log: &mut LogFile, text: &str, now: SystemTime) {
    assert!(log.write(text.as_bytes(), now).is_ok());
}

fn shown(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

#[test]
fn a_full_file_is_put_aside_at_the_end_of_a_line() {
    let folder = Folder::new("size");
    let line = |c: char| format!("{}\n", c.to_string().repeat(399));
    let options = LogFileConfig { max_size: Some(Size(1024)), ..folder.options() };
    let mut log = LogFile::open(options, at(0, 0)).unwrap();
    write(&mut log, &line('a'), at(0, 1));
    // Three lines at once: the first still fits.
    write(&mut log, &(line('b') + &line('c') + &line('d')), at(0, 2));
    // Larger than any file may be: alone in one.
    let huge = format!("{}\n", "e".repeat(2000));
    write(&mut log, &(huge.clone() + &line('f')), at(0, 2));
    let files = folder.files();
    assert_eq!(
        shown(&files),
        [
            ("app.log", &*line('f')),
            ("app.log.20261129T000002Z", &*(line('a') + &line('b'))),
            ("app.log.20261129T000002Z.2", &*(line('c') + &line('d'))),
            ("app.log.20261129T000002Z.3", &*huge),
        ]
    );
}

#[test]
fn files_of_one_second_are_deleted_in_their_order() {
    let folder = Folder::new("second");
    let options = LogFileConfig { max_size: Some(Size(1024)), keep: Some(2), ..folder.options() };
    let mut log = LogFile::open(options, at(0, 0)).unwrap();
    for i in 0..15 {
        write(&mut log, &format!("{}{i:02}\n", "a".repeat(1000)), at(0, 0));
        log.keeper.wait();
    }
    let files = folder.files();
    let shown: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text[1000..].trim())).collect();
    let aside = "app.log.20261129T000000Z";
    assert_eq!(shown, [("app.log", "14"), (&*format!("{aside}.13"), "12"), (&*format!("{aside}.14"), "13")]);
}

#[test]
fn an_hour_and_a_day_have_files_of_their_own() {
    for (every, next, name) in [(LogPeriod::Hour, 1, "T010000Z"), (LogPeriod::Day, 24, "T000000Z")] {
        let folder = Folder::new(&format!("{every:?}"));
        let options = LogFileConfig { every: Some(every), ..folder.options() };
        let mut log = LogFile::open(options, at(0, 5)).unwrap();
        write(&mut log, "one\n", at(0, 6));
        write(&mut log, "two\n", at(next - 1, 3599));
        write(&mut log, "three\n", at(next, 0));
        let files = folder.files();
        assert_eq!(files[0], ("app.log".into(), "three\n".into()));
        assert_eq!(files[1].1, "one\ntwo\n");
        assert!(files[1].0.ends_with(name), "{}", files[1].0);
    }
}

#[test]
fn what_a_process_before_left_is_old_at_once() {
    let folder = Folder::new("left");
    std::fs::write(folder.0.join("app.log"), "old\n").unwrap();
    let file = File::options().write(true).open(folder.0.join("app.log")).unwrap();
    file.set_modified(at(3, 0)).unwrap();
    let options = LogFileConfig { every: Some(LogPeriod::Hour), ..folder.options() };
    let mut log = LogFile::open(options.clone(), at(3, 10)).unwrap();
    write(&mut log, "same hour\n", at(3, 11));
    assert_eq!(folder.files()[0].1, "old\nsame hour\n");
    drop(log);
    file.set_modified(at(3, 12)).unwrap();
    let mut log = LogFile::open(options, at(4, 0)).unwrap();
    write(&mut log, "new\n", at(4, 1));
    assert_eq!(shown(&folder.files())[0], ("app.log", "new\n"));
}

#[test]
fn old_files_are_compressed_and_deleted() {
    let folder = Folder::new("keep");
    std::fs::write(folder.0.join("app.log.txt"), "somebody else's").unwrap();
    let options = LogFileConfig {
        every: Some(LogPeriod::Hour),
        compress: Some(true),
        keep: Some(3),
        keep_for: Some(Millis::hours(2)),
        ..folder.options()
    };
    let mut log = LogFile::open(options, at(0, 0)).unwrap();
    let hours = |log: &mut LogFile, hours: &[u64]| {
        for hour in hours {
            write(log, &format!("{hour}\n"), at(*hour, 1));
            log.keeper.wait();
        }
        let files = folder.files();
        files.iter().map(|(name, text)| format!("{name}: {}", text.trim())).collect::<Vec<_>>()
    };
    let gz = |hour: u64, text: u64| format!("app.log.20261129T{hour:02}0001Z.gz: {text}");
    let others = "app.log.txt: somebody else's".to_owned();
    let now = |hour: u64| format!("app.log: {hour}");
    assert_eq!(hours(&mut log, &[0, 1]), [now(1), gz(1, 0), others.clone()]);
    assert_eq!(hours(&mut log, &[2, 3, 4]), [now(4), gz(2, 1), gz(3, 2), gz(4, 3), others.clone()]);
    // All but the one that has just been put aside are older than two hours.
    assert_eq!(hours(&mut log, &[9]), [now(9), gz(9, 4), others]);
}

#[test]
fn a_file_that_somebody_moves_is_begun_anew() {
    let folder = Folder::new("moved");
    let mut log = LogFile::open(folder.options(), at(0, 0)).unwrap();
    write(&mut log, "one\n", at(0, 0));
    std::fs::rename(folder.0.join("app.log"), folder.0.join("moved.log")).unwrap();
    write(&mut log, "two\n", at(0, 0));
    write(&mut log, "three\n", at(0, 1));
    let files = folder.files();
    assert_eq!(shown(&files), [("app.log", "three\n"), ("moved.log", "one\ntwo\n")]);
}

#[test]
fn a_file_that_cannot_be_put_aside_grows_on() {
    let folder = Folder::new("stuck");
    let options = LogFileConfig { max_size: Some(Size(1024)), ..folder.options() };
    let mut log = LogFile::open(options, at(0, 0)).unwrap();
    let line = format!("{}\n", "a".repeat(900));
    write(&mut log, &line, at(0, 0));
    // It is deleted, so that it cannot be renamed.
    std::fs::remove_file(folder.0.join("app.log")).unwrap();
    write(&mut log, &(line.clone() + &line), at(0, 0));
    assert!(log.stuck);
    write(&mut log, "back\n", at(0, 2));
    assert_eq!(shown(&folder.files()), [("app.log", "back\n")]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let options =
        LogFileConfig { path: "/dev/full".into(), max_size: Some(Size(1024)), ..Default::default() };
    let mut log = LogFile::open(options, at(0, 0)).unwrap();
    let failure = log.write(b"one\ntwo\n", at(0, 0)).unwrap_err();
    assert_eq!((failure.written, failure.error.kind()), (0, std::io::ErrorKind::StorageFull));
    assert!(
        LogFile::open(LogFileConfig { path: "/no/such/folder/log".into(), ..Default::default() }, at(0, 0))
            .is_err()
    );
}
