//! The lane against a model, and with real threads.
#![cfg(not(armature_loom))]

use std::collections::{HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use armature_bridge::record::{self, Kind};
use armature_bridge::{Ages, BATCH_SIZES, Drained, Lane, LaneReader, PushError, SlotId, Wake};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Clone, Default)]
struct Wakes(Arc<AtomicUsize>);

impl Wake for Wakes {
    fn wake(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn slot(number: u32) -> SlotId {
    SlotId { slot: number, generation: 1 }
}

fn all(_: SlotId) -> bool {
    true
}

/// One record of `len` bytes of its own, and what it must look like when it comes out.
fn encoded(kind: Kind, number: u32, len: usize) -> Vec<u8> {
    let mut out = Vec::new();
    record::data(&mut out, kind, slot(number), 0, &vec![number as u8; len]);
    out
}

#[derive(Clone, Debug)]
enum Step {
    Request(usize),
    Event(usize),
    /// Gives up the request with this number, if there is one.
    GiveUp(u32),
    Drain(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..60usize).prop_map(Step::Request),
        2 => (0..60usize).prop_map(Step::Event),
        2 => (0..40u32).prop_map(Step::GiveUp),
        3 => prop_oneof![Just(0), 0..40usize, 0..400usize].prop_map(Step::Drain),
    ]
}

/// What a lane is, without threads or buffers.
#[derive(Default)]
struct Model {
    waiting: VecDeque<(u32, Kind, Vec<u8>)>,
    given_up: HashSet<u32>,
    /// Requests that were taken.
    queued: u64,
    armed: bool,
    wakes: usize,
    batches: [usize; BATCH_SIZES],
}

impl Model {
    fn given_up_and_waiting(&self) -> usize {
        let waits = |(number, kind, _): &&(u32, Kind, Vec<u8>)| {
            *kind == Kind::Request && self.given_up.contains(number)
        };
        self.waiting.iter().filter(waits).count()
    }

    fn requests(&self) -> usize {
        self.waiting.iter().filter(|(_, kind, _)| *kind == Kind::Request).count()
    }

    fn push(&mut self, number: u32, kind: Kind, bytes: Vec<u8>) {
        self.waiting.push_back((number, kind, bytes));
        self.wakes += usize::from(!self.armed);
        self.armed = true;
    }

