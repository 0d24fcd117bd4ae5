//! Files of a folder, from Rust alone.

mod support;

use std::fs::File;

use armature_core::config::FilesSettings;
use armature_core::handler::FileReaders;
use armature_core::testing::{Client, serve};
use support::files::{Folder, get};

#[test]
fn files_are_found_kept_and_sent() {
    let folder = Folder::new("sent");
    let large: Vec<u8> = (0..1_000_000_u32).map(|n| (n / 3) as u8).collect();
    folder.put("secret", b"secret");
    folder.put("public/index.html", b"home");
    folder.put("public/large", &large);
    let readers = FileReaders::new(FilesSettings::default());
    let server = serve(folder.app(&readers), "{}").unwrap();
    let mut client = Client::connect(&server).unwrap();
    for _ in 0..3 {
        let reply = get(&mut client, "/f/", "");
        assert_eq!((reply.status, reply.text().as_str()), (200, "home"));
        assert_eq!(reply.header("last-modified"), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
        assert_eq!(get(&mut client, "/f/large", "").body, large);
        let part = get(&mut client, "/f/large", "range: bytes=200000-899999\r\n");
        assert_eq!((part.status, &part.body[..]), (206, &large[200_000..900_000]));
        assert_eq!(get(&mut client, "/f", "").header("location"), Some("/f/"));
        for path in ["/f/../secret", "/f/%2e%2e/secret", "/f/..%2fsecret", "/f/.hidden", "/f/missing"] {
            assert_eq!(get(&mut client, path, "").status, 404, "{path}");
        }
    }
    let stats = readers.stats();
    assert!(stats.cached > 4 && stats.cached < 4096, "{stats:?}");
    assert_eq!((stats.open, stats.shed), (0, 0));
    drop((client, server));
}

#[test]
fn what_is_kept_has_bounds() {
    let folder = Folder::new("kept");
    for n in 0..50 {
        folder.put(&format!("public/{n}"), &[b'x'; 1000]);
    }
    let readers = FileReaders::new(FilesSettings { cache: 10_000, ..FilesSettings::default() });
    let server = serve(folder.app(&readers), "{}").unwrap();
    let mut client = Client::connect(&server).unwrap();
    for n in (0..50).chain(0..50) {
        assert_eq!(get(&mut client, &format!("/f/{n}"), "").body.len(), 1000);
        assert!(readers.stats().cached <= 10_000);
    }
    // Spellings of one path are entries of their own, and make no more room.
    for n in 0..26_u8 {
        let path = format!("/f/%3{}", n % 10);
        assert_eq!(get(&mut client, &path, "").status, 200, "{path}");
        assert!(readers.stats().cached <= 10_000);
    }
    assert!(readers.stats().cached > 5000);
}

#[test]
fn one_that_is_cut_resets_the_connection() {
    let folder = Folder::new("cut");
    folder.put("public/file", &vec![b'x'; 50_000_000]);
    let readers = FileReaders::new(FilesSettings::default());
    let server = serve(folder.app(&readers), "{}").unwrap();
    let mut client = Client::connect(&server).unwrap();
    client.send("GET /f/file HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    while readers.stats().open == 0 {
        std::thread::yield_now();
    }
    File::options().write(true).open(folder.0.join("public/file")).unwrap().set_len(1000).unwrap();
    assert!(client.read().is_err(), "less than was promised must not look like all");
    while readers.stats().open > 0 {
        std::thread::yield_now();
    }
}
