//! The answers of a connection, while they wait for a client that is slow to take them.

use std::collections::VecDeque;

use super::output::Output;
use super::work::{Answer, Exchange, Writing};
use crate::http::CancelReason;
use crate::protocol::unsent::Waiting;

/// Those parts of the connection's [`Work`](super::work::Work).
pub(super) struct Unsent {
    /// Before `output`, so that a body that is dropped sees whether what it gave has left.
    pub writing: Option<Writing>,
    pub output: Output,
    pub exchanges: VecDeque<Exchange>,
}

/// Bytes in memory of answers that have not left.
pub(super) fn bytes(output: &Output, writing: Option<&Writing>, exchanges: &VecDeque<Exchange>) -> usize {
    let first = output.unsent() + writing.map_or(0, |writing| writing.body.buffered());
    ready(exchanges).fold(first, |bytes, buffered| bytes + buffered)
}

/// The bytes of each answer that waits for an earlier one.
fn ready(exchanges: &VecDeque<Exchange>) -> impl Iterator<Item = usize> {
    exchanges.iter().filter_map(|exchange| match &exchange.answer {
        Answer::Ready(response) => Some(response.body.buffered()),
        Answer::Waiting(_) | Answer::Taken => None,
    })
}

impl Waiting for Unsent {
    fn answers(&self) -> usize {
        1 + ready(&self.exchanges).count()
    }

    fn bytes(&self) -> usize {
        bytes(&self.output, self.writing.as_ref(), &self.exchanges)
    }

    fn give_up(self) {
        // Those who still work on answers hear of it; the connection is reset when it looks.
        for exchange in &self.exchanges {
            exchange.context.cancel(CancelReason::ClientGone);
        }
    }
}
