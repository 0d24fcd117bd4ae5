//! What a reader thread does for a request: finding the file, its fields, and the beginning of its content.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::HeaderValue;

use super::chunk::{self, FIRST};
use super::found::{Content, Describe, Fields, Found, type_of};
use super::listing;
use super::open::{OpenFile, Sending};
use super::options::Settings;
use super::path::Names;
use super::readers::Shared;
use crate::layer::Coding;
use crate::platform::{Links, open_below, open_file};

/// What is looked for.
pub(super) struct Wanted {
    pub settings: Arc<Settings>,
    pub names: Names,
    /// Codings that the client takes, the best first.
    pub codings: Vec<Coding>,
    /// The client would take a page instead of what is not there.
    pub takes_page: bool,
    /// The beginning of the content will be sent at once.
    pub sends: bool,
    /// What is known already.
    pub known: Option<Arc<Found>>,
}

/// What was found.
pub(super) enum Outcome {
    File(Arc<Found>),
    /// The page that stands in for what is not there.
    Fallback(Arc<Found>),
    /// What is known is still so.
    Unchanged,
    /// A folder, which has a slash at the end of its path.
    Folder,
    /// The names in a folder, as a page.
    Listing(String),
    Missing,
    /// As many files are open as may be.
    Overloaded,
    Failed,
}

impl From<io::Error> for Outcome {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{
            InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound, OutOfMemory,
            PermissionDenied,
        };
        match error.kind() {
            // What may not be read is not shown to be there.
            NotFound | NotADirectory | PermissionDenied | InvalidInput | InvalidFilename | IsADirectory => {
                Self::Missing
            }
            OutOfMemory => Self::Overloaded,
            _ => match error.raw_os_error() {
                Some(number) if EXHAUSTED.contains(&number) => Self::Overloaded,
                Some(number) if OUTSIDE.contains(&number) => Self::Missing,
                _ => Self::Failed,
            },
        }
    }
}

#[cfg(unix)]
const EXHAUSTED: [i32; 2] =
    [rustix::io::Errno::MFILE.raw_os_error(), rustix::io::Errno::NFILE.raw_os_error()];
/// A link that leads out; a socket, which cannot be opened; a pipe or device that nobody is behind.
#[cfg(unix)]
const OUTSIDE: [i32; 3] = [
    rustix::io::Errno::XDEV.raw_os_error(),
    rustix::io::Errno::NXIO.raw_os_error(),
    rustix::io::Errno::LOOP.raw_os_error(),
];
/// ERROR_TOO_MANY_OPEN_FILES.
#[cfg(not(unix))]
const EXHAUSTED: [i32; 1] = [4];
/// ERROR_INVALID_NAME.
#[cfg(not(unix))]
const OUTSIDE: [i32; 1] = [123];

impl Wanted {
    /// Looks for it; on a reader thread.
    pub fn find(self, shared: &Arc<Shared>) -> Outcome {
        match self.look(shared, &self.names.path) {
            Err(error) => match Outcome::from(error) {
                Outcome::Missing => self.page(shared),
                outcome => outcome,
            },
            Ok(Outcome::Missing) => self.page(shared),
            Ok(outcome) => outcome,
        }
    }

    fn look(&self, shared: &Arc<Shared>, path: &str) -> io::Result<Outcome> {
        let file = self.open(path)?;
        let meta = file.metadata()?;
        if meta.is_dir() {
            if !self.names.is_folder {
                return Ok(Outcome::Folder);
            }
            for index in &self.settings.index {
                let path = if path.is_empty() { index.clone() } else { format!("{path}/{index}") };
                match self.open(&path).and_then(|file| Ok((file.metadata()?, file))) {
                    Ok((meta, file)) if meta.is_file() => return self.file(shared, &path, file, &meta),
                    Ok(_) => {}
                    Err(error) => match Outcome::from(error) {
                        Outcome::Missing => {}
                        outcome => return Ok(outcome),
                    },
                }
            }
            return match self.settings.listing {
                Some(most) => listing::page(&file, most, self.settings.dotfiles).map(Outcome::Listing),
                None => Ok(Outcome::Missing),
            };
        }
        if self.names.is_folder { Ok(Outcome::Missing) } else { self.file(shared, path, file, &meta) }
    }

