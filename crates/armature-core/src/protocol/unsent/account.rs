//! What waits of the answers of one connection.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use slab::Slab;

use super::Ledger;
use super::debt::{Debt, Owed, Waiting};
use super::progress::Progress;
use crate::protocol::control::Control;

/// The part of the limit that a connection may have before its further requests wait, in times of need.
const SHARE: u64 = 16;

/// See the module.
pub(in crate::protocol) struct Account {
    pub(super) ledger: Rc<Ledger>,
    control: Rc<Control>,
    pub(super) debts: RefCell<Slab<Rc<dyn Owed>>>,
    bytes: Cell<u64>,
    pub(super) progress: Progress,
    /// Among those that count.
    place: Cell<Option<usize>>,
    /// Requests of the connection wait until it is less.
    pub(super) holds: Cell<bool>,
}

impl Account {
    pub fn new(ledger: &Rc<Ledger>, control: Rc<Control>) -> Rc<Self> {
        Rc::new(Self {
            ledger: ledger.clone(),
            control,
            debts: RefCell::default(),
            bytes: Cell::new(0),
            progress: Progress::new(0),
            place: Cell::new(None),
            holds: Cell::new(false),
        })
    }

    /// An answer waits from now on.
    pub fn open<W: Waiting>(self: &Rc<Self>) -> Debt<W> {
        Debt::new(self)
    }

    /// Whether `bytes` are so few that nobody has to know.
    pub fn is_free(ledger: &Ledger, bytes: usize) -> bool {
        bytes as u64 <= ledger.free
    }

    /// Whether there is so much that further requests of the connection have to wait; its task is woken when there is less.
    pub fn holds_back(&self) -> bool {
        let limit = self.ledger.limit;
        let holds = self.bytes.get() > limit / SHARE && self.ledger.sum() > limit / 2;
        self.holds.set(holds);
        holds
    }

    pub(super) fn weight(&self, now: u64) -> u64 {
        self.progress.weight(self.bytes.get(), now)
    }

    /// Whether it is one answer that waits, or none.
    pub(super) fn is_single(&self) -> bool {
        let debts = self.debts.borrow();
        let owing = debts.iter().filter(|(_, debt)| debt.terms().bytes.get() > 0);
        owing.map(|(_, debt)| debt.terms().answers.get()).sum::<usize>() < 2
    }

    fn counted(&self) -> u64 {
        let bytes = self.bytes.get();
        if bytes > self.ledger.free { bytes } else { 0 }
    }

    /// A debt of `from` bytes has become one of `to`.
    pub(super) fn change(self: &Rc<Self>, from: u64, to: u64) {
        if from == to {
            return;
        }
        let before = self.counted();
        if self.bytes.get() == 0 {
            self.progress.begin(self.ledger.io_loop.now());
        }
        self.bytes.set(self.bytes.get() - from + to);
        let after = self.counted();
        match (self.place.get(), after) {
            (None, 1..) => {
                let place = self.ledger.accounts.borrow_mut().insert(self.clone());
                self.place.set(Some(place));
            }
            (Some(place), 0) => {
                self.place.set(None);
                drop(self.ledger.accounts.borrow_mut().try_remove(place));
            }
            _ => {}
        }
        if self.holds.get() && self.bytes.get() <= self.ledger.limit / SHARE {
            self.holds.set(false);
            self.control.wake();
        }
        self.ledger.change(before, after);
    }

    /// Gives the answer up that has cost most. False when there is none.
    pub(super) fn give_up(self: &Rc<Self>, now: u64) -> bool {
        let worst = {
            let debts = self.debts.borrow();
            let left = debts.iter().filter(|(_, debt)| debt.terms().bytes.get() > 0);
            let worst = left.max_by_key(|(_, debt)| debt.terms().weight(now));
            worst.map(|(_, debt)| debt.clone())
        };
        let Some(debt) = worst else { return false };
        let terms = debt.terms();
        terms.given_up.set(true);
        // What goes may be anybody's and panic, which the panic hook reports; whoever is at work here has nothing to do with it.
        let _ = catch_unwind(AssertUnwindSafe(|| debt.give_up()));
        self.change(terms.bytes.replace(0), 0);
        terms.wake();
        true
    }
}