    fn drain(&mut self, room: usize) -> (Drained, Vec<u8>) {
        let (mut drained, mut out) = (Drained::default(), Vec::new());
        if room == 0 {
            return (drained, out);
        }
        while let Some((number, kind, bytes)) = self.waiting.front() {
            let is_request = *kind == Kind::Request;
            if !(is_request && self.given_up.contains(number)) {
                if out.len() + bytes.len() > room {
                    drained.needs = if out.is_empty() { bytes.len() } else { 0 };
                    break;
                }
                out.extend(bytes);
                drained.requests += usize::from(is_request);
            }
            self.waiting.pop_front();
        }
        drained.bytes = out.len();
        if out.is_empty() && drained.needs == 0 {
            self.armed = false;
        }
        (drained, out)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 4, ..ProptestConfig::default() })]

    #[test]
    fn whole_records_come_out_in_order_and_no_more_than_the_limit_wait(
        limit in 0..6usize,
        steps in vec(step(), 0..80),
    ) {
        let wakes = Wakes::default();
        let lane = Lane::new(limit, wakes.clone());
        let (mut reader, mut model) = (LaneReader::default(), Model::default());
        for (number, step) in steps.into_iter().enumerate() {
            let number = number as u32;
            match step {
                Step::Request(len) => {
                    let bytes = encoded(Kind::Request, number, len);
                    let pushed = lane.push_request(false, || u64::from(number), |out| out.extend(&bytes));
                    if model.requests() < limit {
                        prop_assert_eq!(pushed, Ok(model.queued));
                        model.queued += 1;
                        model.push(number, Kind::Request, bytes);
                    } else {
                        prop_assert_eq!(pushed, Err(PushError::Full));
                    }
                }
                Step::Event(len) => {
                    let bytes = encoded(Kind::BodyData, number, len);
                    prop_assert_eq!(lane.push(|out| out.extend(&bytes)), Ok(()));
                    model.push(number, Kind::BodyData, bytes);
                }
                Step::GiveUp(number) => {
                    model.given_up.insert(number);
                }
                Step::Drain(room) => {
                    let mut out = vec![0xee; room];
                    let is_current = |id: SlotId| !model.given_up.contains(&id.slot);
                    let drained = reader.drain(&lane, &mut out, is_current);
                    let (expected, bytes) = model.drain(room);
                    prop_assert_eq!(drained, expected);
                    if let Some(power) = drained.requests.checked_ilog2() {
                        model.batches[power.min(6) as usize] += 1;
                    }
                    prop_assert_eq!(&out[..drained.bytes], &bytes);
                    prop_assert!(out[drained.bytes..].iter().all(|byte| *byte == 0xee));
                }
            }
            let bytes = model.waiting.iter().map(|(_, _, bytes)| bytes.len()).sum::<usize>();
            prop_assert_eq!(lane.depth(), (model.requests(), bytes));
            prop_assert_eq!(lane.batches().sizes(), model.batches);
            // Requests are numbered by the time; the oldest is not said to be younger than it is.
            let oldest = model.waiting.iter().find(|(_, kind, _)| *kind == Kind::Request).map(|(number, ..)| *number);
            let since = lane.waiting().since;
            prop_assert_eq!(since.is_some(), oldest.is_some());
            prop_assert!(since.unwrap_or(0) <= oldest.unwrap_or(0).into());
            let is_current = |id: SlotId| !model.given_up.contains(&id.slot);
            prop_assert_eq!(reader.given_up(&lane, is_current), model.given_up_and_waiting());
            prop_assert_eq!(wakes.0.load(Ordering::Relaxed), model.wakes);
        }
    }
}

#[test]
fn a_buffer_that_is_too_small_learns_what_is_needed() {
    let lane = Lane::new(2, Wakes::default());
    let mut reader = LaneReader::default();
    let record = encoded(Kind::Request, 1, 100);
    lane.push_request(false, || 0, |out| out.extend(&record)).unwrap();
    let needs = Drained { needs: record.len(), ..Drained::default() };
    assert_eq!(reader.drain(&lane, &mut [0; 1], all), needs);
    assert_eq!(reader.drain(&lane, &mut vec![0; record.len() - 1], all), needs);
    let mut out = vec![0; record.len()];
    let drained = Drained { bytes: record.len(), requests: 1, needs: 0 };
    assert_eq!(reader.drain(&lane, &mut out, all), drained);
    assert_eq!(out, record);
}

#[test]
fn an_encoder_that_panics_leaves_nothing_behind() {
    let lane = Lane::new(1, Wakes::default());
    let mut reader = LaneReader::default();
    let event = encoded(Kind::Credit, 1, 0);
    lane.push(|out| out.extend(&event)).unwrap();
    let half = |out: &mut Vec<u8>| {
        out.extend([0; 7]);
        panic!("half way");
    };
    let pushes: [&dyn Fn() -> Result<(), PushError>; 2] =
        [&|| lane.push_request(false, || 0, half).map(drop), &|| lane.push(half)];
    for push in pushes {
        catch_unwind(AssertUnwindSafe(push)).unwrap_err();
        assert_eq!((lane.depth(), lane.load()), ((0, event.len()), 0));
    }
    let request = encoded(Kind::Request, 2, 3);
    lane.push_request(false, || 0, |out| out.extend(&request)).unwrap();
    let mut out = [0; 256];
    let drained = reader.drain(&lane, &mut out, all);
    assert_eq!(out[..drained.bytes], [event, request].concat());
}

