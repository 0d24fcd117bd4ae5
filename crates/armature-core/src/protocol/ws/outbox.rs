//! What waits to be written to one connection, and how others have it written.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::close::CloseCode;
use super::deflate::{Agreement, Compressor, Inflater};
use super::encode;
use super::flusher::Flusher;
use super::header::Opcode;
use super::pieces::Pieces;
use super::scratch::Scratch;
use super::topics::Frames;
use crate::http::Upgraded;
use crate::io_loop::LoopHandle;

/// Unsent bytes beyond which the answers to pings wait for room; only the last of them is kept then.
const CONTROL_ROOM: usize = 16 * 1024;

/// Messages on their way to one peer. Whoever sends has to bound what it sends: see [`super::Link::taken`].
pub struct Outbox {
    scratch: Rc<Scratch>,
    flusher: Rc<Flusher>,
    /// What it is written to, once there is that.
    io: OnceCell<Upgraded>,
    /// Exists where messages may be compressed.
    compressor: Option<Box<Compressor>>,
    /// That of the same agreement, for the decoder.
    inflater: Cell<Option<Inflater>>,
    pieces: RefCell<Pieces>,
    /// Bytes of messages that were sent, before framing, since somebody asked. Without those that were published.
    messages: Cell<usize>,
    late_pong: RefCell<Option<Vec<u8>>>,
    state: Cell<State>,
    cut: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    /// It is in the queue of `flusher`.
    queued: Cell<bool>,
}

/// What became of a message that was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Published {
    /// It is on its way.
    Sent,
    /// Too much waits already.
    Full,
    /// The connection closes.
    Closing,
    /// Another loop compresses it at the moment.
    Later,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// A Close frame is the last one.
    Closing,
}

impl Outbox {
    /// For a connection of `io_loop`.
    pub fn new(io_loop: &LoopHandle) -> Rc<Self> {
        Self::deflating(io_loop, None)
    }

    /// For one on which compression was agreed on.
    pub fn deflating(io_loop: &LoopHandle, agreement: Option<Agreement>) -> Rc<Self> {
        let (compressor, inflater) = agreement.map(Agreement::split).unzip();
        Rc::new(Self {
            scratch: io_loop.local(Scratch::default),
            flusher: Flusher::of(io_loop),
            io: OnceCell::new(),
            compressor: compressor.map(Box::new),
            inflater: Cell::new(inflater),
            pieces: RefCell::default(),
            messages: Cell::new(0),
            late_pong: RefCell::default(),
            state: Cell::new(State::Open),
            cut: Cell::new(false),
            waker: RefCell::default(),
            queued: Cell::new(false),
        })
    }

    /// Sends a message; dropped when the connection closes already. Text must be UTF-8.
    pub fn send(&self, is_binary: bool, content: &[u8]) {
        if self.state.get() == State::Open {
            let opcode = if is_binary { Opcode::Binary } else { Opcode::Text };
            self.append(|out| match &self.compressor {
                None => encode::frame(out, opcode, content),
                Some(compressor) => compressor.frame(out, opcode, content),
            });
            self.messages.set(self.messages.get() + content.len());
            self.wake();
        }
    }

    /// Sends a message that others get too, unless more than `backlog` bytes would wait then.
    pub(super) fn publish(self: &Rc<Self>, frames: &mut Frames<'_>, backlog: usize) -> Published {
        if self.state.get() == State::Closing {
            return Published::Closing;
        }
        let compressed = match &self.compressor {
            None => None,
            Some(compressor) => match frames.compressed(compressor) {
                Poll::Ready(frame) => frame,
                Poll::Pending => return Published::Later,
            },
        };
        let is_compressed = compressed.is_some();
        let frame = compressed.unwrap_or_else(|| frames.plain());
        let mut pieces = self.pieces.borrow_mut();
        let before = pieces.unsent();
        if before + frame.len() > backlog {
            return Published::Full;
        }
        if is_compressed && let Some(compressor) = &self.compressor {
            compressor.forget();
        }
        pieces.share(|| self.scratch.take_output(), frame);
        // What waits already is written by whoever it waits for.
        if before == 0 && !self.queued.replace(true) {
            self.flusher.add(self.clone());
        }
        Published::Sent
    }

