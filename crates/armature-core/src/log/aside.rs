//! Files that were put aside: their names, and a thread that compresses and deletes them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::file::seconds;
use super::thread::complain;
use crate::config::LogFileConfig;

/// `app.log.20261126T130500Z`, with `.2` and so on where there are several, and `.gz` when it is compressed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Aside {
    /// Seconds since 1970 at which it was put aside.
    pub at: u64,
    number: u32,
    is_compressed: bool,
    pub path: PathBuf,
}

impl Aside {
    /// A path that `log` may be moved to: behind those of the same second, as the oldest are deleted first.
    pub fn free(log: &Path, now: SystemTime) -> io::Result<PathBuf> {
        let at = seconds(now);
        let same = Self::all(log)?.into_iter().filter(|aside| aside.at == at);
        let suffix = match same.map(|aside| aside.number).max() {
            None => stamp(at),
            Some(number) => format!("{}.{}", stamp(at), number.saturating_add(1)),
        };
        Ok(with_suffix(log, &suffix))
    }

    /// All that were made of `log`, the oldest first.
    pub fn all(log: &Path) -> io::Result<Vec<Self>> {
        let name = log.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut found: Vec<_> = fs::read_dir(folder(log))?
            .filter_map(Result::ok)
            .filter_map(|entry| Self::parse(&name, &entry.file_name().to_string_lossy(), entry.path()))
            .collect();
        found.sort();
        Ok(found)
    }

    fn parse(log: &str, name: &str, path: PathBuf) -> Option<Self> {
        let rest = name.strip_prefix(log)?.strip_prefix('.')?;
        let (rest, is_compressed) = rest.strip_suffix(".gz").map_or((rest, false), |rest| (rest, true));
        let (time, number) = rest.split_once('.').unwrap_or((rest, "1"));
        Some(Self { at: unstamp(time)?, number: number.parse().ok()?, is_compressed, path })
    }
}

/// Compresses and deletes, on a thread that lives as long as there is something to do.
pub(super) struct Keeper(Arc<Keeping>);

struct Keeping {
    path: PathBuf,
    compress: bool,
    keep: Option<u32>,
    keep_for: Option<Duration>,
    asked: Mutex<Asked>,
    has_complained: AtomicBool,
}

#[derive(Default)]
struct Asked {
    /// A thread will look again before it ends.
    is_running: bool,
    /// When it was asked last, unless it has begun since.
    at: Option<SystemTime>,
}

impl Keeper {
    pub fn new(options: &LogFileConfig) -> Self {
        Self(Arc::new(Keeping {
            path: options.path.clone(),
            compress: options.compress.unwrap_or(false),
            keep: options.keep,
            keep_for: options.keep_for.map(|time| time.duration()),
            asked: Mutex::default(),
            has_complained: AtomicBool::new(false),
        }))
    }

    /// Has everything put in order that was put aside until `now`.
    pub fn tidy(&self, now: SystemTime) {
        let keeping = &self.0;
        if !keeping.compress && keeping.keep.is_none() && keeping.keep_for.is_none() {
            return;
        }
        let mut asked = keeping.asked();
        asked.at = Some(now);
        if std::mem::replace(&mut asked.is_running, true) {
            return;
        }
        drop(asked);
        let worker = keeping.clone();
        let thread = std::thread::Builder::new().name("armature-log-gz".into());
        if let Err(error) = thread.spawn(move || worker.run()) {
            keeping.asked().is_running = false;
            keeping.complain(&error);
        }
    }

    #[cfg(test)]
    pub fn wait(&self) {
        while self.0.asked().is_running {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Keeping {
    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        loop {
            let mut asked = self.asked();
            let Some(now) = asked.at.take() else {
                asked.is_running = false;
                return;
            };
            drop(asked);
            match self.work(now) {
                Ok(()) => self.has_complained.store(false, SeqCst),
                Err(error) => self.complain(&error),
            }
        }
    }

    /// Deletes before it compresses: what goes needs no work.
    fn work(&self, now: SystemTime) -> io::Result<()> {
        let all = Aside::all(&self.path)?;
        let kept = self.keep.map_or(all.len(), |keep| keep as usize);
        let surplus = all.len().saturating_sub(kept);
        let first = self.keep_for.map_or(0, |time| seconds(now).saturating_sub(time.as_secs()));
        for (index, aside) in all.iter().enumerate() {
            if index < surplus || aside.at < first {
                fs::remove_file(&aside.path)?;
            } else if self.compress && !aside.is_compressed {
                compress(&aside.path)?;
            }
        }
        Ok(())
    }

    /// Once, until it works again.
    fn complain(&self, error: &io::Error) {
        if !self.has_complained.swap(true, SeqCst) {
            complain(&format!("cannot tidy up beside '{}': {error}", self.path.display()));
        }
    }
}

/// Under another name until it is whole: a process that ends meanwhile leaves the original.
fn compress(path: &Path) -> io::Result<()> {
    let (part, whole) = (with_suffix(path, "gz.part"), with_suffix(path, "gz"));
    let made = (|| {
        let mut encoder = GzEncoder::new(File::create(&part)?, Compression::default());
        io::copy(&mut File::open(path)?, &mut encoder)?;
        encoder.finish()?.sync_data()?;
        fs::set_permissions(&part, fs::metadata(path)?.permissions())?;
        fs::rename(&part, whole)
    })();
    if made.is_err() {
        let _ = fs::remove_file(&part);
    }
    made.and_then(|()| fs::remove_file(path))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// `20261126T130500Z`.
fn stamp(at: u64) -> String {
    let (year, month, day) = civil(at / 86_400);
    let second = at % 86_400;
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

fn unstamp(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' || !text.is_ascii() {
        return None;
    }
    let part = |from: usize, to: usize| text[from..to].parse::<u64>().ok();
    let days = days(part(0, 4)?, part(4, 6)?, part(6, 8)?)?;
    Some(days * 86_400 + part(9, 11)? * 3600 + part(11, 13)? * 60 + part(13, 15)?)
}

/// Year, month and day of a number of days since 1970 (Howard Hinnant, chrono-compatible low-level date algorithms).
pub(super) fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let year_of_era = year % 400;
    let shifted_month = (month + 9) % 12;
    let of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    (year / 400 * 146_097 + of_era).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_times() {
        for (at, text) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_795_957_500, "20261129T130500Z"),
            (4_102_444_800, "21000101T000000Z"),
        ] {
            assert_eq!(stamp(at), text);
            assert_eq!(unstamp(text), Some(at), "{text}");
        }
        for wrong in [
            "",
            "20261301T000000Z",
            "2026112XT130500Z",
            "20261126 130500Z",
            "20261126T1305000",
            "ä0261126T13050Z",
        ] {
            assert_eq!(unstamp(wrong), None, "{wrong}");
        }
    }
}
