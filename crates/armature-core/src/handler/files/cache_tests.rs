//! Files that stay open: how many, for how long, and what ends it.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use super::*;
use crate::config::FilesSettings;
use crate::handler::FileReaders;
use crate::handler::files::find::{Named, Outcome};
use crate::io_loop::HostLoop;

/// Longer than any test, in ticks.
const FRESH: u64 = 1_000_000;

struct Scene {
    folder: PathBuf,
    readers: FileReaders,
    cache: Rc<Cache>,
    _host: HostLoop,
}

impl Scene {
    fn new(name: &str, kept_open: usize) -> Self {
        let folder = std::env::temp_dir().join(format!("armature-kept-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let settings = FilesSettings { cached_file: 0, kept_open, ..FilesSettings::default() };
        let readers = FileReaders::new(settings);
        let host = HostLoop::new(0, || {}).unwrap();
        let cache = Cache::new(readers.shared().clone(), host.handle().clone());
        Self { folder, readers, cache, _host: host }
    }

    fn put(&self, name: &str, content: &str) {
        let (path, other) = (self.folder.join(name), self.folder.join(".new"));
        fs::write(&other, content).unwrap();
        fs::File::options().write(true).open(&other).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        fs::rename(other, path).unwrap();
    }

    fn keep(&self, name: &str) {
        let path = self.folder.join(name).to_str().unwrap().to_owned();
        let named = Named { root: None, path, content_type: None, sends: true };
        let Outcome::File(found) = named.find(self.readers.shared()) else { panic!("{name} is not found") };
        self.cache.keep(name, 0, &found, 1);
    }

    fn is_known(&self, name: &str) -> bool {
        match self.cache.find(name, 0, FRESH, 1) {
            Known::Fresh(found) => {
                assert!(matches!(found.content, Content::Kept(_)));
                true
            }
            Known::Stale(_) => panic!("{name} is stale"),
            Known::Nothing => false,
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn no_more_stay_open_than_may_and_the_oldest_goes_that_nobody_uses() {
    let scene = Scene::new("bound", 2);
    for name in ["a", "b", "c"] {
        scene.put(name, name);
    }
    scene.keep("a");
    scene.keep("b");
    assert_eq!(scene.readers.stats().kept, 2);
    assert!(scene.is_known("a"));
    scene.keep("c");
    assert_eq!((scene.is_known("a"), scene.is_known("b"), scene.is_known("c")), (true, false, true));
    scene.keep("a");
    let stats = scene.readers.stats();
    assert_eq!((stats.kept, stats.open, stats.cached), (2, 0, 0));
    let none = Scene::new("none", 0);
    none.put("a", "a");
    none.keep("a");
    assert!(!none.is_known("a"));
}

#[test]
fn whoever_is_not_asked_for_between_two_looks_is_closed() {
    let scene = Scene::new("look", 8);
    scene.put("a", "a");
    scene.put("b", "b");
    scene.keep("a");
    scene.keep("b");
    assert!(scene.cache.look());
    assert!(scene.is_known("a"));
    assert!(scene.cache.look());
    assert_eq!((scene.is_known("b"), scene.readers.stats().kept), (false, 1));
    assert!(!scene.cache.look());
    assert_eq!(scene.readers.stats().kept, 0);
    // Somebody looks after the next ones again.
    scene.keep("b");
    assert!(scene.cache.inner.borrow().watched);
}

#[test]
fn what_was_changed_replaced_or_deleted_is_forgotten() {
    let scene = Scene::new("changed", 8);
    for name in ["written", "replaced", "deleted", "same"] {
        scene.put(name, "one");
        scene.keep(name);
        assert!(scene.is_known(name), "{name}");
    }
    fs::write(scene.folder.join("written"), "other").unwrap();
    // Its length and its time are the same.
    scene.put("replaced", "two");
    fs::remove_file(scene.folder.join("deleted")).unwrap();
    for (name, known) in [("written", false), ("replaced", false), ("deleted", false), ("same", true)] {
        assert_eq!(scene.is_known(name), known, "{name}");
    }
    assert_eq!(scene.readers.stats().kept, 1);
}

#[test]
fn another_file_is_not_taken_for_the_one_that_is_open() {
    let scene = Scene::new("still", 8);
    let find = |name: &str| {
        let path = scene.folder.join(name).to_str().unwrap().to_owned();
        let named = Named { root: None, path, content_type: None, sends: false };
        match named.find(scene.readers.shared()) {
            Outcome::File(found) => found,
            _ => panic!("{name} is not found"),
        }
    };
    scene.put("a", "one");
    scene.put("b", "two");
    let (a, b) = (find("a"), find("b"));
    assert_eq!(a.fields.etag, b.fields.etag);
    let meta = |name: &str| fs::metadata(scene.folder.join(name)).unwrap();
    assert!(a.is_still(&b.fields, &meta("a")));
    assert!(!a.is_still(&b.fields, &meta("b")));
}

#[test]
fn all_is_given_back_with_the_cache() {
    let scene = Scene::new("end", 8);
    scene.put("a", "a");
    scene.keep("a");
    let Scene { cache, readers, .. } = &scene;
    assert_eq!((Rc::strong_count(cache), readers.stats().kept), (1, 1));
    let other = Cache::new(readers.shared().clone(), scene._host.handle().clone());
    let path = scene.folder.join("a").to_str().unwrap().to_owned();
    let named = Named { root: None, path, content_type: None, sends: false };
    let Outcome::File(found) = named.find(readers.shared()) else { panic!("it is not found") };
    other.keep("a", 0, &found, 1);
    assert_eq!(readers.stats().kept, 2);
    drop(other);
    assert_eq!(readers.stats().kept, 1);
}
