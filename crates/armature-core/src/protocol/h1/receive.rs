//! The reading half of a connection: bytes to requests, requests to the server.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Method;

use super::body::{Channel, RequestBody};
use super::connection::Connection;
use super::content::{Decoder, Step};
use super::encode::{self, Asked};
use super::framing::Framing;
use super::head::{HeadLimits, Parsed};
use super::work::{Answer, Exchange, Work};
use crate::http::{Body, CancelReason, Head, Problem, Request, Version};
use crate::protocol::unsent::Debt;
use crate::protocol::{Dispatch, h2};

/// A body of known length up to this size that has arrived with its head is not streamed.
const WHOLE_BYTES: usize = 64 * 1024;

impl<D: Dispatch + 'static> Connection<D> {
    /// Takes in what can be taken in now.
    pub fn receive(&mut self, cx: &mut Context<'_>, now: u64) -> io::Result<()> {
        self.paused = false;
        if !self.release_channel(cx, now)? {
            self.watch(cx);
            return Ok(());
        }
        if self.left {
            return Ok(());
        }
        self.resume(now);
        // Bounded: a task that has read many times in a row is made to wait for the others.
        while self.may_read() {
            let local = self.local.clone();
            let read = local.buffers.with_scratch(|scratch| match self.stream.poll_read(cx, scratch) {
                Poll::Ready(Ok(n)) => {
                    self.take_in(&scratch[..n], now);
                    Poll::Ready(Ok(n))
                }
                other => other,
            });
            match read {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => {
                    self.peer_left();
                    return Ok(());
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        if !self.left {
            self.paused = true;
            self.watch(cx);
        }
        Ok(())
    }

    /// One read, whatever the event queue knows; false when there was nothing.
    pub fn read_once(&mut self, now: u64) -> io::Result<bool> {
        let local = self.local.clone();
        local.buffers.with_scratch(|scratch| match self.stream.read_now(scratch) {
            Ok(0) => {
                self.peer_left();
                Ok(true)
            }
            Ok(n) => {
                self.take_in(&scratch[..n], now);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        })
    }

    fn peer_left(&mut self) {
        self.left = true;
        if let Some(work) = &mut self.work {
            // Half a head will not be completed.
            work.input.clear();
            work.parser.restart();
            work.cancel(CancelReason::ClientGone);
        }
    }

    pub fn may_read(&self) -> bool {
        if self.left || self.deaf {
            return false;
        }
        let Some(work) = &self.work else { return true };
        work.channel.is_none()
            && work.output.has_room()
            && work.debt.as_ref().is_none_or(|debt| !debt.holds_back())
            && work.exchanges.len() < self.server.settings().limits.pipeline
            // What cannot begin yet would only pile up.
            && (work.input.is_empty() || may_begin(work, &work.input))
    }

    /// The body of the last request: true when it is out of the way.
    fn release_channel(&mut self, cx: &mut Context<'_>, now: u64) -> io::Result<bool> {
        let Some(work) = &mut self.work else { return Ok(true) };
        let Some(channel) = &work.channel else { return Ok(true) };
        if work.exchanges.is_empty() && !channel.is_complete() {
            // Answered without it. What is left is little, or the answer would have said that it closes.
            loop {
                match channel.poll_discard(cx) {
                    Poll::Pending => return Ok(false),
                    Poll::Ready(Ok(true)) => break,
                    Poll::Ready(Ok(false)) => self.since = now,
                    Poll::Ready(Err(_)) => {
                        work.channel = None;
                        self.closing = true;
                        return Ok(true);
                    }
                }
            }
        }
        if !channel.is_complete() {
            // It belongs to the last request: the answers of those before it come first.
            let is_next = work.exchanges.len() == 1 && work.writing.is_none();
            if is_next && work.output.has_room() && channel.take_continue() {
                work.output.gathered().extend_from_slice(encode::CONTINUE);
                if let Some(exchange) = work.exchanges.front_mut() {
                    exchange.owes_continue = false;
                }
            }
            return Ok(false);
        }
        work.input = channel.take_rest();
        work.channel = None;
        Ok(true)
    }

    /// Notices that the peer leaves while nothing is read.
    fn watch(&mut self, cx: &mut Context<'_>) {
        let Some(work) = &mut self.work else { return };
        // Told once for each request that waits.
        if work.exchanges.is_empty() || work.told {
            return;
        }
        if self.stream.poll_read_closed(cx).is_ready() {
            work.told = true;
            work.cancel(CancelReason::ClientGone);
        }
    }

    /// Goes on with what was received before.
    fn resume(&mut self, now: u64) {
        let Some(work) = &mut self.work else { return };
        if work.input.is_empty() {
            return;
        }
        let mut input = std::mem::take(&mut work.input);
        let used = self.consume(&input, now);
        input.drain(..used);
        if let Some(work) = &mut self.work {
            work.input = input;
        }
    }

    /// Understands `bytes`, which have just been read.
    fn take_in(&mut self, bytes: &[u8], now: u64) {
        if self.last {
            // Nobody will answer what follows the last request.
            self.deaf = true;
            return;
        }
        let work = self.busy();
        if work.input.is_empty() {
            let used = self.consume(bytes, now);
            let rest = &bytes[used..];
            if !rest.is_empty() {
                self.busy().input.extend_from_slice(rest);
            }
        } else {
            work.input.extend_from_slice(bytes);
            self.resume(now);
        }
    }

    /// Begins every request that is complete and may begin; returns the bytes that are done with.
    fn consume(&mut self, bytes: &[u8], now: u64) -> usize {
        let settings = self.server.settings();
        let limits = HeadLimits::from(&settings.limits);
        let pipeline = settings.limits.pipeline;
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let work = self.busy();
            let held = work.debt.as_ref().is_some_and(Debt::holds_back);
            if held || work.channel.is_some() || work.exchanges.len() >= pipeline || !may_begin(work, rest) {
                break;
            }
            match work.parser.advance(rest, &limits) {
                Ok(None) => break,
                // What follows may be another protocol's, so nothing is begun beside it. It is parsed anew when it may begin.
                Ok(Some((parsed, _))) if parsed.upgrades && !work.exchanges.is_empty() => {
                    work.alone = true;
                    break;
                }
                Ok(Some((parsed, used))) => {
                    at += used;
                    at += self.begin(parsed, &bytes[at..], limits, now);
                }
                Err(problem) => {
                    if at == 0 && self.meets_preface(rest) {
                        break;
                    }
                    let head = self.busy().parser.take_head();
                    self.refuse(problem, head);
                }
            }
            if self.last {
                return bytes.len();
            }
        }
        at
    }

    /// Whether `bytes`, which are no request, begin a connection of HTTP/2. Looked for here, it costs HTTP/1 nothing.
    #[cold]
    fn meets_preface(&mut self, bytes: &[u8]) -> bool {
        if !self.first || !h2::may_begin(bytes) {
            return false;
        }
        self.busy().parser.restart();
        // Until then it may become something else.
        self.preface = bytes.len() >= h2::PREFACE.len();
        self.deaf = self.preface;
        true
    }

    /// Hands one request to the server; returns how much of `rest` was its body.
    fn begin(&mut self, parsed: Parsed, rest: &[u8], limits: HeadLimits, now: u64) -> usize {
        let Parsed { head, framing, persists, expects, upgrades } = parsed;
        let asked =
            Asked { http10: head.version() == Version::Http10, head_only: *head.method() == Method::HEAD };
        let safe = head.method().is_safe() && !upgrades;
        let id = self.io_loop().next_request_id();
        let (mut request, spare) = self.local.requests.request(head, &self.peer, id);
        let context = request.context.clone();
        let work = self.busy();
        work.parser.reuse(spare);
        context.begin_beside(work.exchanges.len());
        if upgrades {
            self.busy().alone = false;
            request.note_upgrade();
        }
        // Whether a handler has read the content before it upgrades must not depend on how it arrived.
        let whole =
            if upgrades && framing != Framing::Length(0) { None } else { whole_body(framing, rest, &limits) };
        let used = match whole {
            Some((body, used)) => {
                request.body = body;
                used
            }
            None => {
                let shared = (self.local.buffers.clone(), self.control.clone());
                let channel = Channel::new(self.stream.clone(), shared, limits, framing, expects, rest);
                let timeout = self.server.settings().timeouts.body;
                let reader =
                    RequestBody::new(channel.clone(), context.clone(), self.io_loop().clone(), timeout);
                request.body = Body::stream(reader);
                self.busy().channel = Some(channel);
                rest.len()
            }
        };
        let (answer, in_flight) = self.server.clone().dispatch(request);
        let answer = Answer::Waiting(answer);
        let answer = Exchange {
            answer,
            in_flight: Some(in_flight),
            context,
            asked,
            persists,
            safe,
            owes_continue: expects && upgrades,
        };
        self.push(answer, now);
        used
    }

    /// Answers what is no request, and reads no further: whoever gets framing wrong may mean another request than a
    /// proxy in between does.
    pub fn refuse(&mut self, problem: Problem, head: Option<Head>) {
        self.server.metrics().malformed.add(1);
        // A log shows what there was, or a dash.
        let head = head.unwrap_or_else(|| {
            Head::new(Method::from_bytes(b"-").unwrap_or(Method::GET), Version::Http11, "")
        });
        let asked =
            Asked { http10: head.version() == Version::Http10, head_only: *head.method() == Method::HEAD };
        let id = self.io_loop().next_request_id();
        let request = Request::new(head, Body::Empty, self.peer.clone(), id);
        let context = request.context.clone();
        let answer = self.server.clone().refuse(request, problem);
        let answer = Answer::Waiting(answer);
        let now = self.io_loop().now();
        let exchange = Exchange {
            answer,
            in_flight: None,
            context,
            asked,
            persists: false,
            safe: true,
            owes_continue: false,
        };
        self.push(exchange, now);
    }

    fn push(&mut self, exchange: Exchange, now: u64) {
        self.last |= !exchange.persists;
        self.first = false;
        self.since = now;
        self.busy().exchanges.push_back(exchange);
    }
}

/// A request begins beside others only when all of them are safe (RFC 9112 section 9.3.2); `rest` begins with it.
fn may_begin(work: &Work, rest: &[u8]) -> bool {
    let is_safe = |rest: &[u8]| {
        [&b"GET "[..], b"HEAD ", b"OPTIONS ", b"TRACE "].iter().any(|method| rest.starts_with(method))
    };
    work.exchanges.is_empty() || (!work.alone && is_safe(rest) && work.all_safe())
}

/// A body that has arrived with its head, and how much of `rest` it was.
fn whole_body(framing: Framing, rest: &[u8], limits: &HeadLimits) -> Option<(Body, usize)> {
    match framing {
        Framing::Length(0) => Some((Body::Empty, 0)),
        Framing::Length(length) => {
            let length = usize::try_from(length).ok().filter(|n| *n <= WHOLE_BYTES && *n <= rest.len())?;
            Some((Bytes::copy_from_slice(&rest[..length]).into(), length))
        }
        Framing::Chunked if rest.len() <= WHOLE_BYTES && rest.ends_with(b"0\r\n\r\n") => {
            let mut content = Vec::with_capacity(rest.len());
            match Decoder::new(framing).decode(rest, &mut content, limits) {
                Ok((used, Step::End(None))) => Some((content.into(), used)),
                // Whoever reads the body finds out what is wrong with it.
                _ => None,
            }
        }
        Framing::Chunked => None,
    }
}
