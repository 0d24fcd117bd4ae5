//! One connection, from the 101 to its end: reads messages, writes what the outbox has, keeps the time.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::close::{CloseCode, Farewell};
use super::decode::{Decoder, Event, Text};
use super::outbox::Outbox;
use super::settings::WsSettings;
use crate::http::Upgraded;
use crate::io_loop::{LoopHandle, Sleep, ticks};
use crate::pipeline::LocalFuture;

/// Ticks after which the link hears of what was written, when nothing has told it before.
const TELL: u64 = 10;

/// Whether whoever gets the messages takes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There is room for what one read brings.
    Now,
    /// Nothing is read until [`Outbox::wake`] is called.
    Wait,
    /// Nothing is read for a moment.
    Later,
}

/// Who gets the messages of a connection. Dropped without [`Link::closed`] when the connection is cut off.
pub trait Link {
    /// The 101 has left.
    fn opened(&self);

    /// Asked before each read.
    fn room(&self) -> Room;

    /// A message has arrived, and the socket has taken `taken` bytes of messages since the link was last told.
    fn message(&self, text: Text, content: &[u8], taken: usize);

    /// The socket has taken so many bytes of messages since the link was last told.
    fn taken(&self, bytes: usize);

    /// As many bytes are told at once; fewer with the next message, or after a moment.
    fn quota(&self) -> usize;

    /// The peer says goodbye, or has broken the protocol. [`Outbox::close`] is to be called with the same once what came before
    /// has been answered; until then `timeouts.close` runs.
    fn closing(&self, farewell: &Farewell);

    /// The connection is over.
    fn closed(&self, farewell: Farewell);
}

/// Serves the connection until it is over.
pub fn serve<L: Link>(
    io: Upgraded,
    settings: Rc<WsSettings>,
    outbox: Rc<Outbox>,
    link: L,
    io_loop: &LoopHandle,
) -> impl Future<Output = ()> + use<L> {
    let now = io_loop.now();
    let decoder = outbox.take_inflater().map_or_else(Decoder::default, Decoder::inflating);
    outbox.attach(io.same());
    link.opened();
    Connection {
        closing: Some(io.closing()),
        io,
        settings,
        outbox,
        link,
        io_loop: io_loop.clone(),
        decoder,
        rest: Vec::new(),
        sleep: io_loop.sleep(),
        armed: 0,
        heard: now,
        pinged: now,
        close_due: None,
        tell_due: None,
        untold: 0,
        retry: None,
        end: None,
    }
}

struct Connection<L> {
    io: Upgraded,
    settings: Rc<WsSettings>,
    outbox: Rc<Outbox>,
    link: L,
    io_loop: LoopHandle,
    decoder: Decoder,
    /// Read, and not decoded as long as there is no room for what comes of it.
    rest: Vec<u8>,
    /// Resolves when the server drains; taken then.
    closing: Option<LocalFuture<()>>,
    sleep: Sleep,
    /// What the timer is set to; in ticks, as all that follow.
    armed: u64,
    /// When something came last, or was not read.
    heard: u64,
    pinged: u64,
    close_due: Option<u64>,
    tell_due: Option<u64>,
    /// Bytes that were written and that the link does not know of.
    untold: usize,
    /// When to ask for room again.
    retry: Option<u64>,
    /// How it ends, once everything is written.
    end: Option<Farewell>,
}

/// What came of reading.
enum Read {
    Some,
    Nothing,
    Over,
}

impl<L: Link> Future for Connection<L> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // No field is pinned.
        match self.as_mut().get_mut().run(cx) {
            Some(farewell) => {
                self.link.closed(farewell);
                Poll::Ready(())
            }
            None => Poll::Pending,
        }
    }
}

impl<L> Unpin for Connection<L> {}

