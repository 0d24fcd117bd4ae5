//! The socket of one connection.

use std::cell::Cell;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use mio::event::Source;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use super::bind::UNSENT_BYTES;
use crate::http::FilePart;
use crate::io_loop::{Io, LoopHandle};
use crate::platform;

/// The same as [`UNSENT_BYTES`] while a file is sent to a client that takes it quickly, so that few and large pieces go out, few events
/// tell of room, and the kernel has something to send until the loop comes round again: as much as a socket may have at all by default.
///
/// What waits there is no copy: the socket has references to pages of the page cache, which are there once however many clients wait
/// for them, and which were there before; the process has none of it, so that [`limits.unsent`](crate::config::Limits) counts none.
/// They cannot be reclaimed while they wait, which is why there is a bound at all, and why a client that is slow from the beginning does
/// not get it. Whatever is no file is written within the usual bound again.
const FILE_UNSENT_BYTES: u32 = 4 * 1024 * 1024;

/// The socket of one connection, as a stream of bytes. Clones share it.
#[derive(Clone)]
pub struct Transport {
    io: Rc<Io<Connected>>,
}

struct Connected {
    socket: Socket,
    /// It has [`FILE_UNSENT_BYTES`].
    generous: Cell<bool>,
}

pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(platform::UnixStream),
}

macro_rules! on_socket {
    ($self:expr, $socket:ident => $call:expr) => {
        match $self {
            Socket::Tcp($socket) => $call,
            Socket::Unix($socket) => $call,
        }
    };
}

impl Transport {
    /// Registers `socket` with `io_loop`.
    pub(super) fn new(socket: Socket, io_loop: &LoopHandle) -> io::Result<Self> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let connected = Connected { socket, generous: Cell::new(false) };
        let io = Io::new(connected, interest, io_loop.reactor().clone())?;
        Ok(Self { io: Rc::new(io) })
    }

    fn socket(&self) -> &Socket {
        &self.io.source().socket
    }

    fn generous(&self) -> &Cell<bool> {
        &self.io.source().generous
    }

    /// Reads what is there into `buf`; 0 is the end.
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        ready!(self.io.poll_read_ready(cx));
        match self.read_now(buf) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.io.wait_readable(cx);
                Poll::Pending
            }
            read => Poll::Ready(read),
        }
    }

    /// Reads what is there, whether or not an event has told of it.
    pub fn read_now(&self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match on_socket!(self.socket(), s => { let mut s = s; s.read(buf) }) {
                Ok(n) => {
                    // Events are edges: a read that did not fill the buffer has emptied the socket, and the next event comes
                    // with the next byte. Saying so saves the read that would only tell the same.
                    if platform::SHORT_READ_EMPTIES && n > 0 && n < buf.len() {
                        self.io.clear_readable();
                    }
                    return Ok(n);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes as much as the socket takes.
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.be_modest();
        self.poll_with(cx, || on_socket!(self.socket(), s => { let mut s = s; s.write(bytes) }))
    }

    /// Writes as much of several parts as the socket takes.
    pub fn poll_write_vectored(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.be_modest();
        self.poll_with(cx, || on_socket!(self.socket(), s => { let mut s = s; s.write_vectored(bufs) }))
    }

    /// As [`Transport::poll_write_vectored`], for what is followed at once: by [`Transport::shutdown_write`] or closing, or by
    /// [`Transport::poll_send_file`], and goes in the same packet. A client is then told of answer and end together.
    pub fn poll_write_more(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.poll_with(cx, || {
            on_socket!(self.socket(), s => SockRef::from(s).send_vectored_with_flags(bufs, platform::MORE))
        })
    }

    /// Whether [`Transport::poll_send_file`] may be called.
    pub fn sends_files(&self) -> bool {
        matches!(self.socket(), Socket::Tcp(_)) && platform::sends_files()
    }

    /// Has the socket take as much of `part` as it has room for.
    ///
    /// # Errors
    /// Those of the socket, of the file, and one when the file ends before; see also `platform::cannot_send`.
    pub fn poll_send_file(&self, cx: &mut Context<'_>, part: &FilePart) -> Poll<io::Result<usize>> {
        let (Socket::Tcp(socket), Some(file)) = (self.socket(), part.file.file()) else {
            return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
        };
        if part.is_quick && !self.generous().replace(true) {
            platform::limit_unsent(&SockRef::from(socket), FILE_UNSENT_BYTES);
        }
        self.poll_with(cx, || match platform::send_file(socket, file, part.offset, part.length) {
            Ok(0) => Err(io::Error::other("the file is shorter than it was")),
            sent => sent,
        })
    }

    /// Whether there may be room that no event tells of: with `FILE_UNSENT_BYTES` one comes when half of them have left, but less is
    /// enough to say that the client takes something. The next write finds out.
    pub fn write_anyway(&self) -> bool {
        let generous = self.generous().get();
        if generous {
            self.io.assume_writable();
        }
        generous
    }

    /// What is written is memory of the kernel.
    fn be_modest(&self) {
        if self.generous().get() {
            self.generous().set(false);
            on_socket!(self.socket(), s => platform::limit_unsent(&SockRef::from(s), UNSENT_BYTES));
        }
    }

    fn poll_with(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        ready!(self.io.poll_write_ready(cx));
        loop {
            match write() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.io.wait_writable(cx);
                    return Poll::Pending;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return Poll::Ready(written),
            }
        }
    }

    /// Writes without waiting; for a last word on a connection that is given up.
    pub fn write_now(&self, bytes: &[u8]) {
        let _ = on_socket!(self.socket(), s => { let mut s = s; s.write(bytes) });
    }

    /// Writes what the socket takes now.
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        on_socket!(self.socket(), s => { let mut s = s; s.write_vectored(bufs) })
    }

    /// Whether the peer has shut its side down or reset the connection, whatever is still unread; the task of `cx` is woken
    /// when it does.
    pub fn poll_read_closed(&self, cx: &Context<'_>) -> Poll<()> {
        self.io.poll_read_closed(cx)
    }

    /// Takes one from what the running task may do before others have their turn, and has it woken again when that is used up.
    /// Reading asks by itself.
    pub fn poll_turn(&self, cx: &Context<'_>) -> Poll<()> {
        self.io.poll_turn(cx)
    }

    /// Sends FIN.
    pub fn shutdown_write(&self) {
        let _ = on_socket!(self.socket(), s => s.shutdown(Shutdown::Write));
    }

    /// Closing this connection sends a reset: the peer must not take what it got for a complete answer.
    pub fn reset_on_close(&self) {
        let _ = on_socket!(self.socket(), s => SockRef::from(s).set_linger(Some(Duration::ZERO)));
    }
}

impl Source for Connected {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        on_socket!(&mut self.socket, s => s.register(registry, token, interest))
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        on_socket!(&mut self.socket, s => s.reregister(registry, token, interest))
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        if platform::CLOSING_DEREGISTERS {
            // It is closed next, nobody has a duplicate, and an event of before is known by its token.
            return Ok(());
        }
        on_socket!(&mut self.socket, s => s.deregister(registry))
    }
}
