//! A message on its way to all who subscribe to a topic.

use std::sync::Arc;

use bytes::Bytes;

use super::super::encode;
use super::super::header::Opcode;

/// Cheap to clone: each loop gets one.
#[derive(Clone, Debug)]
pub struct Broadcast {
    pub(super) topic: Arc<str>,
    /// The key of the socket that does not get it.
    pub(super) except: Option<u64>,
    /// What is written to each socket.
    pub(super) frame: Bytes,
}

impl Broadcast {
    /// Encodes a message, for all but the socket with the key `except`. Text must be UTF-8.
    pub fn new(topic: Arc<str>, is_binary: bool, content: &[u8], except: Option<u64>) -> Self {
        let opcode = if is_binary { Opcode::Binary } else { Opcode::Text };
        let mut frame = Vec::new();
        encode::frame(&mut frame, opcode, content);
        Self { topic, except, frame: frame.into() }
    }

    /// Bytes of the frame.
    pub fn bytes(&self) -> usize {
        self.frame.len()
    }
}
