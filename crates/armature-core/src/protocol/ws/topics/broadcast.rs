//! A message on its way to all who subscribe to a topic.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

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
    /// One for each way to compress it that some socket has agreed on.
    compressed: Mutex<Vec<(Variant, Arc<Compressed>)>>,
}

/// Empty inside when the message does not get smaller. Whoever comes second waits for the first: to compress it again would take
/// as long.
type Compressed = OnceLock<Option<Bytes>>;

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

    /// What the sockets of one loop get.
    pub(in crate::protocol::ws) fn frames<'a>(&'a self, counts: &'a TopicCounts) -> Frames<'a> {
        Frames { inner: &self.inner, counts, known: Vec::new() }
    }
}

/// The frames of one message; each is made when somebody needs it.
pub(in crate::protocol::ws) struct Frames<'a> {
    inner: &'a Inner,
    counts: &'a TopicCounts,
    known: Vec<(Variant, Option<Bytes>)>,
}

impl Frames<'_> {
    /// The message as it is.
    pub fn plain(&self) -> Bytes {
        self.inner.frame.clone()
    }

    /// The message as `compressor` would send it without a context; `None` when that is as it is.
    pub fn compressed(&mut self, compressor: &Compressor) -> Option<Bytes> {
        let content = &self.inner.frame[self.inner.frame.len() - self.inner.content..];
        let variant = compressor.variant(content)?;
        if let Some((_, frame)) = self.known.iter().find(|(known, _)| *known == variant) {
            return frame.clone();
        }
        let shared = self.inner.compressed(variant);
        let frame = shared.get_or_init(|| {
            self.counts.compressed.add(1);
            compressor.frame_for_many(self.inner.opcode, content)
        });
        self.known.push((variant, frame.clone()));
        frame.clone()
    }
}

impl Inner {
    fn compressed(&self, variant: Variant) -> Arc<Compressed> {
        // Nothing panics while the lock is held.
        let mut all = self.compressed.lock().unwrap_or_else(PoisonError::into_inner);
        match all.iter().find(|(known, _)| *known == variant) {
            Some((_, compressed)) => compressed.clone(),
            None => {
                let compressed = Arc::new(Compressed::new());
                all.push((variant, compressed.clone()));
                compressed
            }
        }
    }
}