impl<L: Link> Connection<L> {
    /// Does what can be done; how the connection has ended, when it has.
    fn run(&mut self, cx: &mut Context<'_>) -> Option<Farewell> {
        self.outbox.register(cx.waker());
        if let Some(closing) = &mut self.closing
            && Pin::new(closing).poll(cx).is_ready()
        {
            self.closing = None;
            self.outbox.close(CloseCode::GOING_AWAY, "the server is closing");
        }
        let now = self.io_loop.now();
        loop {
            if self.outbox.is_cut() || self.flush(cx).is_err() {
                return Some(Farewell::cut());
            }
            if self.outbox.is_closing() || self.end.is_some() {
                self.close_due.get_or_insert(now + ticks(self.settings.close));
            }
            if self.end.is_some() {
                if self.outbox.is_closing() && self.outbox.unsent() == 0 {
                    return self.end.take();
                }
            } else {
                match self.read(cx, now) {
                    Read::Some => continue,
                    Read::Nothing => {}
                    Read::Over => return Some(Farewell::cut()),
                }
            }
            if self.close_due.is_some_and(|due| due <= now) {
                return Some(self.end.take().unwrap_or_else(Farewell::cut));
            }
            if self.act(now) {
                continue;
            }
            if !self.wait(cx, now) {
                return None;
            }
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> std::io::Result<()> {
        while self.outbox.unsent() > 0 {
            match self.outbox.with_unsent(|bytes| self.io.poll_write(cx, bytes)) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => return Err(std::io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => self.outbox.written(n),
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        self.untold += self.outbox.take_written();
        if self.untold > 0 && self.untold >= self.link.quota() {
            self.link.taken(std::mem::take(&mut self.untold));
        }
        if self.untold == 0 {
            self.tell_due = None;
        } else if self.tell_due.is_none() {
            self.tell_due = Some(self.io_loop.now() + TELL);
        }
        Ok(())
    }

    fn read(&mut self, cx: &mut Context<'_>, now: u64) -> Read {
        // Who waits for the answer to a Close frame wants no messages, and needs no room for them.
        if !self.outbox.is_closing() {
            self.retry = None;
            match self.link.room() {
                Room::Now => {}
                room => {
                    self.heard = now;
                    self.retry = (room == Room::Later).then_some(now + 1);
                    return Read::Nothing;
                }
            }
        }
        if !self.rest.is_empty() {
            let mut rest = std::mem::take(&mut self.rest);
            self.take(&mut rest);
            return Read::Some;
        }
        let mut buffer = self.outbox.scratch().take_read();
        let read = self.io.poll_read(cx, &mut buffer);
        let came = match read {
            Poll::Pending => Read::Nothing,
            Poll::Ready(Ok(n @ 1..)) => {
                self.heard = now;
                self.take(&mut buffer[..n]);
                Read::Some
            }
            Poll::Ready(_) => Read::Over,
        };
        self.outbox.scratch().put_read(buffer);
        came
    }

    fn take(&mut self, bytes: &mut [u8]) {
        let Self { decoder, settings, outbox, link, untold, end, .. } = self;
        let mut goodbye = None;
        let fed = decoder.feed(bytes, settings, |event| match event {
            Event::Message(text, content) if !outbox.is_closing() => {
                link.message(text, content, std::mem::take(untold));
            }
            Event::Message(..) | Event::Pong => {}
            Event::Ping(content) => outbox.pong(content),
            Event::Close(farewell) => goodbye = Some(farewell),
        });
        match fed {
            Ok(left) if goodbye.is_none() => self.rest.extend_from_slice(&bytes[bytes.len() - left..]),
            Ok(_) => {}
            Err(violation) => {
                goodbye = Some(Farewell { code: violation.code, reason: violation.reason.to_owned() });
            }
        }
        if let Some(farewell) = goodbye {
            if !outbox.is_closing() {
                link.closing(&farewell);
            }
            *end = Some(farewell);
        }
    }

    /// Does what is due. True when there may be something to write.
    fn act(&mut self, now: u64) -> bool {
        if self.tell_due.is_some_and(|due| due <= now) {
            self.tell_due = None;
            self.link.taken(std::mem::take(&mut self.untold));
        }
        if self.outbox.is_closing() || self.end.is_some() {
            return false;
        }
        if self.idle_due().is_some_and(|due| due <= now) {
            self.outbox.close(CloseCode::GOING_AWAY, "nothing came for too long");
            return true;
        }
        if self.ping_due().is_some_and(|due| due <= now) {
            self.pinged = now;
            self.outbox.ping();
            return true;
        }
        false
    }

    fn idle_due(&self) -> Option<u64> {
        (!self.settings.idle.is_zero()).then(|| self.heard + ticks(self.settings.idle))
    }

    fn ping_due(&self) -> Option<u64> {
        (!self.settings.ping.is_zero()).then(|| self.heard.max(self.pinged) + ticks(self.settings.ping))
    }

    /// Sets the timer. True when it has fired already.
    fn wait(&mut self, cx: &mut Context<'_>, now: u64) -> bool {
        let is_open = !self.outbox.is_closing() && self.end.is_none();
        let open = [self.idle_due(), self.ping_due()].map(|due| due.filter(|_| is_open));
        let [idle, ping] = open;
        let due = [idle, ping, self.close_due, self.tell_due, self.retry].into_iter().flatten().min();
        let Some(due) = due else { return false };
        // Deadlines mostly move away: the timer stays where it is, and looks again when it fires.
        if self.armed <= now || due < self.armed {
            self.armed = due;
            self.sleep.reset_at(due);
        }
        self.sleep.poll_fired(cx)
    }
}
