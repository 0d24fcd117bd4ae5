//! What a connection does by itself: it sends, keeps its timers, and tells whoever waits what has happened.

use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use quinn_proto::{Dir, Event, StreamEvent, StreamId};

use super::connection::{Connection, Lost, Met, keep, wake};
use super::session::Agreed;
use crate::io_loop::TICK;

/// Calls to send that one poll makes before other connections have their turn.
const ROUNDS: usize = 16;

impl Connection {
    /// Keeps its timers and sends what there is to say, until nothing more can come of it.
    pub(super) fn drive(self: Rc<Self>) -> impl Future<Output = ()> {
        let sleep = self.shared.io_loop.sleep();
        poll_fn(move |cx| {
            keep(&mut self.driver.borrow_mut(), cx);
            loop {
                let now = Instant::now();
                let sent_all = self.transmit(now, cx);
                self.tell_endpoint();
                self.hear();
                if self.state.borrow().is_drained() {
                    return Poll::Ready(());
                }
                let due = self.state.borrow_mut().poll_timeout();
                let Some(due) = due else {
                    sleep.clear();
                    return Poll::Pending;
                };
                if due <= now {
                    self.state.borrow_mut().handle_timeout(now);
                    self.tell_endpoint();
                    self.hear();
                    if sent_all.is_pending() {
                        return Poll::Pending;
                    }
                    continue;
                }
                // Rather a little early, and once more, than late: what is sent is paced by it.
                let ticks = (due - now).as_millis() / TICK.as_millis();
                sleep.reset_at(self.shared.io_loop.now() + (ticks as u64).max(1));
                if !sleep.poll_fired(cx) {
                    return Poll::Pending;
                }
            }
        })
    }

    /// Sends what there is. Pending when the task is told to go on.
    pub(super) fn transmit(&self, now: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let mut buffer = self.buffer.borrow_mut();
        let mut unsent = self.unsent.borrow_mut();
        for _ in 0..ROUNDS {
            if unsent.is_none() {
                buffer.clear();
                let segments = self.shared.socket.segments();
                *unsent = self.state.borrow_mut().poll_transmit(now, segments, &mut buffer);
            }
            let Some(transmit) = &*unsent else {
                // A connection that waits keeps no memory for what it may say.
                *buffer = Vec::new();
                return Poll::Ready(());
            };
            if !self.shared.send(transmit, &buffer, cx.waker()) {
                return Poll::Pending;
            }
            *unsent = None;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn tell_endpoint(&self) {
        loop {
            let event = self.state.borrow_mut().poll_endpoint_events();
            let Some(event) = event else { return };
            if let Some(answer) = self.shared.tell(self.handle, event) {
                self.state.borrow_mut().handle_event(answer);
                self.wake_driver();
            }
        }
    }

    /// Wakes whoever waits for what has happened.
    fn hear(&self) {
        loop {
            let event = self.state.borrow_mut().poll();
            let Some(event) = event else { return };
            match event {
                Event::Connected => self.meet(),
                Event::ConnectionLost { reason } => self.lose(Lost::from(&reason)),
                Event::Stream(event) => self.hear_of_stream(&event),
                Event::HandshakeDataReady | Event::DatagramReceived | Event::DatagramsUnblocked => {}
            }
        }
    }

    fn hear_of_stream(&self, event: &StreamEvent) {
        match *event {
            StreamEvent::Opened { dir } => {
                let waker = self.accepting[dir as usize].borrow_mut().take();
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            StreamEvent::Readable { id } => self.wake_stream(id, false),
            StreamEvent::Writable { id } => self.wake_stream(id, true),
            StreamEvent::Stopped { id, .. } => {
                self.wake_stream(id, true);
                self.confirm(id);
            }
            StreamEvent::Finished { id } => self.confirm(id),
            StreamEvent::Available { .. } => {}
        }
    }

    /// The peer has all of a stream, or wants no more of it.
    fn confirm(&self, id: StreamId) {
        let mut streams = self.streams.borrow_mut();
        if let Some(waiting) = streams.get_mut(&id)
            && waiting.finished
        {
            streams.remove(&id);
            self.unconfirmed.set(self.unconfirmed.get() - 1);
            drop(streams);
            // Whoever waits for the last one.
            wake(&mut self.accepting[Dir::Bi as usize].borrow_mut());
        }
    }

    fn meet(&self) {
        let agreed = self.state.borrow().crypto_session().handshake_data();
        let agreed = agreed.and_then(|agreed| agreed.downcast::<Agreed>().ok());
        if let Some(agreed) = agreed {
            let Agreed { info, resumed } = *agreed;
            self.met.set(Some(Box::new(Met { info, resumed })));
            wake(&mut self.watching.borrow_mut());
        }
    }

    /// The connection is over for everybody who has to do with it.
    pub(super) fn lose(&self, lost: Lost) {
        if self.lost.get().is_some() {
            return;
        }
        self.lost.set(Some(lost));
        wake(&mut self.watching.borrow_mut());
        for accepting in &self.accepting {
            wake(&mut accepting.borrow_mut());
        }
        for mut waiting in std::mem::take(&mut *self.streams.borrow_mut()).into_values() {
            wake(&mut waiting.reader);
            wake(&mut waiting.writer);
        }
        self.unconfirmed.set(0);
    }
}
