//! The PROXY protocol, versions 1 and 2: whoever passes a connection on says first for whom
//! (<https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt>).
//!
//! `header` reads what it says. This waits for it: for as long as for the head of a request, and for no more bytes than a header
//! may have. What comes behind it belongs to the connection.

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod header;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use self::header::MAX_BYTES;
use super::Transport;
use crate::io_loop::Sleep;

/// Room for the headers that there are: the longest of version 1, or version 2 with a few additions.
const USUAL_BYTES: usize = 512;

/// What a proxy said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// The client; `None` when the proxy speaks for itself, as for a health check, or for a process on its own machine.
    pub client: Option<SocketAddr>,
    /// The client's connection to the proxy is encrypted.
    pub secure: bool,
}

/// Why there is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// What came is none.
    Malformed,
    /// It did not come in time.
    Late,
    /// The peer left without a word.
    Gone,
    /// The server stopped waiting.
    Stopped,
}

/// Waits for the header of one connection.
pub struct Greeting<'a> {
    stream: &'a Transport,
    received: Vec<u8>,
    filled: usize,
}

impl<'a> Greeting<'a> {
    /// Begins to wait on `stream`.
    pub fn new(stream: &'a Transport) -> Self {
        Self { stream, received: vec![0; USUAL_BYTES], filled: 0 }
    }

    /// What the proxy said, and what came behind it; `patience` runs out after `timeouts.header`. With `stopping` only what has
    /// arrived counts.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        patience: &Sleep,
        stopping: bool,
    ) -> Poll<Result<(Announced, Vec<u8>), Missing>> {
        loop {
            let room = &mut self.received[self.filled..];
            let read = if stopping {
                // What has arrived, whether or not an event has told of it.
                match self.stream.read_now(room) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    read => read,
                }
            } else {
                match self.stream.poll_read(cx, room) {
                    Poll::Pending => break,
                    Poll::Ready(read) => read,
                }
            };
            match read {
                Ok(n) if n > 0 => self.filled += n,
                _ if self.filled == 0 => return Poll::Ready(Err(Missing::Gone)),
                _ => return Poll::Ready(Err(Missing::Malformed)),
            }
            match header::read(&self.received[..self.filled]) {
                Ok(Some((announced, used))) => {
                    return Poll::Ready(Ok((announced, self.received[used..self.filled].to_vec())));
                }
                // A header that is not complete is shorter than this.
                Ok(None) => self.received.resize(MAX_BYTES, 0),
                Err(header::Malformed) => return Poll::Ready(Err(Missing::Malformed)),
            }
        }
        if stopping {
            return Poll::Ready(Err(Missing::Stopped));
        }
        if patience.poll_fired(cx) {
            return Poll::Ready(Err(Missing::Late));
        }
        Poll::Pending
    }

    /// The same as a future; it looks again when `stop` is ready, and `stopping` is asked each time.
    pub async fn wait(
        mut self,
        patience: &Sleep,
        mut stop: Pin<&mut impl Future<Output = ()>>,
        stopping: impl Fn() -> bool,
    ) -> Result<(Announced, Vec<u8>), Missing> {
        let mut stopped = false;
        std::future::poll_fn(|cx| {
            stopped = stopped || stopping() || stop.as_mut().poll(cx).is_ready();
            self.poll(cx, patience, stopped)
        })
        .await
    }
}
