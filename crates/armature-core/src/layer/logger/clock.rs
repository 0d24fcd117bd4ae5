//! The time of a line, in the form of the Common Log Format.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

/// The text of the present second, which most lines have in common with the one before.
#[derive(Debug, Default)]
pub(super) struct Clock(RefCell<(u64, String)>);

impl Clock {
    /// Appends `[10/Oct/2000:13:55:36 +0000]`.
    pub fn clf(&self, out: &mut Vec<u8>, time: Duration) {
        let mut cached = self.0.borrow_mut();
        if cached.1.is_empty() || cached.0 != time.as_secs() {
            *cached = (time.as_secs(), clf(time.as_secs()));
        }
        out.extend_from_slice(cached.1.as_bytes());
    }
}

/// From the form of RFC 9110, `Tue, 10 Oct 2000 13:55:36 GMT`.
fn clf(seconds: u64) -> String {
    let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    let part = |range| date.get(range).unwrap_or("");
    format!("[{}/{}/{}:{} +0000]", part(5..7), part(8..11), part(12..16), part(17..25))
}
