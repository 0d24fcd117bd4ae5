//! One connection: its streams for whoever reads and writes them, its timers, and what it sends.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use quinn_proto::{
    ConnectionError, ConnectionEvent, ConnectionHandle, Dir, ReadError, StreamId, Transmit, VarInt,
    WriteError,
};

use super::endpoint::Shared;
use crate::listener::tls::TlsInfo;

/// Bytes of a stream that one read takes.
const CHUNK: usize = 64 * 1024;

/// See the module. Everybody on the loop may hold it.
pub struct Connection {
    pub(super) shared: Rc<Shared>,
    pub(super) handle: ConnectionHandle,
    pub(super) state: RefCell<quinn_proto::Connection>,
    pub(super) streams: RefCell<HashMap<StreamId, Waiting>>,
    /// Who waits for streams that the peer opens, in both directions and in one.
    pub(super) accepting: [RefCell<Option<Waker>>; 2],
    /// Who waits for the end of the handshake, or of the connection.
    pub(super) watching: RefCell<Option<Waker>>,
    pub(super) driver: RefCell<Option<Waker>>,
    pub(super) met: Cell<Option<Box<Met>>>,
    pub(super) lost: Cell<Option<Lost>>,
    /// Streams that have been finished, and that the peer does not have as a whole.
    pub(super) unconfirmed: Cell<usize>,
    /// What the socket had no room for.
    pub(super) unsent: RefCell<Option<Transmit>>,
    pub(super) buffer: RefCell<Vec<u8>>,
}

#[derive(Default)]
pub(super) struct Waiting {
    pub reader: Option<Waker>,
    pub writer: Option<Waker>,
    pub finished: bool,
}

/// What a handshake came to.
pub struct Met {
    /// What was agreed on, and with whom.
    pub info: TlsInfo,
    /// An earlier session went on.
    pub resumed: bool,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The peer has closed it, or is gone.
    Gone,
    /// The peer broke the protocol, or TLS came to nothing.
    Failed,
    /// This side has closed it.
    Closed,
}

/// Why there is nothing more to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadEnd {
    /// That was all.
    Finished,
    /// The peer has reset the stream.
    Reset,
    /// The connection is over, or this side has asked the peer to stop.
    Closed,
}

/// Why nothing more can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteEnd {
    /// The peer does not want it.
    Stopped,
    /// The connection is over, or this side has ended the stream.
    Closed,
}

impl Connection {
    pub(super) fn new(
        shared: Rc<Shared>,
        handle: ConnectionHandle,
        state: quinn_proto::Connection,
    ) -> Rc<Self> {
        Rc::new(Self {
            shared,
            handle,
            state: RefCell::new(state),
            streams: RefCell::default(),
            accepting: Default::default(),
            watching: RefCell::default(),
            driver: RefCell::default(),
            met: Cell::new(None),
            lost: Cell::new(None),
            unconfirmed: Cell::new(0),
            unsent: RefCell::default(),
            buffer: RefCell::default(),
        })
    }

    /// Where the peer is now.
    pub fn peer(&self) -> SocketAddr {
        self.state.borrow().remote_address()
    }

    /// How the connection ended, when it has.
    pub fn lost(&self) -> Option<Lost> {
        self.lost.get()
    }

    /// The end of the handshake. One task waits for it, and then for [`Connection::poll_lost`].
    pub fn poll_met(&self, cx: &Context<'_>) -> Poll<Result<Met, Lost>> {
        if let Some(met) = self.met.take() {
            return Poll::Ready(Ok(*met));
        }
        self.poll_lost(cx).map(Err)
    }

    /// The end of the connection.
    pub fn poll_lost(&self, cx: &Context<'_>) -> Poll<Lost> {
        if let Some(lost) = self.lost.get() {
            return Poll::Ready(lost);
        }
        keep(&mut self.watching.borrow_mut(), cx);
        Poll::Pending
    }

    /// The next stream that the peer has opened; `None` at the end of the connection.
    pub fn poll_accept(&self, dir: Dir, cx: &Context<'_>) -> Poll<Option<StreamId>> {
        if self.lost.get().is_some() {
            return Poll::Ready(None);
        }
        if let Some(id) = self.state.borrow_mut().streams().accept(dir) {
            // The peer may open as many again.
            self.wake_driver();
            return Poll::Ready(Some(id));
        }
        keep(&mut self.accepting[dir as usize].borrow_mut(), cx);
        Poll::Pending
    }

    /// Opens a stream in one direction, as far as the peer allows.
    pub fn open(&self) -> Option<StreamId> {
        self.state.borrow_mut().streams().open(Dir::Uni)
    }

    /// What has arrived of a stream.
    pub fn poll_read(&self, id: StreamId, cx: &Context<'_>) -> Poll<Result<Bytes, ReadEnd>> {
        let mut state = self.state.borrow_mut();
        let mut stream = state.recv_stream(id);
        let Ok(mut chunks) = stream.read(true) else { return Poll::Ready(Err(ReadEnd::Closed)) };
        let next = chunks.next(CHUNK);
        let has_news = chunks.finalize().should_transmit();
        drop(state);
        if has_news {
            self.wake_driver();
        }
        Poll::Ready(match next {
            Ok(Some(chunk)) => Ok(chunk.bytes),
            Ok(None) => Err(ReadEnd::Finished),
            Err(ReadError::Reset(_)) => Err(ReadEnd::Reset),
            Err(ReadError::Blocked) if self.lost.get().is_some() => Err(ReadEnd::Closed),
            Err(ReadError::Blocked) => {
                keep(&mut self.streams.borrow_mut().entry(id).or_default().reader, cx);
                return Poll::Pending;
            }
        })
    }

