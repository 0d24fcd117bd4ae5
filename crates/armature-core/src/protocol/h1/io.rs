//! The socket as hyper sees it: notes when a head begins to arrive and when the peer stops taking bytes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::state::{Phase, State};
use crate::listener::Stream;

pub(super) struct ConnectionIo {
    stream: Stream,
    state: Rc<State>,
}

impl ConnectionIo {
    pub fn new(stream: Stream, state: Rc<State>) -> Self {
        Self { stream, state }
    }

    fn write(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = self.state.output.poll_write(&self.stream, cx, bufs);
        self.state.write_stalled.set(match &written {
            Poll::Ready(_) => None,
            Poll::Pending => self.state.write_stalled.get().or_else(|| Some(self.state.io_loop.now())),
        });
        written
    }
}

impl AsyncRead for ConnectionIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let n = ready!(self.stream.poll_read(cx, buf.initialize_unfilled()))?;
        buf.advance(n);
        if n > 0 {
            self.state.spoke.set(true);
            // What follows an early answer may be the rest of its request's body.
            if self.state.phase.get() == Phase::Idle && !self.state.unread.get() {
                self.state.phase.set(Phase::Head(self.state.io_loop.now()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ConnectionIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes when it holds nothing back: only now is the answer over. The driver writes after each poll of
        // the connection, when it is known whether a further request waits.
        self.state.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The driver decides how a connection closes.
        Poll::Ready(Ok(()))
    }
}
