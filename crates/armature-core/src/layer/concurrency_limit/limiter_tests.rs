//! Not in `limiter` itself, which `tests/loom.rs` reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Wake, Waker};
use std::thread;

use super::limiter::{Entry, Limiter};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn counted() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (count.clone(), count.into())
}

fn ticket(limiter: &Limiter, waker: &Waker) -> u64 {
    match limiter.enter(waker) {
        Entry::Ticket(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

#[test]
fn so_many_and_no_more() {
    let limiter = Limiter::new(2, 0);
    assert!(limiter.try_enter() && limiter.try_enter());
    assert!(!limiter.try_enter());
    assert_eq!((limiter.enter(Waker::noop()), limiter.taken()), (Entry::Full, 2));
    limiter.leave();
    assert_eq!((limiter.enter(Waker::noop()), limiter.taken()), (Entry::Place, 2));
    limiter.leave();
    limiter.leave();
    assert_eq!(limiter.taken(), 0);
}

#[test]
fn places_go_to_the_line_in_the_order_of_its_tickets() {
    let limiter = Limiter::new(1, 2);
    assert!(limiter.try_enter());
    let ((first, one), (second, two)) = (counted(), counted());
    let (a, b) = (ticket(&limiter, &one), ticket(&limiter, &two));
    assert_eq!((limiter.enter(Waker::noop()), limiter.waiting()), (Entry::Full, 2));
    limiter.leave();
    let woken = || (first.0.load(Relaxed), second.0.load(Relaxed));
    assert_eq!(woken(), (1, 0));
    assert!(limiter.is_granted(a, &one) && !limiter.is_granted(b, &two));
    // Nobody gets past who waits.
    assert!(!limiter.try_enter());
    limiter.leave();
    assert_eq!((woken(), limiter.is_granted(b, &two), limiter.taken()), ((1, 1), true, 1));
    limiter.leave();
    assert_eq!((limiter.taken(), limiter.waiting(), limiter.try_enter()), (0, 0, true));
}

#[test]
fn who_gives_up_leaves_no_gap() {
    let limiter = Limiter::new(1, 3);
    assert!(limiter.try_enter());
    let (count, waker) = counted();
    let (a, b, c) =
        (ticket(&limiter, Waker::noop()), ticket(&limiter, &waker), ticket(&limiter, Waker::noop()));
    limiter.give_up(a);
    limiter.leave();
    assert_eq!(count.0.load(Relaxed), 1);
    // Its place was there already: it goes on to the next.
    limiter.give_up(b);
    assert!(limiter.is_granted(c, Waker::noop()));
    assert_eq!((limiter.taken(), limiter.waiting()), (1, 0));
    limiter.leave();
    let last = {
        assert!(limiter.try_enter());
        ticket(&limiter, Waker::noop())
    };
    limiter.give_up(last);
    limiter.leave();
    assert_eq!((limiter.taken(), limiter.try_enter()), (0, true));
}

#[test]
fn another_waker_takes_the_place_of_the_first() {
    let limiter = Limiter::new(1, 1);
    assert!(limiter.try_enter());
    let ((before, one), (after, two)) = (counted(), counted());
    let mine = ticket(&limiter, &one);
    assert!(!limiter.is_granted(mine, &two));
    limiter.leave();
    assert_eq!((before.0.load(Relaxed), after.0.load(Relaxed)), (0, 1));
}

/// Threads that enter, wait, give up and leave at once: never more inside than may be, and nobody waits for ever.
#[test]
fn many_threads() {
    const MAX: u32 = 3;
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let limiter = Arc::new(Limiter::new(MAX, 4));
    let inside = Arc::new(AtomicUsize::new(0));
    let threads = (0..8_u32).map(|seed| {
        let (limiter, inside) = (limiter.clone(), inside.clone());
        thread::spawn(move || {
            let waker = Waker::from(Arc::new(Unpark(thread::current())));
            let mut served = 0;
            for round in 0..2000 {
                match limiter.enter(&waker) {
                    Entry::Full => {
                        thread::yield_now();
                        continue;
                    }
                    Entry::Place => {}
                    Entry::Ticket(ticket) if (round + seed) % 7 == 0 => {
                        limiter.give_up(ticket);
                        continue;
                    }
                    Entry::Ticket(ticket) => {
                        while !limiter.is_granted(ticket, &waker) {
                            thread::park();
                        }
                    }
                }
                assert!(inside.fetch_add(1, Relaxed) < MAX as usize);
                served += 1;
                inside.fetch_sub(1, Relaxed);
                limiter.leave();
            }
            served
        })
    });
    let threads: Vec<_> = threads.collect();
    let served: u32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert!(served > 0);
    assert_eq!((limiter.taken(), limiter.waiting()), (0, 0));
}
