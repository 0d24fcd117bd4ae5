//! What waits for a thread that is busy is taken back while that thread comes by, and a generation follows another one.

use armature_bridge::record::{self, Kind};
use armature_bridge::{Lane, LaneReader, SlotId, Wake};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::{LaneBell, RECORD, all, drain, event, id, model, request};

#[derive(Clone, Default)]
struct Silent;

impl Wake for Silent {
    fn wake(&self) {}
}

/// Everything that can still be had of `lane`.
fn rest<W: Wake>(reader: &mut LaneReader, lane: &Lane<W>, got: &mut Vec<SlotId>) {
    while drain(reader, lane, 8, got, all).bytes > 0 {}
}

fn slots(mut got: Vec<SlotId>) -> Vec<u32> {
    got.sort_by_key(|id| (id.slot, id.generation));
    got.iter().map(|id| id.slot).collect()
}

#[test]
fn what_is_taken_back_is_handed_over_once() {
    model(|| {
        let (busy, free) = (Arc::new(Lane::new(8, Silent)), Lane::new(8, Silent));
        request(&busy, id(1, 0)).unwrap();
        request(&busy, id(2, 0)).unwrap();
        event(&busy, id(1, 0)).unwrap();
        let thread = {
            let busy = busy.clone();
            thread::spawn(move || {
                let (mut reader, mut got) = (LaneReader::default(), Vec::new());
                // One of them, and the others are in its hands; or what was left.
                drain(&mut reader, &busy, 1, &mut got, all);
                (reader, got)
            })
        };
        let returned = busy.take_back(|slot| slot.slot == 1);
        for record in returned.records() {
            assert_eq!(record.slot.slot, 1);
            match record.is_request {
                true => free
                    .push_request(false, || 0, |out| out.extend_from_slice(record.bytes))
                    .map(drop)
                    .unwrap(),
                false => free.push(|out| out.extend_from_slice(record.bytes)).unwrap(),
            }
        }
        let (mut reader, mut got) = thread.join().unwrap();
        rest(&mut reader, &busy, &mut got);
        rest(&mut LaneReader::default(), &free, &mut got);
        assert_eq!(slots(got), [1, 1, 2]);
        assert_eq!(busy.depth().0, 0, "their places are free again");
    });
}

#[test]
fn what_is_put_back_has_its_place_or_none() {
    model(|| {
        let busy = Arc::new(Lane::new(8, Silent));
        request(&busy, id(1, 0)).unwrap();
        event(&busy, id(1, 0)).unwrap();
        let thread = {
            let busy = busy.clone();
            thread::spawn(move || {
                let (mut reader, mut got) = (LaneReader::default(), Vec::new());
                drain(&mut reader, &busy, 8, &mut got, all);
                (reader, got)
            })
        };
        let returned = busy.take_back(|_| true);
        // Nobody has room.
        let taken = returned.records().count();
        let is_back = taken > 0 && busy.put_back(id(1, 0));
        let (mut reader, mut got) = thread.join().unwrap();
        rest(&mut reader, &busy, &mut got);
        // The reader came first, or it comes after; or it passed by while they were away, and they have no place any more.
        match (taken, is_back) {
            (0, _) | (_, true) => assert_eq!(slots(got), [1, 1]),
            (_, false) => assert_eq!(slots(got), []),
        }
    });
}

#[test]
fn a_generation_that_is_replaced_hears_of_its_end_behind_all_that_it_has() {
    model(|| {
        let bell = LaneBell::default();
        let (old, new) = (Arc::new(Lane::new(8, bell.clone())), Lane::new(8, Silent));
        // What the loops have not answered yet; the last one says so, as `Retiring` does.
        let loops = Arc::new(AtomicUsize::new(2));
        let retire = |old: &Lane<LaneBell>, loops: &AtomicUsize| {
            if loops.fetch_sub(1, Ordering::AcqRel) == 1 {
                old.push(|out| record::event(out, Kind::Closed, id(9, 0), 0)).unwrap();
            }
        };
        let reader = {
            let old = old.clone();
            thread::spawn(move || {
                let (mut reader, mut got) = (LaneReader::default(), Vec::new());
                while got.last() != Some(&id(9, 0)) {
                    bell.0.wait();
                    rest(&mut reader, &old, &mut got);
                }
                got
            })
        };
        let other = {
            let (old, loops) = (old.clone(), loops.clone());
            thread::spawn(move || {
                request(&old, id(1, 0)).unwrap();
                retire(&old, &loops);
            })
        };
        // This loop changes between two requests.
        request(&old, id(2, 0)).unwrap();
        request(&new, id(3, 0)).unwrap();
        retire(&old, &loops);
        other.join().unwrap();
        assert_eq!(slots(reader.join().unwrap()), [1, 2, 9]);
        assert_eq!(new.depth(), (1, RECORD));
    });
}
