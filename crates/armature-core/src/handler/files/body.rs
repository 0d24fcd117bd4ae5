//! The content of a file on its way: each piece is read when the one before it was taken, so that a client that is slow keeps one
//! piece in memory and not the file. Who can have files sent without reading them gets what is in memory as parts.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::chunk::{self, LARGE, SMALL};
use super::open::Sending;
use super::readers::{Pending, Shared};
use crate::http::{BodyError, BodyStream, FilePart, Frame, SizeHint};
use crate::io_loop::LoopHandle;
use crate::platform;

/// Ticks in which a piece is taken by somebody who could take a larger one.
const QUICK: u64 = 3;
/// Bytes of a part of which it is not known how fast the client is, or which is for one that is slow.
const FIRST_PART: u64 = 512 * 1024;
/// Bytes of the parts for the others: as much as a connection may send before others have their turn.
const PART: u64 = 2 * 1024 * 1024;
/// What is not larger is copied if it is in memory: that is cheaper than a call of its own for it.
const COPIED: usize = 16 * 1024;
/// One byte in so many is looked for, to know whether all of them are in memory: what the kernel reads ahead by default.
const STRIDE: u64 = 128 * 1024;

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
    file: Option<Arc<Sending>>,
    parts: VecDeque<Part>,
    left: u64,
    /// Bytes of the next piece that is read.
    size: usize,
    /// When the last piece was handed on, in ticks.
    taken: u64,
    /// Bytes of the last part that was sent without reading.
    last_part: u64,
    /// The same while it is not known that all of it has left.
    out: u64,
    /// It is known that all of the file is in memory.
    is_cached: bool,
    /// It was found out that all of it is, as far as this body has come.
    all_cached: bool,
    reading: Option<(Pending<io::Result<Bytes>>, usize)>,
}

impl FileBody {
    pub fn new(
        shared: Arc<Shared>,
        io_loop: LoopHandle,
        sending: Arc<Sending>,
        parts: VecDeque<Part>,
    ) -> Self {
        let length = |part: &Part| match part {
            Part::Bytes(bytes) => bytes.len() as u64,
            Part::Range(range) => range.end - range.start,
        };
        let left = parts.iter().map(length).sum();
        let (taken, file) = (io_loop.now(), &sending.file);
        let is_whole = |part: &Part| matches!(part, Part::Range(range) if *range == (0..file.meta.len()));
        Self {
            is_cached: file.is_cached(taken),
            all_cached: parts.len() == 1 && parts.iter().all(is_whole),
            shared,
            io_loop,
            file: Some(sending),
            parts,
            left,
            size: SMALL,
            taken,
            last_part: 0,
            out: 0,
            reading: None,
        }
    }

    /// The bytes of the file that come next.
    fn next_range(&mut self) -> Option<&mut Range<u64>> {
        while matches!(self.parts.front(), Some(Part::Range(range)) if range.is_empty()) {
            self.parts.pop_front();
        }
        match self.parts.front_mut() {
            Some(Part::Range(range)) => Some(range),
            _ => None,
        }
    }

    /// Takes `length` bytes off the range that comes next.
    fn advance(&mut self, length: u64) {
        if let Some(range) = self.next_range() {
            range.start += length;
        }
        // Also whether anything is left.
        self.next_range();
    }

    /// The next piece, if it is small and in memory.
    fn copy(&mut self) -> Option<Bytes> {
        let range = self.next_range()?.clone();
        let length = usize::try_from(range.end - range.start).ok().filter(|length| *length <= COPIED)?;
        let mut buffer = vec![0; length];
        let read = platform::read_cached(self.file.as_ref()?.file.get()?, &mut buffer, range.start);
        if !matches!(read, Ok(read) if read == length) {
            return None;
        }
        self.advance(length as u64);
        self.left -= length as u64;
        self.taken = self.io_loop.now();
        Some(buffer.into())
    }

    /// Begins to read the next piece. False when that is not possible.
    fn read(&mut self) -> bool {
        let now = self.io_loop.now();
        self.size = if now - self.taken > QUICK { SMALL } else { (self.size * 2).min(LARGE) };
        self.all_cached = false;
        let size = self.size as u64;
        let Some(range) = self.next_range() else { return false };
        let (offset, length) = (range.start, (range.end - range.start).min(size) as usize);
        self.advance(length as u64);
        let is_last = !self.parts.iter().any(|part| matches!(part, Part::Range(_)));
        let sending = if is_last { self.file.take() } else { self.file.clone() };
        let Some(sending) = sending else { return false };
        let read = move |shared: &Arc<Shared>| {
            let gone = io::Error::from(io::ErrorKind::NotFound);
            let read =
                sending.file.get().ok_or(gone).and_then(|file| chunk::read(shared, file, offset, length));
            sending.close();
            read
        };
        match self.shared.go_on(read) {
            Ok(pending) => {
                self.reading = Some((pending, length));
                true
            }
            Err(_) => false,
        }
    }

    /// Whether the client has taken the last part as fast as those do for whom large ones are.
    fn is_quick(&self, now: u64) -> bool {
        self.last_part > 0 && now - self.taken <= QUICK * self.last_part.div_ceil(FIRST_PART)
    }
}

impl BodyStream for FileBody {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let this = &mut *self;
        this.out = 0;
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
                    if let Some(bytes) = this.copy() {
                        return Poll::Ready(Some(Ok(Frame::Data(bytes))));
                    }
                    if !this.read() {
                        return Poll::Ready(Some(Err(BodyError::Failed)));
                    }
                }
            }
        }
    }

    fn next_file(mut self: Pin<&mut Self>) -> Option<FilePart> {
        let this = &mut *self;
        this.out = 0;
        if this.reading.is_some() {
            return None;
        }
        let now = this.io_loop.now();
        let is_quick = this.is_quick(now);
        let most = if is_quick { PART } else { FIRST_PART };
        let range = this.next_range()?;
        let (offset, mut length) = (range.start, (range.end - range.start).min(most));
        if length <= COPIED as u64 {
            return None;
        }
        let sending = this.file.clone()?;
        if !this.is_cached {
            let cached = platform::cached_bytes(sending.file.get()?, offset, length, STRIDE);
            if cached < length {
                this.all_cached = false;
                length = cached;
            }
            if length <= COPIED as u64 {
                return None;
            }
        }
        this.advance(length);
        this.left -= length;
        (this.taken, this.last_part, this.out) = (now, length, length);
        if this.parts.is_empty() && this.all_cached && !this.is_cached {
            sending.file.seen_cached(now);
        }
        this.shared.sent.add(1);
        Some(FilePart { file: sending, offset, length, is_quick })
    }

    fn size_hint(&self) -> SizeHint {
        // Whoever sends a part has the file as long: what a client that leaves did not get was not sent.
        let is_out = self.file.as_ref().is_some_and(|file| Arc::strong_count(file) > 1);
        SizeHint::Exact(self.left + if is_out { self.out } else { 0 })
    }
}
