//! Answers that wait in memory for clients that are slow to take them: how much that is, and who is given up when it is too much.
//!
//! A connection has an [`Account`], and a [`Debt`] on it for each answer that could not be sent at once. The [`Ledger`] of the loop
//! knows the accounts that are large enough to count. What leaves at once never comes here.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};

use bytes::Bytes;
use slab::Slab;

use super::control::Control;
use crate::config::Limits;
use crate::io_loop::LoopHandle;
use crate::metrics::LocalMetrics;

/// Whoever has taken so many bytes since the last look has moved on. Less, however often, is nobody who reads.
const STEP: u64 = 4096;
/// The part of the limit that a connection may have before its further requests wait, in times of need.
const SHARE: u64 = 16;
/// Streams whose buffers are full that a connection may have before it counts.
const FREE: u64 = 2;
/// Whoever has taken nothing for so many ticks, a second, weighs double, three times as much after another one, and so on.
const AGE: u64 = 100;
/// Who has read so many bytes weighs half as much, who has read two times as many a third, and so on down to a sixteenth.
const TRUST: u64 = 128 * 1024;
const TRUST_MOST: u64 = 15;
/// Content that is larger has come alone.
const SHARED: usize = 128 * 1024;

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
    /// What was given up and is still there: whoever has it lets it go in the next pass of the loop.
    going: Cell<u64>,
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

/// What waits of the answers of one connection.
pub(in crate::protocol) struct Account {
    ledger: Rc<Ledger>,
    control: Rc<Control>,
    debts: RefCell<Slab<Rc<State>>>,
    bytes: Cell<u64>,
    /// What of them was given up.
    going: Cell<u64>,
    progress: Progress,
    /// Among those that count.
    place: Cell<Option<usize>>,
    /// Requests of the connection wait until it is less.
    holds: Cell<bool>,
}

/// What waits of one answer. Dropping it settles it.
pub(in crate::protocol) struct Debt {
    account: Rc<Account>,
    state: Rc<State>,
    place: usize,
}

struct State {
    answers: Cell<usize>,
    bytes: Cell<u64>,
    progress: Progress,
    given_up: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// How a client has read so far.
struct Progress {
    /// When it last took something worth mentioning, in ticks.
    since: Cell<u64>,
    /// Bytes since then.
    taken: Cell<u64>,
    /// Bytes in all.
    total: Cell<u64>,
}

impl Progress {
    fn new(now: u64) -> Self {
        Self { since: Cell::new(now), taken: Cell::new(0), total: Cell::new(0) }
    }

    fn take(&self, bytes: u64, now: u64) {
        self.total.set(self.total.get().saturating_add(bytes));
        let taken = self.taken.get().saturating_add(bytes);
        if taken >= STEP {
            self.since.set(now);
        }
        self.taken.set(if taken >= STEP { 0 } else { taken });
    }

