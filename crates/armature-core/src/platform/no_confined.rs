//! Systems that have no call that opens below a folder: the path is resolved first and compared.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::{Links, Listed};

/// Opens `path`, names with a slash between them, below the folder `root`. Who can make links in the folder at the same moment can
/// lead it elsewhere.
pub fn open_below(root: &Path, path: &str, links: Links) -> io::Result<File> {
    let root = fs::canonicalize(root)?;
    let whole = path.split('/').fold(root.clone(), |whole, name| whole.join(name));
    let resolved = fs::canonicalize(&whole)?;
    let is_inside = match links {
        Links::Everywhere => true,
        Links::Inside => resolved.starts_with(&root),
        Links::Nowhere => resolved == whole,
    };
    if is_inside { File::open(resolved) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// Opens a file that the application itself names.
pub fn open_file(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Reads up to as much as `buf` takes, at `offset`.
pub fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_read(file, buf, offset);
    #[cfg(not(windows))]
    {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = file;
        file.seek(SeekFrom::Start(offset))?;
        file.read(buf)
    }
}

/// Folders are not opened here.
pub fn list(_: &File, _: usize) -> io::Result<(Vec<Listed>, bool)> {
    Err(io::ErrorKind::Unsupported.into())
}
