//! What the sockets of one loop wait for: one event queue of the operating system, and the readiness of each source.
//!
//! Sources are registered once, for everything, and events are edges: a source keeps what it was told until somebody finds out
//! that it is over.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mio::event::{Event, Source};
use mio::{Interest, Token};
use slab::Slab;

/// Events that one look takes; the others come with the next one.
const EVENTS: usize = 1024;
/// The token of the loop's own waker.
const WAKER: Token = Token(usize::MAX);
/// Bits of a token that say which source; those above say which of those that had the place.
const PLACE_BITS: u32 = 24;
/// What one task may take from its sources in a row before others have their turn.
const PATIENCE: u32 = 128;

const READABLE: u8 = 1;
const WRITABLE: u8 = 2;
/// The peer has shut its side down, or the connection is gone. Never taken back.
const READ_CLOSED: u8 = 4;

/// See the module.
pub(crate) struct Reactor {
    queue: RefCell<mio::Poll>,
    events: RefCell<mio::Events>,
    sources: RefCell<Slab<Rc<State>>>,
    /// Distinguishes those that have the same place one after the other.
    registered: Cell<usize>,
    /// What is left of [`PATIENCE`].
    patience: Cell<u32>,
}

/// What is known of one source, and who waits for it.
struct State {
    token: Token,
    ready: Cell<u8>,
    /// Who of the three is to be woken, in the bits of `ready`.
    waiting: Cell<u8>,
    /// Kept from one time to the next.
    wakers: [Cell<Option<Waker>>; 3],
}

impl Reactor {
    /// An event queue without sources.
    ///
    /// # Errors
    /// When descriptors are exhausted.
    pub fn new() -> io::Result<Rc<Self>> {
        Ok(Rc::new(Self {
            queue: RefCell::new(mio::Poll::new()?),
            events: RefCell::new(mio::Events::with_capacity(EVENTS)),
            sources: RefCell::default(),
            registered: Cell::new(0),
            patience: Cell::new(PATIENCE),
        }))
    }

    /// Ends a [`Reactor::look`] that waits, from any thread.
    ///
    /// # Errors
    /// When descriptors are exhausted.
    pub fn waker(&self) -> io::Result<mio::Waker> {
        mio::Waker::new(self.queue.borrow().registry(), WAKER)
    }

    /// Runs `work` with the event queue.
    pub fn with_queue<T>(&self, work: impl FnOnce(&mio::Poll) -> T) -> T {
        work(&self.queue.borrow())
    }

    /// Looks at the event queue once, waiting for at most `time`, and wakes whoever waits for what happened. `awake` is called
    /// when the wait is over and nobody has been woken. Returns how many events there were.
    ///
    /// # Errors
    /// When the event queue is unusable.
    pub fn look(&self, time: Option<Duration>, awake: impl FnOnce()) -> io::Result<usize> {
        let mut events = self.events.borrow_mut();
        let looked = self.queue.borrow_mut().poll(&mut events, time);
        awake();
        match looked {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            looked => looked?,
        }
        let mut found = 0;
        for event in events.iter() {
            found += 1;
            let place = event.token().0 & ((1 << PLACE_BITS) - 1);
            let state = self.sources.borrow().get(place).cloned();
            // An event may be older than the source that has the place.
            if let Some(state) = state.filter(|state| state.token == event.token()) {
                state.happened(readiness(event));
            }
        }
        Ok(found)
    }

    /// A task begins: it may take what one task may take.
    pub fn begin_task(&self) {
        self.patience.set(PATIENCE);
    }