    /// Writes what was published, as far as the socket takes it at once; the rest is left to the connection's own task.
    pub(super) fn flush_published(&self) {
        self.queued.set(false);
        if self.is_cut() || self.unsent() == 0 {
            return;
        }
        let waker = self.waker.borrow();
        // Without them the connection has not begun, and begins with this.
        let (Some(io), Some(waker)) = (self.io.get(), &*waker) else { return };
        let mut cx = Context::from_waker(waker);
        match self.with_unsent(|bytes| io.poll_write(&mut cx, bytes)) {
            // The socket wakes the connection when there is room.
            Poll::Pending => {}
            Poll::Ready(Ok(n @ 1..)) => {
                self.written(n);
                if self.unsent() > 0 {
                    waker.wake_by_ref();
                }
            }
            Poll::Ready(_) => {
                self.cut.set(true);
                waker.wake_by_ref();
            }
        }
    }

    /// Sends a Close frame behind what was sent. The connection ends when the peer has answered. False when it has been sent
    /// before.
    pub fn close(&self, code: CloseCode, reason: &str) -> bool {
        let was_open = self.state.replace(State::Closing) == State::Open;
        if was_open {
            self.append(|out| encode::close(out, code, reason));
            self.wake();
        }
        was_open
    }

    /// Ends the connection at once.
    pub fn cut(&self) {
        self.cut.set(true);
        self.wake();
    }

    /// What is sent goes there from now on; once.
    pub(super) fn attach(&self, io: Upgraded) {
        let _ = self.io.set(io);
    }

    /// What reads the peer's messages, where they may be compressed; once.
    pub(super) fn take_inflater(&self) -> Option<Inflater> {
        self.inflater.take()
    }

    pub(super) fn scratch(&self) -> &Rc<Scratch> {
        &self.scratch
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.get()
    }

    /// Whether a Close frame was sent.
    pub fn is_closing(&self) -> bool {
        self.state.get() == State::Closing
    }

    pub(super) fn ping(&self) {
        if self.state.get() == State::Open && self.unsent() < CONTROL_ROOM {
            self.append(|out| encode::frame(out, Opcode::Ping, &[]));
        }
    }

    pub(super) fn pong(&self, content: &[u8]) {
        if self.state.get() == State::Closing {
        } else if self.unsent() < CONTROL_ROOM {
            self.append(|out| encode::frame(out, Opcode::Pong, content));
        } else {
            // RFC 6455 section 5.5.3: of several pings the last one may be answered alone.
            *self.late_pong.borrow_mut() = Some(content.to_vec());
        }
    }

    pub(super) fn register(&self, waker: &Waker) {
        let mut slot = self.waker.borrow_mut();
        if !slot.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *slot = Some(waker.clone());
        }
    }

    /// Has the connection look again.
    pub fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    pub(super) fn unsent(&self) -> usize {
        self.pieces.borrow().unsent()
    }

    /// Calls `write` with what is unsent, or the first part of it; `write` returns how much of it was taken.
    pub(super) fn with_unsent<T>(&self, write: impl FnOnce(&[u8]) -> T) -> T {
        write(self.pieces.borrow().front())
    }

    /// So many bytes have been written.
    pub(super) fn written(&self, n: usize) {
        let mut pieces = self.pieces.borrow_mut();
        let spare = pieces.written(n);
        if let Some(buffer) = spare {
            self.scratch.put_output(buffer);
        }
        if pieces.unsent() > 0 {
            return;
        }
        drop(pieces);
        let late = self.late_pong.borrow_mut().take();
        if let Some(content) = late.filter(|_| self.state.get() == State::Open) {
            self.append(|out| encode::frame(out, Opcode::Pong, &content));
        }
    }

    /// Bytes of messages that the socket has taken since the last call; exact when nothing is unsent, else not too many.
    pub(super) fn take_written(&self) -> usize {
        let taken = self.messages.get().saturating_sub(self.unsent());
        self.messages.set(self.messages.get() - taken);
        taken
    }

    fn append(&self, encode: impl FnOnce(&mut Vec<u8>)) {
        self.pieces.borrow_mut().append(|| self.scratch.take_output(), encode);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.scratch.put_output(self.pieces.take().into_buffer());
    }
}
