//! One connection: reads requests, has them answered, writes the answers in order, and knows when to give up.
//!
//! The state machine has no `async` body because a connection that waits should be small: everything that only a busy one
//! needs is in its [`Work`], which goes back to the loop between requests.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::buffers::Buffers;
use super::resting::Resting;
use super::serving::Serving;
use super::upgrade::Switch;
use super::work::Work;
use crate::http::{CancelReason, Peer, Problem, RequestPool};
use crate::io_loop::{LoopHandle, Sleep, ticks};
use crate::listener::Stream;
use crate::metrics::LoopMetrics;
use crate::protocol::control::{ConnectionControl, Control, Shutdown};
use crate::protocol::date::Date;
use crate::protocol::{Arrival, Dispatch};

/// Turns that one poll may take before other connections have theirs.
const TURNS: usize = 32;

/// Where a connection is in its cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing of a next request has arrived.
    Waiting,
    /// A head is arriving.
    Head,
    /// A request is being answered, or an answer is being written.
    Busy,
    /// The rest of a body that nobody wants is being thrown away.
    Discarding,
}

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum End {
    /// All is said: FIN, then wait for the peer's.
    Close,
    /// The peer must not take what it got for complete, or takes nothing any more.
    Reset,
    /// The peer has closed its side, or is gone: nothing to wait for.
    Gone,
    /// Another protocol goes on.
    Upgrade(Box<Switch>),
    /// The connection began with the preface of HTTP/2.
    Http2(Box<Preface>),
}

/// What was read of a connection that is one of HTTP/2, its preface among it. Boxed, so that no other end is larger for it.
#[derive(Debug)]
pub(super) struct Preface(pub Vec<u8>);

/// One connection, from accept to close.
pub(super) struct Connection<D> {
    pub server: Rc<D>,
    pub stream: Stream,
    pub peer: Rc<Peer>,
    pub control: Rc<Control>,
    pub local: Rc<Local>,
    pub work: Option<Box<Work>>,
    /// Between two looks at the connection, instead of `work`.
    pub resting: Option<Box<Resting>>,
    sleep: Sleep,
    pub phase: Phase,
    /// When the phase began, or last saw a byte of what it waits for; in ticks.
    pub since: u64,
    /// Since when the peer has taken nothing; in ticks.
    pub stalled: Option<u64>,
    /// No request has begun yet.
    pub first: bool,
    /// The peer has shut down its side.
    pub left: bool,
    /// No further request is read.
    pub last: bool,
    /// Bytes came after the last request: nothing is read any more.
    pub deaf: bool,
    /// There may be something to read that there was no room for.
    pub paused: bool,
    /// The last answer has been encoded: it closes the connection, or `switch` goes on with it.
    pub closing: bool,
    pub switch: Option<Box<Switch>>,
    /// It began with the preface of HTTP/2.
    pub preface: bool,
}

/// What the connections of one loop share.
pub(in crate::protocol) struct Local {
    pub buffers: Rc<Buffers>,
    pub requests: Rc<RequestPool>,
    pub date: Date,
    pub metrics: Arc<LoopMetrics>,
}

/// What the connections of `io_loop` count.
pub(crate) fn loop_metrics(io_loop: &LoopHandle) -> Arc<LoopMetrics> {
    Local::of(io_loop).metrics.clone()
}

impl Local {
    /// That of `io_loop`.
    pub fn of(io_loop: &LoopHandle) -> Rc<Self> {
        io_loop.local(|| {
            let metrics = Arc::new(LoopMetrics::default());
            Self {
                buffers: Rc::new(Buffers::new(metrics.clone())),
                requests: io_loop.local(RequestPool::default),
                date: Date::default(),
                metrics,
            }
        })
    }
}

