//! Opening what is below a folder, and nothing else, whatever the path says.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, openat};
use rustix::io::Errno;

use super::{Links, Listed};

/// Not blocked by a pipe that nobody writes to; that it is no file is found out afterwards.
const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

#[cfg(any(target_os = "linux", target_os = "android"))]
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens `path`, names with a slash between them, below the folder `root`; `""` is the folder itself. The kernel sees to it that
/// no link leads out where it can; elsewhere paths with links are not opened at all, unless all links are followed.
pub fn open_below(root: &Path, path: &str, links: Links) -> io::Result<File> {
    let root = openat(CWD, root, FOLDER, Mode::empty())?;
    let path = if path.is_empty() { "." } else { path };
    if links == Links::Everywhere {
        return Ok(File::from(openat(&root, path, READ, Mode::empty())?));
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(opened) = kernel::open(root.as_fd(), path, links) {
        return Ok(File::from(opened?));
    }
    step_by_step(root, path).map(File::from)
}

/// Opens a file that the application itself names.
pub fn open_file(path: &Path) -> io::Result<File> {
    Ok(File::from(openat(CWD, path, READ, Mode::empty())?))
}

/// Reads up to as much as `buf` takes, at `offset`.
pub fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buf, offset)
}

/// The names in an open folder, at most `most`, and whether there are more.
pub fn list(folder: &File, most: usize) -> io::Result<(Vec<Listed>, bool)> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        if name == "." || name == ".." {
            continue;
        }
        if names.len() == most {
            return Ok((names, true));
        }
        names.push(Listed { name: name.to_owned(), is_folder: entry.file_type() == FileType::Directory });
    }
    Ok((names, false))
}

/// Each name by itself, and none of them a link.
fn step_by_step(root: OwnedFd, path: &str) -> io::Result<OwnedFd> {
    let mut folder = root;
    let mut names = path.split('/').filter(|name| !name.is_empty()).peekable();
    while let Some(name) = names.next() {
        if name == ".." {
            return Err(Errno::XDEV.into());
        }
        let flags = if names.peek().is_some() { FOLDER } else { READ };
        folder = openat(&folder, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
    }
    Ok(folder)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod kernel {
    use std::os::fd::{BorrowedFd, OwnedFd};
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use rustix::fs::{Mode, ResolveFlags, openat2};
    use rustix::io::{Errno, Result};

    use super::{Links, READ};

    /// `openat2` is older than Linux 5.6, or a sandbox refuses what it does not know.
    static MISSING: AtomicBool = AtomicBool::new(false);
    /// How often a path is tried while others rename what is on it.
    const TRIES: usize = 16;

    /// `None` where the kernel cannot do it.
    pub fn open(root: BorrowedFd<'_>, path: &str, links: Links) -> Option<Result<OwnedFd>> {
        if MISSING.load(Relaxed) {
            return None;
        }
        let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        if links == Links::Nowhere {
            resolve |= ResolveFlags::NO_SYMLINKS;
        }
        for _ in 0..TRIES {
            match openat2(root, path, READ, Mode::empty(), resolve) {
                Err(Errno::AGAIN) => {}
                Err(Errno::NOSYS | Errno::PERM) => {
                    MISSING.store(true, Relaxed);
                    return None;
                }
                opened => return Some(opened),
            }
        }
        Some(Err(Errno::AGAIN))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str) -> Self {
            let top = std::env::temp_dir().join(format!("armature-confined-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&top);
            fs::create_dir_all(top.join("root/a/b")).unwrap();
            fs::write(top.join("secret"), "secret").unwrap();
            fs::write(top.join("root/a/b/file"), "file").unwrap();
            symlink("a/b", top.join("root/inside")).unwrap();
            symlink("../secret", top.join("root/out")).unwrap();
            symlink("..", top.join("root/up")).unwrap();
            symlink(top.join("secret"), top.join("root/absolute")).unwrap();
            symlink(top.join("root/a/b/file"), top.join("root/absolute-inside")).unwrap();
            symlink("loop", top.join("root/loop")).unwrap();
            Self(top)
        }

        fn root(&self) -> PathBuf {
            self.0.join("root")
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const OUTSIDE: [&str; 9] = [
        "../secret",
        "a/../../secret",
        "out",
        "up/secret",
        "absolute",
        "inside/../../secret",
        "/etc/passwd",
        "loop",
        "a/b/file/x",
    ];

    #[test]
    fn nothing_outside_is_opened() {
        let tree = Tree::new("outside");
        for links in [Links::Inside, Links::Nowhere] {
            for path in OUTSIDE {
                let opened = open_below(&tree.root(), path, links);
                assert!(opened.is_err(), "{path} with links {links:?}");
            }
            assert!(open_below(&tree.root(), "a/b/file", links).is_ok());
        }
        assert!(open_below(&tree.root(), "inside/file", Links::Nowhere).is_err());
        for path in ["out", "absolute", "up/secret", "inside/file", "absolute-inside"] {
            assert!(open_below(&tree.root(), path, Links::Everywhere).is_ok(), "{path}");
        }
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[test]
    fn links_that_stay_inside_are_followed() {
        let tree = Tree::new("inside");
        assert!(open_below(&tree.root(), "inside/file", Links::Inside).is_ok());
        // An absolute one leaves the folder, wherever it leads.
        assert!(open_below(&tree.root(), "absolute-inside", Links::Inside).is_err());
    }

    #[test]
    fn without_the_kernel_no_link_is_followed() {
        let tree = Tree::new("steps");
        let root = || openat(CWD, tree.root(), FOLDER, Mode::empty()).unwrap();
        for path in OUTSIDE.into_iter().chain(["inside/file", "absolute-inside"]) {
            assert!(step_by_step(root(), path).is_err(), "{path}");
        }
        assert!(step_by_step(root(), "a/b/file").is_ok());
    }

    #[test]
    fn names_are_listed_up_to_a_number() {
        let tree = Tree::new("list");
        let folder = open_below(&tree.root(), "", Links::Inside).unwrap();
        let (names, more) = list(&folder, 100).unwrap();
        assert!(!more);
        assert_eq!(
            names.iter().filter(|entry| entry.is_folder).map(|entry| &*entry.name).collect::<Vec<_>>(),
            ["a"]
        );
        let folder = open_below(&tree.root(), "", Links::Inside).unwrap();
        let (names, more) = list(&folder, 3).unwrap();
        assert_eq!((names.len(), more), (3, true));
    }
}
