//! A reusable timer on the loop's wheel.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::wheel::{Wheel, ticks};

/// A timer that can be moved and turned off; resolves once its deadline has passed.
pub struct Sleep {
    wheel: Rc<Wheel>,
    key: u32,
}

impl Sleep {
    pub(super) fn new(wheel: Rc<Wheel>) -> Self {
        let key = wheel.add();
        Self { wheel, key }
    }

    /// One that fires at `tick` and wakes the task of `cx` then.
    pub(super) fn start(wheel: Rc<Wheel>, tick: u64, cx: &Context<'_>) -> Self {
        let key = wheel.start(tick, cx.waker());
        Self { wheel, key }
    }

    /// Fires `after` from now, instead of whatever was set before.
    pub fn reset(&self, after: Duration) {
        self.wheel.set(self.key, self.wheel.now() + ticks(after));
    }

    /// Fires at `tick`.
    pub fn reset_at(&self, tick: u64) {
        self.wheel.set(self.key, tick);
    }

    /// Never fires until it is reset.
    pub fn clear(&self) {
        self.wheel.clear(self.key);
    }

    /// Whether the deadline has passed; else the task of `cx` is woken when it does.
    pub fn poll_fired(&self, cx: &mut Context<'_>) -> bool {
        self.wheel.poll(self.key, cx.waker())
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll_fired(cx) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.wheel.remove(self.key);
    }
}
