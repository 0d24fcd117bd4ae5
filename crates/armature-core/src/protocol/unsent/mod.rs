//! Answers that wait in memory for clients that are slow to take them: how much that is, and who is given up when it is too much.
//!
//! A connection has an [`Account`], and a [`Debt`] on it for each answer that could not be sent at once. The debt owns what waits, so
//! that whoever is given up gives its memory back at once, whenever its task looks the next time. The [`Ledger`] of the loop knows
//! the accounts that are large enough to count. What leaves at once never comes here.

mod account;
mod debt;
mod memory;
mod progress;

pub(in crate::protocol) use account::Account;
pub(in crate::protocol) use debt::{Debt, Waiting};
pub(in crate::protocol) use memory::{kept, own, shrink};

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use slab::Slab;

use crate::config::Limits;
use crate::io_loop::LoopHandle;
use crate::metrics::LocalMetrics;

/// Streams whose buffers are full that a connection may have before it counts.
const FREE: u64 = 2;

/// What answers of one loop wait, and how much all loops may have.
pub struct Ledger {
    io_loop: LoopHandle,
    /// Has the sum of all loops.
    metrics: Rc<LocalMetrics>,
    /// In bytes, of all loops.
    limit: u64,
    /// What a connection may have without its being counted: what is kept for a streamed answer anyway.
    free: u64,
    /// This loop's part of the sum.
    own: Cell<u64>,
    /// Those that count.
    accounts: RefCell<Slab<Rc<Account>>>,
    others: Box<dyn Others>,
}

/// The other loops of a server.
pub(crate) trait Others {
    /// How many loops there are, this one among them.
    fn loops(&self) -> u64;
    /// Has them [relieve](Ledger::relieve) themselves.
    fn relieve(&self);
    /// An answer was given up.
    fn given_up(&self);
}

impl Ledger {
    pub(crate) fn new(
        io_loop: &LoopHandle,
        metrics: Rc<LocalMetrics>,
        limits: &Limits,
        others: impl Others + 'static,
    ) -> Rc<Self> {
        Rc::new(Self {
            io_loop: io_loop.clone(),
            metrics,
            limit: limits.unsent as u64,
            free: (limits.response_buffer as u64).saturating_mul(FREE),
            own: Cell::new(0),
            accounts: RefCell::default(),
            others: Box::new(others),
        })
    }

    /// Of all loops.
    fn sum(&self) -> u64 {
        self.metrics.unsent.get().try_into().unwrap_or(0)
    }

    fn is_exceeded(&self) -> bool {
        self.sum() > self.limit
    }

    /// Gives answers up until there is room, as far as that is up to this loop: one that has no more than its part leaves it to the
    /// others.
    pub(crate) fn relieve(&self) {
        let part = self.limit / self.others.loops().max(1);
        while self.is_exceeded() && self.own.get() > part {
            let now = self.io_loop.now();
            let worst = {
                let accounts = self.accounts.borrow();
                let worst = accounts.iter().max_by_key(|(_, account)| account.weight(now));
                let Some((_, worst)) = worst else { return };
                // One answer alone may be larger than the limit: somebody has decided to send it.
                if accounts.len() == 1 && worst.is_single() && self.own.get() == self.sum() {
                    return;
                }
                worst.clone()
            };
            if !worst.give_up(now) {
                return;
            }
            self.metrics.given_up.add(1);
            self.others.given_up();
        }
    }

    /// An account that counted with `from` bytes counts with `to`.
    fn change(&self, from: u64, to: u64) {
        if from == to {
            return;
        }
        self.own.set(self.own.get() - from + to);
        self.metrics.unsent.change(from, to);
        if to > from && self.is_exceeded() {
            self.relieve();
            if self.is_exceeded() {
                self.others.relieve();
            }
        }
    }
}

#[cfg(test)]
mod tests;