    /// Takes what there is room for off the front of `bytes`, which is something; how much it was.
    pub fn poll_write(
        &self,
        id: StreamId,
        bytes: &mut [Bytes],
        cx: &Context<'_>,
    ) -> Poll<Result<usize, WriteEnd>> {
        if self.lost.get().is_some() {
            return Poll::Ready(Err(WriteEnd::Closed));
        }
        let written = self.state.borrow_mut().send_stream(id).write_chunks(bytes);
        match written {
            Ok(written) => {
                self.wake_driver();
                Poll::Ready(Ok(written.bytes))
            }
            Err(WriteError::Stopped(_)) => Poll::Ready(Err(WriteEnd::Stopped)),
            Err(WriteError::ClosedStream) => Poll::Ready(Err(WriteEnd::Closed)),
            Err(WriteError::Blocked) => {
                keep(&mut self.streams.borrow_mut().entry(id).or_default().writer, cx);
                Poll::Pending
            }
        }
    }

    /// Whether the peer does not want what is written to a stream.
    pub fn poll_stopped(&self, id: StreamId, cx: &Context<'_>) -> Poll<()> {
        let stopped = self.state.borrow_mut().send_stream(id).stopped();
        if self.lost.get().is_some() || !matches!(stopped, Ok(None)) {
            return Poll::Ready(());
        }
        keep(&mut self.streams.borrow_mut().entry(id).or_default().writer, cx);
        Poll::Pending
    }

    /// Ends what is written to a stream.
    pub fn finish(&self, id: StreamId) -> Result<(), WriteEnd> {
        let finished = self.state.borrow_mut().send_stream(id).finish();
        finished.map_err(|_| WriteEnd::Closed)?;
        self.unconfirmed.set(self.unconfirmed.get() + 1);
        self.streams.borrow_mut().entry(id).or_default().finished = true;
        self.wake_driver();
        Ok(())
    }

    /// Gives up what was written to a stream.
    pub fn reset(&self, id: StreamId, code: u64) {
        // One that has ended already stays as it is.
        if self.state.borrow_mut().send_stream(id).reset(var(code)).is_ok() {
            self.wake_driver();
        }
        self.wake_stream(id, true);
    }

    /// Tells the peer to send nothing more on a stream.
    pub fn stop(&self, id: StreamId, code: u64) {
        if self.state.borrow_mut().recv_stream(id).stop(var(code)).is_ok() {
            self.wake_driver();
        }
    }

    /// Forgets who waits for a stream.
    pub fn forget(&self, id: StreamId) {
        let mut streams = self.streams.borrow_mut();
        if let Some(waiting) = streams.get_mut(&id) {
            (waiting.reader, waiting.writer) = (None, None);
            if !waiting.finished {
                streams.remove(&id);
            }
        }
    }

    /// Streams that were finished and that the peer does not have as a whole.
    pub fn unconfirmed(&self) -> usize {
        self.unconfirmed.get()
    }

    /// Asks the peer for a sign of life.
    pub fn ping(&self) {
        self.state.borrow_mut().ping();
        self.wake_driver();
    }

    /// Ends the connection at once; the peer is told why.
    pub fn close(&self, code: u64) {
        if self.lost.get().is_some() {
            return;
        }
        self.state.borrow_mut().close(Instant::now(), var(code), Bytes::new());
        self.lose(Lost::Closed);
        let driver = self.driver.borrow().clone().unwrap_or_else(|| Waker::noop().clone());
        let _ = self.transmit(Instant::now(), &mut Context::from_waker(&driver));
        driver.wake();
    }

    /// Takes in a datagram.
    pub(super) fn take(&self, event: ConnectionEvent) {
        self.state.borrow_mut().handle_event(event);
        self.wake_driver();
    }

    pub(super) fn wake_stream(&self, id: StreamId, writer: bool) {
        if let Some(waiting) = self.streams.borrow_mut().get_mut(&id) {
            wake(if writer { &mut waiting.writer } else { &mut waiting.reader });
        }
    }

    pub(super) fn wake_driver(&self) {
        if let Some(driver) = &*self.driver.borrow() {
            driver.wake_by_ref();
        }
    }
}

impl From<&ConnectionError> for Lost {
    fn from(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::TransportError(_) | ConnectionError::VersionMismatch => Self::Failed,
            ConnectionError::LocallyClosed => Self::Closed,
            _ => Self::Gone,
        }
    }
}

fn var(code: u64) -> VarInt {
    VarInt::from_u64(code).unwrap_or(VarInt::MAX)
}

pub(super) fn keep(place: &mut Option<Waker>, cx: &Context<'_>) {
    if !place.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
        *place = Some(cx.waker().clone());
    }
}

pub(super) fn wake(place: &mut Option<Waker>) {
    if let Some(waker) = place.take() {
        waker.wake();
    }
}
