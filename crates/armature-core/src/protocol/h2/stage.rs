//! The state machine of a connection, and who has it.

use ::h2::server::{Connection, Handshake};
use bytes::Bytes;

use super::wire::Wire;
use crate::protocol::unsent::Waiting;

/// How far it is.
pub(super) enum Stage {
    Handshake(Handshake<Wire, Bytes>),
    Open(Connection<Wire, Bytes>),
    /// The debt has it.
    Lent,
}

/// What the state machine has of answers, while the peer takes nothing.
pub(super) struct Queued {
    pub stage: Stage,
    pub bytes: usize,
}

impl Waiting for Queued {
    fn answers(&self) -> usize {
        // Those of its streams.
        0
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn give_up(self) {
        // With the state machine everything goes that it has.
        drop(self.stage);
    }
}
