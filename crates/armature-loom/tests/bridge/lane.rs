//! Producers, one reader, and the slots that their records name.

use armature_bridge::{Ages, Drained, Lane, LaneReader, PushError, SlotId, Slots, Waiting};
use loom::sync::Arc;
use loom::thread;

use super::{LaneBell, RECORD, all, drain, event, id, join, model, of, request};

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

#[test]
fn what_waits_can_be_watched_while_it_changes() {
    model(|| {
        let lane = Arc::new(Lane::new(8, LaneBell::default()));
        request(&lane, id(0, 0)).unwrap();
        request(&lane, id(0, 1)).unwrap();
        let producer = {
            let lane = lane.clone();
            thread::spawn(move || {
                request(&lane, id(1, 0)).unwrap();
                lane.close();
            })
        };
        let (mut reader, mut got) = (LaneReader::default(), Vec::<SlotId>::new());
        drain(&mut reader, &lane, 1, &mut got, all);
        let given_up = reader.given_up(&lane, |slot| slot.slot == 0);
        let waiting = lane.waiting();
        assert!(given_up <= 1 && waiting.requests <= 2);
        assert_eq!(waiting.since.is_some(), waiting.requests > 0);
        assert!(waiting.requests > 0 || lane.is_closed());
        assert_eq!(lane.batches().sizes().iter().sum::<usize>(), got.len());
        producer.join().unwrap();
        assert_eq!((reader.given_up(&lane, |_| false), lane.waiting()), (0, Waiting::default()));
    });
}

#[test]
fn a_lane_is_late_only_while_what_is_late_waits() {
    model(|| {
        let lane = Arc::new(Lane::new(8, LaneBell::default()));
        request(&lane, id(1, 0)).unwrap();
        let mut ages = Ages::new(80);
        lane.find_late(&mut ages, 0);
        let watcher = {
            let lane = lane.clone();
            thread::spawn(move || {
                // Another one, or it is refused because the first is late; it is never late itself.
                let pushed = request(&lane, id(2, 0));
                let late = lane.find_late(&mut ages, 80);
                assert!(late.is_empty() || late.numbers().eq([0]), "{late:?}");
                pushed.and(request(&lane, id(2, 1)))
            })
        };
        let (mut reader, mut got) = (LaneReader::default(), Vec::<SlotId>::new());
        drain(&mut reader, &lane, 1, &mut got, all);
        let second = watcher.join().unwrap();
        assert!(matches!(second, Ok(()) | Err(PushError::Late)));
        // The first has left, so nobody is refused any more.
        assert!(!lane.is_late());
        assert_eq!(request(&lane, id(3, 0)), Ok(()));
    });
}
