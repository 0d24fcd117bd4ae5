//! A disk that fails: it is left alone for a while, the operator hears of it once, and once more when it works again.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::log::complain;

/// How long it is left alone at first; twice as long after each further time.
const PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Of reading, or of writing.
pub(super) struct Trouble {
    /// Such as "written".
    what: &'static str,
    path: PathBuf,
    /// Since when, and until when nothing is tried.
    failing: Option<(Instant, Instant)>,
    pause: Duration,
}

impl Trouble {
    pub fn new(what: &'static str, path: PathBuf) -> Self {
        Self { what, path, failing: None, pause: PAUSE }
    }

    /// Whether it works, or may by now.
    pub fn may_try(&self) -> bool {
        self.failing.is_none_or(|(_, until)| Instant::now() >= until)
    }

    /// When it is tried again.
    pub fn retry(&self) -> Option<Instant> {
        self.failing.map(|(_, until)| until)
    }

    pub fn failed(&mut self, error: &io::Error) {
        let now = Instant::now();
        let since = self.failing.map_or(now, |(since, _)| since);
        if self.failing.is_none() {
            let (path, what) = (self.path.display(), self.what);
            complain(&format!(
                "cache folder '{path}' cannot be {what}: {error}; it is passed over until it can"
            ));
        }
        self.failing = Some((since, now + self.pause));
        self.pause = (self.pause * 2).min(MAX_PAUSE);
    }

    pub fn worked(&mut self) {
        if let Some((since, _)) = self.failing.take() {
            self.pause = PAUSE;
            let (path, what, seconds) = (self.path.display(), self.what, since.elapsed().as_secs_f64());
            complain(&format!("cache folder '{path}' is {what} again after {seconds:.1} s"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_left_alone_and_tried_again() {
        let mut trouble = Trouble::new("written", "/x".into());
        assert!(trouble.may_try() && trouble.retry().is_none());
        trouble.failed(&io::Error::other("expected by a test"));
        assert!(!trouble.may_try());
        let first = trouble.pause;
        trouble.failed(&io::Error::other("expected by a test"));
        assert!(trouble.pause > first);
        for _ in 0..20 {
            trouble.failed(&io::Error::other("expected by a test"));
        }
        assert_eq!(trouble.pause, MAX_PAUSE);
        trouble.worked();
        assert!(trouble.may_try() && trouble.pause == PAUSE);
    }
}
