//! A message on its way to all who subscribe to a topic.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::super::deflate::{Compressor, Variant};
use super::super::encode;
use super::super::header::Opcode;
use super::directory::TopicCounts;

/// Cheap to clone: each loop gets one, and what one loop has compressed is there for the others.
#[derive(Clone, Debug)]
pub struct Broadcast {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    topic: Arc<str>,
    except: Option<u64>,
    opcode: Opcode,
    /// The message as it is, the last bytes of which are its content.
    frame: Bytes,
    content: usize,
    /// How far each way to compress it is that some socket has agreed on.
    compressed: Mutex<Vec<(Variant, Progress)>>,
}

#[derive(Debug)]
enum Progress {
    /// Some loop is at it; the tasks of others are woken when it is done.
    Begun(Vec<Waker>),
    /// `None` when the message does not get smaller.
    Done(Option<Bytes>),
}

impl Broadcast {
    /// Encodes a message, for all but the socket with the key `except`. Text must be UTF-8.
    pub fn new(topic: Arc<str>, is_binary: bool, content: &[u8], except: Option<u64>) -> Self {
        let opcode = if is_binary { Opcode::Binary } else { Opcode::Text };
        let mut frame = Vec::new();
        encode::frame(&mut frame, opcode, content);
        let (frame, content, compressed) = (frame.into(), content.len(), Mutex::default());
        Self { inner: Arc::new(Inner { topic, except, opcode, frame, content, compressed }) }
    }

    /// Bytes of the frame.
    pub fn bytes(&self) -> usize {
        self.inner.frame.len()
    }

    pub(super) fn topic(&self) -> &str {
        &self.inner.topic
    }

    /// Whether the socket with the number `key` gets it.
    pub(super) fn is_for(&self, key: u64) -> bool {
        self.inner.except != Some(key)
    }

    /// What the sockets of one loop get. With `may_wait` those do not get it for whom another loop compresses it at the moment.
    pub(in crate::protocol::ws) fn frames<'a>(
        &'a self,
        counts: &'a TopicCounts,
        may_wait: bool,
    ) -> Frames<'a> {
        Frames { inner: &self.inner, counts, may_wait, known: Vec::new() }
    }

    /// Ready when no loop compresses it at the moment; else the task of `cx` is woken then.
    pub(super) fn poll_compressed(&self, cx: &Context<'_>) -> Poll<()> {
        let mut all = self.inner.progress();
        for (_, progress) in &mut *all {
            if let Progress::Begun(wakers) = progress {
                if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                    wakers.push(cx.waker().clone());
                }
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// As if another loop compressed it for `compressor` from now on, until what is returned is dropped.
    #[cfg(test)]
    pub(super) fn begin<'a>(&'a self, compressor: &Compressor) -> Option<impl Sized + use<'a>> {
        match self.inner.claim(compressor.variant(self.inner.content())?) {
            Claim::Own(mut own) => {
                own.frame = compressor.frame_for_many(self.inner.opcode, self.inner.content());
                Some(own)
            }
            Claim::Elsewhere | Claim::Done(_) => None,
        }
    }

    /// Whether somebody waits for the loop that compresses it.
    #[cfg(test)]
    pub(super) fn is_awaited(&self) -> bool {
        let all = self.inner.progress();
        all.iter().any(|(_, progress)| matches!(progress, Progress::Begun(wakers) if !wakers.is_empty()))
    }
}

/// The frames of one message; each is made when somebody needs it.
pub(in crate::protocol::ws) struct Frames<'a> {
    inner: &'a Inner,
    counts: &'a TopicCounts,
    may_wait: bool,
    known: Vec<(Variant, Option<Bytes>)>,
}

impl Frames<'_> {
    /// The message as it is.
    pub fn plain(&self) -> Bytes {
        self.inner.frame.clone()
    }

    /// The message as `compressor` would send it without a context; `None` when that is as it is. Pending while another loop
    /// compresses it, for those who may wait.
    pub fn compressed(&mut self, compressor: &Compressor) -> Poll<Option<Bytes>> {
        let content = self.inner.content();
        let Some(variant) = compressor.variant(content) else { return Poll::Ready(None) };
        if let Some((_, frame)) = self.known.iter().find(|(known, _)| *known == variant) {
            return Poll::Ready(frame.clone());
        }
        let make = || {
            self.counts.compressed.add(1);
            compressor.frame_for_many(self.inner.opcode, content)
        };
        let frame = match self.inner.claim(variant) {
            Claim::Done(frame) => frame,
            Claim::Own(mut own) => {
                own.frame = make();
                own.frame.clone()
            }
            Claim::Elsewhere if self.may_wait => return Poll::Pending,
            // Twice is better than a loop that stands still.
            Claim::Elsewhere => make(),
        };
        self.known.push((variant, frame.clone()));
        Poll::Ready(frame)
    }
}

/// Who compresses a message in some way.
enum Claim<'a> {
    /// Whoever asks.
    Own(Own<'a>),
    /// Another loop, at the moment.
    Elsewhere,
    /// It has been done.
    Done(Option<Bytes>),
}

/// The work of one loop. Dropping it is the end of the work: without a frame when it has panicked.
struct Own<'a> {
    inner: &'a Inner,
    variant: Variant,
    frame: Option<Bytes>,
}

impl Drop for Own<'_> {
    fn drop(&mut self) {
        let mut all = self.inner.progress();
        let begun = all.iter_mut().find(|(known, _)| *known == self.variant);
        let before =
            begun.map(|(_, progress)| std::mem::replace(progress, Progress::Done(self.frame.take())));
        // A wake may be a system call.
        drop(all);
        if let Some(Progress::Begun(wakers)) = before {
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}

impl Inner {
    fn content(&self) -> &[u8] {
        &self.frame[self.frame.len() - self.content..]
    }

    fn claim(&self, variant: Variant) -> Claim<'_> {
        let mut all = self.progress();
        match all.iter().find(|(known, _)| *known == variant) {
            Some((_, Progress::Done(frame))) => Claim::Done(frame.clone()),
            Some((_, Progress::Begun(_))) => Claim::Elsewhere,
            None => {
                all.push((variant, Progress::Begun(Vec::new())));
                Claim::Own(Own { inner: self, variant, frame: None })
            }
        }
    }

    /// Nothing panics while the lock is held.
    fn progress(&self) -> MutexGuard<'_, Vec<(Variant, Progress)>> {
        self.compressed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
