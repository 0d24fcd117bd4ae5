//! A file that a handler names, as the answer to its request.

use std::path::PathBuf;
use std::rc::Rc;

use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::answer::Answerer;
use super::find::{Named, Outcome};
use super::options::RANGES;
use super::readers::FileReaders;
use crate::http::{Head, Headers, Method, Problem, RequestId, Response};
use crate::io_loop::LoopHandle;
use crate::pipeline::LocalFuture;

/// Which file is sent, and how.
#[derive(Debug)]
pub struct NamedFile {
    /// Its path: below `root`, in which no name may begin with a dot and no symbolic link leads out of it; without one, any path of
    /// the machine.
    pub path: String,
    /// The folder that it has to be in.
    pub root: Option<PathBuf>,
    /// With 200 it may become 206, 304, 412 or 416, as the request asks for; any other is sent with the whole file.
    pub status: StatusCode,
    /// Fields that replace those of the file.
    pub headers: Headers,
    /// The method of the request, and those of its fields that say what of the file is asked for.
    pub head: Head,
    /// Of the request.
    pub id: RequestId,
}

/// Sends files on one loop.
pub struct FileSender {
    answerer: Answerer,
    /// Keeps the threads.
    _readers: FileReaders,
}

impl FileSender {
    /// With the threads of `readers`.
    pub fn new(readers: &FileReaders, io_loop: &LoopHandle) -> Self {
        let shared = readers.shared().clone();
        let answerer = Answerer { shared, io_loop: io_loop.clone(), ranges: RANGES };
        Self { answerer, _readers: readers.clone() }
    }

    /// The answer with `file`: 404 when there is none, 503 when too many are being read.
    pub fn send(self: Rc<Self>, mut file: NamedFile) -> LocalFuture<Response> {
        let is_get = *file.head.method() == Method::GET;
        let sends = is_get && file.head.get("range").is_none();
        // That of the parts of a multipart answer, and of no refusal.
        let content_type = file.headers.get(&CONTENT_TYPE).cloned();
        file.headers.remove(&CONTENT_TYPE);
        let (root, path) = (file.root.take(), std::mem::take(&mut file.path));
        let named = Named { root, path, content_type, sends };
        let Ok(pending) = self.answerer.shared.run(move |shared| named.find(shared)) else {
            return LocalFuture::ready(self.answerer.overloaded(&file.id));
        };
        LocalFuture::new(async move {
            match pending.await.unwrap_or(Outcome::Failed) {
                Outcome::File(found) => {
                    let mut response = match file.status {
                        StatusCode::OK => self.answerer.answer(&found, &file.head, &file.id),
                        status => self.answerer.whole(&found, status, &file.id),
                    };
                    add(file.headers, &mut response);
                    response
                }
                Outcome::Overloaded => self.answerer.overloaded(&file.id),
                Outcome::Missing => Problem::NOT_FOUND.response(Some(&file.id)),
                _ => Problem::INTERNAL.response(Some(&file.id)),
            }
        })
    }
}

/// Adds `headers` in the place of those that have their names.
fn add(headers: Headers, response: &mut Response) {
    for (name, _) in headers.iter() {
        response.headers.remove(name);
    }
    response.headers.extend(headers);
}
