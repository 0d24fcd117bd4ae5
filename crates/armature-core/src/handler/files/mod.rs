//! Static files: found and read by threads of their own, sent by the loops.
//!
//! - `path` decides what a path names, `platform::open_below` that nothing else is opened;
//! - `readers` are the threads, `find` is what they do for a request, `chunk` their memory;
//! - `found` is a file as it is sent, `open` one that is open, `cache` keeps small ones and has others stay open, `answer` makes a
//!   response of one, `body` streams the large ones;
//! - `named` sends a file that a handler names.

mod answer;
mod body;
mod cache;
mod chunk;
mod find;
mod found;
mod listing;
mod named;
mod open;
mod options;
mod path;
mod ranges;
mod readers;

pub use named::{FileSender, NamedFile};
pub use options::{Dotfiles, FilesOptions, Symlinks};
pub use readers::{FileReaders, FileStats};

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, StatusCode};

use crate::error::Result;
use crate::http::{Head, Problem, Request, RequestId, RequestPool, Response};
use crate::io_loop::{LoopHandle, ticks};
use crate::layer::{Accepted, Coding};
use crate::pipeline::{Handler, HandlerFactory, LocalFuture};
use answer::Answerer;
use cache::{Cache, Known};
use find::{Outcome, Wanted};
use options::Settings;
use path::Names;

/// Codings of files that were compressed before, the best first: for those who compress once, size is what counts.
const CODINGS: [Coding; 3] = [Coding::Br, Coding::Zstd, Coding::Gzip];

/// Answers GET and HEAD with the files below a folder.
///
/// ```no_run
/// use armature_core::config::FilesSettings;
/// use armature_core::handler::{FileReaders, Files, FilesOptions};
/// use armature_core::http::Method;
/// use armature_core::server::App;
///
/// let readers = FileReaders::new(FilesSettings::default());
/// let assets = Files::new("public", FilesOptions::default(), readers)?;
/// let app = App::new()
///     .route(Method::GET, "/assets/", assets.clone().below(1))
///     .route(Method::GET, "/assets/*path", assets.below(1));
/// # Ok::<(), armature_core::error::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Files {
    settings: Arc<Settings>,
    readers: FileReaders,
    /// Segments of the path before that of the file.
    depth: usize,
    /// Of all that were made of one.
    number: u64,
}

impl Files {
    /// The files below `folder`, which has to be there. `readers` are those of the server.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID`.
    pub fn new(folder: impl Into<PathBuf>, options: FilesOptions, readers: FileReaders) -> Result<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let settings = Arc::new(Settings::new(folder.into(), options)?);
        Ok(Self { settings, readers, depth: 0, number: NUMBERS.fetch_add(1, Relaxed) })
    }

    /// For a route where `depth` segments of the path come before that of the file.
    #[must_use]
    pub fn below(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }
}

impl HandlerFactory for Files {
    fn build(&self, io_loop: &LoopHandle) -> Rc<dyn Handler> {
        let shared = self.readers.shared();
        let answerer =
            Answerer { shared: shared.clone(), io_loop: io_loop.clone(), ranges: self.settings.ranges };
        Rc::new(LocalFiles {
            fresh: match self.settings.fresh.0 {
                0 => 0,
                _ => ticks(self.settings.fresh.duration()),
            },
            settings: self.settings.clone(),
            depth: self.depth,
            cache: io_loop.local(Caches::default).of(self, io_loop),
            answerer,
            requests: io_loop.local(RequestPool::default),
            _readers: self.readers.clone(),
        })
    }
}

/// The caches of a loop: routes to one folder share theirs.
#[derive(Default)]
struct Caches(RefCell<HashMap<u64, Weak<Cache>>>);

impl Caches {
    fn of(&self, files: &Files, io_loop: &LoopHandle) -> Rc<Cache> {
        let mut caches = self.0.borrow_mut();
        caches.retain(|_, cache| cache.strong_count() > 0);
        let found = caches.get(&files.number).and_then(Weak::upgrade);
        found.unwrap_or_else(|| {
            let cache = Cache::new(files.readers.shared().clone(), io_loop.clone());
            caches.insert(files.number, Rc::downgrade(&cache));
            cache
        })
    }
}

/// [`Files`] on one loop.
struct LocalFiles {
    settings: Arc<Settings>,
    depth: usize,
    /// In ticks.
    fresh: u64,
    cache: Rc<Cache>,
    answerer: Answerer,
    requests: Rc<RequestPool>,
    /// Keeps the threads.
    _readers: FileReaders,
}

