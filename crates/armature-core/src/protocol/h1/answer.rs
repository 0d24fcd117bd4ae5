//! The writing half of a connection: answers to bytes, in the order of their requests.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::connection::Connection;
use super::encode::{self, Delimiter};
use super::upgrade;
use super::work::{Answer, Work, Writing};
use crate::http::{Body, Frame, Response};
use crate::listener::Stream;
use crate::protocol::unsent::Account;
use crate::protocol::{Dispatch, announce};

/// A short unread body up to this size is drained and the connection kept; a longer one closes it.
const DRAIN_BYTES: u64 = 64 * 1024;
/// Full buffers that one poll writes before other connections have their turn.
const ROUNDS: usize = 16;
/// The same for bytes: parts of files are larger than buffers.
const TURN_BYTES: usize = 2 * 1024 * 1024;

impl<D: Dispatch + 'static> Connection<D> {
    /// Asks for answers and writes them. True when that made room for something that was received before.
    pub fn answer(&mut self, cx: &mut Context<'_>, now: u64) -> io::Result<bool> {
        let Some(work) = &mut self.work else { return Ok(false) };
        for exchange in &mut work.exchanges {
            if let Answer::Waiting(answer) = &mut exchange.answer
                && let Poll::Ready(response) = Pin::new(answer).poll(cx)
            {
                exchange.answer = Answer::Ready(response);
                exchange.in_flight = None;
                work.news = true;
            }
        }
        let before = work.exchanges.len();
        let mut sent = 0;
        for round in 0.. {
            if round == ROUNDS || sent >= TURN_BYTES {
                cx.waker().wake_by_ref();
                break;
            }
            let encoded = self.encode(cx, now);
            let Some(work) = &mut self.work else { return Ok(false) };
            if encoded.is_err() {
                // The answers before the one that failed are good.
                let _ = work.output.poll_flush(&self.stream, cx, false);
            }
            encoded?;
            if work.output.is_empty() {
                self.stalled = None;
                break;
            }
            let last = self.closing && self.switch.is_none();
            let (flushed, progress) = work.output.poll_flush(&self.stream, cx, last);
            work.taken += progress;
            sent += progress;
            match flushed {
                Poll::Ready(done) => {
                    done?;
                    self.stalled = None;
                }
                Poll::Pending => {
                    if progress > 0 || self.stalled.is_none() {
                        self.stalled = Some(now);
                    }
                    break;
                }
            }
        }
        let Some(work) = &self.work else { return Ok(false) };
        let answered = work.exchanges.len() < before;
        Ok(!self.closing && ((answered && work.channel.is_some()) || (self.paused && self.may_read())))
    }

    /// Takes back what a debt had while nobody looked.
    ///
    /// # Errors
    /// It was given up: too much waits for clients, and this one has cost most.
    pub fn take_back(&mut self) -> io::Result<()> {
        let Some(work) = &mut self.work else { return Ok(()) };
        let Some(debt) = &work.debt else { return Ok(()) };
        let unsent = debt.take().ok_or_else(too_slow)?;
        work.take_back(unsent);
        Ok(())
    }

    /// Gives what waits for the client to a debt, until the next look.
    ///
    /// # Errors
    /// See [`Self::take_back`].
    pub fn lend(&mut self, cx: &Context<'_>) -> io::Result<()> {
        let Some(work) = &mut self.work else { return Ok(()) };
        let (news, taken) = (std::mem::take(&mut work.news), std::mem::take(&mut work.taken));
        // Answers that left at once are no concern of anybody.
        if self.stalled.is_none() && work.debt.is_none() && (!news || work.exchanges.is_empty()) {
            return Ok(());
        }
        let bytes = work.unsent();
        if bytes == 0 {
            work.debt = None;
            return Ok(());
        }
        let ledger = self.server.ledger();
        if work.debt.is_none() {
            if Account::is_free(ledger, bytes) {
                return Ok(());
            }
            work.debt = Some(Account::new(ledger, self.control.clone()).open());
        }
        work.output.own();
        let unsent = work.lend();
        let kept = work.debt.as_ref().is_some_and(|debt| debt.keep(unsent, taken, cx));
        if kept { Ok(()) } else { Err(too_slow()) }
    }

    /// Turns answers into bytes until there is none, or no room.
    fn encode(&mut self, cx: &mut Context<'_>, now: u64) -> io::Result<()> {
        loop {
            let draining = self.draining();
            let Some(work) = &mut self.work else { return Ok(()) };
            if !work.output.has_room() || self.closing {
                return Ok(());
            }
            let close = match &mut work.writing {
                Some(writing) => match content(writing, &mut work.output, &self.stream, cx)? {
                    Progress::Done => writing.close,
                    Progress::More => continue,
                    Progress::Wait => return Ok(()),
                },
                None => {
                    let Some(mut response) = next_response(work) else { return Ok(()) };
                    if !response.is_final() {
                        match upgrade::switch(work, response, (&self.local.date, now)) {
                            Ok(switch) => {
                                self.switch = Some(switch);
                                self.closing = true;
                                self.deaf = true;
                                return Ok(());
                            }
                            Err(refusal) => response = refusal,
                        }
                    }
                    announce(&mut response, self.peer.alternative.as_deref());
                    match start(work, response, draining, (&self.local.date, now)) {
                        Some(writing) => {
                            work.writing = Some(writing);
                            continue;
                        }
                        None => work.exchanges.front().is_none_or(|exchange| !exchange.persists),
                    }
                }
            };
            work.writing = None;
            if let Some(exchange) = work.exchanges.pop_front() {
                self.local.requests.recycle_context(exchange.context);
            }
            work.told = false;
            if close {
                self.closing = true;
                self.last = true;
                work.exchanges.clear();
                work.input.clear();
                work.channel = None;
            }
        }
    }
}

