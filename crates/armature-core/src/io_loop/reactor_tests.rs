//! Readiness, with real sockets.
#![cfg(unix)]

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream as StdStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use mio::Interest;
use mio::net::UnixStream;

use super::{Io, Reactor};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Somebody who waits, and how often he was woken.
fn waiter() -> (Waker, Arc<Count>) {
    let count = Arc::new(Count::default());
    (count.clone().into(), count)
}

impl Count {
    fn take(&self) -> usize {
        self.0.swap(0, SeqCst)
    }
}

struct Stage {
    reactor: Rc<Reactor>,
    io: Io<UnixStream>,
    peer: StdStream,
}

impl Stage {
    fn new() -> Self {
        let reactor = Reactor::new().unwrap();
        let (io, peer) = pair(&reactor);
        Self { reactor, io, peer }
    }

    fn look(&self) {
        look(&self.reactor);
    }

    /// Reads until there is nothing more; how much that was.
    fn drain(&self, cx: &Context<'_>) -> usize {
        let (mut all, mut buf) = (0, [0; 4096]);
        while let Ok(n) = self.io.source().read(&mut buf) {
            all += n;
            if n == 0 {
                return all;
            }
        }
        self.io.wait_readable(cx);
        all
    }
}

fn pair(reactor: &Rc<Reactor>) -> (Io<UnixStream>, StdStream) {
    let (own, peer) = StdStream::pair().unwrap();
    own.set_nonblocking(true).unwrap();
    peer.set_nonblocking(true).unwrap();
    let interest = Interest::READABLE | Interest::WRITABLE;
    (Io::new(UnixStream::from_std(own), interest, reactor.clone()).unwrap(), peer)
}

/// Takes in what has happened.
fn look(reactor: &Reactor) {
    reactor.look(Some(Duration::ZERO), || {}).unwrap();
}

#[test]
fn a_byte_wakes_the_reader_once_until_he_waits_again() {
    let mut stage = Stage::new();
    let (waker, woken) = waiter();
    let cx = Context::from_waker(&waker);
    assert!(stage.io.poll_read_ready(&cx).is_ready(), "whoever tries finds out");
    assert_eq!(stage.drain(&cx), 0);
    assert!(stage.io.poll_read_ready(&cx).is_pending());
    stage.look();
    assert_eq!(woken.take(), 0, "room to write is nothing to read");
    stage.peer.write_all(b"a").unwrap();
    stage.look();
    assert_eq!(woken.take(), 1);
    assert!(stage.io.poll_read_ready(&cx).is_ready());
    stage.peer.write_all(b"b").unwrap();
    stage.look();
    assert_eq!(woken.take(), 0, "nobody waits");
    assert_eq!(stage.drain(&cx), 2);
    // Nothing is new, so there is no edge.
    stage.look();
    assert_eq!(woken.take(), 0);
    stage.peer.write_all(b"c").unwrap();
    stage.look();
    assert_eq!(woken.take(), 1);
}

#[test]
fn a_byte_that_comes_after_a_short_read_is_an_event() {
    let mut stage = Stage::new();
    let (waker, woken) = waiter();
    let cx = Context::from_waker(&waker);
    stage.peer.write_all(b"abc").unwrap();
    stage.look();
    let mut buf = [0; 16];
    assert_eq!(stage.io.source().read(&mut buf).unwrap(), 3);
    // Between the read and what the reader concludes from it.
    stage.peer.write_all(b"d").unwrap();
    stage.io.clear_readable();
    assert!(stage.io.poll_read_ready(&cx).is_pending());
    stage.look();
    assert_eq!(woken.take(), 1);
    assert!(stage.io.poll_read_ready(&cx).is_ready());
}

#[test]
fn a_full_socket_wakes_the_writer_when_there_is_room() {
    let mut stage = Stage::new();
    let ((writer, written), (reader, read)) = (waiter(), waiter());
    let cx = Context::from_waker(&writer);
    assert!(stage.io.poll_write_ready(&cx).is_ready());
    stage.look();
    while stage.io.source().write(&[0; 4096]).is_ok() {}
    stage.io.wait_writable(&cx);
    stage.io.wait_readable(&Context::from_waker(&reader));
    assert!(stage.io.poll_write_ready(&cx).is_pending());
    stage.look();
    assert_eq!(written.take(), 0);
    let mut buf = vec![0; 1 << 20];
    while stage.peer.read(&mut buf).is_ok_and(|n| n > 0) {}
    stage.look();
    assert_eq!((written.take(), read.take()), (1, 0));
    assert!(stage.io.poll_write_ready(&cx).is_ready());
}

