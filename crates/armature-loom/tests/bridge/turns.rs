//! Requests that wait apart, because much more waits than is handed over at a time, while others come.

use armature_bridge::{Ages, Lane, LaneReader, SlotId, Waiting};
use loom::sync::Arc;
use loom::thread;

use super::{LaneBell, RECORD, all, drain, event, id, model, of, request};

/// A lane of which much more waits than is handed over at a time, and its reader, which has begun to have clients take turns.
fn apart(lane: &Lane<LaneBell>, got: &mut Vec<SlotId>) -> LaneReader {
    let mut reader = LaneReader::default();
    reader.limit(1);
    for generation in 0..3 {
        request(lane, id(0, generation)).unwrap();
    }
    drain(&mut reader, lane, 8, got, all);
    assert_eq!((got.len(), lane.depth().0), (1, 2));
    reader
}

#[test]
fn what_waits_apart_is_handed_over_once_and_never_left_without_a_wake() {
    model(|| {
        let bell = LaneBell::default();
        let lane = Arc::new(Lane::new(8, bell.clone()));
        let mut got = Vec::<SlotId>::new();
        let mut reader = apart(&lane, &mut got);
        let producer = {
            let lane = lane.clone();
            thread::spawn(move || {
                request(&lane, id(1, 0)).unwrap();
                event(&lane, id(1, 0)).unwrap();
            })
        };
        while got.len() < 5 {
            bell.0.wait();
            while drain(&mut reader, &lane, 8, &mut got, all).bytes > 0 {}
        }
        producer.join().unwrap();
        assert_eq!((of(&got, 0), of(&got, 1)), (vec![0, 1, 2], vec![0, 0]));
        assert_eq!(lane.waiting(), Waiting::default());
    });
}

#[test]
fn what_waits_apart_is_late_until_it_has_left() {
    model(|| {
        let lane = Arc::new(Lane::new(8, LaneBell::default()));
        let (mut got, mut ages) = (Vec::<SlotId>::new(), Ages::new(80));
        let mut reader = apart(&lane, &mut got);
        lane.find_late(&mut ages, 0);
        let watcher = {
            let lane = lane.clone();
            thread::spawn(move || {
                let pushed = request(&lane, id(1, 0));
                let late: Vec<u64> = lane.find_late(&mut ages, 80).numbers().collect();
                // Those that came before the first look, as far as they wait.
                assert!(matches!(late[..], [] | [2] | [1, 2]), "{late:?}");
                assert!(!lane.waits(0));
                pushed
            })
        };
        drain(&mut reader, &lane, 8, &mut got, all);
        drain(&mut reader, &lane, 8, &mut got, all);
        assert_eq!(watcher.join().unwrap(), Ok(()));
        while drain(&mut reader, &lane, 8, &mut got, all).bytes > 0 {}
        assert_eq!((of(&got, 0), of(&got, 1)), (vec![0, 1, 2], vec![0]));
        assert!(!lane.is_late() && !lane.waits(3));
        assert_eq!(lane.waiting(), Waiting::default());
    });
}

#[test]
fn at_most_the_limit_waits_where_clients_take_turns() {
    model(|| {
        let lane = Arc::new(Lane::new(3, LaneBell::default()));
        let mut got = Vec::<SlotId>::new();
        let mut reader = apart(&lane, &mut got);
        let producer = {
            let lane = lane.clone();
            thread::spawn(move || (0..3).filter(|&n| request(&lane, id(1, n)).is_ok()).count())
        };
        drain(&mut reader, &lane, 8, &mut got, all);
        let pushed = 3 + producer.join().unwrap();
        let waiting = pushed - got.len();
        assert!(waiting <= 3, "{waiting} requests wait");
        assert_eq!(lane.depth(), (waiting, waiting * RECORD));
        while drain(&mut reader, &lane, 8, &mut got, all).bytes > 0 {}
        assert_eq!((got.len(), lane.depth()), (pushed, (0, 0)));
    });
}