/// The answer to the first request, when it is there.
fn next_response(work: &mut Work) -> Option<Response> {
    let exchange = work.exchanges.front_mut()?;
    if !matches!(exchange.answer, Answer::Ready(_)) {
        return None;
    }
    match std::mem::replace(&mut exchange.answer, Answer::Taken) {
        Answer::Ready(response) => Some(response),
        Answer::Waiting(_) | Answer::Taken => None,
    }
}

/// Writes the head, and the content when it is in memory. What comes piece by piece is returned. Whether the connection
/// closes afterwards is left in the exchange.
fn start(
    work: &mut Work,
    response: Response,
    draining: bool,
    date: (&crate::protocol::date::Date, u64),
) -> Option<Writing> {
    let alone = work.exchanges.len() == 1;
    let exchange = work.exchanges.front_mut()?;
    let asked = exchange.asked;
    let delimiter = encode::delimiter(&response, asked);
    // The body is that of the last request.
    let unread = work.channel.as_ref().filter(|_| alone).is_some_and(|channel| {
        // Whoever waits for a 100 and gets an answer instead may send the body or not: nobody can tell. Who has been waited
        // for in vain is not waited for again.
        !channel.is_complete()
            && (channel.expects()
                || channel.timed_out()
                || channel.remaining().is_none_or(|left| left > DRAIN_BYTES))
    });
    let close = !exchange.persists
        || unread
        || (draining && alone)
        || delimiter == Delimiter::Close
        || encode::asks_to_close(&response.headers);
    exchange.persists = !close;
    encode::head(work.output.gathered(), &response, delimiter, asked, close, date);
    match (response.body, delimiter) {
        (_, Delimiter::Nothing) | (Body::Empty, Delimiter::Length(_)) => None,
        (Body::Bytes(bytes), Delimiter::Length(_)) => {
            work.output.content(bytes, b"");
            None
        }
        (body, delimiter) => Some(Writing { body, delimiter, close }),
    }
}

enum Progress {
    Done,
    More,
    Wait,
}

/// Writes the next piece of content.
fn content(
    writing: &mut Writing,
    output: &mut super::output::Output,
    stream: &Stream,
    cx: &mut Context<'_>,
) -> io::Result<Progress> {
    if let Delimiter::Length(left) = &mut writing.delimiter {
        if *left == 0 {
            return Ok(Progress::Done);
        }
        if stream.sends_files()
            && let Some(part) = writing.body.next_file()
        {
            *left = left.checked_sub(part.length).ok_or_else(broken)?;
            output.file(part);
            return Ok(Progress::More);
        }
    }
    match writing.body.poll_frame(cx) {
        Poll::Pending => Ok(Progress::Wait),
        Poll::Ready(Some(Ok(Frame::Data(data)))) => {
            match &mut writing.delimiter {
                Delimiter::Length(left) => {
                    *left = left.checked_sub(data.len() as u64).ok_or_else(broken)?;
                    output.content(data, b"");
                }
                Delimiter::Chunks if !data.is_empty() => {
                    encode::chunk_size(output.gathered(), data.len());
                    output.content(data, b"\r\n");
                }
                _ => output.content(data, b""),
            }
            Ok(Progress::More)
        }
        Poll::Ready(Some(Ok(Frame::Trailers(trailers)))) => {
            match writing.delimiter {
                Delimiter::Chunks => encode::last_chunk(output.gathered(), Some(&trailers)),
                Delimiter::Length(_) => return Err(broken()),
                Delimiter::Nothing | Delimiter::Close => {}
            }
            Ok(Progress::Done)
        }
        Poll::Ready(None) => match writing.delimiter {
            Delimiter::Chunks => {
                encode::last_chunk(output.gathered(), None);
                Ok(Progress::Done)
            }
            // Less than was promised: the client must not take it for all.
            Delimiter::Length(_) => Err(broken()),
            Delimiter::Nothing | Delimiter::Close => Ok(Progress::Done),
        },
        Poll::Ready(Some(Err(_))) => Err(broken()),
    }
}

fn too_slow() -> io::Error {
    io::Error::other("the client is too slow")
}

/// The content failed after the head left: only a reset tells the client that it is incomplete.
fn broken() -> io::Error {
    io::Error::other("the response body failed")
}