#[test]
fn a_burst_of_megabytes_is_read_whole_and_more_after_it() {
    let lane = Lane::new(8, Wakes::default());
    let mut reader = LaneReader::default();
    let mut out = vec![0; 70_000];
    for _ in 0..3 {
        for number in 0..40 {
            lane.push(|out| out.extend(encoded(Kind::BodyData, number, 65_536))).unwrap();
        }
        for number in 0..40 {
            let drained = reader.drain(&lane, &mut out, all);
            assert_eq!(out[..drained.bytes], encoded(Kind::BodyData, number, 65_536));
        }
        assert_eq!((reader.drain(&lane, &mut out, all), lane.depth()), (Drained::default(), (0, 0)));
    }
}

#[test]
fn the_oldest_request_is_known_wherever_it_waits() {
    let lane = Lane::new(8, Wakes::default());
    let mut reader = LaneReader::default();
    let request = encoded(Kind::Request, 1, 0);
    let push = |now| assert!(lane.push_request(false, || now, |out| out.extend(&request)).is_ok());
    let mut drain = |records: usize| reader.drain(&lane, &mut vec![0; records * request.len()], all).requests;
    let since = || lane.waiting().since;
    assert_eq!(since(), None);
    lane.push(|out| out.extend(encoded(Kind::Credit, 1, 0))).unwrap();
    assert_eq!(since(), None);
    push(10);
    push(20);
    push(30);
    assert_eq!(since(), Some(10));
    // Taken together: the time of the first one stays until the last one is handed over.
    assert_eq!((drain(2), since()), (1, Some(10)));
    push(40);
    push(50);
    assert_eq!((drain(1), since()), (1, Some(10)));
    assert_eq!((drain(1), since()), (1, Some(40)));
    assert_eq!((drain(8), since()), (2, None));
    push(60);
    assert_eq!(since(), Some(60));
    lane.close();
    assert_eq!(since(), None);
}

#[test]
fn a_lane_is_late_until_what_waited_too_long_has_left() {
    let lane = Lane::new(8, Wakes::default());
    let mut reader = LaneReader::default();
    let request = encoded(Kind::Request, 1, 0);
    let push = || lane.push_request(false, || 0, |out| out.extend(&request));
    let mut drain = |records: usize| reader.drain(&lane, &mut vec![0; records * request.len()], all).requests;
    let mut ages = Ages::new(80);
    let late = |ages: &mut Ages, now| lane.find_late(ages, now).numbers().collect::<Vec<_>>();
    assert_eq!(late(&mut ages, 0), []);
    assert_eq!((push(), push()), (Ok(0), Ok(1)));
    assert!(lane.find_late(&mut ages, 10).is_empty());
    assert_eq!(push(), Ok(2));
    assert!(lane.find_late(&mut ages, 20).is_empty());
    assert!(lane.find_late(&mut ages, 89).is_empty() && !lane.is_late());
    // Two came before 10, one after.
    assert_eq!(late(&mut ages, 90), [0, 1]);
    assert!(lane.is_late());
    assert_eq!(push(), Err(PushError::Late));
    // The first is handed over, and in the hands of the reader the second waits as before.
    assert_eq!((drain(1), push()), (1, Err(PushError::Late)));
    assert_eq!(late(&mut ages, 91), [1]);
    assert_eq!((drain(1), push()), (1, Ok(3)));
    assert!(!lane.is_late() && lane.find_late(&mut ages, 92).is_empty());
    assert_eq!(late(&mut ages, 100), [2]);
    lane.forgive(&mut ages);
    assert_eq!(push(), Ok(4));
    assert!(lane.find_late(&mut ages, 101).is_empty() && lane.find_late(&mut ages, 180).is_empty());
    assert_eq!(late(&mut ages, 181), [2, 3, 4]);
    lane.close();
    assert!(!lane.is_late() && lane.find_late(&mut ages, 1000).is_empty());
    assert_eq!(push(), Err(PushError::Closed));
}