impl Handler for LocalFiles {
    fn call(self: Rc<Self>, request: Request) -> LocalFuture<Response> {
        let head = &request.head;
        if !matches!(*head.method(), Method::GET | Method::HEAD) {
            return LocalFuture::ready(Problem::method_not_allowed("GET, HEAD", Some(&request.id)));
        }
        let ranked = match self.settings.precompressed {
            true => Accepted::ranked(head, &CODINGS),
            false => Vec::new(),
        };
        let codings = number_of(&ranked);
        let Some(sent) = below(head.path(), self.depth) else {
            // The folder itself, without the slash that its files are relative to.
            return LocalFuture::ready(to_folder(head, &request.id));
        };
        let known = match self.cache.find(sent, codings, self.fresh, self.answerer.io_loop.now()) {
            Known::Fresh(found) => {
                let response = self.answerer.answer(&found, head, &request.id);
                self.requests.recycle(request);
                return LocalFuture::ready(response);
            }
            Known::Stale(found) => Some(found),
            Known::Nothing => None,
        };
        let names = match Names::decode(sent) {
            Some(names) if !names.is_hidden => names,
            Some(names) if self.settings.dotfiles == Dotfiles::Allow => names,
            Some(_) if self.settings.dotfiles == Dotfiles::Deny => {
                return LocalFuture::ready(Problem::FORBIDDEN.response(Some(&request.id)));
            }
            _ => return LocalFuture::ready(Problem::NOT_FOUND.response(Some(&request.id))),
        };
        let wanted = Wanted {
            settings: self.settings.clone(),
            names,
            codings: ranked,
            takes_page: self.settings.fallback.is_some() && takes_page(head),
            sends: *head.method() == Method::GET && head.get("range").is_none(),
            known: known.clone(),
        };
        let Ok(pending) = self.answerer.shared.run(move |shared| wanted.find(shared)) else {
            self.cache.forget(sent, codings);
            return LocalFuture::ready(self.answerer.overloaded(&request.id));
        };
        LocalFuture::new(async move {
            let outcome = pending.await.unwrap_or(Outcome::Failed);
            self.respond(outcome, known, codings, &request)
        })
    }
}

impl LocalFiles {
    fn respond(
        &self,
        outcome: Outcome,
        known: Option<Arc<found::Found>>,
        codings: u8,
        request: &Request,
    ) -> Response {
        let (head, id) = (&request.head, &request.id);
        let sent = below(head.path(), self.depth).unwrap_or_default();
        if known.is_some() && !matches!(outcome, Outcome::Unchanged) {
            self.cache.forget(sent, codings);
        }
        match (outcome, known) {
            (Outcome::File(found), _) => {
                self.cache.keep(sent, codings, &found, self.answerer.io_loop.now());
                self.answerer.answer(&found, head, id)
            }
            (Outcome::Fallback(found), _) => self.answerer.answer(&found, head, id),
            (Outcome::Unchanged, Some(found)) => self.answerer.answer(&found, head, id),
            (Outcome::Listing(page), _) => listed(page),
            (Outcome::Folder, _) => to_folder(head, id),
            (Outcome::Missing, _) => Problem::NOT_FOUND.response(Some(id)),
            (Outcome::Overloaded, _) => self.answerer.overloaded(id),
            (Outcome::Failed | Outcome::Unchanged, _) => Problem::INTERNAL.response(Some(id)),
        }
    }
}

fn listed(page: String) -> Response {
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    Response::new(StatusCode::OK)
        .with_body(page)
        .with_header(CONTENT_TYPE, html)
        .with_header(CACHE_CONTROL, HeaderValue::from_static("no-cache"))
}

/// The codings as a number, each list another one.
fn number_of(codings: &[Coding]) -> u8 {
    codings.iter().fold(0, |number, coding| number * 4 + *coding as u8 + 1)
}

/// What follows `depth` segments and a slash; `None` when there is no such slash.
fn below(path: &str, depth: usize) -> Option<&str> {
    let mut rest = path;
    for _ in 0..depth {
        let tail = rest.get(1..)?;
        rest = &tail[tail.find('/').unwrap_or(tail.len())..];
    }
    rest.strip_prefix('/')
}

/// Whether a page is welcome in the place of what is not there: a browser that opens a page says `text/html`, a script that is loaded
/// does not.
fn takes_page(head: &Head) -> bool {
    head.get_all("accept").any(|value| {
        value.split(|b| *b == b',').any(|item| {
            let name = item.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
            name.eq_ignore_ascii_case(b"text/html")
        })
    })
}

/// 308 to the same path with a slash at its end.
fn to_folder(head: &Head, id: &RequestId) -> Response {
    let path = head.path();
    // Two slashes would begin the name of another host.
    if path.starts_with("//") || path.contains('\\') {
        return Problem::NOT_FOUND.response(Some(id));
    }
    let query = head.query().map_or(String::new(), |query| format!("?{query}"));
    match HeaderValue::try_from(format!("{path}/{query}")) {
        Ok(location) => Response::new(StatusCode::PERMANENT_REDIRECT).with_header(LOCATION, location),
        Err(_) => Problem::NOT_FOUND.response(Some(id)),
    }
}
