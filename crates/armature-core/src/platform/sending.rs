//! From a file to a socket within the kernel, and whether that would wait for a disk.

use std::fs::{File, Metadata};
use std::io::{self, IoSliceMut};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::fs::{AtFlags, StatxFlags, sendfile, statx};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

/// A sandbox does not let the process send files.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// Whether a file may stay open while others replace it.
pub const KEEPS_OPEN: bool = true;

/// Whether [`send_file`] is there.
pub fn sends_files() -> bool {
    !REFUSED.load(Relaxed)
}

/// Has `socket` take bytes of `file` at `offset`; 0 when the file ends there. A peer that is gone raises SIGPIPE, as this call has no
/// flags: Node ignores that signal, and so do programs in Rust.
pub fn send_file(socket: impl AsFd, file: &File, offset: u64, length: u64) -> io::Result<usize> {
    let mut at = offset;
    Ok(sendfile(socket, file, Some(&mut at), usize::try_from(length).unwrap_or(usize::MAX))?)
}

/// Whether `error` of [`send_file`] says that this file, or this process, has to be read instead.
pub fn cannot_send(error: &io::Error) -> bool {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSYS | Errno::PERM) => {
            REFUSED.store(true, Relaxed);
            true
        }
        Some(Errno::INVAL | Errno::OPNOTSUPP) => true,
        _ => false,
    }
}

/// How many of `length` bytes at `offset` are in memory, as far as one byte in `stride` and the last one tell: what is between two that
/// are there is there as well, because the kernel reads ahead, and takes back, in order. 0 where the file system cannot say.
pub fn cached_bytes(file: &File, offset: u64, length: u64, stride: u64) -> u64 {
    let (mut known, mut next) = (0, 0);
    while known < length {
        if !matches!(read_cached(file, &mut [0], offset + next), Ok(1)) {
            break;
        }
        known = next + 1;
        next = (next + stride).min(length - 1);
    }
    known
}

/// Reads what is in memory, at `offset`.
///
/// # Errors
/// `WouldBlock` when nothing is, and what a file system says that cannot do this.
pub fn read_cached(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    Ok(preadv2(file, &mut [IoSliceMut::new(buf)], offset, ReadWriteFlags::NOWAIT)?)
}

/// Whether nobody has changed `file`, or put another one in its place, since it was as `known` says: either changes its times. Never
/// waits; what a server of files behind a mount has not told yet is not known.
pub fn is_unchanged(file: &File, known: &Metadata) -> bool {
    let wanted = StatxFlags::SIZE | StatxFlags::MTIME | StatxFlags::CTIME;
    statx(file, "", AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC, wanted).is_ok_and(|now| {
        let (modified, changed) = (now.stx_mtime, now.stx_ctime);
        now.stx_size == known.len()
            && (modified.tv_sec, i64::from(modified.tv_nsec)) == (known.mtime(), known.mtime_nsec())
            && (changed.tv_sec, i64::from(changed.tv_nsec)) == (known.ctime(), known.ctime_nsec())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    const STRIDE: u64 = 4096;

    struct Sample(PathBuf);

    impl Sample {
        fn new(name: &str, length: usize) -> Self {
            let path = std::env::temp_dir().join(format!("armature-sending-{name}-{}", std::process::id()));
            fs::write(&path, vec![b'x'; length]).unwrap();
            // The first reader after a change writes the time of access, which is nothing for those who must not wait.
            fs::read(&path).unwrap();
            Self(path)
        }

        fn open(&self) -> File {
            File::open(&self.0).unwrap()
        }
    }

    impl Drop for Sample {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    #[test]
    fn what_is_in_memory_is_known_up_to_the_end_of_the_file() {
        let sample = Sample::new("cached", 10_000);
        let file = sample.open();
        if read_cached(&file, &mut [0], 0).is_err_and(|error| error.kind() == io::ErrorKind::Unsupported) {
            return; // The folder for temporary files is on a file system that cannot say.
        }
        for (offset, length, expected) in [
            (0, 10_000, 10_000),
            (0, 1, 1),
            (5000, 4097, 4097),
            (0, 0, 0),
            (9999, 1, 1),
            (0, 20_000, 8193),
            (10_000, 5, 0),
        ] {
            assert_eq!(cached_bytes(&file, offset, length, STRIDE), expected, "{length} at {offset}");
        }
    }

    #[test]
    fn changes_and_replacements_are_noticed() {
        let sample = Sample::new("changed", 10);
        let file = sample.open();
        let known = file.metadata().unwrap();
        assert!(is_unchanged(&file, &known));
        fs::write(&sample.0, b"longer than before").unwrap();
        assert!(!is_unchanged(&file, &known));
        let known = file.metadata().unwrap();
        assert!(is_unchanged(&file, &known));
        let other = Sample::new("replacing", 18);
        // The clock of the file system may be coarser than this test is fast.
        while fs::metadata(&other.0).unwrap().ctime_nsec() == known.ctime_nsec() {
            fs::write(&other.0, b"as long as before!").unwrap();
        }
        fs::rename(&other.0, &sample.0).unwrap();
        assert!(!is_unchanged(&file, &known));
    }

    #[test]
    fn what_cannot_be_sent_is_told_from_what_failed() {
        for (errno, expected) in
            [(Errno::INVAL, true), (Errno::OPNOTSUPP, true), (Errno::PIPE, false), (Errno::AGAIN, false)]
        {
            assert_eq!(cannot_send(&errno.into()), expected, "{errno}");
        }
    }
}
