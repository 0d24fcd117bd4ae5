//! What a connection and its streams share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use slab::Slab;

use super::head;
use crate::config::{Limits, Settings};
use crate::http::{CancelReason, Head, RequestContext};
use crate::io_loop::{LoopHandle, ticks};
use crate::listener::quic::Connection;
use crate::protocol::control::Control;
use crate::protocol::h1::Local;
use crate::protocol::unsent::{Account, Ledger};

/// What is counted is counted for so long, in seconds.
const PERIOD: u64 = 10;

/// See the module.
pub(super) struct Shared {
    pub connection: Rc<Connection>,
    /// Of the requests that have not been answered completely; `None` while there is only a part of a head.
    open: RefCell<Slab<Option<Rc<RequestContext>>>>,
    pub control: Rc<Control>,
    /// Of answers that wait for the client.
    pub account: Rc<Account>,
    pub local: Rc<Local>,
    pub io_loop: LoopHandle,
    pub resets: Budget,
    pub idle_frames: Budget,
    /// The connection cannot go on, for this reason.
    broken: Cell<Option<u64>>,
    /// When the last stream ended, or the connection began; in ticks.
    pub quiet: Cell<u64>,
    /// In ticks.
    pub write_timeout: u64,
    /// In ticks.
    pub body_timeout: u64,
    /// In ticks.
    pub header_timeout: u64,
    /// Fields that trailers may have.
    pub trailers: usize,
    /// Bytes that a field section may have.
    pub section: usize,
    /// Memory for the next head.
    spare: Cell<Head>,
}

/// How often something may happen in a period.
pub(super) struct Budget {
    most: usize,
    count: Cell<usize>,
    /// When the period ends, in ticks.
    ends: Cell<u64>,
}

impl Budget {
    fn new(most: usize) -> Self {
        Self { most, count: Cell::new(0), ends: Cell::new(0) }
    }

    /// It has happened `times`.
    pub fn spend(&self, now: u64, times: usize) {
        if now >= self.ends.get() {
            self.count.set(0);
            self.ends.set(now + ticks(std::time::Duration::from_secs(PERIOD)));
        }
        self.count.set(self.count.get().saturating_add(times));
    }

    /// Whether it happened too often.
    pub fn is_exceeded(&self) -> bool {
        self.count.get() > self.most
    }
}

impl Shared {
    pub fn new(
        connection: Rc<Connection>,
        ledger: &Rc<Ledger>,
        control: Rc<Control>,
        io_loop: LoopHandle,
        settings: &Settings,
    ) -> Rc<Self> {
        let Limits { resets, control_frames, headers, .. } = settings.limits;
        let timeouts = &settings.timeouts;
        Rc::new(Self {
            connection,
            open: RefCell::default(),
            account: Account::new(ledger, control.clone()),
            control,
            local: Local::of(&io_loop),
            resets: Budget::new(resets),
            idle_frames: Budget::new(control_frames),
            broken: Cell::new(None),
            quiet: Cell::new(io_loop.now()),
            io_loop,
            write_timeout: ticks(timeouts.write),
            body_timeout: ticks(timeouts.body),
            header_timeout: ticks(timeouts.header),
            trailers: headers,
            section: head::most(&settings.limits),
            spare: Cell::default(),
        })
    }

    /// How many there are.
    pub fn open(&self) -> usize {
        self.open.borrow().len()
    }

    /// A stream begins; returns its place.
    pub fn enter(&self) -> usize {
        self.control.set_busy(true);
        self.open.borrow_mut().insert(None)
    }

    /// Its head is there.
    pub fn begin(&self, place: usize, context: Rc<RequestContext>) {
        if let Some(open) = self.open.borrow_mut().get_mut(place) {
            *open = Some(context);
        }
    }

    /// The stream at `place` is over.
    pub fn leave(&self, place: usize) {
        let (context, is_last) = {
            let mut open = self.open.borrow_mut();
            let context = open.try_remove(place).flatten();
            (context, open.is_empty())
        };
        if let Some(context) = context {
            self.local.requests.recycle_context(context);
        }
        if is_last {
            // The connection may be idle from now on, or at its end.
            self.control.set_busy(false);
            self.quiet.set(self.io_loop.now());
            self.control.wake();
        }
    }

    pub fn take_spare(&self) -> Head {
        self.spare.take()
    }

    pub fn keep_spare(&self, spare: Head) {
        self.spare.set(spare);
    }

    /// A client has given a request up, or it broke the protocol.
    pub fn given_up(&self) {
        self.resets.spend(self.io_loop.now(), 1);
        if self.resets.is_exceeded() {
            self.control.wake();
        }
    }

    /// Frames came that carried nothing.
    pub fn carried_nothing(&self, frames: usize) {
        if frames > 0 {
            self.idle_frames.spend(self.io_loop.now(), frames);
            if self.idle_frames.is_exceeded() {
                self.control.wake();
            }
        }
    }

    /// The connection cannot go on.
    pub fn fail(&self, code: u64) {
        if self.broken.get().is_none() {
            self.broken.set(Some(code));
            self.control.wake();
        }
    }

    pub fn broken(&self) -> Option<u64> {
        self.broken.get()
    }

    /// Tells everybody who works on an answer that nobody will take it.
    pub fn cancel(&self, reason: CancelReason) {
        let contexts: Vec<_> = self.open.borrow().iter().filter_map(|(_, context)| context.clone()).collect();
        for context in contexts {
            context.cancel(reason);
        }
    }
}
