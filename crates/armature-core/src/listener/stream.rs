//! The byte stream of one connection, encrypted or not.

use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::Transport;
use super::tls::TlsStream;
use crate::http::FilePart;

/// The byte stream of one connection. Clones share it: the protocol reads and writes while the connection's driver watches for
/// the peer leaving.
#[derive(Clone)]
pub enum Stream {
    /// What the socket carries.
    Plain(Transport),
    /// What the socket carries encrypted.
    Tls(Rc<TlsStream>),
}

impl Stream {
    /// Reads what is there into `buf`; 0 is the end.
    #[inline]
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(transport) => transport.poll_read(cx, buf),
            Self::Tls(tls) => tls.poll_read(cx, buf),
        }
    }

    /// Reads what is there, whether or not an event has told of it.
    pub fn read_now(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(transport) => transport.read_now(buf),
            Self::Tls(tls) => tls.read_now(buf),
        }
    }

    /// Writes as much as the socket takes. Whoever is told to wait, or of a part, comes again with what is left, and perhaps more
    /// behind it: some of it may be encrypted already.
    #[inline]
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(transport) => transport.poll_write(cx, bytes),
            Self::Tls(tls) => tls.poll_write(cx, &[IoSlice::new(bytes)]),
        }
    }

    /// The same with several parts.
    #[inline]
    pub fn poll_write_vectored(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(transport) => transport.poll_write_vectored(cx, bufs),
            Self::Tls(tls) => tls.poll_write(cx, bufs),
        }
    }

    /// The same for what is followed at once: see [`Transport::poll_write_more`].
    pub fn poll_write_more(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(transport) => transport.poll_write_more(cx, bufs),
            Self::Tls(tls) => tls.poll_write(cx, bufs),
        }
    }

    /// Whether [`Stream::poll_send_file`] may be called: what is encrypted has to be read.
    pub fn sends_files(&self) -> bool {
        matches!(self, Self::Plain(transport) if transport.sends_files())
    }

    /// See [`Transport::poll_send_file`].
    pub fn poll_send_file(&self, cx: &mut Context<'_>, part: &FilePart) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(transport) => transport.poll_send_file(cx, part),
            Self::Tls(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }

    /// See [`Transport::write_anyway`].
    pub fn write_anyway(&self) -> bool {
        matches!(self, Self::Plain(transport) if transport.write_anyway())
    }

    /// Writes without waiting; for a last word on a connection that is given up.
    pub fn write_now(&self, bytes: &[u8]) {
        match self {
            Self::Plain(transport) => transport.write_now(bytes),
            Self::Tls(tls) => tls.write_now(bytes),
        }
    }

    /// Whether the peer has shut its side down or reset the connection, whatever is still unread; the task of `cx` is woken
    /// when it does.
    pub fn poll_read_closed(&self, cx: &Context<'_>) -> Poll<()> {
        self.transport().poll_read_closed(cx)
    }

    /// Takes one from what the running task may do before others have their turn, and has it woken again when that is used up.
    /// Reading asks by itself.
    pub fn poll_turn(&self, cx: &Context<'_>) -> Poll<()> {
        self.transport().poll_turn(cx)
    }

    /// Says that nothing more comes: sends FIN, behind the end of the encrypted stream if it is one.
    ///
    /// # Errors
    /// When the end cannot be said any more.
    pub fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(transport) => {
                transport.shutdown_write();
                Poll::Ready(Ok(()))
            }
            Self::Tls(tls) => tls.poll_shutdown(cx),
        }
    }

    /// Closing this connection sends a reset: the peer must not take what it got for a complete answer.
    pub fn reset_on_close(&self) {
        match self {
            Self::Plain(transport) => transport.reset_on_close(),
            Self::Tls(tls) => tls.reset_on_close(),
        }
    }

    fn transport(&self) -> &Transport {
        match self {
            Self::Plain(transport) => transport,
            Self::Tls(tls) => tls.transport(),
        }
    }
}
