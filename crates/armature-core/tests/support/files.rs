//! A folder with files, and an application that serves it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::SystemTime;

use armature_core::handler::{FileReaders, Files, FilesOptions};
use armature_core::http::Method;
use armature_core::server::App;
use armature_core::testing::{Client, Reply};

pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let top = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("armature-files-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&top);
        fs::create_dir_all(top.join("public")).unwrap();
        Self(top)
    }

    /// Writes a file that has not changed for long, in the place of one that may be there.
    pub fn put(&self, path: &str, content: &[u8]) {
        let (path, other) = (self.0.join(path), self.0.join("new"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&other, content).unwrap();
        File::options().write(true).open(&other).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        fs::rename(other, path).unwrap();
    }

    pub fn app(&self, readers: &FileReaders) -> App {
        self.app_with(readers, FilesOptions::default())
    }

    pub fn app_with(&self, readers: &FileReaders, options: FilesOptions) -> App {
        let files = Files::new(self.0.join("public"), options, readers.clone()).unwrap().below(1);
        App::new().route(Method::GET, "/f", files.clone()).route(Method::GET, "/f/", files.clone()).route(
            Method::GET,
            "/f/*path",
            files,
        )
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn get(client: &mut Client, path: &str, headers: &str) -> Reply {
    client.send(format!("GET {path} HTTP/1.1\r\nhost: t\r\n{headers}\r\n")).unwrap();
    client.read().unwrap()
}
