//! permessage-deflate (RFC 7692): messages that are compressed on their way.
//!
//! * `offer` reads what a client offers, `agreement` is what comes of it
//! * `compress` and `inflate` are one direction of one connection each
//! * `codecs` is what the connections of a loop share, `budget` bounds what each of them keeps for itself
//!
//! What a connection remembers of earlier messages, its context, is most of what compression costs in memory. So contexts are
//! counted before they exist: where there is no room for one, the client is told not to use it, and this side does without.

mod agreement;
mod budget;
mod codecs;
mod compress;
mod inflate;
mod offer;
#[cfg(test)]
pub(super) mod tests;

use std::rc::Rc;

use super::settings::DeflateSettings;
use crate::io_loop::LoopHandle;
pub use agreement::Agreement;
use budget::Budget;
use codecs::Codecs;
pub(super) use compress::{Compressor, Variant};
pub(super) use inflate::Inflater;

/// What a sender takes off the end of a message, and a receiver puts back (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Compression of the connections of one route on one loop.
pub struct Deflate {
    settings: DeflateSettings,
    codecs: Rc<Codecs>,
    budget: Rc<Budget>,
}

impl Deflate {
    /// For the connections of `io_loop` that have these `settings`.
    pub fn new(settings: &DeflateSettings, io_loop: &LoopHandle) -> Rc<Self> {
        Rc::new(Self {
            settings: settings.clone(),
            codecs: io_loop.local(Codecs::default),
            budget: Budget::new(settings.memory),
        })
    }

    /// Bytes that contexts take now, as far as they may grow.
    pub fn held(&self) -> usize {
        self.budget.held()
    }

    fn is_worth_it(&self, content: &[u8]) -> bool {
        !content.is_empty() && content.len() >= self.settings.threshold
    }
}
