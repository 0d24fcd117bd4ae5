//! What is published against connections that take all of it, a part, or nothing.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::outbox::Outbox;
use super::topics::Subscriber;
use super::topics::tests::Loop;
use crate::config::SlowConsumer;
use crate::http::{Duplex, Upgraded};
use crate::pipeline::LocalFuture;

/// The other end.
struct Peer {
    /// Bytes that it takes; `None` when it is gone.
    room: Cell<Option<usize>>,
    /// What each write brought.
    taken: RefCell<Vec<String>>,
}

impl Duplex for Peer {
    fn poll_read(&self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_write(&self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(room) = self.room.get() else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        let n = bytes.len().min(room);
        if n == 0 {
            return Poll::Pending;
        }
        self.room.set(Some(room - n));
        // Without the heads of the frames, which are no text.
        let text =
            bytes[..n].iter().filter(|byte| byte.is_ascii_alphanumeric()).map(|&byte| char::from(byte));
        self.taken.borrow_mut().push(text.collect());
        Poll::Ready(Ok(n))
    }

    fn poll_shutdown(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn closing(self: Rc<Self>) -> LocalFuture<()> {
        LocalFuture::new(std::future::pending())
    }
}

/// How often the task of a connection was woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Subscribed {
    peer: Rc<Peer>,
    outbox: Rc<Outbox>,
    wakes: Arc<Wakes>,
    _socket: Subscriber,
}

impl Subscribed {
    fn new(on: &Loop, key: u64, room: Option<usize>) -> Self {
        let peer = Rc::new(Peer { room: Cell::new(room), taken: RefCell::default() });
        let (outbox, wakes) = (on.outbox(), Arc::<Wakes>::default());
        outbox.attach(Upgraded::over(peer.clone()));
        outbox.register(&Waker::from(wakes.clone()));
        let socket = on.socket(key, &outbox, 1000, SlowConsumer::Close);
        on.subscribe(&socket, key, "x");
        Self { peer, outbox, wakes, _socket: socket }
    }

    fn taken(&self) -> Vec<String> {
        self.peer.taken.take()
    }

    fn wakes(&self) -> usize {
        self.wakes.0.load(Ordering::Relaxed)
    }
}

fn turn(on: &Loop) {
    on.host.turn(Duration::from_secs(10));
}

#[test]
fn whoever_takes_a_message_at_once_is_not_woken() {
    let on = Loop::new();
    let all: Vec<_> = (0..300).map(|key| Subscribed::new(&on, key, Some(1000))).collect();
    for text in ["first", "second"] {
        on.publish("x", text, Some(7));
        assert!(all.iter().all(|each| each.taken().is_empty()), "publishing does not write");
        turn(&on);
        for (each, key) in all.iter().zip(0..) {
            let expected: &[&str] = if key == 7 { &[] } else { &[text] };
            assert_eq!(
                (each.taken(), each.wakes(), each.outbox.unsent()),
                (expected.iter().map(|&text| text.into()).collect(), 0, 0)
            );
        }
    }
}

#[test]
fn messages_of_one_turn_leave_in_order_and_in_one_write() {
    let on = Loop::new();
    let one = Subscribed::new(&on, 1, Some(1000));
    on.publish("x", "a", None);
    one.outbox.send(false, b"b");
    on.publish("x", "c", None);
    turn(&on);
    assert_eq!(one.taken(), ["abc"]);
    on.publish("x", "d", None);
    one.outbox.send(false, b"e");
    // Its own task may be quicker: what is left is nothing.
    let n = one.outbox.unsent();
    one.outbox.written(n);
    on.publish("x", "f", None);
    turn(&on);
    assert_eq!(one.taken(), ["f"]);
}

#[test]
fn what_is_not_taken_is_left_to_the_connection() {
    let on = Loop::new();
    let (partly, full) = (Subscribed::new(&on, 1, Some(4)), Subscribed::new(&on, 2, Some(0)));
    on.publish("x", "message", None);
    turn(&on);
    // It comes again at once, or when the socket has room, which is up to the socket.
    assert_eq!((partly.taken(), partly.wakes(), partly.outbox.unsent()), (vec!["me".into()], 1, 5));
    assert_eq!((full.taken(), full.wakes(), full.outbox.unsent()), (vec![], 0, 9));
    on.publish("x", "more", None);
    for one in [&partly, &full] {
        one.peer.room.set(Some(1000));
    }
    turn(&on);
    assert!(partly.taken().is_empty() && full.taken().is_empty(), "nobody comes between");
    full.outbox.with_unsent(|bytes| assert_eq!(bytes.len(), 9 + 6));
}

#[test]
fn a_connection_that_is_gone_is_told() {
    let on = Loop::new();
    let (gone, closing, fine) = (
        Subscribed::new(&on, 1, None),
        Subscribed::new(&on, 2, Some(0)),
        Subscribed::new(&on, 3, Some(1000)),
    );
    closing.outbox.close(super::CloseCode::NORMAL, "bye");
    on.publish("x", "message", None);
    turn(&on);
    assert!(gone.outbox.is_cut() && gone.wakes() == 1);
    closing
        .outbox
        .with_unsent(|bytes| assert_eq!(bytes, b"\x88\x05\x03\xe8bye", "nothing behind its last frame"));
    assert_eq!(fine.taken(), ["message"]);
    on.publish("x", "again", None);
    turn(&on);
    assert_eq!((gone.wakes(), fine.taken()), (1, vec!["again".into()]));
}
