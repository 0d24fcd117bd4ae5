//! Accepting on a loop.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use mio::event::Source;
use mio::net::TcpListener;
use mio::{Interest, Registry, Token};

use super::bind::{Bound, BoundListener};
use super::transport::{Socket, Transport};
use crate::http::Address;
use crate::io_loop::{Io, LoopHandle};
use crate::platform;

/// How long accepting pauses when the process has no descriptors or memory left.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// A duplicate of a listening socket, registered with one loop.
pub struct LocalListener {
    io: Io<Listening>,
    io_loop: LoopHandle,
}

enum Listening {
    Tcp(TcpListener),
    Unix(platform::LocalUnixListener),
}

impl LocalListener {
    /// Registers a duplicate of `listener` with `io_loop`.
    ///
    /// # Errors
    /// When descriptors are exhausted.
    pub fn register(listener: &BoundListener, io_loop: &LoopHandle) -> io::Result<Self> {
        let socket = match &listener.socket {
            Bound::Tcp(tcp) => Listening::Tcp(TcpListener::from_std(tcp.try_clone()?)),
            Bound::Unix(unix) => Listening::Unix(platform::duplicate_unix(unix)?),
        };
        let io = Io::new(socket, Interest::READABLE, io_loop.reactor().clone())?;
        Ok(Self { io, io_loop: io_loop.clone() })
    }

    /// A connection that waits in the accept queue already: asks the kernel itself, as what events have told may be old.
    pub fn accept_now(&self) -> Option<(Transport, Address)> {
        loop {
            match self.try_accept() {
                Ok(accepted) => return Some(accepted),
                Err(error) if is_of_one_connection(&error) => {}
                Err(_) => return None,
            }
        }
    }

    /// The next connection. Errors are handled here: those of one connection are skipped, exhaustion is waited out.
    pub async fn accept(&self) -> (Transport, Address) {
        loop {
            match poll_fn(|cx| self.poll_accept(cx)).await {
                Ok(accepted) => return accepted,
                Err(error) if is_of_one_connection(&error) => {}
                Err(_) => {
                    let pause = self.io_loop.sleep();
                    pause.reset(EXHAUSTED_PAUSE);
                    pause.await;
                }
            }
        }
    }

    fn poll_accept(&self, cx: &Context<'_>) -> Poll<io::Result<(Transport, Address)>> {
        ready!(self.io.poll_read_ready(cx));
        match self.try_accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.io.wait_readable(cx);
                Poll::Pending
            }
            accepted => Poll::Ready(accepted),
        }
    }

    fn try_accept(&self) -> io::Result<(Transport, Address)> {
        let (socket, peer) = match self.io.source() {
            Listening::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                // Answers are written whole; Nagle would only delay them.
                if !platform::INHERITS_NODELAY {
                    let _ = stream.set_nodelay(true);
                }
                (Socket::Tcp(stream), Address::Ip(peer))
            }
            Listening::Unix(listener) => {
                (Socket::Unix(platform::accept_unix(listener)?), Address::Unix(None))
            }
        };
        Ok((Transport::new(socket, &self.io_loop)?, peer))
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

impl Source for Listening {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.register(registry, token, interest),
            Self::Unix(listener) => listener.register(registry, token, interest),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.reregister(registry, token, interest),
            Self::Unix(listener) => listener.reregister(registry, token, interest),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => listener.deregister(registry),
            Self::Unix(listener) => listener.deregister(registry),
        }
    }
}