/// Serves a connection until it closes. `register` receives the server's hold on it, at once; what it returns is kept for as
/// long.
pub fn serve<D: Dispatch + 'static, K: 'static>(
    arrival: Arrival,
    server: Rc<D>,
    register: impl FnOnce(ConnectionControl) -> K + 'static,
) -> impl Future<Output = ()> + 'static {
    let Arrival { stream, peer, early, since } = arrival;
    let io_loop = server.io_loop();
    let local = Local::of(io_loop);
    let control = Control::new(local.metrics.clone());
    let mut connection = Connection {
        stream,
        peer: Rc::new(peer),
        control: control.clone(),
        local,
        work: None,
        resting: None,
        sleep: io_loop.sleep(),
        phase: Phase::Waiting,
        since,
        stalled: None,
        first: true,
        left: false,
        last: false,
        deaf: false,
        paused: false,
        closing: false,
        switch: None,
        preface: false,
        server,
    };
    if !early.is_empty() {
        connection.busy().input = early;
    }
    Serving::new(connection, register(ConnectionControl(control)))
}

impl<D: Dispatch + 'static> Future for Connection<D> {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let this = &mut *self;
        this.control.register(cx.waker());
        this.go_on();
        let end = match this.take_back().and_then(|()| this.run(cx)) {
            Ok(None) => {
                if let Some(work) = &mut this.work {
                    this.local.buffers.count(work);
                }
                match this.lend(cx) {
                    Ok(()) => {
                        this.rest();
                        return Poll::Pending;
                    }
                    Err(_) => End::Reset,
                }
            }
            Ok(Some(end)) => end,
            Err(error) if is_gone(&error) => End::Gone,
            Err(_) => End::Reset,
        };
        if let Some(work) = &this.work {
            work.cancel(CancelReason::ClientGone);
        }
        // Requests in progress are dropped here, before the connection lingers.
        this.work = None;
        this.control.set_busy(false);
        Poll::Ready(end)
    }
}

fn is_gone(error: &io::Error) -> bool {
    // The last one is of an encrypted stream that was cut.
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof)
}

