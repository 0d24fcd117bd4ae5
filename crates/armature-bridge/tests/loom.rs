//! What several threads do to the bridge at once, in every order that matters.
//!
//! `RUSTFLAGS="--cfg armature_loom" cargo test -p armature-bridge --release --test loom`. Orders with more than
//! three preemptions are left out, so that this ends soon; `LOOM_MAX_PREEMPTIONS=4` goes further.
#![cfg(armature_loom)]

use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicUsize as Tally, Ordering};
use std::task::{Context, Poll};

use armature_bridge::record::{self, Kind};
use armature_bridge::{Drained, Lane, LaneReader, Mailbox, PushError, SlotId, Slots, Wake};
use loom::sync::atomic::AtomicBool;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

fn model(run: impl Fn() + Send + Sync + 'static) {
    // Reads the environment.
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(3);
    builder.check(run);
}

/// Wakes a thread that waits for it. Whoever is not woken waits for ever, which loom reports as a deadlock.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
    /// Counts without being part of the model.
    wakes: Tally,
}

impl Bell {
    fn ring(&self) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
        *self.rung.lock().unwrap() = true;
        self.heard.notify_one();
    }

    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.heard.wait(rung).unwrap();
        }
        *rung = false;
    }

    fn wakes(&self) -> usize {
        self.wakes.load(Ordering::Relaxed)
    }
}

#[derive(Clone, Default)]
struct LaneBell(StdArc<Bell>);

impl Wake for LaneBell {
    fn wake(&self) {
        self.0.ring();
    }
}

/// Bytes of the records that these models push: requests and events alike have one word of their own.
const RECORD: usize = 20;

fn id(slot: u32, generation: u32) -> SlotId {
    SlotId { slot, generation }
}

fn request<W: Wake>(lane: &Lane<W>, slot: SlotId) -> Result<(), PushError> {
    lane.push_request(|out| record::event(out, Kind::Request, slot, 0))
}

fn event<W: Wake>(lane: &Lane<W>, slot: SlotId) -> Result<(), PushError> {
    lane.push(|out| record::event(out, Kind::Credit, slot, 0))
}

/// Takes what fits into `room` records and adds whom they are about to `got`.
fn drain<W: Wake>(
    reader: &mut LaneReader,
    lane: &Lane<W>,
    room: usize,
    got: &mut Vec<SlotId>,
    is_current: impl Fn(SlotId) -> bool,
) -> Drained {
    let mut out = vec![0; room * RECORD];
    let drained = reader.drain(lane, &mut out, is_current);
    let words = |at: usize| u32::from_le_bytes(out[at..at + 4].try_into().unwrap());
    got.extend((0..drained.bytes).step_by(RECORD).map(|at| id(words(at + 8), words(at + 12))));
    drained
}

fn all(_: SlotId) -> bool {
    true
}

fn join<T, const N: usize>(threads: [thread::JoinHandle<T>; N]) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

fn of(got: &[SlotId], slot: u32) -> Vec<u32> {
    got.iter().filter(|id| id.slot == slot).map(|id| id.generation).collect()
}

#[test]
fn a_record_is_never_left_without_a_wake() {
    model(|| {
        let bell = LaneBell::default();
        let lane = Arc::new(Lane::new(8, bell.clone()));
        let producers = [1, 2].map(|slot| {
            let lane = lane.clone();
            thread::spawn(move || {
                request(&lane, id(slot, 0)).unwrap();
                event(&lane, id(slot, 1)).unwrap();
            })
        });
        let (mut reader, mut got) = (LaneReader::default(), Vec::<SlotId>::new());
        while got.len() < 4 {
            bell.0.wait();
            while drain(&mut reader, &lane, 3, &mut got, all).bytes > 0 {}
        }
        join(producers);
        assert_eq!((of(&got, 1), of(&got, 2)), (vec![0, 1], vec![0, 1]));
        assert_eq!(lane.depth(), (0, 0));
    });
}

#[test]
fn a_record_is_never_left_behind_one_that_is_skipped() {
    model(|| {
        let bell = LaneBell::default();
        let lane = Arc::new(Lane::new(8, bell.clone()));
        let producer = {
            let lane = lane.clone();
            thread::spawn(move || {
                for generation in [0, 1, 0, 1] {
                    request(&lane, id(1, generation)).unwrap();
                }
            })
        };
        let (mut reader, mut got) = (LaneReader::default(), Vec::<SlotId>::new());
        while got.len() < 2 {
            bell.0.wait();
            while drain(&mut reader, &lane, 1, &mut got, |slot| slot.generation == 1).bytes > 0 {}
        }
        producer.join().unwrap();
        assert_eq!(of(&got, 1), [1, 1]);
    });
}

