//! One connection: begins its streams, keeps its deadlines, ends it.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::code;
use super::control::Unidirectional;
use super::exchange::Exchange;
use super::outgoing::Outgoing;
use super::shared::Shared;
use super::{frames, varint};
use crate::http::{CancelReason, Peer};
use crate::io_loop::{Sleep, ticks};
use crate::listener::quic::{self, Dir, Lost, StreamId};
use crate::protocol::Dispatch;
use crate::protocol::control::{Control, Shutdown};

/// Streams that one poll begins before other tasks have their turn.
const TURNS: usize = 32;
/// How long the peer of a connection without requests has to take notice of its end.
const GOODBYE: Duration = Duration::from_millis(100);
/// The setting that says how large a field section may be.
const MAX_FIELD_SECTION_SIZE: u64 = 0x06;

/// What a connection that waits has come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    Idle,
    Goodbye,
    Ping,
}

struct Session<D> {
    server: Rc<D>,
    peer: Rc<Peer>,
    shared: Rc<Shared>,
    /// Ours that is no answer.
    control: Outgoing,
    unidirectional: Unidirectional,
    sleep: Sleep,
    /// When the connection began, in ticks.
    since: u64,
    /// No request has begun yet.
    first: bool,
    /// The id of the first stream that has not begun.
    next: u64,
    /// When the peer was told that the connection ends after the requests in progress; in ticks.
    told: Option<u64>,
    /// When the peer was last asked for a sign of life; in ticks.
    pinged: u64,
}

/// Serves a connection whose handshake is over, until it closes.
pub(super) async fn run<D: Dispatch + 'static>(
    connection: Rc<quic::Connection>,
    (peer, since): (Rc<Peer>, u64),
    server: Rc<D>,
    control: Rc<Control>,
) {
    let io_loop = server.io_loop().clone();
    let (quic, ledger) = (connection.clone(), server.ledger());
    let shared = Shared::new(quic, ledger, control, io_loop.clone(), server.settings());
    // A peer that lets nobody open a stream cannot be told what it may do (RFC 9114 section 6.2).
    let Some(id) = connection.open() else { return connection.close(code::STREAM_CREATION_ERROR) };
    let control = Outgoing::new(connection, id);
    control.push(settings(shared.section).into());
    let session = Session {
        server,
        peer,
        shared,
        control,
        unidirectional: Unidirectional::default(),
        sleep: io_loop.sleep(),
        since,
        first: true,
        next: 0,
        told: None,
        pinged: io_loop.now(),
    };
    session.await;
}

/// The beginning of our control stream.
fn settings(section: usize) -> Vec<u8> {
    let mut settings = Vec::new();
    varint::put(&mut settings, MAX_FIELD_SECTION_SIZE);
    varint::put(&mut settings, section as u64);
    let mut out = vec![0];
    varint::put(&mut out, frames::SETTINGS);
    varint::put(&mut out, settings.len() as u64);
    out.extend_from_slice(&settings);
    out
}

impl<D: Dispatch + 'static> Future for Session<D> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.shared.control.register(cx.waker());
        let Some(reason) = this.run(cx) else { return Poll::Pending };
        // Those who still work on answers hear of it.
        this.shared.cancel(reason);
        this.shared.control.set_busy(false);
        Poll::Ready(())
    }
}

