//! What a connection and its streams share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll};

use ::h2::RecvStream;
use ::h2::server::{Connection, SendResponse};
use bytes::Bytes;
use slab::Slab;
use tokio::sync::Notify;

use super::wire::{Pulse, Wire};
use crate::config::Settings;
use crate::http::{CancelReason, Peer, RequestContext};
use crate::io_loop::LoopHandle;
use crate::protocol::control::Control;
use crate::protocol::h1::Local;
use crate::protocol::unsent::{Account, Ledger};

/// What `poll_accept` gives.
type Accepted = Poll<Option<Result<(http::Request<RecvStream>, SendResponse<Bytes>), ::h2::Error>>>;

/// See the module.
pub(super) struct Streams {
    /// Of the requests that have not been answered completely.
    open: RefCell<Slab<Rc<RequestContext>>>,
    /// The server drains.
    pub draining: Cell<bool>,
    /// Tells the streams that have left HTTP to look at that.
    pub notice: Notify,
    pub control: Rc<Control>,
    /// Of answers that wait for the client.
    pub account: Rc<Account>,
    pub pulse: Rc<Pulse>,
    pub local: Rc<Local>,
    pub io_loop: LoopHandle,
    pub peer: Rc<Peer>,
    /// In ticks.
    pub write_timeout: u64,
    /// In ticks.
    pub body_timeout: u64,
    /// Fields that trailers may have.
    pub trailers: usize,
}

impl Streams {
    pub fn new(
        ledger: &Rc<Ledger>,
        control: Rc<Control>,
        pulse: Rc<Pulse>,
        io_loop: LoopHandle,
        peer: Rc<Peer>,
        settings: &Settings,
    ) -> Rc<Self> {
        use crate::io_loop::ticks;
        Rc::new(Self {
            open: RefCell::default(),
            draining: Cell::new(false),
            notice: Notify::new(),
            account: Account::new(ledger, control.clone()),
            control,
            pulse,
            local: Local::of(&io_loop),
            io_loop,
            peer,
            write_timeout: ticks(settings.timeouts.write),
            body_timeout: ticks(settings.timeouts.body),
            trailers: settings.limits.headers,
        })
    }

    /// How many there are.
    pub fn open(&self) -> usize {
        self.open.borrow().len()
    }

    /// A request begins; returns its place.
    pub fn enter(&self, context: Rc<RequestContext>) -> usize {
        self.control.set_busy(true);
        self.open.borrow_mut().insert(context)
    }

    /// The request at `place` is over.
    pub fn leave(&self, place: usize) {
        let (context, is_last) = {
            let mut open = self.open.borrow_mut();
            let context = open.try_remove(place);
            (context, open.is_empty())
        };
        if let Some(context) = context {
            self.local.requests.recycle_context(context);
        }
        if is_last {
            // The connection may be idle from now on, or at its end.
            self.control.wake();
        }
    }

    /// The next request. A client that has not taken what it has been given, in times of need, waits for it.
    pub fn poll_accept(&self, connection: &mut Connection<Wire, Bytes>, cx: &mut Context<'_>) -> Accepted {
        if self.account.holds_back() {
            connection.poll_closed(cx).map(|closed| closed.err().map(Err))
        } else {
            connection.poll_accept(cx)
        }
    }

    /// The server drains.
    pub fn drain(&self) {
        self.draining.set(true);
        self.notice.notify_waiters();
    }

    /// Tells everybody who works on an answer that nobody will take it.
    pub fn cancel(&self, reason: CancelReason) {
        let contexts: Vec<_> = self.open.borrow().iter().map(|(_, context)| context.clone()).collect();
        for context in contexts {
            context.cancel(reason);
        }
    }
}
