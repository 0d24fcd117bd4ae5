//! The handshake of one connection, and what comes of it.

use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::{HandshakeKind, ServerConnection};

use super::session::{TlsStream, Wire, flush};
use super::{Alpn, TlsInfo};
use crate::io_loop::Sleep;
use crate::listener::Transport;

/// How long a handshake that has begun may take once the server has stopped accepting.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// A connection whose handshake succeeded.
pub struct Secured {
    /// Its bytes.
    pub stream: Rc<TlsStream>,
    /// What was agreed on, and with whom.
    pub info: TlsInfo,
    /// The protocol that begins now.
    pub alpn: Alpn,
    /// An earlier session went on.
    pub resumed: bool,
}

/// Why a handshake failed.
#[derive(Debug)]
pub enum Failed {
    /// Somebody speaks HTTP here, unencrypted.
    PlainHttp,
    /// It did not come to an end in time.
    Late,
    /// The peer broke the protocol, or one side refused what the other offered; the peer has been told.
    Refused(io::Error),
    /// The peer left without a word: a health check that only connects.
    Gone,
    /// The server stopped waiting for the first byte.
    Stopped,
}

/// A handshake in progress.
pub struct Handshake {
    transport: Transport,
    connection: ServerConnection,
    /// The first byte that came.
    heard: Option<u8>,
}

impl Handshake {
    /// Begins on `transport`, of which `early` has been read before.
    pub(super) fn new(
        transport: Transport,
        connection: ServerConnection,
        early: &[u8],
    ) -> Result<Self, Failed> {
        let mut handshake = Self { transport, connection, heard: None };
        let mut early = early;
        while !early.is_empty() {
            handshake.take_in(|connection, heard| {
                connection.read_tls(&mut Listening { from: &mut early, heard })
            })?;
        }
        Ok(handshake)
    }

    /// Goes on until it is over. `patience` is for all of it; what has not begun when `stop` comes is not waited for, and what has
    /// begun not for long.
    ///
    /// # Errors
    /// See [`Failed`].
    pub async fn run(
        mut self,
        patience: &Sleep,
        mut stop: Pin<&mut impl Future<Output = ()>>,
        stopping: impl Fn() -> bool,
    ) -> Result<Secured, Failed> {
        let mut stopped = false;
        poll_fn(|cx| {
            if !stopped && (stopping() || stop.as_mut().poll(cx).is_ready()) {
                stopped = true;
                patience.reset(LAST_PATIENCE);
            }
            match self.poll(cx) {
                Poll::Pending if stopped && self.heard.is_none() => Poll::Ready(Err(Failed::Stopped)),
                Poll::Pending if patience.poll_fired(cx) => Poll::Ready(Err(Failed::Late)),
                polled => polled,
            }
        })
        .await?;
        Ok(self.finish())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        loop {
            let written = self.poll_flush(cx);
            if !self.connection.is_handshaking() || matches!(written, Poll::Ready(Err(_))) {
                return written;
            }
            let transport = self.transport.clone();
            let mut wire = Wire { transport: &transport, cx: Some(cx) };
            ready!(or_pending(self.take_in(|connection, heard| {
                connection.read_tls(&mut Listening { from: &mut wire, heard })
            })))?;
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        let Self { transport, connection, .. } = self;
        or_pending(flush(connection, &mut Wire { transport, cx: Some(cx) }).map_err(Failed::Refused))
    }

    /// Reads once with `read`, and understands what came.
    fn take_in(
        &mut self,
        read: impl FnOnce(&mut ServerConnection, &mut Option<u8>) -> io::Result<usize>,
    ) -> Result<(), Failed> {
        match read(&mut self.connection, &mut self.heard) {
            Ok(0) if self.heard.is_none() => return Err(Failed::Gone),
            Ok(0) => return Err(Failed::Refused(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {}
            Err(error) => return Err(Failed::Refused(error)),
        }
        let Err(error) = self.connection.process_new_packets() else { return Ok(()) };
        // No handshake begins with a letter, and every request does.
        if self.heard.is_some_and(|byte| byte.is_ascii_alphabetic()) {
            return Err(Failed::PlainHttp);
        }
        // The alert says why; a peer that does not take it does without.
        let _ = flush(&mut self.connection, &mut Wire { transport: &self.transport, cx: None });
        Err(Failed::Refused(io::Error::new(io::ErrorKind::InvalidData, error)))
    }

    fn finish(self) -> Secured {
        let info = TlsInfo::of(&self.connection, self.connection.server_name());
        let alpn = Alpn::of(self.connection.alpn_protocol());
        let resumed = self.connection.handshake_kind() == Some(HandshakeKind::Resumed);
        Secured { stream: Rc::new(TlsStream::new(self.transport, self.connection)), info, alpn, resumed }
    }
}

fn or_pending<T>(result: Result<T, Failed>) -> Poll<Result<T, Failed>> {
    match result {
        Err(Failed::Refused(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

/// Remembers the first byte that comes.
struct Listening<'a, R> {
    from: R,
    heard: &'a mut Option<u8>,
}

impl<R: Read> Read for Listening<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buf)?;
        if n > 0 {
            self.heard.get_or_insert(buf[0]);
        }
        Ok(n)
    }
}
