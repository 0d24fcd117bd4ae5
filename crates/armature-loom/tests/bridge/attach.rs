//! A lane that comes, and one that goes, while a loop pushes: every request is handed over by one of them, once.

use armature_bridge::{Lane, LaneReader, PushError, Returned, SlotId, Wake};
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::{LaneBell, all, drain, id, model, request};

/// The mailbox of a loop, for jobs.
type Jobs = Arc<Mutex<Vec<Returned>>>;

#[derive(Clone, Default)]
struct Silent;

impl Wake for Silent {
    fn wake(&self) {}
}

/// What a loop does with a lane that has closed: what it was not handed goes to `other`.
fn move_to<W: Wake>(other: &Lane<W>, jobs: &Jobs) -> bool {
    let job = jobs.lock().unwrap().pop();
    let Some(returned) = job else { return false };
    for record in returned.records() {
        assert!(record.is_request);
        other.push_request(false, || 0, |out| out.extend_from_slice(record.bytes)).unwrap();
    }
    true
}

fn sorted(mut got: Vec<SlotId>) -> Vec<u32> {
    got.sort_by_key(|id| id.slot);
    got.iter().map(|id| id.slot).collect()
}

#[test]
fn a_lane_that_closes_loses_no_request_and_doubles_none() {
    model(|| {
        let (closing, other) = (Arc::new(Lane::new(8, Silent)), Arc::new(Lane::new(8, Silent)));
        let jobs = Jobs::default();
        let thread = {
            let (closing, jobs) = (closing.clone(), jobs.clone());
            thread::spawn(move || {
                let (mut reader, mut handed) = (LaneReader::default(), Vec::new());
                // Takes everything that is there and hands over one: the next is in its hands when it ends.
                drain(&mut reader, &closing, 1, &mut handed, all);
                let returned = closing.close_and_return(&mut reader);
                jobs.lock().unwrap().push(returned);
                handed
            })
        };
        // The loop, whose least-loaded lane is the one that closes.
        for slot in 1..=3 {
            match request(&closing, id(slot, 0)) {
                Ok(()) => {}
                Err(PushError::Closed) => request(&other, id(slot, 0)).unwrap(),
                Err(PushError::Full | PushError::Late) => unreachable!(),
            }
        }
        let mut moved = move_to(&other, &jobs);
        let mut got = thread.join().unwrap();
        if !moved {
            moved = move_to(&other, &jobs);
        }
        assert!(moved && request(&closing, id(4, 0)) == Err(PushError::Closed));
        drain(&mut LaneReader::default(), &other, 8, &mut got, all);
        assert_eq!(sorted(got), [1, 2, 3]);
    });
}

#[test]
fn a_lane_that_is_attached_is_woken_for_what_moves_to_it() {
    model(|| {
        let bell = LaneBell::default();
        let (closing, new) = (Arc::new(Lane::new(8, Silent)), Arc::new(Lane::new(8, bell.clone())));
        request(&closing, id(1, 0)).unwrap();
        let reader = {
            let new = new.clone();
            thread::spawn(move || {
                let (mut reader, mut got) = (LaneReader::default(), Vec::new());
                while got.len() < 2 {
                    bell.0.wait();
                    while drain(&mut reader, &new, 1, &mut got, all).bytes > 0 {}
                }
                got
            })
        };
        let jobs = Jobs::default();
        let ending = {
            let (closing, jobs) = (closing.clone(), jobs.clone());
            thread::spawn(move || {
                let returned = closing.close_and_return(&mut LaneReader::default());
                jobs.lock().unwrap().push(returned);
            })
        };
        request(&new, id(2, 0)).unwrap();
        ending.join().unwrap();
        assert!(move_to(&new, &jobs));
        assert_eq!(sorted(reader.join().unwrap()), [1, 2]);
    });
}
