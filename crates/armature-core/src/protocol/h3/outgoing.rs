//! What is written to a stream, as far as the client has not made room for it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use crate::listener::quic::{Connection, StreamId, WriteEnd};
use crate::protocol::unsent::{kept, own, shrink};

/// See the module.
pub(super) struct Outgoing {
    connection: Rc<Connection>,
    id: StreamId,
    pieces: RefCell<VecDeque<Bytes>>,
    /// Bytes of each when it came.
    wholes: RefCell<VecDeque<usize>>,
    /// The head of the answer is among what is or was written.
    answered: Cell<bool>,
    /// Bytes that have been taken since somebody asked.
    taken: Cell<usize>,
}

impl Outgoing {
    pub fn new(connection: Rc<Connection>, id: StreamId) -> Self {
        let (pieces, wholes) = (RefCell::default(), RefCell::default());
        Self { connection, id, pieces, wholes, answered: Cell::new(false), taken: Cell::new(0) }
    }

    pub fn push(&self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.wholes.borrow_mut().push_back(bytes.len());
            self.pieces.borrow_mut().push_back(bytes);
        }
    }

    pub fn answer(&self, head: Bytes) {
        self.answered.set(true);
        self.push(head);
    }

    pub fn is_answered(&self) -> bool {
        self.answered.get()
    }

    pub fn length(&self) -> usize {
        self.pieces.borrow().iter().map(Bytes::len).sum()
    }

    /// Bytes of memory that it keeps.
    pub fn kept(&self) -> usize {
        let (pieces, wholes) = (self.pieces.borrow(), self.wholes.borrow());
        pieces.iter().zip(wholes.iter()).map(|(piece, whole)| kept(piece, *whole)).sum()
    }

    /// What is left is going to wait, for the first time or again.
    pub fn own(&self, is_first: bool) {
        // The connection has what it has sent until it is confirmed: whoever copied each time because of it would copy it all.
        let own = if is_first { own } else { shrink };
        let (mut pieces, mut wholes) = (self.pieces.borrow_mut(), self.wholes.borrow_mut());
        pieces.iter_mut().zip(wholes.iter_mut()).for_each(|(piece, whole)| own(piece, whole));
    }

    pub fn take_progress(&self) -> usize {
        self.taken.take()
    }

    /// Hands on what there is room for; ready when that was all.
    pub fn poll_flush(&self, cx: &Context<'_>) -> Poll<Result<(), WriteEnd>> {
        let mut pieces = self.pieces.borrow_mut();
        while !pieces.is_empty() {
            let taken = ready!(self.connection.poll_write(self.id, pieces.make_contiguous(), cx))?;
            self.taken.set(self.taken.get() + taken);
            while pieces.front().is_some_and(Bytes::is_empty) {
                pieces.pop_front();
                self.wholes.borrow_mut().pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }

    pub fn poll_stopped(&self, cx: &Context<'_>) -> Poll<()> {
        self.connection.poll_stopped(self.id, cx)
    }

    pub fn finish(&self) -> Result<(), WriteEnd> {
        self.connection.finish(self.id)
    }

    /// Gives up what was written.
    pub fn reset(&self, code: u64) {
        self.pieces.borrow_mut().clear();
        self.wholes.borrow_mut().clear();
        self.connection.reset(self.id, code);
    }

    pub fn forget(&self) {
        self.connection.forget(self.id);
    }
}
