//! The `Date` field, written once per second and loop (RFC 9110 section 6.6.1).

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::HeaderValue;

use crate::io_loop::ticks;

/// The text of the current second.
#[derive(Default)]
pub(crate) struct Date {
    /// The tick from which on the text is too old.
    until: Cell<u64>,
    text: RefCell<Vec<u8>>,
    /// The same without name and line end.
    value: RefCell<Option<HeaderValue>>,
}

impl Date {
    /// Appends `date: …` and its line end. `now` is that of the loop.
    pub fn append(&self, now: u64, out: &mut Vec<u8>) {
        if now >= self.until.get() {
            self.refresh(now);
        }
        out.extend_from_slice(&self.text.borrow());
    }

    /// The value alone.
    pub fn value(&self, now: u64) -> Option<HeaderValue> {
        if now >= self.until.get() {
            self.refresh(now);
        }
        self.value.borrow().clone()
    }

    fn refresh(&self, now: u64) {
        let time = SystemTime::now();
        let into = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_millis());
        // Rounded up: a tick late, never a second early.
        self.until.set(now + ticks(Duration::from_millis(1000 - u64::from(into))));
        let text = httpdate::fmt_http_date(time);
        *self.text.borrow_mut() = format!("date: {text}\r\n").into_bytes();
        *self.value.borrow_mut() = HeaderValue::from_maybe_shared(Bytes::from(text)).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_kept_for_the_second() {
        let date = Date::default();
        let (mut first, mut later) = (Vec::new(), Vec::new());
        date.append(5, &mut first);
        assert!(first.starts_with(b"date: ") && first.ends_with(b" GMT\r\n"));
        assert!((6..=106).contains(&date.until.get()));
        date.append(date.until.get() - 1, &mut later);
        assert_eq!(first, later);
        assert!(first.windows(29).any(|part| part == date.value(5).unwrap().as_bytes()));
    }
}
