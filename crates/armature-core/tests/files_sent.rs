//! Large files: by the kernel from the page cache where that is possible, else by threads, and the same bytes either way.

mod support;

use std::fs::{self, File};
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use armature_core::config::{Config, Environment, FilesSettings, Settings};
use armature_core::handler::{FileReaders, FilesOptions};
use armature_core::http::{Method, Request, Response};
use armature_core::io_loop::HostLoop;
use armature_core::pipeline::HandlerFn;
use armature_core::server::{App, Server};
use armature_core::testing::{Client, serve};
use socket2::{Domain, Socket, Type};
use support::files::{Folder, get};
use support::tls::{Authority, address, connect};
use support::{http2, until};

const KB: usize = 1024;
const MB: usize = 1024 * KB;
/// Around all that is a boundary for somebody.
const SIZES: [usize; 20] = [
    0,
    1,
    16 * KB - 1,
    16 * KB,
    16 * KB + 1,
    64 * KB - 1,
    64 * KB,
    64 * KB + 1,
    100_000,
    128 * KB,
    128 * KB + 1,
    256 * KB + 1,
    512 * KB,
    512 * KB + 1,
    528 * KB,
    MB - 1,
    MB + 1,
    2 * MB + 512 * KB + 1,
    4 * MB,
    10 * MB,
];

fn content(length: usize) -> Vec<u8> {
    // No two pages of it are the same.
    (0..length as u32).map(|n| (n / 4096).wrapping_mul(31).wrapping_add(n % 251) as u8).collect()
}

fn readers(settings: FilesSettings) -> FileReaders {
    FileReaders::new(settings)
}

/// Asserts that something was sent without reading, where that is possible at all.
fn was_sent(readers: &FileReaders) {
    if cfg!(target_os = "linux") {
        assert!(readers.stats().sent > 0, "everything was read");
    }
}

fn all_sizes(client: &mut Client, folder: &Folder) {
    for (length, round) in SIZES.into_iter().flat_map(|length| [(length, 0), (length, 1), (length, 2)]) {
        let (path, whole) = (format!("/f/{length}"), content(length));
        if round == 0 {
            folder.put(&format!("public/{length}"), &whole);
        }
        assert!(get(client, &path, "").body == whole, "{length}, round {round}");
        client.send(format!("HEAD {path} HTTP/1.1\r\nhost: t\r\n\r\n")).unwrap();
        let head = client.read_for("HEAD").unwrap();
        assert_eq!(head.header("content-length"), Some(&*length.to_string()));
        let middle = length / 2;
        for (start, end) in
            [(0, 1), (0, length), (middle, length), (length.saturating_sub(1), length), (1, middle)]
        {
            if start < end && end <= length {
                let part = get(client, &path, &format!("range: bytes={start}-{}\r\n", end - 1));
                assert!(part.status == 206 && part.body == whole[start..end], "{start} to {end} of {length}");
            }
        }
    }
}

