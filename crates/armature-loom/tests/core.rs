//! What several threads do at once to the bell of a loop, and to the places of a concurrency limit, in every order that matters.
#![cfg(armature_loom)]

use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicUsize as Tally, Ordering::Relaxed};
use std::task::{Wake, Waker};

use armature_loom::model;
use loom::sync::atomic::AtomicUsize;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

#[allow(dead_code, reason = "the executor uses the rest")]
#[path = "../../armature-core/src/io_loop/bell.rs"]
mod bell;

#[allow(dead_code, reason = "the layer uses the rest")]
#[path = "../../armature-core/src/layer/concurrency_limit/limiter.rs"]
mod limiter;

mod sync {
    pub use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
    pub use loom::sync::{Mutex, MutexGuard};

    /// Threads of a model share one of the operating system.
    pub fn this_thread() -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        loom::thread::current().id().hash(&mut hasher);
        hasher.finish()
    }
}

use bell::{Bell, NONE, TaskWake, WAITS};
use limiter::{Entry, Limiter};

/// Where a loop waits. Who is not told waits for ever, which loom reports as a deadlock.
#[derive(Default)]
struct Host {
    told: Mutex<bool>,
    heard: Condvar,
    /// Counts without being part of the model.
    words: Tally,
}

impl Host {
    fn tell(&self) {
        self.words.fetch_add(1, Relaxed);
        *self.told.lock().unwrap() = true;
        self.heard.notify_one();
    }

    fn wait(&self) {
        let mut told = self.told.lock().unwrap();
        while !*told {
            told = self.heard.wait(told).unwrap();
        }
        *told = false;
    }
}

fn bell() -> (StdArc<Host>, StdArc<Bell>) {
    let host = StdArc::new(Host::default());
    let notified = host.clone();
    (host, Bell::new(move || notified.tell()))
}

/// Takes what is ready, as the executor does; the indices of the tasks.
fn pass(bell: &Bell, tasks: &[StdArc<TaskWake>]) -> Vec<u32> {
    bell.answer();
    let (mut ready, mut index) = (Vec::new(), bell.take_newest());
    while index != NONE {
        ready.push(index);
        index = tasks[index as usize].next.load(Relaxed);
    }
    for index in &ready {
        tasks[*index as usize].state.store(WAITS, Relaxed);
    }
    ready
}

#[test]
fn no_wake_is_lost_and_a_loop_that_waits_is_told_once() {
    model(|| {
        let (host, bell) = bell();
        let tasks = [0, 1].map(|index| TaskWake::new(bell.clone(), index));
        // What a task looks for, without any order of its own: the wake has to bring it along.
        let work = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        // The first task is woken by both threads.
        let threads = [vec![0, 1], vec![0]].map(|woken| {
            let wakers: Vec<(usize, Waker)> =
                woken.into_iter().map(|index| (index, tasks[index].clone().into())).collect();
            let work = work.clone();
            thread::spawn(move || {
                for (index, waker) in wakers {
                    work[index].fetch_add(1, Relaxed);
                    waker.wake();
                }
            })
        });
        let (mut seen, mut rests) = ([0, 0], 0);
        while seen != [2, 1] {
            rests += 1;
            if bell.lie_down() {
                host.wait();
            }
            bell.wake_up();
            for index in pass(&bell, &tasks) {
                seen[index as usize] = work[index as usize].load(Relaxed);
            }
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(host.words.load(Relaxed) <= rests, "one word whenever it lies down, at most");
    });
}

#[test]
fn a_loop_that_ends_is_told_nothing_more() {
    model(|| {
        let (host, bell) = bell();
        let task = TaskWake::new(bell.clone(), 0);
        let waker: Waker = task.clone().into();
        let thread = thread::spawn(move || waker.wake());
        bell.close();
        thread.join().unwrap();
        assert_eq!(host.words.load(Relaxed), 0);
        // Nobody keeps it alive but the task and these.
        drop(task);
        assert_eq!(StdArc::strong_count(&bell), 1);
    });
}

impl Wake for Host {
    fn wake(self: StdArc<Self>) {
        self.tell();
    }
}

/// Enters, waiting as long as it takes.
fn enter(limiter: &Limiter) {
    let host = StdArc::new(Host::default());
    let waker: Waker = host.clone().into();
    match limiter.enter(&waker) {
        Entry::Place => {}
        Entry::Ticket(ticket) => {
            while !limiter.is_granted(ticket, &waker) {
                host.wait();
            }
        }
        Entry::Full => unreachable!("there is room in the line"),
    }
}

#[test]
fn a_place_that_is_given_back_reaches_who_waits_for_it() {
    model(|| {
        let limiter = Arc::new(Limiter::new(1, 2));
        assert!(limiter.try_enter());
        let inside = Arc::new(AtomicUsize::new(0));
        let threads = [(); 2].map(|()| {
            let (limiter, inside) = (limiter.clone(), inside.clone());
            thread::spawn(move || {
                enter(&limiter);
                assert_eq!(inside.fetch_add(1, Relaxed), 0, "one at a time");
                inside.fetch_sub(1, Relaxed);
                limiter.leave();
            })
        });
        limiter.leave();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((limiter.taken(), limiter.waiting()), (0, 0));
    });
}

#[test]
fn who_gives_up_takes_no_place_along() {
    model(|| {
        let limiter = Arc::new(Limiter::new(1, 2));
        assert!(limiter.try_enter());
        let (first, second) = (limiter.clone(), limiter.clone());
        let impatient = thread::spawn(move || match first.enter(Waker::noop()) {
            Entry::Place => first.leave(),
            Entry::Ticket(ticket) => first.give_up(ticket),
            Entry::Full => unreachable!("there is room in the line"),
        });
        let patient = thread::spawn(move || {
            enter(&second);
            second.leave();
        });
        limiter.leave();
        impatient.join().unwrap();
        patient.join().unwrap();
        assert_eq!((limiter.taken(), limiter.waiting()), (0, 0));
    });
}