    /// What `bytes` have cost so far: little that waits for long weighs as much as much that has just come. Who has read
    /// much before is trusted.
    fn weight(&self, bytes: u64, now: u64) -> u64 {
        let trust = 1 + (self.total.get() / TRUST).min(TRUST_MOST);
        bytes.saturating_mul(1 + now.saturating_sub(self.since.get()) / AGE) / trust
    }
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
            going: Cell::new(0),
            accounts: RefCell::default(),
            others: Box::new(others),
        })
    }

    /// Of all loops.
    fn sum(&self) -> u64 {
        self.metrics.unsent.get().try_into().unwrap_or(0)
    }

    /// Whether there is too much, without what is going.
    fn is_exceeded(&self) -> bool {
        self.sum().saturating_sub(self.going.get()) > self.limit
    }

    /// Whether there is too much until something that was given up is gone. Whoever would begin a request leaves it to the next pass.
    pub(in crate::protocol) fn is_settling(&self) -> bool {
        self.going.get() > 0 && self.sum() > self.limit
    }

    /// Gives answers up until there is room, as far as that is up to this loop: one that has no more than its part leaves it to the
    /// others.
    pub(crate) fn relieve(&self) {
        let part = self.limit / self.others.loops().max(1);
        while self.is_exceeded() && self.own.get().saturating_sub(self.going.get()) > part {
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

impl Account {
    pub fn new(ledger: &Rc<Ledger>, control: Rc<Control>) -> Rc<Self> {
        Rc::new(Self {
            ledger: ledger.clone(),
            control,
            debts: RefCell::default(),
            bytes: Cell::new(0),
            going: Cell::new(0),
            progress: Progress::new(0),
            place: Cell::new(None),
            holds: Cell::new(false),
        })
    }

    /// An answer waits from now on.
    pub fn open(self: &Rc<Self>) -> Debt {
        let progress = Progress::new(self.ledger.io_loop.now());
        let (answers, bytes, given_up) = (Cell::new(0), Cell::new(0), Cell::new(false));
        let state = Rc::new(State { answers, bytes, progress, given_up, waker: RefCell::default() });
        let place = self.debts.borrow_mut().insert(state.clone());
        Debt { account: self.clone(), state, place }
    }

    /// Whether `bytes` are so few that nobody has to know.
    pub fn is_free(ledger: &Ledger, bytes: usize) -> bool {
        bytes as u64 <= ledger.free
    }

    /// Whether there is so much that further requests of the connection have to wait; its task is woken when there is less.
    pub fn holds_back(&self, cx: &Context<'_>) -> bool {
        if self.ledger.is_settling() {
            cx.waker().wake_by_ref();
            return true;
        }
        self.is_crowded()
    }

    fn is_crowded(&self) -> bool {
        let limit = self.ledger.limit;
        let holds = self.bytes.get() > limit / SHARE && self.ledger.sum() > limit / 2;
        self.holds.set(holds);
        holds
    }

    fn weight(&self, now: u64) -> u64 {
        self.progress.weight(self.bytes.get() - self.going.get(), now)
    }

    fn is_single(&self) -> bool {
        let debts = self.debts.borrow();
        let owing = debts.iter().filter(|(_, debt)| debt.bytes.get() > 0 && !debt.given_up.get());
        owing.map(|(_, debt)| debt.answers.get()).sum::<usize>() < 2
    }

    fn counted(&self) -> u64 {
        let bytes = self.bytes.get();
        if bytes > self.ledger.free { bytes } else { 0 }
    }

    /// A debt of `from` bytes has become one of `to`.
    fn change(self: &Rc<Self>, from: u64, to: u64) {
        if from == to {
            return;
        }
        let before = self.counted();
        if self.bytes.get() == 0 {
            self.progress.since.set(self.ledger.io_loop.now());
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

    /// Has the answer given up that has cost most. False when there is none.
    fn give_up(&self, now: u64) -> bool {
        let worst = {
            let debts = self.debts.borrow();
            let left = debts.iter().filter(|(_, debt)| !debt.given_up.get() && debt.bytes.get() > 0);
            let worst = left.max_by_key(|(_, debt)| debt.progress.weight(debt.bytes.get(), now));
            worst.map(|(_, debt)| debt.clone())
        };
        let Some(debt) = worst else { return false };
        debt.given_up.set(true);
        self.go(debt.bytes.get(), true);
        let waker = debt.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// `bytes` that were given up are on their way, or gone.
    fn go(&self, bytes: u64, begins: bool) {
        for going in [&self.going, &self.ledger.going] {
            going.set(if begins { going.get() + bytes } else { going.get() - bytes });
        }
    }
}

impl Debt {
    /// `bytes` of so many `answers` wait now, and `taken` have been taken since the last call. False when the answer is given up, of which the task of
    /// `cx` hears.
    pub fn update(&self, answers: usize, bytes: usize, taken: usize, cx: &Context<'_>) -> bool {
        let state = &self.state;
        if state.given_up.get() {
            return false;
        }
        {
            let mut waker = state.waker.borrow_mut();
            if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
        }
        state.answers.set(answers);
        if taken > 0 {
            let now = self.account.ledger.io_loop.now();
            state.progress.take(taken as u64, now);
            self.account.progress.take(taken as u64, now);
        }
        self.account.change(state.bytes.replace(bytes as u64), bytes as u64);
        !state.given_up.get()
    }

    /// See [`Account::holds_back`]; the rest of a loop's troubles is no concern of it.
    pub fn holds_back(&self) -> bool {
        self.account.is_crowded()
    }
}

impl Drop for Debt {
    fn drop(&mut self) {
        self.account.debts.borrow_mut().try_remove(self.place);
        let bytes = self.state.bytes.replace(0);
        if self.state.given_up.get() {
            self.account.go(bytes, false);
        }
        self.account.change(bytes, 0);
    }
}

/// Has `piece`, which is going to wait, keep no more memory than its own: what it is a part of may have been others' as well.
pub(in crate::protocol) fn own(piece: &mut Bytes) {
    if piece.len() < SHARED && !piece.is_unique() {
        *piece = Bytes::copy_from_slice(piece);
    }
}

#[cfg(test)]
#[path = "unsent_tests.rs"]
mod tests;
