//! The folders of the process, so that everybody who names one shares it: also code that takes the place of other code, which lets go
//! of its own only when it has ended.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::options::DiskSettings;
use super::shared::{Owner, Shared};
use super::thread::{LOCK, Worker};
use crate::error::{Error, Result};
use crate::platform::OwnedFolder;

static FOLDERS: Mutex<Vec<Open>> = Mutex::new(Vec::new());

/// How long whoever wants a folder with other options waits until what waits there is done.
const PATIENCE: Duration = Duration::from_secs(5);

struct Open {
    owner: Weak<Owner>,
    shared: Weak<Shared>,
}

pub(super) fn open(settings: &DiskSettings) -> Result<Arc<Owner>> {
    let mut folders = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
    folders.retain(|open| open.shared.strong_count() > 0);
    let folder = OwnedFolder::open(&settings.path).map_err(|error| unusable(settings, &error))?;
    // However it is called, so that one folder is one.
    let path = settings.path.canonicalize().map_err(|error| unusable(settings, &error))?;
    let settings = DiskSettings { path, ..settings.clone() };
    for open in &mut *folders {
        let shared = open.shared.upgrade().filter(|shared| shared.settings.path == settings.path);
        if let Some(shared) = shared
            && let Some(owner) = share(open, &shared, &settings)?
        {
            return Ok(owner);
        }
    }
    let (shared, worker) = begin(&settings, folder)?;
    let Some(owner) = Owner::new(&shared).map(Arc::new) else { unreachable!("nothing has begun") };
    let failed = |error| Error::io("cannot start the thread of a cache folder", error);
    std::thread::Builder::new().name("armature-disk".into()).spawn(move || worker.run()).map_err(failed)?;
    folders.push(Open { owner: Arc::downgrade(&owner), shared: Arc::downgrade(&shared) });
    Ok(owner)
}

/// Takes the folder for this process.
fn begin(settings: &DiskSettings, folder: OwnedFolder) -> Result<(Arc<Shared>, Worker)> {
    let (option, path) = (&settings.option, settings.path.display());
    let unusable = |error| unusable(settings, &error);
    if folder.is_open_to_others().map_err(unusable)? {
        return Err(Error::option_message(format!(
            "{option}.path: others than its owner may write to '{path}', and could put answers there; chmod 700 forbids it"
        )));
    }
    let Some(lock) = folder.lock(LOCK).map_err(unusable)? else {
        return Err(Error::option_message(format!(
            "{option}.path: another process has '{path}'; give each process a folder of its own"
        )));
    };
    let shared = Arc::new(Shared::new(settings.clone()));
    let worker = Worker::new(shared.clone(), folder, lock).map_err(unusable)?;
    Ok((shared, worker))
}

/// A further way to a folder that is open; `None` when it is free by now.
fn share(open: &mut Open, shared: &Arc<Shared>, settings: &DiskSettings) -> Result<Option<Arc<Owner>>> {
    let agrees = shared.settings.agrees_with(settings);
    match open.owner.upgrade() {
        Some(owner) if agrees => return Ok(Some(owner)),
        None if agrees => {
            // Nobody has it, but what waited is not done.
            let owner = Owner::new(shared).map(Arc::new);
            open.owner = owner.as_ref().map(Arc::downgrade).unwrap_or_default();
            return Ok(owner);
        }
        None if shared.wait_for_end(PATIENCE) => return Ok(None),
        _ => {}
    }
    Err(Error::option_message(format!(
        "{}: '{}' is another cache's as well, with other options; give both the same, or each a folder",
        settings.option,
        settings.path.display()
    )))
}

fn unusable(settings: &DiskSettings, error: &io::Error) -> Error {
    Error::option_message(format!(
        "{}.path: '{}' cannot be used: {error}; name a folder that this process may make, read and write",
        settings.option,
        settings.path.display()
    ))
}

/// Waits until every purge so far outlives the process, at most `patience` for all folders together.
pub fn flush(patience: Duration) {
    let until = Instant::now() + patience;
    let folders: Vec<_> = {
        let folders = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
        folders.iter().filter_map(|open| open.shared.upgrade()).collect()
    };
    for shared in folders {
        shared.flush(until.saturating_duration_since(Instant::now()));
    }
}
