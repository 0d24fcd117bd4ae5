//! A streamed body that is logged when it has been sent.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::LoggerLayer;
use super::line::{Entry, Noted};
use crate::http::{Body, BodyError, BodyStream, FilePart, Frame, SizeHint};

pub(super) struct Counted {
    body: Pin<Box<dyn BodyStream>>,
    /// The line, until it is written.
    line: Option<(Rc<LoggerLayer>, Noted, Entry)>,
    ended: bool,
}

impl Counted {
    pub fn wrap(body: Pin<Box<dyn BodyStream>>, layer: Rc<LoggerLayer>, noted: Noted, entry: Entry) -> Body {
        Body::stream(Self { body, line: Some((layer, noted, entry)), ended: false })
    }

    fn count(&mut self, length: u64) {
        if let Some((_, _, entry)) = &mut self.line {
            entry.bytes += length;
        }
    }
}

impl BodyStream for Counted {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let polled = self.body.as_mut().poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(Frame::Data(bytes)))) => {
                let length = bytes.len() as u64;
                self.count(length);
            }
            Poll::Ready(None | Some(Ok(Frame::Trailers(_)))) => self.ended = true,
            _ => {}
        }
        polled
    }

    fn next_file(mut self: Pin<&mut Self>) -> Option<FilePart> {
        let part = self.body.as_mut().next_file()?;
        self.count(part.length);
        Some(part)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    fn buffered(&self) -> usize {
        self.body.buffered()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let ended = self.ended || self.body.size_hint() == SizeHint::Exact(0);
        if let Some((layer, noted, mut entry)) = self.line.take() {
            entry.cut_off = !ended;
            layer.write(noted, entry);
        }
    }
}