#[test]
fn what_one_loop_finds_late_counts_for_all() {
    let lane = Lane::new(8, Wakes::default());
    let request = encoded(Kind::Request, 1, 0);
    let push = || lane.push_request(false, || 0, |out| out.extend(&request));
    let (mut first, mut second) = (Ages::new(80), Ages::new(80));
    push().unwrap();
    lane.find_late(&mut first, 0);
    push().unwrap();
    lane.find_late(&mut second, 70);
    let late = |ages: &mut Ages, now| lane.find_late(ages, now).numbers().collect::<Vec<_>>();
    assert_eq!(late(&mut first, 80), [0]);
    // The second has looked only since 70, and knows what the first has found.
    assert_eq!(late(&mut second, 81), [0]);
    assert_eq!((push(), late(&mut second, 150)), (Err(PushError::Late), vec![0, 1]));
}

#[test]
fn batches_are_counted_by_their_requests() {
    let lane = Lane::new(100, Wakes::default());
    let mut reader = LaneReader::default();
    let mut out = vec![0; 100 * 24];
    for size in [0, 1, 1, 2, 3, 4, 7, 8, 63, 64, 100] {
        for number in 0..size {
            lane.push_request(false, || 0, |out| out.extend(encoded(Kind::Request, number, 0))).unwrap();
        }
        // What is no request does not make a batch.
        lane.push(|out| out.extend(encoded(Kind::Credit, 1, 0))).unwrap();
        while reader.drain(&lane, &mut out, all).bytes > 0 {}
    }
    // The last one was handed over in two parts.
    assert_eq!(lane.batches().sizes(), [2, 2, 2, 1, 0, 2, 2]);
}

#[test]
fn requests_that_were_given_up_are_found_among_many() {
    let lane = Lane::new(2000, Wakes::default());
    let mut reader = LaneReader::default();
    for number in 0..1000 {
        lane.push_request(false, || 0, |out| out.extend(encoded(Kind::Request, number, 0))).unwrap();
    }
    // Three hundred in the reader's hands, or handed over.
    for _ in 0..5 {
        assert_eq!(reader.drain(&lane, &mut [0; 24 * 60], all).requests, 60);
    }
    for number in 1000..2000 {
        lane.push_request(false, || 0, |out| out.extend(encoded(Kind::Request, number, 0))).unwrap();
    }
    let every_tenth = |id: SlotId| !id.slot.is_multiple_of(10);
    assert_eq!(reader.given_up(&lane, every_tenth), 170);
    assert_eq!(reader.given_up(&lane, all), 0);
    lane.close();
    assert_eq!(reader.given_up(&lane, every_tenth), 0);
}

#[test]
fn no_more_is_handed_over_than_is_handled_at_a_time() {
    let lane = Lane::new(200, Wakes::default());
    let mut reader = LaneReader::default();
    let mut out = vec![0; 24 * 200];
    for number in 0..100 {
        lane.push_request(false, || 0, |out| out.extend(encoded(Kind::Request, number, 0))).unwrap();
        lane.push(|out| out.extend(encoded(Kind::Credit, number, 0))).unwrap();
    }
    let first = reader.drain(&lane, &mut out, all);
    assert_eq!((first.requests, first.bytes, lane.depth().0), (64, 2 * 64 * 24, 36));
    // Others may come in between; the order stays.
    lane.push_request(false, || 0, |out| out.extend(encoded(Kind::Request, 100, 0))).unwrap();
    let second = reader.drain(&lane, &mut out, all);
    assert_eq!((second.requests, second.bytes, lane.depth().0), (37, (2 * 36 + 1) * 24, 0));
    assert_eq!(out[..24], encoded(Kind::Request, 64, 0));
    assert_eq!(reader.drain(&lane, &mut out, all), Drained::default());
}