    /// The page that stands in for what is not there.
    fn page(&self, shared: &Arc<Shared>) -> Outcome {
        let Some(path) = self.settings.fallback.as_deref().filter(|_| self.takes_page) else {
            return Outcome::Missing;
        };
        let found = self.open(path).and_then(|file| {
            let meta = file.metadata()?;
            self.file(shared, path, file, &meta)
        });
        match found {
            Ok(Outcome::File(found)) => Outcome::Fallback(found),
            Ok(outcome) => outcome,
            Err(error) => error.into(),
        }
    }

    fn open(&self, path: &str) -> io::Result<File> {
        open_below(&self.settings.root, path, self.settings.links)
    }

    /// The file at `path`, or what stands beside it in a coding that the client takes.
    fn file(&self, shared: &Arc<Shared>, path: &str, file: File, meta: &Metadata) -> io::Result<Outcome> {
        if !meta.is_file() {
            return Ok(Outcome::Missing);
        }
        let beside = self.codings.iter().find_map(|coding| {
            let file = self.open(&format!("{path}{}", coding.suffix())).ok()?;
            let meta = file.metadata().ok().filter(Metadata::is_file)?;
            Some((*coding, file, meta))
        });
        let (file, meta, coding) = match beside {
            Some((coding, file, meta)) => (file, meta, Some(coding)),
            None => (file, meta.clone(), None),
        };
        let describe = Describe {
            content_type: type_of(path, &self.settings.types),
            cache_control: self.settings.cache_control.as_ref(),
            coding,
            varies: self.settings.precompressed,
        };
        prepare(shared, file, &meta, describe, self.sends, self.known.as_deref())
    }
}

/// A file that a handler in JavaScript names.
pub(super) struct Named {
    /// The folder that it has to be in.
    pub root: Option<PathBuf>,
    pub path: String,
    /// Instead of that of its extension.
    pub content_type: Option<HeaderValue>,
    pub sends: bool,
}

impl Named {
    /// Looks for it; on a reader thread.
    pub fn find(self, shared: &Arc<Shared>) -> Outcome {
        self.look(shared).unwrap_or_else(Outcome::from)
    }

    fn look(self, shared: &Arc<Shared>) -> io::Result<Outcome> {
        let file = match &self.root {
            None => open_file(Path::new(&self.path))?,
            Some(root) => match Names::plain(&self.path).filter(|names| !names.is_hidden) {
                Some(names) => open_below(root, &names.path, Links::Inside)?,
                None => return Ok(Outcome::Missing),
            },
        };
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Ok(Outcome::Missing);
        }
        let cache_control = HeaderValue::from_static("no-cache");
        let describe = Describe {
            content_type: self.content_type.unwrap_or_else(|| type_of(&self.path, &[])),
            cache_control: Some(&cache_control),
            coding: None,
            varies: false,
        };
        prepare(shared, file, &meta, describe, self.sends, None)
    }
}

/// Reads what is small, and the beginning of what is not when it `sends`.
fn prepare(
    shared: &Arc<Shared>,
    file: File,
    meta: &Metadata,
    describe: Describe<'_>,
    sends: bool,
    known: Option<&Found>,
) -> io::Result<Outcome> {
    let length = meta.len();
    let fields = Fields::of(meta, length, SystemTime::now(), describe);
    if known.is_some_and(|known| known.is_still(&fields, meta)) {
        return Ok(Outcome::Unchanged);
    }
    if length <= shared.settings.cached_file as u64 {
        let content = whole(&file, length as usize)?;
        if content.len() as u64 != length {
            // It was changed in this moment. Whoever asks again gets what it has become.
            return Ok(Outcome::Overloaded);
        }
        return Ok(Outcome::File(Arc::new(Found { fields, content: Content::Whole(content), length })));
    }
    let Some(permit) = shared.permit() else { return Ok(Outcome::Overloaded) };
    let beginning = if sends {
        let want = length.min(FIRST as u64) as usize;
        Some(chunk::read(shared, &file, 0, want)?).filter(|read| read.len() == want)
    } else {
        None
    };
    let sending = Sending::new(OpenFile::new(file, meta.clone(), shared), permit);
    Ok(Outcome::File(Arc::new(Found { fields, content: Content::Open(sending, beginning), length })))
}

fn whole(file: &File, length: usize) -> io::Result<Bytes> {
    let mut buffer = vec![0; length];
    let read = chunk::fill(file, &mut buffer, 0)?;
    buffer.truncate(read);
    Ok(buffer.into())
}
