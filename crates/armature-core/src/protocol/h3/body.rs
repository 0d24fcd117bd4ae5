//! The content of a request: what has arrived is taken when it is read, and only then may the client send more.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::frames::{Fault, Frames, Part};
use super::outgoing::Outgoing;
use super::qpack::{self, Broken};
use super::shared::Shared;
use super::{code, encode};
use crate::http::{BodyError, BodyStream, CancelReason, Frame, RequestContext, SizeHint, TrailerField};
use crate::io_loop::Sleep;
use crate::protocol::h1::grammar::has_control;
use crate::protocol::h2;

/// The reader's end, with the gap between bytes bounded.
pub(super) struct RequestBody {
    frames: Frames,
    shared: Rc<Shared>,
    context: Rc<RequestContext>,
    outgoing: Rc<Outgoing>,
    /// What is left, where that is known.
    left: Option<u64>,
    /// The client waits for a 100, which is sent here.
    expects: bool,
    /// What comes next, when it has been looked at before.
    next: Option<Result<Part, Fault>>,
    /// Trailers, behind which nothing may come.
    trailers: Option<HeaderMap>,
    /// Exists while the client keeps the reader waiting.
    gap: Option<Sleep>,
    done: bool,
}

impl RequestBody {
    pub fn new(
        frames: Frames,
        shared: Rc<Shared>,
        context: Rc<RequestContext>,
        outgoing: Rc<Outgoing>,
        (length, expects): (Option<u64>, bool),
        next: Option<Result<Part, Fault>>,
    ) -> Self {
        Self {
            frames,
            shared,
            context,
            outgoing,
            left: length,
            expects,
            next,
            trailers: None,
            gap: None,
            done: false,
        }
    }

    fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        loop {
            let part = match self.next.take() {
                Some(part) => part,
                None => ready!(self.frames.poll_next(cx)),
            };
            self.shared.carried_nothing(self.frames.take_idle());
            let part = match part {
                Ok(part) => part,
                Err(fault) => return Poll::Ready(Some(Err(self.fault(fault)))),
            };
            self.expects = false;
            if self.trailers.is_some() && !matches!(part, Part::End) {
                // RFC 9114 section 4.1.
                return Poll::Ready(Some(Err(self.fault(Fault::Connection(code::FRAME_UNEXPECTED)))));
            }
            match part {
                Part::Data(data) => {
                    if let Some(left) = &mut self.left {
                        let Some(rest) = left.checked_sub(data.len() as u64) else {
                            return Poll::Ready(Some(Err(self.malformed())));
                        };
                        *left = rest;
                    }
                    return Poll::Ready(Some(Ok(Frame::Data(data))));
                }
                Part::Section(section) => match trailers(&section, self.shared.section, self.shared.trailers)
                {
                    Ok(trailers) => self.trailers = Some(trailers),
                    Err(Bad::Undecodable) => {
                        let fault = Fault::Connection(code::DECOMPRESSION_FAILED);
                        return Poll::Ready(Some(Err(self.fault(fault))));
                    }
                    Err(Bad::Malformed) => return Poll::Ready(Some(Err(self.malformed()))),
                },
                Part::End if self.left.is_some_and(|left| left > 0) => {
                    return Poll::Ready(Some(Err(self.malformed())));
                }
                Part::End => {
                    let trailers = self.trailers.take().filter(|trailers| !trailers.is_empty());
                    return Poll::Ready(trailers.map(|trailers| Ok(Frame::Trailers(trailers))));
                }
            }
        }
    }

    fn fault(&mut self, fault: Fault) -> BodyError {
        match fault {
            Fault::Gone => {
                self.shared.given_up();
                self.context.cancel(CancelReason::ClientGone);
                BodyError::Aborted
            }
            Fault::TooLarge => self.malformed(),
            Fault::Connection(code) => {
                self.shared.fail(code);
                BodyError::Malformed
            }
        }
    }

    /// RFC 9114 section 4.1.2: the stream is reset, whatever the answer was to be.
    fn malformed(&mut self) -> BodyError {
        self.shared.given_up();
        self.frames.stop_with(code::MESSAGE_ERROR);
        self.outgoing.reset(code::MESSAGE_ERROR);
        BodyError::Malformed
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        if std::mem::take(&mut self.expects) && !self.outgoing.is_answered() {
            self.outgoing.push(encode::go_on());
            // What there is no room for is sent with the answer.
            let _ = self.outgoing.poll_flush(cx);
        }
        let now = self.shared.io_loop.now();
        if self.gap.is_none() {
            self.context.body_wait_begins(now);
            let gap = self.shared.io_loop.sleep();
            gap.reset_at(now + self.shared.body_timeout);
            self.gap = Some(gap);
        }
        if !self.gap.as_ref().is_some_and(|gap| gap.poll_fired(cx)) {
            return Poll::Pending;
        }
        self.wait_ends();
        self.done = true;
        self.shared.control.metrics.body_timeouts.add(1);
        Poll::Ready(Some(Err(BodyError::Timeout)))
    }

    fn wait_ends(&mut self) {
        if self.gap.take().is_some() {
            self.context.body_wait_ends(self.shared.io_loop.now());
        }
    }
}

/// What is wrong with trailers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// They cannot be read.
    Undecodable,
    /// They are none, or too many.
    Malformed,
}

impl From<Broken> for Bad {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Malformed => Self::Undecodable,
            Broken::TooLarge => Self::Malformed,
        }
    }
}

/// The trailers that may be some: at most `most`, of `limit` bytes.
pub(super) fn trailers(section: &[u8], limit: usize, most: usize) -> Result<HeaderMap, Bad> {
    let mut all = HeaderMap::new();
    let mut count = 0;
    qpack::decode::<Bad>(section, limit, |name, value| {
        count += 1;
        if count > most {
            return Err(Bad::Malformed);
        }
        // Pseudo fields, and names that are not lower case, are no names here.
        let name = HeaderName::from_lowercase(name).map_err(|_| Bad::Malformed)?;
        if has_control(value) || TrailerField::of(&name) == TrailerField::Forbidden {
            return Err(Bad::Malformed);
        }
        let value = HeaderValue::from_bytes(value).map_err(|_| Bad::Malformed)?;
        all.append(name, value);
        Ok(())
    })?;
    Ok(h2::encode::trailers(all))
}

impl BodyStream for RequestBody {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let this = &mut *self;
        if this.done {
            return Poll::Ready(None);
        }
        let next = this.poll_next(cx);
        if next.is_pending() {
            return this.wait(cx);
        }
        this.wait_ends();
        if !matches!(next, Poll::Ready(Some(Ok(Frame::Data(_))))) {
            this.done = true;
        }
        next
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            _ if self.done => SizeHint::Exact(0),
            Some(left) => SizeHint::Exact(left),
            None => SizeHint::Unknown,
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.wait_ends();
    }
}
