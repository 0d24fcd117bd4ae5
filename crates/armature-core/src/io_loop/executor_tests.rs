//! Tasks: who wakes them, in which order they run, and how they end.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use super::bell::Bell;
use super::executor::Executor;

/// An executor that counts how often its host is told.
struct Stage {
    bell: Arc<Bell>,
    executor: Rc<Executor>,
    told: Arc<AtomicUsize>,
}

impl Stage {
    fn new() -> Self {
        let told = Arc::new(AtomicUsize::new(0));
        let count = told.clone();
        let bell = Bell::new(move || {
            count.fetch_add(1, SeqCst);
        });
        Self { executor: Rc::new(Executor::new(bell.clone())), bell, told }
    }

    /// Polls what is ready now; how many that were.
    fn pass(&self) -> usize {
        self.executor.begin_pass();
        let mut polled = 0;
        while !self.executor.pass_is_over() {
            self.executor.run_next();
            polled += 1;
        }
        polled
    }

    fn told(&self) -> usize {
        self.told.load(SeqCst)
    }

    /// A task that waits for good, counts its polls and shows its waker.
    fn waiting(&self) -> (Waker, Rc<Cell<usize>>) {
        let (shown, polls) = (Rc::new(RefCell::new(None)), Rc::new(Cell::new(0)));
        let (show, count) = (shown.clone(), polls.clone());
        self.executor.spawn(poll_fn(move |cx| {
            count.set(count.get() + 1);
            *show.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        }));
        self.pass();
        let waker = shown.borrow_mut().take().unwrap();
        (waker, polls)
    }
}

