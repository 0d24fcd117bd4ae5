//! What waits of one answer, and who has it meanwhile.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};

use super::account::Account;
use super::progress::Progress;

/// An answer, or several that wait for each other, of which something waits for the client.
pub(in crate::protocol) trait Waiting: 'static {
    /// How many answers these are; none when it belongs to answers that have debts of their own.
    fn answers(&self) -> usize;
    /// Bytes in memory.
    fn bytes(&self) -> usize;
    /// Nobody gets it: its memory is given back before this returns.
    fn give_up(self);
}

/// A debt owns what waits while nobody works on it. Dropping it settles it.
pub(in crate::protocol) struct Debt<W: Waiting> {
    account: Rc<Account>,
    state: Rc<State<W>>,
    place: usize,
}

struct State<W> {
    terms: Terms,
    /// Taken out by whoever works on it.
    waiting: RefCell<Option<W>>,
}

/// What an account knows of a debt.
pub(super) struct Terms {
    pub answers: Cell<usize>,
    pub bytes: Cell<u64>,
    progress: Progress,
    pub given_up: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

/// A debt, whatever it is that waits.
pub(super) trait Owed {
    fn terms(&self) -> &Terms;
    fn give_up(&self);
}

impl Terms {
    pub fn weight(&self, now: u64) -> u64 {
        self.progress.weight(self.bytes.get(), now)
    }

    pub fn wake(&self) {
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<W: Waiting> Owed for State<W> {
    fn terms(&self) -> &Terms {
        &self.terms
    }

    fn give_up(&self) {
        let waiting = self.waiting.borrow_mut().take();
        if let Some(waiting) = waiting {
            waiting.give_up();
        }
    }
}

impl<W: Waiting> Debt<W> {
    pub(super) fn new(account: &Rc<Account>) -> Self {
        let terms = Terms {
            answers: Cell::new(0),
            bytes: Cell::new(0),
            progress: Progress::new(account.ledger.io_loop.now()),
            given_up: Cell::new(false),
            waker: RefCell::default(),
        };
        let state = Rc::new(State { terms, waiting: RefCell::default() });
        let place = account.debts.borrow_mut().insert(state.clone());
        Self { account: account.clone(), state, place }
    }

    /// Has what waits until it is [taken](Self::take). `taken` bytes have left since the last call: those before the first one went
    /// into the buffers of the system, whether somebody reads or not. False when it is given up and gone; when that happens later,
    /// the task of `cx` is woken.
    pub fn keep(&self, waiting: W, taken: usize, cx: &Context<'_>) -> bool {
        let terms = &self.state.terms;
        if terms.given_up.get() {
            waiting.give_up();
            return false;
        }
        let mut waker = terms.waker.borrow_mut();
        let is_first = waker.is_none();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        drop(waker);
        if taken > 0 && !is_first {
            let now = self.account.ledger.io_loop.now();
            terms.progress.take(taken as u64, now);
            self.account.progress.take(taken as u64, now);
        }
        terms.answers.set(waiting.answers());
        let bytes = waiting.bytes() as u64;
        *self.state.waiting.borrow_mut() = Some(waiting);
        self.account.change(terms.bytes.replace(bytes), bytes);
        !terms.given_up.get()
    }

    /// What waits, for somebody who works on it and gives back what is left. `None` when it was given up.
    pub fn take(&self) -> Option<W> {
        self.state.waiting.borrow_mut().take()
    }

    /// See [`Account::holds_back`].
    pub fn holds_back(&self) -> bool {
        self.account.holds_back()
    }
}

impl<W: Waiting> Drop for Debt<W> {
    fn drop(&mut self) {
        self.account.debts.borrow_mut().try_remove(self.place);
        self.account.change(self.state.terms.bytes.replace(0), 0);
    }
}
