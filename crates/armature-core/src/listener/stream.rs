//! Accepting on a loop, and the byte stream of one connection.

use std::io::{self, Read};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};

use super::bind::{Bound, BoundListener};
use crate::http::Address;
use crate::io_loop::LoopHandle;
use crate::platform;

/// How long accepting pauses when the process has no descriptors or memory left.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// A duplicate of a listening socket, registered with one loop.
pub enum LocalListener {
    /// TCP.
    Tcp(TcpListener),
    /// Unix socket.
    Unix(platform::LocalUnixListener),
}

impl LocalListener {
    /// Registers a duplicate of `listener` with the current loop.
    ///
    /// # Errors
    /// When descriptors are exhausted.
    pub fn register(listener: &BoundListener) -> io::Result<Self> {
        match &listener.socket {
            Bound::Tcp(tcp) => Ok(Self::Tcp(TcpListener::from_std(tcp.try_clone()?)?)),
            Bound::Unix(unix) => Ok(Self::Unix(platform::register_unix(unix)?)),
        }
    }

    /// A connection that waits in the accept queue already.
    pub fn accept_now(&self) -> Option<(Stream, Address)> {
        loop {
            let accepted = match self {
                Self::Tcp(listener) => accept_tcp_now(listener).map(tcp),
                Self::Unix(listener) => platform::accept_unix_now(listener).map(unix),
            };
            match accepted {
                Ok(accepted) => return Some(accepted),
                Err(error) if is_of_one_connection(&error) => {}
                Err(_) => return None,
            }
        }
    }

    /// The next connection. Errors are handled here: those of one connection are skipped, exhaustion is waited out.
    pub async fn accept(&self, io_loop: &LoopHandle) -> (Stream, Address) {
        loop {
            let accepted = match self {
                Self::Tcp(listener) => listener.accept().await.map(tcp),
                Self::Unix(listener) => platform::accept_unix(listener).await.map(unix),
            };
            match accepted {
                Ok(accepted) => return accepted,
                Err(error) if is_of_one_connection(&error) => {}
                Err(_) => {
                    let pause = io_loop.sleep();
                    pause.reset(EXHAUSTED_PAUSE);
                    pause.await;
                }
            }
        }
    }
}

/// Asks the kernel itself: what the event queue knows may be old.
fn accept_tcp_now(listener: &TcpListener) -> io::Result<(TcpStream, std::net::SocketAddr)> {
    let (socket, peer) = SockRef::from(listener).accept()?;
    socket.set_nonblocking(true)?;
    let peer = peer.as_socket().ok_or(io::ErrorKind::InvalidData)?;
    Ok((TcpStream::from_std(socket.into())?, peer))
}

fn tcp((stream, peer): (TcpStream, std::net::SocketAddr)) -> (Stream, Address) {
    // Answers are written whole; Nagle would only delay them.
    if !platform::INHERITS_NODELAY {
        let _ = stream.set_nodelay(true);
    }
    (Stream::Tcp(Rc::new(stream)), Address::Ip(peer))
}

fn unix(stream: platform::UnixStream) -> (Stream, Address) {
    (Stream::Unix(Rc::new(stream)), Address::Unix(None))
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// The byte stream of one connection. Clones share the socket: the protocol reads and writes while the connection's
/// driver watches for the peer leaving.
#[derive(Clone)]
pub enum Stream {
    /// TCP.
    Tcp(Rc<TcpStream>),
    /// Unix socket.
    Unix(Rc<platform::UnixStream>),
}

macro_rules! on_socket {
    ($self:ident, $socket:ident => $call:expr) => {
        match $self {
            Stream::Tcp($socket) => $call,
            Stream::Unix($socket) => $call,
        }
    };
}

impl Stream {
    /// Reads what is there into `buf`; 0 is the end.
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(on_socket!(self, s => s.poll_read_ready(cx)))?;
            let mut taken = None;
            let tried = on_socket!(self, s => s.try_io(Interest::READABLE, || {
                let n = (&*SockRef::from(&**s)).read(buf)?;
                taken = Some(n);
                // Events are edges: a read that did not fill the buffer has emptied the socket, and the next event comes
                // with the next byte. Saying so saves the read that would only tell the same.
                if platform::SHORT_READ_EMPTIES && n > 0 && n < buf.len() {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Ok(())
            }));
            match (taken, tried) {
                (Some(n), _) => return Poll::Ready(Ok(n)),
                (None, Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(error));
                }
                (None, _) => {}
            }
        }
    }

    /// Reads what is there, whether or not an event has told of it.
    pub fn read_now(&self, buf: &mut [u8]) -> io::Result<usize> {
        on_socket!(self, s => (&*SockRef::from(&**s)).read(buf))
    }

    /// Writes as much as the socket takes.
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match on_socket!(self, s => s.try_write(bytes)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
            ready!(on_socket!(self, s => s.poll_write_ready(cx)))?;
        }
    }

    /// Writes as much of several parts as the socket takes.
    pub fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            match on_socket!(self, s => s.try_write_vectored(bufs)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
            ready!(on_socket!(self, s => s.poll_write_ready(cx)))?;
        }
    }

    /// Writes without waiting; for a last word on a connection that is given up.
    pub fn write_now(&self, bytes: &[u8]) {
        let _ = on_socket!(self, s => s.try_write(bytes));
    }

    /// Resolves when the peer has shut its side down or reset the connection, whatever is still unread.
    pub async fn read_closed(&self) {
        // Tokio reports the closed state to every interest that maps to it; the priority interest is the one that
        // unread bytes do not satisfy.
        let _ = on_socket!(self, s => s.ready(platform::READ_CLOSED_INTEREST).await);
    }

    /// Sends FIN.
    pub fn shutdown_write(&self) {
        let _ = on_socket!(self, s => SockRef::from(&**s).shutdown(std::net::Shutdown::Write));
    }

    /// Closing this connection sends a reset: the peer must not take what it got for a complete answer.
    pub fn reset_on_close(&self) {
        let _ = on_socket!(self, s => SockRef::from(&**s).set_linger(Some(Duration::ZERO)));
    }
}