#[test]
fn load_counts_until_a_request_is_settled() {
    let lane = Lane::new(2, Wakes::default());
    let mut reader = LaneReader::default();
    for number in 0..2 {
        lane.push_request(false, || 0, |out| out.extend(encoded(Kind::Request, number, 0))).unwrap();
    }
    assert_eq!(lane.push_request(false, || 0, |_| panic!("must not encode")), Err(PushError::Full));
    reader.drain(&lane, &mut [0; 256], all);
    assert_eq!((lane.load(), lane.depth()), (2, (0, 0)));
    lane.settle();
    assert_eq!(lane.load(), 1);
}

#[test]
fn a_closed_lane_takes_and_gives_nothing() {
    let lane = Lane::new(8, Wakes::default());
    let mut reader = LaneReader::default();
    for number in 0..3 {
        lane.push_request(false, || 0, |out| out.extend(encoded(Kind::Request, number, 0))).unwrap();
    }
    // One is handed over, one is in the reader's hands, and one more comes.
    assert_eq!(reader.drain(&lane, &mut [0; 24], all).requests, 1);
    lane.push_request(false, || 0, |out| out.extend(encoded(Kind::Request, 3, 0))).unwrap();
    lane.close();
    assert!(lane.is_closed());
    assert_eq!(lane.depth(), (0, 0));
    assert_eq!(lane.push_request(false, || 0, |_| panic!("must not encode")), Err(PushError::Closed));
    assert_eq!(lane.push(|_| panic!("must not encode")), Err(PushError::Closed));
    assert_eq!(reader.drain(&lane, &mut [0; 256], all), Drained::default());
}

#[test]
fn a_closed_lane_gives_back_what_it_has_not_handed_over() {
    let lane = Lane::new(8, Wakes::default());
    let mut reader = LaneReader::default();
    for number in 0..3 {
        lane.push_request(false, || 0, |out| out.extend(encoded(Kind::Request, number, 0))).unwrap();
    }
    // One is handed over, two are in the reader's hands, and more come.
    assert_eq!(reader.drain(&lane, &mut [0; 24], all).requests, 1);
    lane.push_request(false, || 0, |out| out.extend(encoded(Kind::Request, 3, 5))).unwrap();
    lane.push(|out| out.extend(encoded(Kind::Abort, 3, 0))).unwrap();
    let returned = lane.close_and_return(&mut reader);
    let found: Vec<_> = returned.records().map(|record| (record.slot.slot, record.is_request)).collect();
    assert_eq!(found, [(1, true), (2, true), (3, true), (3, false)]);
    assert_eq!(returned.records().nth(2).unwrap().bytes, encoded(Kind::Request, 3, 5));
    assert!(lane.is_closed());
    assert_eq!((lane.depth(), reader.drain(&lane, &mut [0; 256], all)), ((0, 0), Drained::default()));
    assert_eq!(lane.close_and_return(&mut reader).records().count(), 0);
}

/// A reader's thread that sleeps until it is woken.
#[derive(Clone, Default)]
struct Bell(Arc<(Mutex<bool>, Condvar)>);

impl Wake for Bell {
    fn wake(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_one();
    }
}

impl Bell {
    fn wait(&self) {
        let rung = self.0.0.lock().unwrap();
        let (mut rung, timeout) =
            self.0.1.wait_timeout_while(rung, Duration::from_secs(20), |rung| !*rung).unwrap();
        assert!(!timeout.timed_out(), "nobody woke the reader");
        *rung = false;
    }
}