impl<D: Dispatch + 'static> Session<D> {
    /// Does what can be done. `None` when there is nothing left to do but wait, else what became of requests in progress.
    fn run(&mut self, cx: &mut Context<'_>) -> Option<CancelReason> {
        let connection = self.shared.connection.clone();
        for _ in 0..TURNS {
            if self.shared.control.shutdown() == Shutdown::Now {
                connection.close(code::NO_ERROR);
                return Some(CancelReason::Shutdown);
            }
            if let Poll::Ready(lost) = connection.poll_lost(cx) {
                if lost == Lost::Failed {
                    self.server.metrics().malformed.add(1);
                }
                return Some(CancelReason::ClientGone);
            }
            let now = self.shared.io_loop.now();
            self.say_goodbye(now);
            if self.control.poll_flush(cx).is_pending() {
                // The peer takes nothing yet; it is woken for when it does.
            } else if self.control.poll_stopped(cx).is_ready() {
                self.shared.fail(code::CLOSED_CRITICAL_STREAM);
            }
            if let Err(code) = self.unidirectional.poll(&self.shared, cx) {
                self.shared.fail(code);
            }
            if let Some(code) = self.over() {
                connection.close(code);
                return Some(CancelReason::ClientGone);
            }
            // A client that has not taken what it has been given waits, in times of need.
            if !self.shared.account.holds_back()
                && let Poll::Ready(Some(id)) = connection.poll_accept(Dir::Bi, cx)
            {
                self.begin(cx, id);
                if self.shared.io_loop.turn_is_over() {
                    break;
                }
                continue;
            }
            match self.wait(cx, now) {
                None => return None,
                Some(None) => {}
                Some(Some(Due::Ping)) => {
                    self.pinged = now;
                    connection.ping();
                }
                Some(Some(due)) => {
                    if due == Due::Idle {
                        self.shared.control.metrics.idle_timeouts.add(1);
                    }
                    connection.close(code::NO_ERROR);
                    return Some(CancelReason::ClientGone);
                }
            }
        }
        cx.waker().wake_by_ref();
        None
    }

    /// Why the connection cannot go on, which is counted.
    fn over(&self) -> Option<u64> {
        let metrics = self.server.metrics();
        if self.shared.resets.is_exceeded() || self.shared.idle_frames.is_exceeded() {
            metrics.floods.add(1);
            return Some(code::EXCESSIVE_LOAD);
        }
        let code = self.shared.broken()?;
        metrics.malformed.add(1);
        Some(code)
    }

    fn drains(&self) -> bool {
        self.shared.control.shutdown() != Shutdown::Running || self.server.is_draining()
    }

    /// Once, when the server drains: no further request is taken, those in progress are answered.
    fn say_goodbye(&mut self, now: u64) {
        if self.drains() && self.told.is_none() {
            self.told = Some(now);
            let mut id = Vec::new();
            varint::put(&mut id, self.next);
            let mut goaway = Vec::new();
            varint::put(&mut goaway, frames::GOAWAY);
            varint::put(&mut goaway, id.len() as u64);
            goaway.extend_from_slice(&id);
            self.control.push(goaway.into());
        }
    }

    /// Begins with a request; most are answered at once, or need a task of their own.
    fn begin(&mut self, cx: &mut Context<'_>, id: StreamId) {
        if self.told.is_some() {
            // It may be sent again, elsewhere (RFC 9114 section 5.2).
            self.shared.connection.stop(id, code::REQUEST_REJECTED);
            self.shared.connection.reset(id, code::REQUEST_REJECTED);
            self.shared.connection.forget(id);
            return;
        }
        self.first = false;
        self.next = (id.index() + 1) * 4;
        let (server, peer) = (self.server.clone(), self.peer.clone());
        let mut exchange = Box::new(Exchange::new(server, peer, self.shared.clone(), id));
        if Pin::new(&mut *exchange).poll(cx).is_pending() {
            self.shared.io_loop.spawn(exchange);
        }
    }

    /// Arms the timer. `None` when there is nothing to do but wait, `Some(None)` when it fired for something that is over.
    fn wait(&mut self, cx: &mut Context<'_>, now: u64) -> Option<Option<Due>> {
        let timeouts = &self.server.settings().timeouts;
        let busy = self.shared.open() + self.shared.connection.unconfirmed() > 0;
        let quiet = self.shared.quiet.get();
        let (tick, due) = match self.told {
            // Who waits for an answer is asked for a sign of life; who gives none is gone.
            _ if busy => (self.pinged + ticks(timeouts.idle / 3), Due::Ping),
            Some(told) => (quiet.max(told) + ticks(GOODBYE), Due::Goodbye),
            // Whoever never asks for anything has no longer than whoever says too little.
            None if self.first => (self.since + ticks(timeouts.header), Due::Idle),
            None => (quiet + ticks(timeouts.idle), Due::Idle),
        };
        if tick <= now {
            return Some(Some(due));
        }
        self.sleep.reset_at(tick);
        self.sleep.poll_fired(cx).then_some(None)
    }
}