    /// Takes one from what the running task may take. When nothing is left it is woken at once, behind the others.
    pub fn poll_turn(&self, cx: &Context<'_>) -> Poll<()> {
        match self.patience.get().checked_sub(1) {
            Some(left) => {
                self.patience.set(left);
                Poll::Ready(())
            }
            None => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn register(&self, source: &mut (impl Source + ?Sized), interest: Interest) -> io::Result<Rc<State>> {
        let mut sources = self.sources.borrow_mut();
        let entry = sources.vacant_entry();
        if entry.key() >= 1 << PLACE_BITS {
            return Err(io::Error::other("a loop has no more than 16 million sources"));
        }
        self.registered.set(self.registered.get().wrapping_add(1));
        let token = Token(self.registered.get() << PLACE_BITS | entry.key());
        self.queue.borrow().registry().register(source, token, interest)?;
        let state = Rc::new(State {
            token,
            // Whoever tries finds out, before the first event has come.
            ready: Cell::new(READABLE | WRITABLE),
            waiting: Cell::new(0),
            wakers: Default::default(),
        });
        entry.insert(state.clone());
        Ok(state)
    }

    fn deregister(&self, source: &mut (impl Source + ?Sized), state: &State) {
        // A descriptor that is gone already needs nothing.
        let _ = self.queue.borrow().registry().deregister(source);
        self.sources.borrow_mut().try_remove(state.token.0 & ((1 << PLACE_BITS) - 1));
    }
}

/// What `event` says. An error is for whoever tries next, in either direction.
fn readiness(event: &Event) -> u8 {
    let mut ready = 0;
    if event.is_readable() || event.is_read_closed() || event.is_error() {
        ready |= READABLE;
    }
    if event.is_writable() || event.is_write_closed() || event.is_error() {
        ready |= WRITABLE;
    }
    if event.is_read_closed() {
        ready |= READ_CLOSED;
    }
    ready
}

impl State {
    fn happened(&self, ready: u8) {
        self.ready.set(self.ready.get() | ready);
        let waiting = self.waiting.get();
        let woken = waiting & ready;
        if woken == 0 {
            return;
        }
        self.waiting.set(waiting & !woken);
        for (bit, slot) in self.wakers.iter().enumerate() {
            if woken & (1 << bit) != 0
                && let Some(waker) = slot.take()
            {
                waker.wake_by_ref();
                // Kept for the next time, unless the wake has left another one.
                slot.set(slot.take().or(Some(waker)));
            }
        }
    }

    /// Whether `bit` is set; else the task of `cx` is woken when it is.
    fn poll(&self, bit: u8, cx: &Context<'_>) -> Poll<()> {
        if self.ready.get() & bit != 0 {
            return Poll::Ready(());
        }
        self.wait(bit, cx);
        Poll::Pending
    }

    /// The task of `cx` is woken when `bit` is set the next time.
    fn wait(&self, bit: u8, cx: &Context<'_>) {
        self.waiting.set(self.waiting.get() | bit);
        let slot = &self.wakers[bit.trailing_zeros() as usize];
        let known = slot.take().filter(|waker| waker.will_wake(cx.waker()));
        slot.set(Some(known.unwrap_or_else(|| cx.waker().clone())));
    }

    fn clear(&self, bit: u8) {
        self.ready.set(self.ready.get() & !bit);
    }
}

/// A source of events, registered with a loop for as long as it exists. One task waits for each direction.
pub(crate) struct Io<S: Source> {
    source: S,
    state: Rc<State>,
    reactor: Rc<Reactor>,
}

impl<S: Source> Io<S> {
    /// Registers `source`, which must not block.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn new(mut source: S, interest: Interest, reactor: Rc<Reactor>) -> io::Result<Self> {
        let state = reactor.register(&mut source, interest)?;
        Ok(Self { source, state, reactor })
    }

    /// The source itself.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Whether reading may give something, as far as is known. Not for ever: a task that is never told to wait would let nobody
    /// else run.
    pub fn poll_read_ready(&self, cx: &Context<'_>) -> Poll<()> {
        if self.state.poll(READABLE, cx).is_pending() {
            return Poll::Pending;
        }
        self.reactor.poll_turn(cx)
    }

    /// There is nothing to read until the next event.
    pub fn clear_readable(&self) {
        // The end stays readable: there is no further event.
        if self.state.ready.get() & READ_CLOSED == 0 {
            self.state.clear(READABLE);
        }
    }

    /// There was nothing to read after all: the task of `cx` is woken by the next event.
    pub fn wait_readable(&self, cx: &Context<'_>) {
        self.state.clear(READABLE);
        self.state.wait(READABLE, cx);
    }

    /// Whether writing may succeed, as far as is known.
    pub fn poll_write_ready(&self, cx: &Context<'_>) -> Poll<()> {
        self.state.poll(WRITABLE, cx)
    }

    /// There may be room that no event has told of.
    pub fn assume_writable(&self) {
        self.state.ready.set(self.state.ready.get() | WRITABLE);
    }

    /// There was no room after all: the task of `cx` is woken by the next event.
    pub fn wait_writable(&self, cx: &Context<'_>) {
        self.state.clear(WRITABLE);
        self.state.wait(WRITABLE, cx);
    }

    /// Whether the peer has shut its side down or the connection is gone, whatever is still unread.
    pub fn poll_read_closed(&self, cx: &Context<'_>) -> Poll<()> {
        self.state.poll(READ_CLOSED, cx)
    }

    /// See [`Reactor::poll_turn`].
    pub fn poll_turn(&self, cx: &Context<'_>) -> Poll<()> {
        self.reactor.poll_turn(cx)
    }
}

impl<S: Source> Drop for Io<S> {
    fn drop(&mut self) {
        self.reactor.deregister(&mut self.source, &self.state);
    }
}