#[test]
fn a_peer_that_leaves_is_noticed_with_bytes_unread_and_the_end_stays() {
    let mut stage = Stage::new();
    let ((watcher, noticed), (reader, _)) = (waiter(), waiter());
    let (watch, read) = (Context::from_waker(&watcher), Context::from_waker(&reader));
    assert!(stage.io.poll_read_closed(&watch).is_pending());
    stage.peer.write_all(b"request").unwrap();
    stage.look();
    assert!(stage.io.poll_read_closed(&watch).is_pending());
    assert_eq!(noticed.take(), 0, "bytes are no end");
    stage.peer.shutdown(Shutdown::Write).unwrap();
    stage.look();
    assert_eq!(noticed.take(), 1);
    assert!(stage.io.poll_read_closed(&watch).is_ready());
    // What is unread can be read, and then the end, as often as somebody asks.
    let mut buf = [0; 16];
    for expected in [7, 0, 0] {
        assert!(stage.io.poll_read_ready(&read).is_ready());
        assert_eq!(stage.io.source().read(&mut buf).unwrap(), expected);
        stage.io.clear_readable();
    }
    // It has closed one side only.
    stage.io.source().write_all(b"answer").unwrap();
    assert_eq!(stage.peer.read(&mut buf).unwrap(), 6);
}

#[test]
fn a_peer_that_is_gone_wakes_everybody() {
    let stage = Stage::new();
    let waiters = [waiter(), waiter(), waiter()];
    let [reading, writing, watching] = waiters.each_ref().map(|(waker, _)| Context::from_waker(waker));
    stage.look();
    stage.io.wait_readable(&reading);
    stage.io.wait_writable(&writing);
    assert!(stage.io.poll_read_closed(&watching).is_pending());
    drop(stage.peer);
    look(&stage.reactor);
    assert_eq!(waiters.each_ref().map(|(_, woken)| woken.take()), [1, 1, 1]);
}

#[test]
fn whoever_waits_last_is_woken() {
    let mut stage = Stage::new();
    let ((first, before), (second, after)) = (waiter(), waiter());
    stage.io.wait_readable(&Context::from_waker(&first));
    stage.io.wait_readable(&Context::from_waker(&second));
    stage.peer.write_all(b"a").unwrap();
    stage.look();
    assert_eq!((before.take(), after.take()), (0, 1));
}

#[test]
fn a_place_that_is_given_again_knows_nothing_of_the_one_before() {
    let stage = Stage::new();
    let (waker, woken) = waiter();
    let cx = Context::from_waker(&waker);
    drop(stage.peer);
    // The event waits in the queue while the source goes.
    drop(stage.io);
    let (io, mut peer) = pair(&stage.reactor);
    io.wait_readable(&cx);
    assert!(io.poll_read_closed(&cx).is_pending());
    look(&stage.reactor);
    assert_eq!(woken.take(), 0);
    assert!(io.poll_read_closed(&cx).is_pending());
    peer.write_all(b"a").unwrap();
    look(&stage.reactor);
    assert_eq!(woken.take(), 1);
}

#[test]
fn the_waker_ends_a_wait_from_another_thread() {
    let reactor = Reactor::new().unwrap();
    let waker = Arc::new(reactor.waker().unwrap());
    let other = waker.clone();
    let thread = std::thread::spawn(move || other.wake().unwrap());
    let patience = Duration::from_secs(60);
    let begin = Instant::now();
    reactor.look(Some(patience), || {}).unwrap();
    assert!(begin.elapsed() < patience);
    thread.join().unwrap();
}

#[test]
fn a_source_that_is_always_ready_lets_others_have_their_turn() {
    let stage = Stage::new();
    let (waker, woken) = waiter();
    let cx = Context::from_waker(&waker);
    let turns = (0..10_000).take_while(|_| stage.io.poll_read_ready(&cx).is_ready()).count();
    assert!((1..1000).contains(&turns), "{turns}");
    assert_eq!(woken.take(), 1, "it goes on behind the others");
    stage.reactor.begin_task();
    assert!(stage.io.poll_read_ready(&cx).is_ready());
}

#[test]
fn a_waker_that_registers_while_it_wakes_is_kept() {
    /// Waits again, with another waker, from inside of its wake.
    struct Again(std::thread::ThreadId);
    thread_local! {
        static IO: RefCell<Option<(Rc<Io<UnixStream>>, Waker)>> = const { RefCell::new(None) };
    }
    impl Wake for Again {
        fn wake(self: Arc<Self>) {
            assert_eq!(self.0, std::thread::current().id());
            IO.with_borrow(|io| {
                let (io, next) = io.as_ref().unwrap();
                io.wait_readable(&Context::from_waker(next));
            });
        }
    }
    let Stage { reactor, io, mut peer } = Stage::new();
    let io = Rc::new(io);
    let (next, woken) = waiter();
    IO.set(Some((io.clone(), next)));
    let waker = Arc::new(Again(std::thread::current().id())).into();
    io.wait_readable(&Context::from_waker(&waker));
    peer.write_all(b"a").unwrap();
    look(&reactor);
    assert_eq!(woken.take(), 0);
    peer.write_all(b"b").unwrap();
    look(&reactor);
    assert_eq!(woken.take(), 1);
    assert_eq!(Poll::Ready(()), io.poll_write_ready(&Context::from_waker(Waker::noop())));
    IO.take();
}
