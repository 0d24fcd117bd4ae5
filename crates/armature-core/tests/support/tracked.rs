//! Answers whose memory is watched.

#![allow(dead_code, reason = "each file of tests uses a part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use armature_core::http::{Method, Request, Response};
use armature_core::pipeline::HandlerFn;
use armature_core::server::App;
use bytes::Bytes;

pub const MB: usize = 1 << 20;

/// Bytes of the answers that exist, now and at most.
#[derive(Clone, Default)]
pub struct Answers {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct Tracked {
    bytes: Vec<u8>,
    answers: Answers,
}

impl AsRef<[u8]> for Tracked {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.answers.now.fetch_sub(self.bytes.len(), Relaxed);
    }
}

impl Answers {
    pub fn answer(&self, size: usize) -> Bytes {
        let now = self.now.fetch_add(size, Relaxed) + size;
        self.most.fetch_max(now, Relaxed);
        Bytes::from_owner(Tracked { bytes: vec![b'x'; size], answers: self.clone() })
    }

    /// `more` is what handlers make beside what waits within `limit`.
    #[track_caller]
    pub fn were_bounded(&self, limit: usize, more: usize) {
        let most = self.most.load(Relaxed);
        assert!(most > limit / 2, "only {most} bytes waited");
        assert!(most <= limit + more, "{most} bytes waited");
    }

    pub fn now(&self) -> usize {
        self.now.load(Relaxed)
    }
}

/// `/big` answers with 2 MiB.
pub fn app() -> (App, Answers) {
    let answers = Answers::default();
    let tracked = answers.clone();
    let big = HandlerFn(move |_: Request| {
        let tracked = tracked.clone();
        async move { Response::text(tracked.answer(2 * MB)) }
    });
    (App::new().route(Method::GET, "/big", big), answers)
}
