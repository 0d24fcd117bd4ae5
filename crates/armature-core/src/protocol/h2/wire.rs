//! The bytes of a connection, as the state machine reads and writes them.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::meter::Meter;
use crate::io_loop::LoopHandle;
use crate::listener::Stream;
use crate::protocol::h1::Local;

/// What a connection sees of its bytes while the state machine has them.
pub(super) struct Pulse {
    pub meter: RefCell<Meter>,
    /// Since when the peer has taken nothing; in ticks.
    pub stalled: Cell<Option<u64>>,
    /// The peer has shut down its side.
    pub left: Cell<bool>,
    /// Bytes of content that the state machine has, at most, while the peer takes nothing.
    pub queued: Cell<usize>,
}

impl Pulse {
    pub fn new(meter: Meter) -> Rc<Self> {
        let (stalled, left, queued) = (Cell::new(None), Cell::new(false), Cell::new(0));
        Rc::new(Self { meter: RefCell::new(meter), stalled, left, queued })
    }
}

/// See the module.
pub(super) struct Wire {
    stream: Stream,
    /// Read before.
    early: Vec<u8>,
    local: Rc<Local>,
    io_loop: LoopHandle,
    pulse: Rc<Pulse>,
}

impl Wire {
    pub fn new(stream: Stream, early: Vec<u8>, io_loop: LoopHandle, pulse: Rc<Pulse>) -> Self {
        let local = Local::of(&io_loop);
        Self { stream, early, local, io_loop, pulse }
    }

    /// Takes note of a write of `bufs`.
    fn note(&self, written: &Poll<io::Result<usize>>, bufs: &[IoSlice<'_>]) {
        let now = self.io_loop.now();
        match written {
            Poll::Pending if self.pulse.stalled.get().is_none() => self.pulse.stalled.set(Some(now)),
            Poll::Ready(Ok(n)) => {
                self.pulse.stalled.set(None);
                self.pulse.queued.set(self.pulse.queued.get().saturating_sub(*n));
                let mut meter = self.pulse.meter.borrow_mut();
                let mut left = *n;
                for buf in bufs {
                    let taken = left.min(buf.len());
                    meter.send(&buf[..taken], now);
                    left -= taken;
                }
            }
            Poll::Pending | Poll::Ready(Err(_)) => {}
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, early, local, io_loop, pulse } = self.get_mut();
        let mut meter = pulse.meter.borrow_mut();
        if meter.is_exceeded() {
            // The connection looks after every poll; there is nothing to be woken for.
            return Poll::Pending;
        }
        let now = io_loop.now();
        if !early.is_empty() {
            let taken = early.len().min(buf.remaining());
            meter.receive(&early[..taken], now);
            buf.put_slice(&early[..taken]);
            early.drain(..taken);
            return Poll::Ready(Ok(()));
        }
        // Not straight into `buf`, whose memory would have to be cleared before each read.
        local.buffers.with_scratch(|scratch| {
            let most = buf.remaining().min(scratch.len());
            let n = ready!(stream.poll_read(cx, &mut scratch[..most]))?;
            pulse.left.set(pulse.left.get() || (n == 0 && most > 0));
            meter.receive(&scratch[..n], now);
            buf.put_slice(&scratch[..n]);
            Poll::Ready(Ok(()))
        })
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.stream.poll_write(cx, bytes);
        self.note(&written, &[IoSlice::new(bytes)]);
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream.poll_write_vectored(cx, bufs);
        self.note(&written, bufs);
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_shutdown(cx)
    }
}
