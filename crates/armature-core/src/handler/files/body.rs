//! The content of a file on its way: each piece is read when the one before it was taken, so that a client that is slow keeps one
//! piece in memory and not the file.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::chunk::{self, LARGE, SMALL};
use super::found::OpenFile;
use super::readers::{Pending, Shared};
use crate::http::{BodyError, BodyStream, Frame, SizeHint};
use crate::io_loop::LoopHandle;

/// Ticks in which a piece is taken by somebody who could take a larger one.
const QUICK: u64 = 3;

/// A part of a body.
pub(super) enum Part {
    /// In memory.
    Bytes(Bytes),
    /// Bytes of the file.
    Range(Range<u64>),
}

/// A body of parts of one file.
pub(super) struct FileBody {
    shared: Arc<Shared>,
    io_loop: LoopHandle,
    /// Gone when the last piece is being read: the thread that reads it closes the file.
    file: Option<Arc<OpenFile>>,
    parts: VecDeque<Part>,
    left: u64,
    /// Bytes of the next piece.
    size: usize,
    /// When the last piece was handed on, in ticks.
    taken: u64,
    reading: Option<(Pending<io::Result<Bytes>>, usize)>,
}

impl FileBody {
    pub fn new(shared: Arc<Shared>, io_loop: LoopHandle, file: Arc<OpenFile>, parts: VecDeque<Part>) -> Self {
        let length = |part: &Part| match part {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::Range(range) => range.end - range.start,
        };
        let left = parts.iter().map(length).sum();
        let taken = io_loop.now();
        Self { shared, io_loop, file: Some(file), parts, left, size: SMALL, taken, reading: None }
    }

    /// Begins to read the next piece. False when that is not possible.
    fn read(&mut self) -> bool {
        let Some(Part::Range(range)) = self.parts.front_mut() else { return false };
        let now = self.io_loop.now();
        self.size = if now - self.taken > QUICK { SMALL } else { (self.size * 2).min(LARGE) };
        let length = (range.end - range.start).min(self.size as u64) as usize;
        let offset = range.start;
        range.start += length as u64;
        if range.is_empty() {
            self.parts.pop_front();
        }
        let is_last = !self.parts.iter().any(|part| matches!(part, Part::Range(_)));
        let file = if is_last { self.file.take() } else { self.file.clone() };
        let Some(file) = file else { return false };
        match self.shared.go_on(move |shared| chunk::read(shared, &file.file, offset, length)) {
            Ok(pending) => {
                self.reading = Some((pending, length));
                true
            }
            Err(_) => false,
        }
    }
}

impl BodyStream for FileBody {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let this = &mut *self;
        loop {
            if let Some((pending, length)) = &mut this.reading {
                let length = *length;
                let read = ready!(Pin::new(pending).poll(cx));
                this.reading = None;
                return Poll::Ready(Some(match read {
                    Some(Ok(bytes)) if bytes.len() == length => {
                        this.taken = this.io_loop.now();
                        this.left -= length as u64;
                        Ok(Frame::Data(bytes))
                    }
                    // Less than there was, or it cannot be read: what was promised cannot be kept.
                    _ => Err(BodyError::Failed),
                }));
            }
            match this.parts.front_mut() {
                None => return Poll::Ready(None),
                Some(Part::Bytes(bytes)) => {
                    let bytes = std::mem::take(bytes);
                    this.parts.pop_front();
                    this.left -= bytes.len() as u64;
                    if !bytes.is_empty() {
                        this.taken = this.io_loop.now();
                        return Poll::Ready(Some(Ok(Frame::Data(bytes))));
                    }
                }
                Some(Part::Range(range)) if range.is_empty() => {
                    this.parts.pop_front();
                }
                Some(Part::Range(_)) => {
                    if !this.read() {
                        return Poll::Ready(Some(Err(BodyError::Failed)));
                    }
                }
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::Exact(self.left)
    }
}

impl Drop for FileBody {
    fn drop(&mut self) {
        // Closing may wait for a disk, too.
        if let Some(file) = self.file.take() {
            let _ = self.shared.go_on(move |_| drop(file));
        }
    }
}
