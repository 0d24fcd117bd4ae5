//! A folder whose files are made, renamed and taken out by one process, whatever becomes of the path that led there.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, flock, fstat, openat, renameat, statat,
    unlinkat,
};
use rustix::io::Errno;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Of files: a link is none, and a pipe that nobody writes to is not waited for.
const PLAIN: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
/// Of new files.
const OWNER: Mode = Mode::RUSR.union(Mode::WUSR);

/// An open folder. Names are those of files in it.
#[derive(Debug)]
pub struct OwnedFolder(OwnedFd);

impl OwnedFolder {
    /// Opens the folder, which is made for its owner alone when there is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        match openat(CWD, path, FOLDER, Mode::empty()) {
            Err(Errno::NOENT) => {
                super::create_private_folder(path)?;
                Ok(Self(openat(CWD, path, FOLDER, Mode::empty())?))
            }
            opened => Ok(Self(opened?)),
        }
    }

    /// Whether others than its owner may put files into it.
    pub fn is_open_to_others(&self) -> io::Result<bool> {
        Ok(Mode::from_raw_mode(fstat(&self.0)?.st_mode).intersects(Mode::WGRP | Mode::WOTH))
    }

    /// Whether it is not in any other folder any more.
    pub fn is_gone(&self) -> bool {
        fstat(&self.0).is_ok_and(|stat| stat.st_nlink == 0)
    }

    /// A lock that is held until the file is closed; `None` where somebody else has it.
    pub fn lock(&self, name: &str) -> io::Result<Option<File>> {
        let file = openat(&self.0, name, PLAIN | OFlags::RDWR | OFlags::CREATE, OWNER)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(File::from(file))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Hands every name to `found`.
    pub fn list(&self, mut found: impl FnMut(&str)) -> io::Result<()> {
        for entry in Dir::read_from(&self.0)? {
            if let Ok(name) = entry?.file_name().to_str() {
                found(name);
            }
        }
        Ok(())
    }

    /// The length of a file; `None` for what is none, or is not there.
    pub fn length(&self, name: &str) -> io::Result<Option<u64>> {
        let stat = match statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            stat => stat?,
        };
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        Ok(is_file.then_some(stat.st_size as u64))
    }

    /// Opens a file to read it; `None` where there is none, also where a link is.
    pub fn read(&self, name: &str) -> io::Result<Option<File>> {
        match openat(&self.0, name, PLAIN | OFlags::RDONLY, Mode::empty()) {
            Ok(file) => {
                Ok(Some(File::from(file)).filter(|file| file.metadata().is_ok_and(|file| file.is_file())))
            }
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a file to write it; there must be none.
    pub fn create(&self, name: &str) -> io::Result<File> {
        Ok(File::from(openat(&self.0, name, PLAIN | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, OWNER)?))
    }

    /// Opens a file to write at its end.
    pub fn append(&self, name: &str) -> io::Result<File> {
        Ok(File::from(openat(&self.0, name, PLAIN | OFlags::WRONLY | OFlags::APPEND, Mode::empty())?))
    }

    /// Gives a file another name, in the place of what has it.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.0, from, &self.0, to)?)
    }

    /// Takes a file out. That there is none, or a folder, is no failure.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT | Errno::ISDIR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Has the names on the disk.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }
}
