//! Streamed responses: pieces from JavaScript, with credit going back as the socket takes them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use armature_bridge::SlotId;
use armature_core::http::{BodyError, BodyStream, CancelReason, Frame, RequestContext};
use bytes::Bytes;

use super::events::{Events, HEARTBEAT};
use super::loop_side::LoopSide;

/// What JavaScript has written and the protocol has not taken.
pub struct StreamState {
    queue: RefCell<VecDeque<Bytes>>,
    /// Bytes in it.
    queued: Cell<usize>,
    waker: RefCell<Option<Waker>>,
    end: Cell<End>,
    window: usize,
    /// Of server-sent events.
    is_events: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Complete,
    Failed,
}

impl StreamState {
    pub fn new(window: usize, is_events: bool) -> Rc<Self> {
        Rc::new(Self {
            queue: RefCell::default(),
            queued: Cell::new(0),
            waker: RefCell::default(),
            end: Cell::new(End::Open),
            window,
            is_events,
        })
    }

    pub fn is_events(&self) -> bool {
        self.is_events
    }

    pub fn push(&self, piece: Bytes) {
        if self.end.get() == End::Open && !piece.is_empty() {
            self.queued.set(self.queued.get() + piece.len());
            self.queue.borrow_mut().push_back(piece);
            self.wake();
        }
    }

    pub fn end(&self) {
        self.finish(End::Complete);
    }

    pub fn fail(&self) {
        self.finish(End::Failed);
    }

    fn finish(&self, end: End) {
        if self.end.get() == End::Open {
            self.end.set(end);
            self.wake();
        }
    }

    fn wake(&self) {
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The body that the protocol reads.
pub struct StreamBody {
    state: Rc<StreamState>,
    slot: SlotId,
    side: Rc<LoopSide>,
    context: Rc<RequestContext>,
    /// Bytes taken since credit was last returned.
    taken: usize,
    events: Option<Box<Events>>,
}

impl StreamBody {
    pub fn new(
        state: Rc<StreamState>,
        slot: SlotId,
        side: Rc<LoopSide>,
        context: Rc<RequestContext>,
        events: Option<Box<Events>>,
    ) -> Self {
        Self { state, slot, side, context, taken: 0, events }
    }

    fn return_credit(&mut self) {
        if self.taken > 0 && self.state.end.get() == End::Open {
            self.side.give_credit(self.slot, std::mem::take(&mut self.taken));
        }
    }
}

impl BodyStream for StreamBody {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        if let Some(opening) = self.events.as_mut().and_then(|events| events.take_opening()) {
            return Poll::Ready(Some(Ok(Frame::Data(opening))));
        }
        let piece = self.state.queue.borrow_mut().pop_front();
        if let Some(piece) = piece {
            self.taken += piece.len();
            self.state.queued.set(self.state.queued.get() - piece.len());
            if let Some(events) = &mut self.events {
                events.sent(&piece);
            }
            // Credit goes back in halves of the window, so a long stream costs few records.
            if self.taken >= self.state.window / 2 {
                self.return_credit();
            }
            return Poll::Ready(Some(Ok(Frame::Data(piece))));
        }
        match self.state.end.get() {
            End::Complete => Poll::Ready(None),
            End::Failed => Poll::Ready(Some(Err(BodyError::Failed))),
            // Nobody reads the rest of a stream whose client has left; its producer must hear of it.
            End::Open if self.context.cancelled().is_some() => Poll::Ready(Some(Err(BodyError::Aborted))),
            End::Open => {
                self.context.on_cancel(cx.waker());
                self.return_credit();
                // A stream may wait for hours.
                self.state.queue.take();
                let mut waker = self.state.waker.borrow_mut();
                if !waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
                    *waker = Some(cx.waker().clone());
                }
                drop(waker);
                if self.events.as_mut().is_some_and(|events| events.is_due(cx)) {
                    return Poll::Ready(Some(Ok(Frame::Data(Bytes::from_static(HEARTBEAT)))));
                }
                Poll::Pending
            }
        }
    }

    fn buffered(&self) -> usize {
        self.state.queued.get()
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        match self.state.end.get() {
            End::Open => {
                self.state.end.set(End::Failed);
                let reason = self.context.cancelled().unwrap_or(CancelReason::ClientGone);
                self.side.abandon(self.slot, reason);
            }
            // Over already when JavaScript said so; not when its lane has closed.
            End::Complete | End::Failed => drop(self.side.release(self.slot)),
        }
    }
}
