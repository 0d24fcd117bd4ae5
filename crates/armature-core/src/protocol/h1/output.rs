//! Bytes on their way out. Answers to pipelined requests are gathered: while the next request of a connection is being
//! answered, what is there waits for it, at most a millisecond, and at most 64 KiB. Everything else is written at once.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::state::State;
use crate::listener::Stream;

/// Bytes that are gathered at most.
const GATHER_BYTES: usize = 64 * 1024;
/// Writes of this size and more go to the socket without a copy when nothing waits before them.
const DIRECT_BYTES: usize = 16 * 1024;
/// How long an answer waits for the next one.
const GATHER_TIME: Duration = Duration::from_millis(1);

/// What was written and has not reached the socket.
#[derive(Default)]
pub(super) struct Output {
    bytes: RefCell<Vec<u8>>,
    /// How much of `bytes` the socket has taken.
    sent: Cell<usize>,
    /// Whether the connection is on the loop's list of those that wait.
    waiting: Cell<bool>,
    /// The wait is over.
    due: Cell<bool>,
}

impl Output {
    pub fn is_empty(&self) -> bool {
        self.bytes.borrow().is_empty()
    }

    /// Takes bytes over; pending while the socket refuses what is there already.
    pub fn poll_write(
        &self,
        stream: &Stream,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length: usize = bufs.iter().map(|buf| buf.len()).sum();
        if self.is_empty() && length >= DIRECT_BYTES {
            return stream.poll_write(cx, bufs);
        }
        if self.bytes.borrow().len() + length > GATHER_BYTES {
            ready!(self.poll_flush(stream, cx))?;
            return stream.poll_write(cx, bufs);
        }
        let mut bytes = self.bytes.borrow_mut();
        for buf in bufs {
            bytes.extend_from_slice(buf);
        }
        Poll::Ready(Ok(length))
    }

    /// Writes everything to the socket.
    pub fn poll_flush(&self, stream: &Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = self.bytes.borrow_mut();
        while self.sent.get() < bytes.len() {
            let n = ready!(stream.poll_write(cx, &[IoSlice::new(&bytes[self.sent.get()..])]))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent.set(self.sent.get() + n);
        }
        // An idle connection keeps no buffer.
        *bytes = Vec::new();
        self.sent.set(0);
        self.due.set(false);
        Poll::Ready(Ok(()))
    }

    /// Whether what is there may wait for the answer to the next request. The connection's task is woken when it may
    /// not any more.
    pub fn may_wait(&self, state: &Rc<State>) -> bool {
        if self.due.get() {
            return false;
        }
        if !self.waiting.replace(true) {
            state.io_loop.local(Waiting::default).add(state.clone());
        }
        true
    }
}

/// Connections of one loop whose output waits.
#[derive(Default)]
struct Waiting {
    list: RefCell<Vec<Rc<State>>>,
}

impl Waiting {
    fn add(self: Rc<Self>, state: Rc<State>) {
        let io_loop = state.io_loop.clone();
        self.list.borrow_mut().push(state);
        if self.list.borrow().len() == 1 {
            io_loop.spawn(async move {
                // The wheel's ticks are ten times as long as an answer may wait.
                tokio::time::sleep(GATHER_TIME).await;
                for state in self.list.take() {
                    state.output.waiting.set(false);
                    if !state.output.is_empty() {
                        state.output.due.set(true);
                        state.wake();
                    }
                }
            });
        }
    }
}
