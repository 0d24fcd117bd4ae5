use std::time::{Duration, Instant};

use super::*;
use crate::config::{LogFileConfig, LogOutput, Size};

fn sink(queue: usize) -> LogSink {
    // Without a thread: nothing is ever taken.
    LogSink::new(Arc::new(Owner(Shared::new())), queue, Notices::Text)
}

#[test]
fn whole_lines_that_fit_are_kept_and_others_counted() {
    let sink = sink(10);
    sink.write(b"123\n456\n789\n");
    assert_eq!(sink.stats(), OutputStats { waiting: 8, dropped: 1, failed: 0 });
    sink.write(b"ab\n");
    assert_eq!(sink.stats(), OutputStats { waiting: 8, dropped: 2, failed: 0 });
    sink.write(b"a\n");
    assert_eq!(sink.stats(), OutputStats { waiting: 10, dropped: 2, failed: 0 });
    // What the thread is writing still counts.
    let mut waiting = sink.shared().lock();
    waiting.taken = std::mem::take(&mut waiting.bytes).len();
    drop(waiting);
    sink.write(b"a\n");
    assert_eq!(sink.stats().dropped, 3);
}

#[test]
fn lines_of_all_logs_of_a_file_are_there_after_a_flush() {
    let path = std::env::temp_dir().join(format!("armature-output-{}.log", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let output = LogOutput::File(LogFileConfig { path: path.clone(), ..Default::default() });
    let open = || LogSink::open(&output, Size::mb(1), Notices::Json).unwrap();
    let (one, other) = (open(), open());
    assert!(one.is_same(&other));
    let threads: Vec<_> = [one, other]
        .into_iter()
        .map(|sink| {
            std::thread::spawn(move || (0..1000).for_each(|i| sink.write(format!("{i}\n").as_bytes())))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    // Both are gone: the thread writes what is left.
    crate::log::flush(Duration::from_secs(10));
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2000);
    assert!(text.lines().filter(|line| *line == "999").count() == 2);

    // Once nobody has it open, it may be opened with other options.
    let other = LogOutput::File(LogFileConfig {
        path: path.clone(),
        max_size: Some(Size::mb(1)),
        ..Default::default()
    });
    let first = open();
    let refused = LogSink::open(&other, Size::mb(1), Notices::Json).unwrap_err();
    assert!(refused.is_option() && refused.to_string().contains("with other options"), "{refused}");
    drop(first);
    assert!(LogSink::open(&other, Size::mb(1), Notices::Json).is_ok());
    let _ = std::fs::remove_file(path);
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_full_disk_does_not_take_is_counted() {
    let output = LogOutput::File(LogFileConfig { path: "/dev/full".into(), ..Default::default() });
    let sink = LogSink::open(&output, Size::mb(1), Notices::None).unwrap();
    sink.write(b"one\ntwo\n");
    let until = Instant::now() + Duration::from_secs(10);
    while sink.stats() != (OutputStats { waiting: 0, dropped: 0, failed: 2 }) {
        assert!(Instant::now() < until, "{:?}", sink.stats());
        std::thread::sleep(Duration::from_millis(1));
    }
}