#[test]
fn a_busy_reader_is_not_woken() {
    model(|| {
        let bell = LaneBell::default();
        let lane = Arc::new(Lane::new(8, bell.clone()));
        let (mut reader, mut got) = (LaneReader::default(), Vec::<SlotId>::new());
        for generation in 0..3 {
            request(&lane, id(0, generation)).unwrap();
        }
        let producers = [1, 2].map(|slot| {
            let lane = lane.clone();
            thread::spawn(move || request(&lane, id(slot, 0)).unwrap())
        });
        // Something is left each time, and a call without room does not put the reader to sleep either.
        drain(&mut reader, &lane, 1, &mut got, all);
        drain(&mut reader, &lane, 0, &mut got, all);
        drain(&mut reader, &lane, 1, &mut got, all);
        join(producers);
        assert_eq!(bell.0.wakes(), 1);
        while drain(&mut reader, &lane, 8, &mut got, all).bytes > 0 {}
        assert_eq!((of(&got, 0), of(&got, 1), of(&got, 2)), (vec![0, 1, 2], vec![0], vec![0]));
        assert_eq!(bell.0.wakes(), 1);
    });
}

#[test]
fn a_reader_that_finds_something_at_its_second_look_is_busy() {
    model(|| {
        let bell = LaneBell::default();
        let lane = Arc::new(Lane::new(8, bell.clone()));
        let (mut reader, mut got) = (LaneReader::default(), Vec::<SlotId>::new());
        request(&lane, id(0, 0)).unwrap();
        drain(&mut reader, &lane, 8, &mut got, all);
        let producer = {
            let lane = lane.clone();
            thread::spawn(move || request(&lane, id(1, 0)).unwrap())
        };
        let drained = drain(&mut reader, &lane, 8, &mut got, all);
        producer.join().unwrap();
        let wakes = bell.0.wakes();
        // Either it has taken the record and will come back, or it sleeps and has been woken for it.
        assert!(drained.bytes > 0 || wakes == 2);
        request(&lane, id(2, 0)).unwrap();
        assert_eq!(bell.0.wakes(), wakes);
    });
}

#[test]
fn a_reader_that_commits_without_room_stays_awake() {
    model(|| {
        let bell = LaneBell::default();
        let lane = Arc::new(Lane::new(8, bell.clone()));
        let (mut reader, mut got) = (LaneReader::default(), Vec::<SlotId>::new());
        request(&lane, id(0, 0)).unwrap();
        drain(&mut reader, &lane, 8, &mut got, all);
        let producer = {
            let lane = lane.clone();
            thread::spawn(move || request(&lane, id(1, 0)).unwrap())
        };
        assert_eq!(drain(&mut reader, &lane, 0, &mut got, all), Drained::default());
        producer.join().unwrap();
        assert_eq!(bell.0.wakes(), 1);
        assert_eq!(drain(&mut reader, &lane, 8, &mut got, all).requests, 1);
    });
}

#[test]
fn at_most_the_limit_waits_wherever_it_waits() {
    model(|| {
        let lane = Arc::new(Lane::new(2, LaneBell::default()));
        for generation in 0..2 {
            request(&lane, id(0, generation)).unwrap();
        }
        let producers = [1, 2].map(|slot| {
            let lane = lane.clone();
            thread::spawn(move || {
                (0..2).filter(|&generation| request(&lane, id(slot, generation)).is_ok()).count()
            })
        });
        let (mut reader, mut got) = (LaneReader::default(), Vec::<SlotId>::new());
        drain(&mut reader, &lane, 1, &mut got, all);
        let pushed = 2 + join(producers).iter().sum::<usize>();
        let waiting = pushed - got.len();
        assert!(waiting <= 2, "{waiting} requests wait");
        assert_eq!(lane.depth(), (waiting, waiting * RECORD));
        while drain(&mut reader, &lane, 1, &mut got, all).bytes > 0 {}
        assert_eq!((got.len(), lane.depth()), (pushed, (0, 0)));
    });
}

/// A waker like that of a JavaScript environment: the handle sits under a lock, and is destroyed soon after it was taken
/// from there.
#[derive(Clone, Default)]
struct Guarded(Arc<Mutex<Option<Arc<AtomicBool>>>>);

impl Guarded {
    /// Returns the handle, true while it exists.
    fn open(&self) -> Arc<AtomicBool> {
        let handle = Arc::new(AtomicBool::new(true));
        *self.0.lock().unwrap() = Some(handle.clone());
        handle
    }

    fn close(&self) {
        let handle = self.0.lock().unwrap().take();
        if let Some(handle) = handle {
            handle.store(false, Ordering::Relaxed);
        }
    }
}

impl Wake for Guarded {
    fn wake(&self) {
        let guard = self.0.lock().unwrap();
        if let Some(handle) = guard.as_ref() {
            assert!(handle.load(Ordering::Relaxed), "called after it was destroyed");
        }
    }
}

/// `close` is what the reader's thread does while two producers push.
fn closing(close: impl Fn(&Lane<Guarded>) + Send + Sync + 'static) {
    model(move || {
        let waker = Guarded::default();
        let handle = waker.open();
        let lane = Arc::new(Lane::new(8, waker));
        let producers = [1, 2].map(|slot| {
            let lane = lane.clone();
            thread::spawn(move || {
                let first = request(&lane, id(slot, 0));
                let second = event(&lane, id(slot, 1));
                assert!(first.is_ok() || second == Err(PushError::Closed));
            })
        });
        let (mut reader, mut got) = (LaneReader::default(), Vec::<SlotId>::new());
        // Leaves a record in the reader's hands when both have come.
        drain(&mut reader, &lane, 1, &mut got, all);
        close(&lane);
        assert!(lane.is_closed() && !handle.load(Ordering::Relaxed));
        assert_eq!(lane.depth(), (0, 0));
        assert_eq!(request(&lane, id(0, 0)), Err(PushError::Closed));
        assert_eq!(event(&lane, id(0, 0)), Err(PushError::Closed));
        join(producers);
        assert_eq!(drain(&mut reader, &lane, 8, &mut got, all), Drained::default());
        assert_eq!(lane.depth(), (0, 0));
    });
}