#[test]
fn content_is_the_same_whatever_its_size() {
    for (name, settings) in [
        ("sizes", FilesSettings::default()),
        ("sizes-open", FilesSettings { cached_file: 0, ..FilesSettings::default() }),
        ("sizes-closed", FilesSettings { cached_file: 0, kept_open: 0, ..FilesSettings::default() }),
    ] {
        let folder = Folder::new(name);
        let keeps = settings.kept_open > 0 && cfg!(target_os = "linux");
        let readers = readers(settings);
        let server = serve(folder.app(&readers), "{}").unwrap();
        all_sizes(&mut Client::connect(&server).unwrap(), &folder);
        was_sent(&readers);
        assert_eq!(readers.stats().kept > 0, keeps);
        until(|| readers.stats().open == 0);
        drop(server);
        until(|| readers.stats().kept == 0);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn content_is_the_same_on_a_loop_of_a_host() {
    let folder = Folder::new("inline");
    let readers = readers(FilesSettings::default());
    let base = Config::from_json(r#"{ "listen": "127.0.0.1:0", "io": "inline" }"#).unwrap();
    let settings = Settings::resolve(base, &Environment::default()).unwrap();
    let host = HostLoop::new(0, || {}).unwrap();
    let server = Server::start_inline(folder.app(&readers).build().unwrap(), settings, &host).unwrap();
    let mut client = Client::connect(&server).unwrap();
    std::thread::scope(|scope| {
        let client = scope.spawn(|| all_sizes(&mut client, &folder));
        let deadline = Instant::now() + Duration::from_secs(60);
        while !client.is_finished() {
            assert!(Instant::now() < deadline, "timed out");
            host.turn(Duration::from_millis(1));
            std::thread::yield_now();
        }
        client.join().unwrap();
    });
    was_sent(&readers);
}

#[test]
fn several_ranges_are_parts_of_one_answer() {
    let folder = Folder::new("ranges");
    let whole = content(3 * MB);
    folder.put("public/file", &whole);
    let readers = readers(FilesSettings::default());
    let server = serve(folder.app(&readers), "{}").unwrap();
    let mut client = Client::connect(&server).unwrap();
    for _ in 0..2 {
        let reply = get(&mut client, "/f/file", "range: bytes=10-19,100000-1999999,-5\r\n");
        let kind = reply.header("content-type").unwrap().to_owned();
        let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
        let mut expected = Vec::new();
        for (start, end) in [(10, 20), (100_000, 2_000_000), (3 * MB - 5, 3 * MB)] {
            let fields = format!(
                "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {start}-{}/{}\r\n\r\n",
                end - 1,
                3 * MB
            );
            expected.extend_from_slice(fields.as_bytes());
            expected.extend_from_slice(&whole[start..end]);
        }
        expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        assert!(reply.status == 206 && reply.body == expected);
    }
}

fn with_text(app: App) -> App {
    let text = |path: &'static str, length: usize| {
        move |app: App| {
            let handler = HandlerFn(move |_: Request| async move { Response::text("t".repeat(length)) });
            app.route(Method::GET, path, handler)
        }
    };
    text("/short", 5)(text("/long", 300_000)(app))
}

#[test]
fn pipelined_answers_keep_their_order() {
    let folder = Folder::new("pipeline");
    let (large, small) = (content(3 * MB + 7), content(1000));
    folder.put("public/large", &large);
    folder.put("public/small", &small);
    let readers = readers(FilesSettings::default());
    let server = serve(with_text(folder.app(&readers)), "{}").unwrap();
    let mut client = Client::connect(&server).unwrap();
    let asked = [
        "GET /f/large",
        "GET /short",
        "HEAD /f/large",
        "GET /f/small",
        "GET /f/large",
        "GET /f/large",
        "GET /long",
        "GET /f/missing",
        "GET /f/large",
        "GET /short",
    ];
    for _ in 0..3 {
        let batch: String = asked.iter().map(|line| format!("{line} HTTP/1.1\r\nhost: t\r\n\r\n")).collect();
        client.send(batch).unwrap();
        for line in asked {
            let (method, path) = line.split_once(' ').unwrap();
            let reply = client.read_for(method).unwrap();
            let expected: &[u8] = match path {
                "/f/large" if method == "GET" => &large,
                "/f/small" => &small,
                "/short" => b"ttttt",
                "/long" => &[b't'; 300_000],
                "/f/missing" => &reply.body,
                _ => b"",
            };
            assert!(reply.body == expected, "{line}");
        }
    }
    let mut last = Client::connect(&server).unwrap();
    last.send("GET /f/large HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").unwrap();
    assert!(last.read().unwrap().body == large && last.is_closed().unwrap());
    was_sent(&readers);
    until(|| readers.stats().open == 0);
}

#[test]
fn a_reader_that_becomes_slow_gets_all_of_it() {
    const FILE: usize = 24 * MB;
    let folder = Folder::new("slow");
    let whole = content(FILE);
    folder.put("public/file", &whole);
    let readers = readers(FilesSettings::default());
    let server = serve(folder.app(&readers), r#"{ "timeouts": { "write": "2s" } }"#).unwrap();
    // With little room of its own: what is read makes room at once.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(256 * KB).unwrap();
    socket.connect(&address(&server).into()).unwrap();
    let mut client = Client::over(socket.into()).unwrap();
    // Known to be in memory, so that the next one is sent as a whole.
    assert!(get(&mut client, "/f/file", "").body == whole);
    client.send("GET /f/file HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    let mut socket = client.socket().try_clone().unwrap();
    let mut received = vec![0; 8 * MB];
    socket.read_exact(&mut received).unwrap();
    let began = Instant::now();
    // Several times as long as somebody may take nothing, and so slow that no event tells of room in that time.
    while began.elapsed() < Duration::from_secs(8) {
        let mut sip = vec![0; 24 * KB];
        let read = socket.read(&mut sip).unwrap();
        received.extend_from_slice(&sip[..read]);
        std::thread::sleep(Duration::from_millis(100));
    }
    let head = received.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let mut rest = vec![0; head + FILE - received.len()];
    socket.read_exact(&mut rest).unwrap();
    received.extend_from_slice(&rest);
    assert!(received[head..] == whole);
    // Nothing of it was memory of this process.
    assert_eq!(server.metrics().given_up.get(), 0);
    was_sent(&readers);
}

#[test]
fn one_that_takes_nothing_is_given_up_in_time() {
    let folder = Folder::new("stopped");
    folder.put("public/file", &content(24 * MB));
    let readers = readers(FilesSettings::default());
    let server = serve(folder.app(&readers), r#"{ "timeouts": { "write": "2s" } }"#).unwrap();
    let mut client = Client::connect(&server).unwrap();
    get(&mut client, "/f/file", "");
    client.send("GET /f/file HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    until(|| readers.stats().open == 1);
    until(|| readers.stats().open == 0);
    assert!(client.read().is_err());
}

#[test]
fn one_that_leaves_costs_nothing_further() {
    let folder = Folder::new("leaves");
    let whole = content(24 * MB);
    folder.put("public/file", &whole);
    let readers = readers(FilesSettings::default());
    let server = serve(folder.app(&readers), "{}").unwrap();
    for round in 0..4 {
        let mut client = Client::connect(&server).unwrap();
        client.send("GET /f/file HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
        client.receive(1 + round * MB).unwrap();
        drop(client);
        until(|| readers.stats().open == 0);
    }
    assert!(get(&mut Client::connect(&server).unwrap(), "/f/file", "").body == whole);
}

#[test]
fn one_that_is_cut_is_never_complete() {
    let folder = Folder::new("cut-sent");
    let whole = content(24 * MB);
    let readers = readers(FilesSettings::default());
    let server = serve(folder.app(&readers), "{}").unwrap();
    for length in [0, 1000, 3 * MB + 5] {
        folder.put("public/file", &whole);
        // It is kept open.
        get(&mut Client::connect(&server).unwrap(), "/f/file", "");
        let mut client = Client::connect(&server).unwrap();
        client.send("GET /f/file HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
        until(|| readers.stats().open == 1);
        let file = File::options().write(true).open(folder.0.join("public/file")).unwrap();
        file.set_len(length as u64).unwrap();
        assert!(client.read().is_err(), "less than was promised must not look like all");
        until(|| readers.stats().open == 0);
        let reply = get(&mut Client::connect(&server).unwrap(), "/f/file", "");
        assert!(reply.body == whole[..length], "{length}");
    }
}

#[test]
fn what_replaces_a_file_is_sent_from_then_on() {
    let folder = Folder::new("replaced");
    let (old, new) = (content(24 * MB), vec![b'n'; 24 * MB]);
    let readers = readers(FilesSettings::default());
    for fresh in ["\"1h\"", "0"] {
        folder.put("public/file", &old);
        folder.put("one/file", &old);
        folder.put("two/file", &new);
        let link = folder.0.join("public/link");
        let _ = fs::remove_file(&link);
        #[cfg(unix)]
        std::os::unix::fs::symlink("../one", &link).unwrap();
        let options = format!(r#"{{ "fresh": {fresh}, "symlinks": "follow" }}"#);
        let options: FilesOptions = serde_json::from_str(&options).unwrap();
        let server = serve(folder.app_with(&readers, options), "{}").unwrap();
        let mut client = Client::connect(&server).unwrap();
        let before = get(&mut client, "/f/file", "");
        assert!(get(&mut client, "/f/file", "").body == old);
        let mut slow = Client::connect(&server).unwrap();
        slow.send("GET /f/file HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
        until(|| readers.stats().open == 1);
        // With the same length and the same time.
        folder.put("public/file", &new);
        let after = get(&mut client, "/f/file", "");
        assert!(after.body == new);
        assert_eq!(before.header("etag"), after.header("etag"));
        assert!(slow.read().unwrap().body == old, "it was opened before");
        // Written over: another tag, which says that it may change again.
        fs::write(folder.0.join("public/file"), &old).unwrap();
        let over = get(&mut client, "/f/file", "");
        assert!(over.body == old && over.header("etag").unwrap().starts_with("W/"));
        fs::remove_file(folder.0.join("public/file")).unwrap();
        assert_eq!(get(&mut client, "/f/file", "").status, 404);
        if cfg!(unix) && fresh == "0" {
            assert!(get(&mut client, "/f/link/file", "").body == old);
            fs::remove_file(&link).unwrap();
            #[cfg(unix)]
            std::os::unix::fs::symlink("../two", &link).unwrap();
            assert!(get(&mut client, "/f/link/file", "").body == new);
        }
    }
}

#[test]
fn what_is_encrypted_or_framed_is_read() {
    let folder = Folder::new("read");
    let whole = content(3 * MB + 1);
    folder.put("public/file", &whole);
    let readers = readers(FilesSettings::default());
    let authority = Authority::new();
    let pair = authority.issue(&["localhost"]);
    let options = format!(r#"{{ "listen": {{ "port": 0, "tls": {{ {} }} }} }}"#, pair.options());
    let tls = serve(folder.app(&readers), &options).unwrap();
    let plain = serve(folder.app(&readers), "{}").unwrap();
    let config = Arc::new(authority.client());
    for _ in 0..3 {
        let mut client = connect(address(&tls), &config, "localhost").unwrap();
        assert!(client.get("/f/file").unwrap().body == whole);
        client.send("GET /f/file HTTP/1.1\r\nhost: t\r\nrange: bytes=5-1048580\r\n\r\n").unwrap();
        assert!(client.read().unwrap().body == whole[5..=1_048_580]);
        assert!(http2::Client::connect(&plain).get("/f/file").body == whole);
    }
    assert_eq!(readers.stats().sent, 0);
    until(|| readers.stats().open == 0);
}

#[test]
fn no_more_are_sent_than_may() {
    let folder = Folder::new("open");
    folder.put("public/file", &content(24 * MB));
    let readers = readers(FilesSettings { open: 1, ..FilesSettings::default() });
    let server = serve(folder.app(&readers), "{}").unwrap();
    let mut client = Client::connect(&server).unwrap();
    for _ in 0..2 {
        let mut slow = Client::connect(&server).unwrap();
        slow.send("GET /f/file HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
        until(|| readers.stats().open == 1);
        let shed = readers.stats().shed;
        assert_eq!(get(&mut client, "/f/file", "").status, 503);
        assert_eq!(readers.stats().shed, shed + 1);
        assert_eq!(slow.read().unwrap().body.len(), 24 * MB);
        until(|| readers.stats().open == 0);
    }
}
