//! One encrypted connection: rustls between the protocol above and the socket below.
//!
//! Nothing that the protocol has written is kept here beyond what it is told of: ciphertext that the socket does not take makes the
//! protocol come again, as the socket itself would. So nobody has to flush, and a connection that waits has no output.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice, Read, Write};
use std::task::{Context, Poll};

use rustls::ServerConnection;

use crate::listener::Transport;

/// See the module.
pub struct TlsStream {
    transport: Transport,
    session: RefCell<Session>,
    /// The connection is given up: its end must not look like one.
    given_up: Cell<bool>,
}

struct Session {
    connection: ServerConnection,
    /// Bytes of the protocol that are encrypted and that it has not been told of: it comes again with them.
    owed: usize,
}

impl TlsStream {
    /// A connection whose handshake is over.
    pub(super) fn new(transport: Transport, connection: ServerConnection) -> Self {
        let session = RefCell::new(Session { connection, owed: 0 });
        Self { transport, session, given_up: Cell::new(false) }
    }

    /// The socket.
    pub(in crate::listener) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// See [`Stream::poll_read`]. A peer that is gone without having said that its stream ends is an error: somebody else may
    /// have cut it.
    ///
    /// [`Stream::poll_read`]: crate::listener::Stream::poll_read
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.read(&mut Wire { transport: &self.transport, cx: Some(cx) }, buf) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            read => Poll::Ready(read),
        }
    }

    /// See [`Stream::read_now`].
    ///
    /// [`Stream::read_now`]: crate::listener::Stream::read_now
    pub fn read_now(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.read(&mut Wire { transport: &self.transport, cx: None }, buf)
    }

    fn read(&self, wire: &mut Wire<'_, '_>, buf: &mut [u8]) -> io::Result<usize> {
        let session = &mut *self.session.borrow_mut();
        loop {
            match session.connection.reader().read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            session.connection.read_tls(wire)?;
            let processed = session.connection.process_new_packets();
            // An alert, or the answer to an update of keys; what the socket does not take now goes with the next write.
            let _ = session.flush(&mut Wire { transport: &self.transport, cx: None });
            if let Err(error) = processed {
                self.given_up.set(true);
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }

    /// See [`Stream::poll_write`]. At most 64 KiB are encrypted before the socket has taken them.
    ///
    /// [`Stream::poll_write`]: crate::listener::Stream::poll_write
    pub fn poll_write(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let session = &mut *self.session.borrow_mut();
        if session.owed == 0 {
            session.owed = session.connection.writer().write_vectored(bufs)?;
        }
        let flushed = session.flush(&mut Wire { transport: &self.transport, cx: Some(cx) });
        let left = match flushed {
            Ok(()) => 0,
            Err(ref error) if error.kind() == io::ErrorKind::WouldBlock => session.owed.min(session.unsent()),
            Err(error) => return Poll::Ready(Err(error)),
        };
        // Encrypted bytes are more than those in them, so what is left of these is not more than what is left of those.
        let taken = session.owed - left;
        session.owed = left;
        if taken == 0 && flushed.is_err() { Poll::Pending } else { Poll::Ready(Ok(taken)) }
    }

    /// See [`Stream::write_now`].
    ///
    /// [`Stream::write_now`]: crate::listener::Stream::write_now
    pub fn write_now(&self, bytes: &[u8]) {
        let session = &mut *self.session.borrow_mut();
        let _ = session.connection.writer().write(bytes);
        let _ = session.flush(&mut Wire { transport: &self.transport, cx: None });
    }

    /// See [`Stream::poll_shutdown`].
    ///
    /// [`Stream::poll_shutdown`]: crate::listener::Stream::poll_shutdown
    pub fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let session = &mut *self.session.borrow_mut();
        // Once.
        session.connection.send_close_notify();
        let flushed = session.flush(&mut Wire { transport: &self.transport, cx: Some(cx) });
        match flushed {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            flushed => {
                self.transport.shutdown_write();
                Poll::Ready(flushed)
            }
        }
    }

    /// See [`Stream::reset_on_close`].
    ///
    /// [`Stream::reset_on_close`]: crate::listener::Stream::reset_on_close
    pub fn reset_on_close(&self) {
        self.given_up.set(true);
        self.transport.reset_on_close();
    }
}

impl Drop for TlsStream {
    /// Whoever leaves says so, unless that was said before.
    fn drop(&mut self) {
        if self.given_up.get() {
            return;
        }
        let session = self.session.get_mut();
        session.connection.send_close_notify();
        let _ = session.flush(&mut Wire { transport: &self.transport, cx: None });
    }
}

impl Session {
    /// Writes what is encrypted.
    fn flush(&mut self, wire: &mut Wire<'_, '_>) -> io::Result<()> {
        flush(&mut self.connection, wire)
    }

    /// Encrypted bytes that the socket has not taken.
    fn unsent(&mut self) -> usize {
        // Nothing new is read by this; it is the only way to ask.
        self.connection.process_new_packets().map_or(0, |state| state.tls_bytes_to_write())
    }
}

/// Writes what `connection` has to write.
pub(super) fn flush(connection: &mut ServerConnection, wire: &mut Wire<'_, '_>) -> io::Result<()> {
    while connection.wants_write() {
        if connection.write_tls(wire)? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}

/// The socket as rustls sees it. The task of `cx`, if there is one, is woken when something that would have blocked may succeed.
pub(super) struct Wire<'a, 'b> {
    pub transport: &'a Transport,
    pub cx: Option<&'a mut Context<'b>>,
}

impl Read for Wire<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.cx {
            Some(cx) => or_would_block(self.transport.poll_read(cx, buf)),
            None => self.transport.read_now(buf),
        }
    }
}

impl Write for Wire<'_, '_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match &mut self.cx {
            Some(cx) => or_would_block(self.transport.poll_write_vectored(cx, bufs)),
            None => self.transport.try_write_vectored(bufs),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn or_would_block(polled: Poll<io::Result<usize>>) -> io::Result<usize> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}