/// Tells when it is dropped.
struct Dropped(Rc<Cell<usize>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn tasks_run_in_the_order_in_which_they_were_woken_and_once_for_many_wakes() {
    let stage = Stage::new();
    let order = Rc::new(RefCell::new(Vec::new()));
    let wakers: Rc<RefCell<Vec<Waker>>> = Rc::default();
    for number in 0..4 {
        let (order, wakers) = (order.clone(), wakers.clone());
        stage.executor.spawn(poll_fn(move |cx| {
            order.borrow_mut().push(number);
            wakers.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        }));
    }
    assert_eq!(stage.pass(), 4);
    let known = wakers.take();
    for number in [2, 0, 2, 3, 0, 2] {
        known[number].wake_by_ref();
    }
    assert_eq!(stage.pass(), 3);
    assert_eq!(*order.borrow(), [0, 1, 2, 3, 2, 0, 3]);
    assert_eq!(stage.pass(), 0);
}

#[test]
fn a_task_that_wakes_itself_leaves_its_turn_to_the_others() {
    let stage = Stage::new();
    let (eager, patient) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    for count in [eager.clone(), patient.clone()] {
        stage.executor.spawn(poll_fn(move |cx| {
            count.set(count.get() + 1);
            // Again and again, and more than once.
            cx.waker().wake_by_ref();
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
    }
    for pass in 1..=3 {
        // A pass ends although its tasks are ready again.
        assert_eq!(stage.pass(), 2);
        assert_eq!((eager.get(), patient.get()), (pass, pass));
        assert!(stage.executor.has_ready());
    }
}

#[test]
fn a_pass_that_is_left_goes_on_before_what_was_woken_since() {
    let stage = Stage::new();
    let order = Rc::new(RefCell::new(Vec::new()));
    for number in 0..3 {
        let order = order.clone();
        stage.executor.spawn(async move { order.borrow_mut().push(number) });
    }
    stage.executor.begin_pass();
    stage.executor.run_next();
    let late = order.clone();
    stage.executor.spawn(async move { late.borrow_mut().push(9) });
    assert!(!stage.executor.pass_is_over() && stage.executor.has_ready());
    assert_eq!(stage.pass(), 2);
    assert_eq!(stage.pass(), 1);
    assert_eq!(*order.borrow(), [0, 1, 2, 9]);
}

#[test]
fn a_wake_from_another_thread_arrives_and_tells_a_host_that_waits_once() {
    let stage = Stage::new();
    let (first, polls) = stage.waiting();
    let (second, _) = stage.waiting();
    let elsewhere =
        |wakers: Vec<Waker>| std::thread::spawn(|| wakers.into_iter().for_each(Waker::wake)).join();
    // Awake: it looks by itself before it waits.
    elsewhere(vec![first.clone(), first.clone()]).unwrap();
    assert_eq!(stage.told(), 0);
    assert!(!stage.bell.lie_down(), "it must not wait: a task is ready");
    stage.bell.wake_up();
    assert_eq!(stage.pass(), 1);
    assert_eq!(polls.get(), 2);
    // Waiting: one word for all that comes.
    assert!(stage.bell.lie_down());
    elsewhere(vec![first.clone(), second, first.clone()]).unwrap();
    assert_eq!(stage.told(), 1);
    stage.bell.wake_up();
    assert_eq!(stage.pass(), 2);
    assert_eq!(polls.get(), 3);
    // And the same again.
    assert!(stage.bell.lie_down());
    elsewhere(vec![first]).unwrap();
    assert_eq!(stage.told(), 2);
}

#[test]
fn a_wake_from_the_own_thread_tells_a_host_that_waits_once() {
    let stage = Stage::new();
    let (waker, polls) = stage.waiting();
    assert!(stage.bell.lie_down());
    waker.wake_by_ref();
    waker.wake_by_ref();
    assert_eq!(stage.told(), 1);
    stage.bell.wake_up();
    waker.wake_by_ref();
    assert_eq!(stage.pass(), 1);
    assert_eq!((stage.told(), polls.get()), (1, 2));
}

#[test]
fn no_wake_of_many_threads_is_lost() {
    const THREADS: usize = 4;
    const WAKES: usize = 2_000;
    let (tell, told) = std::sync::mpsc::channel();
    let tell = Mutex::new(tell);
    let bell = Bell::new(move || tell.lock().unwrap().send(()).unwrap());
    let executor = Executor::new(bell.clone());
    let (sent, seen) = (Arc::new(AtomicUsize::new(0)), Rc::new(Cell::new(0)));
    let (shown, show) = std::sync::mpsc::channel();
    let (counter, count) = (sent.clone(), seen.clone());
    executor.spawn(poll_fn(move |cx| {
        let _ = shown.send(cx.waker().clone());
        count.set(counter.load(SeqCst));
        if count.get() == THREADS * WAKES { Poll::Ready(()) } else { Poll::Pending }
    }));
    executor.begin_pass();
    executor.run_next();
    let waker = show.recv().unwrap();
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (sent, waker) = (sent.clone(), waker.clone());
            std::thread::spawn(move || {
                for _ in 0..WAKES {
                    sent.fetch_add(1, SeqCst);
                    waker.wake_by_ref();
                }
            })
        })
        .collect();
    while seen.get() < THREADS * WAKES {
        // As a driver does it: a wait that nobody ends is a wake that was lost.
        if bell.lie_down() {
            told.recv_timeout(std::time::Duration::from_secs(10)).expect("a wake was lost");
        }
        bell.wake_up();
        executor.begin_pass();
        while !executor.pass_is_over() {
            executor.run_next();
        }
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_stale_waker_wakes_nobody_else() {
    let stage = Stage::new();
    let stale = {
        let kept = Rc::new(RefCell::new(None));
        let keep = kept.clone();
        stage.executor.spawn(poll_fn(move |cx| {
            *keep.borrow_mut() = Some(cx.waker().clone());
            Poll::Ready(())
        }));
        assert_eq!(stage.pass(), 1);
        kept.borrow_mut().take().unwrap()
    };
    // It has the place of the one before.
    let (_, polls) = stage.waiting();
    stale.wake_by_ref();
    assert!(!stage.executor.has_ready());
    std::thread::spawn(move || stale.wake()).join().unwrap();
    assert_eq!(stage.pass(), 0);
    assert_eq!(polls.get(), 1);
}

#[test]
fn a_task_that_wakes_itself_and_ends_is_over() {
    let stage = Stage::new();
    let dropped = Rc::new(Cell::new(0));
    let guard = Dropped(dropped.clone());
    stage.executor.spawn(poll_fn(move |cx| {
        let _guard = &guard;
        cx.waker().wake_by_ref();
        Poll::Ready(())
    }));
    assert_eq!(stage.pass(), 1);
    assert_eq!(dropped.get(), 1, "what it had goes at once");
    // Its place is free only now: the list of those that were woken goes through it.
    let (_, polls) = stage.waiting();
    assert_eq!(stage.pass(), 0);
    assert_eq!(polls.get(), 1);
}

#[test]
fn a_panic_ends_its_task_and_no_other() {
    let stage = Stage::new();
    let dropped = Rc::new(Cell::new(0));
    let (waker, polls) = stage.waiting();
    let guard = Dropped(dropped.clone());
    stage.executor.spawn(async move {
        let _guard = guard;
        std::panic::resume_unwind(Box::new("as it happens"));
    });
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("while it is dropped"));
        }
    }
    let bad = Bad;
    stage.executor.spawn(async move {
        let _bad = bad;
    });
    let bad = Bad;
    stage.executor.spawn(async move {
        pending::<()>().await;
        drop(bad);
    });
    waker.wake();
    assert_eq!(stage.pass(), 4);
    assert_eq!((dropped.get(), polls.get()), (1, 2));
    stage.executor.close();
}

#[test]
fn closing_drops_every_task_and_what_it_leaves_behind() {
    let stage = Stage::new();
    let dropped = Rc::new(Cell::new(0));
    let (waker, polls) = stage.waiting();
    /// Spawns and wakes while it is dropped.
    struct Busy(Rc<Executor>, Waker, Rc<Cell<usize>>);
    impl Drop for Busy {
        fn drop(&mut self) {
            self.1.wake_by_ref();
            let guard = Dropped(self.2.clone());
            self.0.spawn(async move { drop(guard) });
        }
    }
    let busy = Busy(stage.executor.clone(), waker.clone(), dropped.clone());
    let guard = Dropped(dropped.clone());
    stage.executor.spawn(async move {
        pending::<()>().await;
        drop((busy, guard));
    });
    assert_eq!(stage.pass(), 1);
    // One is queued, one was woken elsewhere.
    waker.wake_by_ref();
    let other = waker.clone();
    std::thread::spawn(move || other.wake()).join().unwrap();
    stage.bell.lie_down();
    stage.executor.close();
    assert_eq!(dropped.get(), 2);
    waker.wake_by_ref();
    std::thread::spawn(move || waker.wake()).join().unwrap();
    assert_eq!(stage.pass(), 0);
    assert_eq!((polls.get(), stage.told()), (1, 0));
    assert_eq!(Arc::strong_count(&stage.bell), 2, "nobody else holds it: no task and no queue is left");
}