#[test]
fn after_close_nothing_is_queued_and_nobody_is_woken() {
    closing(|lane| {
        lane.close();
        lane.waker().close();
    });
}

#[test]
fn an_environment_may_end_before_its_lane() {
    closing(|lane| {
        lane.waker().close();
        lane.close();
    });
}

/// A task that is woken through the standard library's waker.
impl std::task::Wake for Bell {
    fn wake(self: StdArc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &StdArc<Self>) {
        self.ring();
    }
}

#[test]
fn a_mailbox_loses_no_batch_and_wakes_once_for_all_that_come_together() {
    model(|| {
        let mailbox = Arc::new(Mailbox::default());
        let senders = [1, 2].map(|sender| {
            let mailbox = mailbox.clone();
            thread::spawn(move || {
                for number in 0..2 {
                    mailbox.send(vec![sender, number]);
                }
            })
        });
        let bell = StdArc::new(Bell::default());
        let (mut got, mut slept) = (Vec::new(), 0);
        while got.len() < 4 {
            match mailbox.poll_receive(&mut Context::from_waker(&bell.clone().into())) {
                Poll::Ready(batches) => got.extend(batches),
                Poll::Pending => {
                    slept += 1;
                    bell.wait();
                }
            }
        }
        join(senders);
        for sender in [1, 2] {
            let numbers: Vec<u8> = got.iter().filter(|b| b[0] == sender).map(|b| b[1]).collect();
            assert_eq!(numbers, [0, 1]);
        }
        assert_eq!(bell.wakes(), slept);
    });
}

#[test]
fn a_mailbox_wakes_the_task_that_asked_last() {
    model(|| {
        let mailbox = Arc::new(Mailbox::default());
        let (first, second) = (StdArc::new(Bell::default()), StdArc::new(Bell::default()));
        let poll = |bell: &StdArc<Bell>| {
            mailbox.poll_receive(&mut Context::from_waker(&bell.clone().into())).is_ready()
        };
        assert!(!poll(&first));
        let sender = {
            let mailbox = mailbox.clone();
            thread::spawn(move || mailbox.send(vec![1]))
        };
        if !poll(&second) {
            second.wait();
            assert!(poll(&second));
        }
        sender.join().unwrap();
        assert_eq!(first.wakes() + second.wakes(), 1);
    });
}

#[test]
fn a_closed_mailbox_keeps_neither_batches_nor_wakers() {
    model(|| {
        let mailbox = Arc::new(Mailbox::default());
        let bell = StdArc::new(Bell::default());
        let poll = || mailbox.poll_receive(&mut Context::from_waker(&bell.clone().into())).is_pending();
        assert!(poll());
        let sender = {
            let mailbox = mailbox.clone();
            thread::spawn(move || mailbox.send(vec![1]))
        };
        mailbox.close();
        assert!(poll());
        sender.join().unwrap();
        assert!(poll());
        assert_eq!(StdArc::strong_count(&bell), 1);
    });
}

#[test]
fn a_stale_request_is_skipped_by_another_thread() {
    model(|| {
        let bell = LaneBell::default();
        let lane = Arc::new(Lane::new(8, bell.clone()));
        let mut slots = Slots::new(0, 8);
        let generations = slots.generations();
        let io_loop = {
            let lane = lane.clone();
            thread::spawn(move || {
                let given_up = slots.insert(()).unwrap();
                request(&lane, given_up).unwrap();
                assert_eq!(slots.remove(given_up), Some(()));
                let kept = slots.insert(()).unwrap();
                assert_eq!(kept.slot, given_up.slot);
                request(&lane, kept).unwrap();
                // In a chunk of generations that does not exist yet.
                while slots.insert(()).unwrap().slot < 1 {}
                request(&lane, slots.insert(()).unwrap()).unwrap();
            })
        };
        let (mut reader, mut got) = (LaneReader::default(), Vec::<SlotId>::new());
        while got.last().is_none_or(|last| last.slot < 2) {
            bell.0.wait();
            while drain(&mut reader, &lane, 1, &mut got, |slot| generations.is_current(slot)).bytes > 0 {
                // Once the second request is seen, the first one is over for everybody.
                let seen = of(&got, 0);
                assert!(!seen.contains(&1) || !generations.is_current(id(0, 0)));
                assert!(!generations.is_current(id(7, 0)));
            }
        }
        io_loop.join().unwrap();
        assert!(matches!(of(&got, 0)[..], [1] | [0, 1]));
        assert_eq!(of(&got, 2), [0]);
    });
}