impl<D: Dispatch + 'static> Connection<D> {
    /// Does what can be done. `None` when there is nothing left to do but wait.
    fn run(&mut self, cx: &mut Context<'_>) -> io::Result<Option<End>> {
        let mut tried = false;
        for _ in 0..TURNS {
            let now = self.io_loop().now();
            if self.control.shutdown() == Shutdown::Now {
                if let Some(work) = &self.work {
                    work.cancel(CancelReason::Shutdown);
                }
                return Ok(Some(End::Reset));
            }
            self.receive(cx, now)?;
            if self.preface {
                let early = std::mem::take(&mut self.busy().input);
                return Ok(Some(End::Http2(Box::new(Preface(early)))));
            }
            let unblocked = self.answer(cx, now)?;
            self.settle(now);
            if unblocked {
                if self.io_loop().turn_is_over() {
                    break;
                }
                continue;
            }
            if self.phase != Phase::Busy
                && let Some(switch) = self.switch.take()
            {
                return Ok(Some(End::Upgrade(switch)));
            }
            if self.phase != Phase::Busy && (self.closing || self.left) {
                // After the peer's FIN nothing can come that a reset would answer. A `Connection: close` is no FIN: what a
                // client sends after it all the same must not cost it the answer.
                return Ok(Some(if self.left { End::Gone } else { End::Close }));
            }
            if self.phase != Phase::Busy && self.draining() && self.drain_head(now)? {
                continue;
            }
            match self.wait(cx, now) {
                Some(Due::Nothing) => return Ok(None),
                Some(Due::HeadTimeout) => {
                    self.server.metrics().header_timeouts.add(1);
                    self.time_out_head();
                }
                Some(Due::End(_, Timeout::Write)) if !tried && self.stream.write_anyway() => tried = true,
                Some(Due::End(end, timeout)) => {
                    self.count(timeout);
                    return Ok(Some(end));
                }
                // A timer that was left running; look again.
                None => {}
            }
        }
        cx.waker().wake_by_ref();
        Ok(None)
    }

    pub fn into_parts(self) -> (Stream, Rc<Peer>, Rc<Control>, Rc<D>) {
        (self.stream, self.peer, self.control, self.server)
    }

    pub fn io_loop(&self) -> &LoopHandle {
        self.server.io_loop()
    }

    pub fn draining(&self) -> bool {
        self.control.shutdown() != Shutdown::Running || self.server.is_draining()
    }

    pub fn busy(&mut self) -> &mut Work {
        self.work.get_or_insert_with(|| self.local.buffers.work())
    }

    /// Moves on to the phase that the state amounts to.
    fn settle(&mut self, now: u64) {
        let phase = match &self.work {
            None => Phase::Waiting,
            Some(work) if !work.exchanges.is_empty() || !work.output.is_empty() => Phase::Busy,
            Some(work) if work.channel.is_some() => Phase::Discarding,
            // An empty line after a request (RFC 9112 section 2.2) does not begin the next one.
            Some(work) if work.has_begun() => Phase::Head,
            Some(_) => Phase::Waiting,
        };
        if phase == Phase::Waiting
            && let Some(work) = self.work.take_if(|work| work.is_idle())
        {
            self.local.buffers.recycle(work);
        }
        if phase != self.phase {
            // The time for the first head runs since the connection was accepted.
            if !self.first {
                self.since = now;
            }
            self.phase = phase;
            self.control.set_busy(phase == Phase::Busy);
        }
    }

    /// A server that drains closes a connection without a request. False when there is something to do on it.
    fn drain_head(&mut self, now: u64) -> io::Result<bool> {
        if self.phase != Phase::Waiting {
            return Ok(false);
        }
        // A request that the kernel has already must not be lost.
        if self.read_once(now)? {
            return Ok(true);
        }
        self.closing = true;
        Ok(true)
    }

    /// Arms the timer of the phase. `None` when it fired for something that is over.
    fn wait(&mut self, cx: &mut Context<'_>, now: u64) -> Option<Due> {
        let timeouts = &self.server.settings().timeouts;
        let (tick, due) = match (self.stalled, self.phase) {
            (Some(since), _) => (since + ticks(timeouts.write), Due::End(End::Reset, Timeout::Write)),
            (None, Phase::Busy) => {
                // The timer stays where it is: the next phase usually moves it.
                return Some(Due::Nothing);
            }
            // Whoever never says a byte has no longer than whoever says too little.
            (None, Phase::Waiting) if self.first => {
                (self.since + ticks(timeouts.header), Due::End(End::Close, Timeout::Idle))
            }
            (None, Phase::Waiting) => {
                (self.since + ticks(timeouts.idle), Due::End(End::Close, Timeout::Idle))
            }
            (None, Phase::Head) => (self.since + ticks(timeouts.header), Due::HeadTimeout),
            (None, Phase::Discarding) => {
                (self.since + ticks(timeouts.body), Due::End(End::Close, Timeout::Body))
            }
        };
        if tick <= now {
            return Some(due);
        }
        self.sleep.reset_at(tick);
        (!self.sleep.poll_fired(cx)).then_some(Due::Nothing)
    }

    fn count(&self, timeout: Timeout) {
        let metrics = &self.local.metrics;
        match timeout {
            Timeout::Write => metrics.write_timeouts.add(1),
            Timeout::Idle => metrics.idle_timeouts.add(1),
            Timeout::Body => {
                if let Some(channel) = self.work.as_ref().and_then(|work| work.channel.as_ref()) {
                    channel.count_timeout();
                }
            }
        }
    }

    fn time_out_head(&mut self) {
        let work = self.busy();
        let head = std::mem::take(&mut work.parser).take_head();
        work.input.clear();
        self.refuse(Problem::REQUEST_TIMEOUT, head);
    }
}

/// What a connection that waits has come to.
enum Due {
    Nothing,
    /// A head was not complete within `timeouts.header`.
    HeadTimeout,
    End(End, Timeout),
}

/// What a connection that ends has waited for in vain.
enum Timeout {
    Write,
    Idle,
    Body,
}
