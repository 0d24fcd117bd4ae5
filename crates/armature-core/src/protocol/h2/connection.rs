//! One connection: begins its streams, keeps its deadlines, ends it.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use ::h2::server::{self, SendResponse};
use ::h2::{Reason, RecvStream};
use bytes::Bytes;
use http::Method;

use super::PREFACE;
use super::body::{RequestBody, Responder};
use super::exchange::{Exchange, WayOut};
use super::head::{self, Parsed};
use super::meter::Meter;
use super::stage::{Queued, Stage};
use super::streams::Streams;
use super::wire::{Pulse, Wire};
use crate::config::{Limits, Settings};
use crate::http::{Body, CancelReason, Head, Peer};
use crate::io_loop::{LoopHandle, Sleep, ticks};
use crate::listener::Stream;
use crate::protocol::control::{Control, Shutdown};
use crate::protocol::h1::Linger;
use crate::protocol::unsent::Debt;
use crate::protocol::{Dispatch, ws};

/// Streams that one poll begins before other tasks have their turn.
const TURNS: usize = 32;
/// How long the peer of a connection without requests has to take notice of its end.
const GOODBYE: Duration = Duration::from_secs(1);
/// Bodies that may wait unread before those of other streams are held up.
const WINDOWS: usize = 16;
/// What the size of a list counts for each field beside its bytes (RFC 9113 section 6.5.2).
const FIELD: usize = 32;

/// Why a connection ends.
enum End {
    /// All is said: FIN, then wait for the peer's.
    Close,
    /// The peer takes nothing any more, or must not wait for more.
    Reset,
    /// The peer is gone.
    Gone,
}

/// What a connection that waits has come to.
enum Due {
    Write,
    Header,
    Idle,
    Goodbye,
}

struct Session<D> {
    server: Rc<D>,
    peer: Rc<Peer>,
    streams: Rc<Streams>,
    stage: Stage,
    sleep: Sleep,
    /// Since when there is no request, or since it was accepted; in ticks.
    since: u64,
    /// No request has begun yet.
    first: bool,
    /// When the peer was told that the connection ends after the requests in progress; in ticks.
    told: Option<u64>,
    /// The peer is told that the connection ends now.
    closing: bool,
    /// Memory for the next head.
    spare: Head,
    /// Has the state machine while there is much in it: between two looks at the connection.
    debt: Option<Debt<Queued>>,
}

/// Serves a connection of which `early` has been read, until it closes.
pub(in crate::protocol) async fn run<D: Dispatch + 'static>(
    (stream, peer, early, since): (Stream, Rc<Peer>, Vec<u8>, u64),
    server: Rc<D>,
    control: Rc<Control>,
) {
    let (settings, io_loop) = (server.settings(), server.io_loop().clone());
    let pulse = Pulse::new(Meter::new(&settings.limits, PREFACE.len()));
    let wire = Wire::new(stream.clone(), early, io_loop.clone(), pulse.clone());
    let session = Session {
        peer: peer.clone(),
        streams: Streams::new(server.ledger(), control.clone(), pulse, io_loop.clone(), peer, settings),
        stage: Stage::Handshake(builder(settings).handshake(wire)),
        sleep: io_loop.sleep(),
        since,
        first: true,
        told: None,
        closing: false,
        spare: Head::default(),
        debt: None,
        server,
    };
    match session.await {
        End::Close => Linger::new(stream, control, &io_loop).await,
        End::Reset => stream.reset_on_close(),
        End::Gone => {}
    }
}

/// What a peer may do.
fn builder(settings: &Settings) -> server::Builder {
    let Limits { streams, header, headers, request_buffer, response_buffer, .. } = settings.limits;
    let window = |bytes: usize| bytes.min(i32::MAX as usize) as u32;
    let mut builder = server::Builder::new();
    builder
        .max_concurrent_streams(streams as u32)
        // Heads that are a little too large get an answer that says so; much larger ones end the connection.
        .max_header_list_size((header + headers * FIELD) as u32)
        .initial_window_size(window(request_buffer))
        .initial_connection_window_size(window(request_buffer.saturating_mul(WINDOWS)))
        .max_send_buffer_size(response_buffer)
        // Resets have an allowance, which counts those of both sides; see `meter`.
        .max_pending_accept_reset_streams(streams)
        .max_local_error_reset_streams(None)
        .enable_connect_protocol();
    builder
}

