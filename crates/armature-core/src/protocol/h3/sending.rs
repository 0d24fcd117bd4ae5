//! An answer on its way: gathered, and handed on as far as the client makes room for it.

use std::rc::Rc;
use std::task::{Context, Poll};

use super::exchange::End;
use super::outgoing::Outgoing;
use super::shared::Shared;
use super::{code, encode};
use crate::http::{Body, Frame};
use crate::io_loop::Sleep;
use crate::protocol::h2::encode::{Content, trailers};
use crate::protocol::unsent::Waiting;

/// Times that one poll sends before other streams have their turn.
const ROUNDS: usize = 16;
/// Bytes that are gathered before they are handed on.
const GATHER: usize = 16 * 1024;

/// An answer whose head is on its way.
pub(super) struct Sending {
    pub outgoing: Rc<Outgoing>,
    pub body: Body,
    pub content: Content,
    /// All of it has been gathered.
    pub gathered: bool,
    /// Exists while the client makes no room; it has until then.
    pub stalled: Option<Sleep>,
    /// Bytes that were taken since somebody asked.
    pub taken: usize,
}

impl Waiting for Sending {
    fn answers(&self) -> usize {
        1
    }

    fn bytes(&self) -> usize {
        self.outgoing.kept() + self.body.buffered()
    }

    fn give_up(self) {
        // What the connection has of it goes as well, and may be a part of the same memory.
        self.outgoing.reset(code::EXCESSIVE_LOAD);
    }
}

impl Sending {
    /// Sends until there is no room, or nothing more to send yet.
    pub fn poll(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Poll<End> {
        for _ in 0..ROUNDS {
            let waits = match self.gather(cx) {
                Ok(waits) => waits,
                Err(end) => return Poll::Ready(end),
            };
            match self.outgoing.poll_flush(cx) {
                Poll::Ready(Ok(())) => self.stalled = None,
                Poll::Ready(Err(_)) => return Poll::Ready(End::Gone),
                Poll::Pending => return self.stall(shared, cx),
            }
            if self.gathered {
                return Poll::Ready(if self.outgoing.finish().is_ok() { End::Complete } else { End::Gone });
            }
            if waits {
                return self.outgoing.poll_stopped(cx).map(|()| End::Gone);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Gathers content. True when there is none yet.
    fn gather(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        while !self.gathered && self.outgoing.length() < GATHER {
            match self.body.poll_frame(cx) {
                Poll::Pending => return Ok(true),
                Poll::Ready(Some(Ok(Frame::Data(data)))) => match &mut self.content {
                    Content::Length(left) => {
                        *left = left.checked_sub(data.len() as u64).ok_or(BROKEN)?;
                        self.gathered = *left == 0;
                        self.outgoing.push(data);
                    }
                    Content::Open => {
                        let mut beginning = Vec::new();
                        encode::data(&mut beginning, data.len() as u64);
                        self.outgoing.push(beginning.into());
                        self.outgoing.push(data);
                    }
                    Content::Nothing => {}
                },
                Poll::Ready(Some(Ok(Frame::Trailers(fields)))) => {
                    self.end()?;
                    let fields = trailers(fields);
                    if !fields.is_empty() {
                        self.outgoing.push(encode::trailers(&fields));
                    }
                }
                Poll::Ready(None) => self.end()?,
                Poll::Ready(Some(Err(_))) => return Err(BROKEN),
            }
        }
        Ok(false)
    }

    /// The content has ended, and must be all that was promised.
    fn end(&mut self) -> Result<(), End> {
        self.gathered = true;
        if matches!(self.content, Content::Length(left) if left > 0) { Err(BROKEN) } else { Ok(()) }
    }

    /// Nobody waits for a client for ever.
    fn stall(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Poll<End> {
        let taken = self.outgoing.take_progress();
        if taken > 0 {
            self.stalled = None;
        }
        self.taken += taken;
        let stalled = self.stalled.get_or_insert_with(|| {
            let timer = shared.io_loop.sleep();
            timer.reset_at(shared.io_loop.now() + shared.write_timeout);
            timer
        });
        if !stalled.poll_fired(cx) {
            return Poll::Pending;
        }
        shared.control.metrics.write_timeouts.add(1);
        Poll::Ready(End::Broken(code::REQUEST_CANCELLED))
    }
}

/// The content failed after the head left.
const BROKEN: End = End::Broken(code::INTERNAL_ERROR);
/// Too much waits for clients, and this answer has cost most.
pub(super) const TOO_SLOW: End = End::Broken(code::EXCESSIVE_LOAD);
