//! The folder in which account and certificates outlive the process.
//!
//! Below it each authority has one, with
//!
//! * `account.json`: who we are there, with our key
//! * `NAME-HASH.pem`: a key and its certificate in one file, so that one never comes without the other
//! * `lock`: locked by whoever orders, so that nobody else does
//!
//! Files are exchanged as a whole, and are for their owner alone.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::config::Acme;
use crate::platform;

/// No file here is larger.
const MOST: u64 = 1 << 20;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    folder: PathBuf,
    certificate: String,
}

impl Storage {
    /// Makes the folders that are not there.
    pub fn open(acme: &Acme) -> io::Result<Self> {
        let host =
            acme.directory.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(safe)).unwrap_or_default();
        let folder = acme.storage.join(format!("{host}-{:016x}", hash(acme.directory.as_bytes())));
        platform::create_private_folder(&folder)?;
        let mut domains = acme.domains.clone();
        domains.sort();
        let first = acme.domains.first().map(|domain| safe(domain)).unwrap_or_default();
        let certificate = format!("{first}-{:016x}.pem", hash(domains.join(",").as_bytes()));
        Ok(Self { folder, certificate })
    }

    /// Locks it until what is returned is dropped; `None` when somebody else has. The system unlocks it when a process ends.
    pub fn lock(&self) -> io::Result<Option<File>> {
        let file = platform::private_file().create(true).truncate(false).open(self.folder.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// A key and its certificate, in PEM.
    pub fn certificate(&self) -> io::Result<Option<Vec<u8>>> {
        read(&self.folder.join(&self.certificate))
    }

    /// The file that it is in.
    pub fn certificate_path(&self) -> PathBuf {
        self.folder.join(&self.certificate)
    }

    pub fn keep_certificate(&self, pem: &[u8]) -> io::Result<()> {
        self.write(&self.certificate, pem)
    }

    pub fn account(&self) -> io::Result<Option<Vec<u8>>> {
        read(&self.folder.join("account.json"))
    }

    pub fn keep_account(&self, json: &[u8]) -> io::Result<()> {
        self.write("account.json", json)
    }

    /// The authority does not know it.
    pub fn forget_account(&self) -> io::Result<()> {
        match fs::remove_file(self.folder.join("account.json")) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Only who has the lock writes, so there is one temporary file.
    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let temporary = self.folder.join(format!(".{name}.new"));
        let written = (|| {
            // One that is left from a process that was killed may have other permissions.
            let _ = fs::remove_file(&temporary);
            let mut file = platform::private_file().create_new(true).open(&temporary)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&temporary, self.folder.join(name))
        })();
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        } else if let Ok(folder) = File::open(&self.folder) {
            // The name has to be on the disk as well; where folders cannot be asked for that, it is when the system likes.
            let _ = folder.sync_all();
        }
        written
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut content = Vec::new();
    file.take(MOST).read_to_end(&mut content)?;
    Ok(Some(content))
}

/// A name for a file in any file system.
fn safe(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '-' };
    name.trim_start_matches('.').chars().take(100).map(safe).collect()
}

/// FNV-1a: the same in each version of everything, which is all that is asked of it.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::stored::tests::acme;
    use super::*;

    /// A folder that goes when it is dropped.
    pub struct Folder(pub PathBuf);

    impl Folder {
        pub fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("armature-acme-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn keeps_what_it_is_given_for_its_owner_alone() {
        let folder = Folder::new("keeps");
        let storage = Storage::open(&acme(folder.0.join("a/b"))).unwrap();
        assert_eq!(storage.certificate().unwrap(), None);
        for content in ["one", "another"] {
            storage.keep_certificate(content.as_bytes()).unwrap();
            assert_eq!(storage.certificate().unwrap().as_deref(), Some(content.as_bytes()));
        }
        storage.keep_account(b"{}").unwrap();
        assert_eq!(storage.account().unwrap().as_deref(), Some(&b"{}"[..]));
        let of_authority = storage.certificate_path();
        let of_authority = of_authority.parent().unwrap();
        let lock = storage.lock().unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&folder.0.join("a/b")), 0o700);
            assert_eq!(mode(of_authority), 0o700);
            let files: Vec<_> =
                fs::read_dir(of_authority).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert_eq!(files.len(), 3, "{files:?}");
            assert!(files.iter().all(|path| mode(path) == 0o600));
        }
        drop(lock);
        storage.forget_account().unwrap();
        storage.forget_account().unwrap();
        assert_eq!(storage.account().unwrap(), None);
    }

    #[test]
    fn is_locked_by_one() {
        let folder = Folder::new("lock");
        let (one, other) =
            (Storage::open(&acme(&folder.0)).unwrap(), Storage::open(&acme(&folder.0)).unwrap());
        let locked = one.lock().unwrap();
        assert!(locked.is_some());
        assert!(other.lock().unwrap().is_none());
        drop(locked);
        assert!(other.lock().unwrap().is_some());
    }

    #[test]
    fn authorities_and_names_have_their_own() {
        let folder = Folder::new("names");
        let mut acme = acme(&folder.0);
        let path = |acme: &Acme| Storage::open(acme).unwrap().certificate_path();
        let first = path(&acme);
        assert!(first.file_name().unwrap().to_str().unwrap().starts_with("example.com-"));
        acme.domains = vec!["../../x".into()];
        assert_eq!(path(&acme).parent(), first.parent());
        acme.directory.push('2');
        assert_ne!(path(&acme).parent(), first.parent());
    }

    #[test]
    fn cannot_be_below_a_file() {
        let folder = Folder::new("below");
        fs::create_dir_all(&folder.0).unwrap();
        fs::write(folder.0.join("file"), "").unwrap();
        assert!(Storage::open(&acme(folder.0.join("file/a"))).is_err());
    }
}