impl<D: Dispatch + 'static> Future for Session<D> {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let this = &mut *self;
        this.control().register(cx.waker());
        let end = if this.take_back() { this.run(cx) } else { Some(End::Reset) };
        this.count();
        let end = if end.is_none() && !this.lend(cx) { Some(End::Reset) } else { end };
        let Some(end) = end else { return Poll::Pending };
        // Those who still work on answers hear of it; the state machine, when it is dropped, wakes their tasks.
        this.streams.cancel(CancelReason::ClientGone);
        this.control().set_busy(false);
        Poll::Ready(end)
    }
}

impl<D: Dispatch + 'static> Session<D> {
    /// Does what can be done. `None` when there is nothing left to do but wait.
    fn run(&mut self, cx: &mut Context<'_>) -> Option<End> {
        for _ in 0..TURNS {
            if self.control().shutdown() == Shutdown::Now {
                self.streams.cancel(CancelReason::Shutdown);
                return Some(End::Reset);
            }
            let now = self.io_loop().now();
            self.say_goodbye(now);
            match &mut self.stage {
                Stage::Handshake(handshake) => match Pin::new(handshake).poll(cx) {
                    Poll::Ready(Ok(connection)) => {
                        self.stage = Stage::Open(connection);
                        continue;
                    }
                    Poll::Ready(Err(error)) => return Some(self.failed(&error)),
                    Poll::Pending if self.drains() => return Some(End::Close),
                    Poll::Pending => {}
                },
                Stage::Open(connection) => match self.streams.poll_accept(connection, cx) {
                    Poll::Ready(Some(Ok((request, respond)))) => {
                        self.begin(cx, request, respond);
                        if self.io_loop().turn_is_over() {
                            break;
                        }
                        continue;
                    }
                    Poll::Ready(Some(Err(error))) => return Some(self.failed(&error)),
                    Poll::Ready(None) if self.streams.pulse.left.get() => return Some(End::Gone),
                    Poll::Ready(None) => return Some(End::Close),
                    Poll::Pending => {}
                },
                Stage::Lent => return Some(End::Gone),
            }
            if self.is_flooded() {
                if self.close(Reason::ENHANCE_YOUR_CALM) {
                    continue;
                }
                return Some(End::Reset);
            }
            match self.wait(cx, now) {
                None => return None,
                Some(None) => {}
                Some(Some(due)) => {
                    if let Some(end) = self.time_out(&due) {
                        return Some(end);
                    }
                }
            }
        }
        cx.waker().wake_by_ref();
        None
    }

    /// Takes back what a debt had while nobody looked. False when it was given up, and with it the connection.
    fn take_back(&mut self) -> bool {
        let Some(debt) = &self.debt else { return true };
        let Some(queued) = debt.take() else { return false };
        self.stage = queued.stage;
        true
    }

    /// Gives the state machine to a debt, while content waits in it for the socket, until the next look. False when it is given up.
    fn lend(&mut self, cx: &Context<'_>) -> bool {
        let Streams { pulse, account, .. } = &*self.streams;
        let bytes = pulse.queued.get();
        if pulse.stalled.get().is_none() || bytes == 0 {
            pulse.queued.set(0);
            self.debt = None;
            return true;
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Lent);
        let debt = self.debt.get_or_insert_with(|| account.open());
        debt.keep(Queued { stage, bytes }, 0, cx)
    }

    fn control(&self) -> &Control {
        &self.streams.control
    }

    fn io_loop(&self) -> &LoopHandle {
        self.server.io_loop()
    }

    fn drains(&self) -> bool {
        self.control().shutdown() != Shutdown::Running || self.server.is_draining()
    }

    /// Once, when the server drains: no further request is taken, those in progress are answered.
    fn say_goodbye(&mut self, now: u64) {
        let draining = self.drains();
        if let Stage::Open(connection) = &mut self.stage
            && draining
            && self.told.is_none()
        {
            self.told = Some(now);
            connection.graceful_shutdown();
            self.streams.drain();
        }
    }

    /// The peer costs more than it may, which is counted once.
    fn is_flooded(&mut self) -> bool {
        let flooded = !self.closing && self.streams.pulse.meter.borrow().is_exceeded();
        if flooded {
            self.server.metrics().floods.add(1);
        }
        flooded
    }

    /// Tells the peer that the connection ends now, and why. False when there is no way to.
    fn close(&mut self, reason: Reason) -> bool {
        self.closing = true;
        match &mut self.stage {
            Stage::Handshake(_) | Stage::Lent => false,
            Stage::Open(connection) => {
                connection.abrupt_shutdown(reason);
                true
            }
        }
    }

    /// The connection has ended by itself; when this side ended it, the peer has been told.
    fn failed(&self, error: &::h2::Error) -> End {
        let metrics = self.server.metrics();
        if error.is_io() {
            return End::Gone;
        }
        if error.is_library() {
            let is_flood = error.reason() == Some(Reason::ENHANCE_YOUR_CALM);
            if is_flood { &metrics.floods } else { &metrics.malformed }.add(1);
        }
        End::Close
    }

    /// Arms the timer. `None` when there is nothing to do but wait, `Some(None)` when it fired for something that is over.
    fn wait(&mut self, cx: &mut Context<'_>, now: u64) -> Option<Option<Due>> {
        let Streams { pulse, .. } = &*self.streams;
        let timeouts = &self.server.settings().timeouts;
        let open = self.streams.open();
        if open > 0 {
            self.since = now;
        }
        let stalled = pulse.stalled.get().map(|since| (since + self.streams.write_timeout, Due::Write));
        let due = if self.closing {
            stalled
        } else {
            let meter = pulse.meter.borrow();
            let unfinished = meter.unfinished_since();
            let unfinished = unfinished.map(|since| (since + ticks(timeouts.header), Due::Header));
            // An answer may be on its way when nobody works on it any more.
            let quiet = self.since.max(meter.answered());
            let idle = match self.told {
                _ if open > 0 => None,
                Some(told) => Some((quiet.max(told) + ticks(GOODBYE), Due::Goodbye)),
                // Whoever never asks for anything has no longer than whoever says too little.
                None if self.first => Some((self.since + ticks(timeouts.header), Due::Idle)),
                None => Some((quiet + ticks(timeouts.idle), Due::Idle)),
            };
            [stalled, unfinished, idle].into_iter().flatten().min_by_key(|(tick, _)| *tick)
        };
        let (tick, due) = due?;
        if tick <= now {
            return Some(Some(due));
        }
        self.sleep.reset_at(tick);
        self.sleep.poll_fired(cx).then_some(None)
    }

    /// What was waited for did not come.
    fn time_out(&mut self, due: &Due) -> Option<End> {
        let metrics = &self.streams.control.metrics;
        let last = match due {
            Due::Write => {
                metrics.write_timeouts.add(1);
                return Some(End::Reset);
            }
            Due::Header => {
                self.server.metrics().header_timeouts.add(1);
                self.close(Reason::NO_ERROR)
            }
            Due::Idle => {
                metrics.idle_timeouts.add(1);
                self.close(Reason::NO_ERROR)
            }
            Due::Goodbye => self.close(Reason::NO_ERROR),
        };
        // Without a handshake there is nobody who would understand a last word.
        (!last).then_some(End::Close)
    }

    fn count(&mut self) {
        let malformed = self.streams.pulse.meter.borrow_mut().take_malformed();
        if malformed > 0 {
            self.server.metrics().malformed.add(malformed);
        }
    }

    /// Hands a request to the server, and its answer to a task of its own.
    fn begin(
        &mut self,
        cx: &mut Context<'_>,
        request: http::Request<RecvStream>,
        respond: SendResponse<Bytes>,
    ) {
        self.first = false;
        let (parts, received) = request.into_parts();
        let spare = std::mem::take(&mut self.spare);
        let Parsed { head, length, expects, websocket, problem } =
            head::read(&parts, spare, &self.server.settings().limits);
        let head_only = *head.method() == Method::HEAD;
        let id = self.io_loop().next_request_id();
        let (mut request, spare) = self.streams.local.requests.request(head, &self.peer, id);
        self.spare = spare;
        let context = request.context.clone();
        context.begin_beside(self.streams.open());
        let respond = Rc::new(RefCell::new(Responder { stream: respond, answered: false }));
        let streams = self.streams.clone();
        let mut way_out = None;
        let (answer, in_flight) = match problem {
            Some(problem) => {
                self.server.metrics().malformed.add(1);
                (self.server.clone().refuse(request, problem), None)
            }
            None => {
                if websocket {
                    request.note_protocol(ws::PROTOCOL);
                    way_out = Some(Box::new(WayOut { received, server: self.server.clone() }));
                } else if !received.is_end_stream() {
                    let expects = expects.then(|| respond.clone());
                    let (streams, context) = (streams.clone(), context.clone());
                    request.body =
                        Body::stream(RequestBody::new(received, streams, context, length, expects));
                }
                let (answer, in_flight) = self.server.clone().dispatch(request);
                (answer, Some(in_flight))
            }
        };
        let mut exchange = Exchange::new(respond, streams, context, (head_only, way_out), answer, in_flight);
        // Most answers of native handlers are complete before anybody has to wait.
        if exchange.is_answered() && Pin::new(&mut exchange).poll(cx).is_ready() {
            return;
        }
        self.io_loop().spawn(exchange);
    }
}