#[test]
fn four_threads_are_read_by_one() {
    const EACH: u32 = 20_000;
    const LIMIT: usize = 50;
    let bell = Bell::default();
    let lane = Arc::new(Lane::new(LIMIT, bell.clone()));
    let producers: Vec<_> = (0..4)
        .map(|producer| {
            let lane = lane.clone();
            thread::spawn(move || {
                for number in 0..EACH {
                    let id = SlotId { slot: producer, generation: number };
                    while lane
                        .push_request(false, || 0, |out| record::event(out, Kind::Request, id, 0))
                        .is_err()
                    {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    let (mut reader, mut next) = (LaneReader::default(), [0; 4]);
    let mut out = [0; 20 * 7];
    while next != [EACH; 4] {
        bell.wait();
        loop {
            let drained = reader.drain(&lane, &mut out, all);
            if drained.bytes == 0 {
                break;
            }
            for record in out[..drained.bytes].chunks(20) {
                let word = |at: usize| u32::from_le_bytes(record[at..at + 4].try_into().unwrap());
                let expected = &mut next[word(8) as usize];
                assert_eq!(word(12), *expected);
                *expected += 1;
            }
            assert!(lane.depth().0 <= LIMIT);
        }
    }
    producers.into_iter().for_each(|producer| producer.join().unwrap());
    assert_eq!((lane.depth(), lane.load()), ((0, 0), 4 * EACH as usize));
}

#[test]
fn what_waits_can_be_taken_back() {
    let wakes = Wakes::default();
    let lane = Lane::new(8, wakes.clone());
    let mut reader = LaneReader::default();
    let request =
        |number| lane.push_request(false, || 0, |out| out.extend(encoded(Kind::Request, number, 4)));
    let about = |kind, number| lane.push(|out| out.extend(encoded(kind, number, 4)));
    let mut out = [0; 4096];
    request(0).unwrap();
    let handed_over = reader.drain(&lane, &mut out, all);
    assert_eq!(handed_over.requests, 1);
    for number in 1..=4 {
        request(number).unwrap();
    }
    for number in [0, 1, 2] {
        about(Kind::BodyData, number).unwrap();
    }
    assert_eq!((lane.depth().0, lane.room()), (4, 4));
    // Those with odd numbers, and what is about them.
    let returned = lane.take_back(|slot| slot.slot % 2 == 1);
    let seen: Vec<_> = returned.records().map(|r| (r.slot.slot, r.is_request, r.bytes.to_vec())).collect();
    let expected = [(1, Kind::Request), (3, Kind::Request), (1, Kind::BodyData)]
        .map(|(number, kind)| (number, kind == Kind::Request, encoded(kind, number, 4)));
    assert_eq!(seen, expected);
    // Nobody gets them twice, whoever asks.
    assert_eq!(lane.take_back(|slot| slot.slot % 2 == 1).records().count(), 0);
    assert_eq!(lane.depth().0, 4, "their places are kept until the reader comes");
    assert_eq!(reader.given_up(&lane, all), 2);
    let drained = reader.drain(&lane, &mut out, all);
    let rest = [(2, Kind::Request), (4, Kind::Request), (0, Kind::BodyData), (2, Kind::BodyData)]
        .map(|(number, kind)| encoded(kind, number, 4));
    assert_eq!(&out[..drained.bytes], rest.concat());
    assert_eq!((drained.requests, lane.depth().0), (2, 0));
    // What is taken back when the lane closes is what is left.
    request(5).unwrap();
    request(6).unwrap();
    about(Kind::BodyData, 5).unwrap();
    assert_eq!(lane.take_back(|_| true).records().count(), 3);
    assert!(lane.put_back(slot(5)) && lane.put_back(slot(6)));
    assert!(!lane.put_back(slot(7)), "it has no place");
    assert_eq!(lane.take_back(|_| true).records().count(), 3, "as before");
    assert!(lane.put_back(slot(6)) && lane.put_back(slot(5)));
    assert_eq!(lane.take_back(|slot| slot.slot == 5).records().count(), 2, "and what is about it");
    let closed = lane.close_and_return(&mut reader);
    assert_eq!(closed.records().map(|r| r.slot.slot).collect::<Vec<_>>(), [6]);
}
