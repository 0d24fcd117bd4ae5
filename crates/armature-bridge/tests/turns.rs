//! Who is handed over next while much more waits than is handed over at a time.
#![cfg(not(armature_loom))]

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet, VecDeque};

use armature_bridge::record::{self, Kind};
use armature_bridge::{Ages, Drained, Lane, LaneReader, PushError, SlotId, Wake};
use proptest::collection::vec;
use proptest::prelude::*;

struct Silent;

impl Wake for Silent {
    fn wake(&self) {}
}

fn slot(number: u32) -> SlotId {
    SlotId { slot: number, generation: 1 }
}

fn all(_: SlotId) -> bool {
    true
}

/// Request `number` of a client, on one of its connections.
fn asked(number: u32, ip: &str, port: u16) -> Vec<u8> {
    let mut out = Vec::new();
    let request = record::Request {
        slot: slot(number),
        handler: 0,
        routes: 0,
        method: 0,
        method_name: "",
        version: 2,
        flags: 0,
        id: number.into(),
        given_id: "",
        content_length: 0,
        body_limit: 0,
        target: "/",
        path: 1,
        text: b"hosta",
        fields: [(4, 1)].into_iter(),
        params: [].into_iter(),
        ip,
        remote_ip: "",
        remote_port: port,
        host: "",
        tls: b"",
        body: b"",
    };
    request.encode(&mut out);
    out
}

fn about(kind: Kind, number: u32) -> Vec<u8> {
    let mut out = Vec::new();
    record::event(&mut out, kind, slot(number), 7);
    out
}

fn push(lane: &Lane<Silent>, record: &[u8]) -> u64 {
    lane.push_request(false, || 0, |out| out.extend(record)).unwrap()
}

/// A lane and its reader, to whom so many are handed over at a time.
struct Scene {
    lane: Lane<Silent>,
    reader: RefCell<LaneReader>,
    out: RefCell<Vec<u8>>,
}

impl Scene {
    fn new(limit: usize, most: usize) -> Self {
        let reader = RefCell::new(LaneReader::default());
        reader.borrow_mut().limit(most);
        Self { lane: Lane::new(limit, Silent), reader, out: RefCell::new(vec![0; 64 * 1024]) }
    }

    fn ask(&self, numbers: impl IntoIterator<Item = u32>, ip: &str, port: u16) {
        for number in numbers {
            push(&self.lane, &asked(number, ip, port));
        }
    }

    /// What is handed over: slots and kinds.
    fn drain_if(&self, is_current: impl Fn(SlotId) -> bool) -> Vec<(u32, u32)> {
        let mut out = self.out.borrow_mut();
        let Drained { bytes, requests, needs } =
            self.reader.borrow_mut().drain(&self.lane, &mut out, is_current);
        assert_eq!(needs, 0);
        let records = split(&out[..bytes]);
        assert_eq!(records.iter().filter(|(_, kind)| *kind == Kind::Request as u32).count(), requests);
        records
    }

    fn drain(&self) -> Vec<u32> {
        self.drain_if(all).into_iter().map(|(slot, _)| slot).collect()
    }
}

fn split(mut bytes: &[u8]) -> Vec<(u32, u32)> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let word = |at: usize| u32::from_le_bytes(bytes[at * 4..at * 4 + 4].try_into().unwrap());
        records.push((word(2), word(1)));
        bytes = &bytes[word(0) as usize..];
    }
    records
}

#[test]
fn what_is_handled_soon_comes_in_order() {
    let scene = Scene::new(100, 4);
    scene.ask(0..36, "10.0.0.1", 1);
    assert_eq!(scene.drain(), [0, 1, 2, 3]);
    // 8 times as much waits as is handed over at a time.
    scene.ask([36], "10.0.0.2", 2);
    let rest: Vec<u32> =
        std::iter::from_fn(|| Some(scene.drain()).filter(|some| !some.is_empty())).flatten().collect();
    assert_eq!(rest, Vec::from_iter(4..=36));
}

#[test]
fn whoever_asks_for_little_does_not_wait_behind_one_who_asks_for_much() {
    let scene = Scene::new(4096, 4);
    scene.ask(0..2000, "10.0.0.1", 1);
    assert_eq!(scene.drain(), [0, 1, 2, 3]);
    scene.ask([2000], "10.0.0.1", 2);
    scene.ask([2001], "10.0.0.2", 1);
    assert_eq!(scene.lane.depth().0, 1998);
    // The other client, and the other connection of the same one.
    assert_eq!(scene.drain(), [4, 2001, 2000, 5]);
    assert_eq!(scene.drain(), [6, 7, 8, 9]);
    scene.ask([2002, 2003, 2004], "10.0.0.2", 1);
    assert_eq!(scene.drain(), [2002, 10, 2003, 11]);
    assert_eq!(scene.drain(), [2004, 12, 13, 14]);
    assert_eq!(scene.lane.depth().0, 1998 + 3 - 16);
}

#[test]
fn who_comes_anew_does_not_wait_for_all_the_others() {
    let scene = Scene::new(4096, 1);
    for port in 0..20 {
        let first = u32::from(port) * 20;
        scene.ask(first..first + 20, "10.0.0.1", port);
    }
    assert_eq!(scene.drain(), [0]);
    // All have had a turn.
    let rest: HashSet<u32> = (0..27).flat_map(|_| scene.drain()).map(|slot| slot / 20).collect();
    assert_eq!(rest.len(), 20);
    scene.ask([1000], "10.0.0.1", 100);
    assert_eq!(scene.drain(), [1000]);
    // Who comes again before it would have been its turn is not new.
    scene.ask([1001], "10.0.0.1", 100);
    let between: Vec<u32> =
        std::iter::from_fn(|| scene.drain().first().copied().filter(|slot| *slot != 1001)).collect();
    assert_eq!(between.len(), 20);
    // Many new ones do not keep the others from their turns.
    for port in 101..140 {
        scene.ask([u32::from(port) * 20], "10.0.0.1", port);
    }
    let old = (0..20).flat_map(|_| scene.drain()).filter(|slot| *slot < 1000).count();
    assert_eq!(old, 5);
}

#[test]
fn clients_take_turns_whatever_their_connections() {
    let scene = Scene::new(4096, 4);
    for port in 0..50 {
        let first = u32::from(port) * 20;
        scene.ask(first..first + 20, "2001:db8::1", port);
    }
    scene.drain();
    scene.ask(1000..1016, "2001:db8:0:1::1", 1);
    // Those of one network are one client.
    scene.ask([2000], "2001:db8::2", 1);
    for (from, to) in (1000..1016).step_by(2).map(|from| (from, from + 2)) {
        let batch = scene.drain();
        let of_other: Vec<u32> = batch.iter().copied().filter(|slot| (1000..2000).contains(slot)).collect();
        assert_eq!((of_other, batch.len()), (Vec::from_iter(from..to), 4));
    }
    let batch = scene.drain();
    let ports: HashSet<u32> = batch.iter().map(|slot| slot / 20).collect();
    assert_eq!(ports.len(), 4, "{batch:?}");
}

#[test]
fn where_requests_are_quick_a_connection_has_several_in_a_row() {
    let scene = Scene::new(4096, 64);
    for port in 0..8 {
        let first = u32::from(port) * 100;
        scene.ask(first..first + 100, "10.0.0.1", port);
    }
    assert_eq!(scene.drain(), Vec::from_iter(0..64));
    // Those that have their first turn have one request, as have the others meanwhile.
    let first = [64, 100, 200, 65, 300, 400, 500, 101, 600, 700];
    let batch = scene.drain();
    assert_eq!(batch[..10], first);
    // A quarter of a batch each.
    assert_eq!(
        batch[10..],
        [
            Vec::from_iter(201..217),
            Vec::from_iter(66..82),
            Vec::from_iter(301..317),
            Vec::from_iter(401..407)
        ]
        .concat()
    );
    scene.ask([2000], "10.0.0.1", 100);
    scene.ask([3000], "10.0.0.2", 1);
    assert_eq!(scene.drain()[..4], [407, 3000, 2000, 501]);
}

#[test]
fn order_returns_when_little_waits() {
    let scene = Scene::new(4096, 64);
    scene.ask(0..1000, "10.0.0.1", 1);
    let mut seen = scene.drain();
    while seen.len() < 1000 {
        seen.extend(scene.drain());
    }
    assert_eq!((seen, scene.lane.depth()), (Vec::from_iter(0..1000), (0, 0)));
    assert_eq!(scene.drain(), []);
    assert!(!scene.lane.is_armed());
    scene.ask([7, 3, 5], "10.0.0.2", 1);
    assert_eq!(scene.drain(), [7, 3, 5]);
}

#[test]
fn what_is_about_a_request_comes_behind_it() {
    let scene = Scene::new(4096, 1);
    scene.ask(0..20, "10.0.0.1", 1);
    let event = |kind, number| scene.lane.push(|out| out.extend(about(kind, number))).unwrap();
    event(Kind::Abort, 2);
    assert_eq!(scene.drain(), [0]);
    event(Kind::Abort, 1);
    event(Kind::BodyData, 0);
    event(Kind::Credit, 0);
    let [request, abort, data, credit] =
        [Kind::Request, Kind::Abort, Kind::BodyData, Kind::Credit].map(|kind| kind as u32);
    assert_eq!(scene.drain_if(all), [(0, data), (0, credit), (1, request), (1, abort)]);
    // What is over when it would be its turn is not handed over, and neither is what is about it.
    assert_eq!(scene.drain_if(|id| id.slot != 2), [(3, request)]);
    assert_eq!(scene.lane.depth().0, 16);
}

#[test]
fn what_is_about_others_leaves_room_for_requests() {
    let scene = Scene::new(4096, 1);
    scene.ask(0..20, "10.0.0.1", 1);
    scene.drain();
    for _ in 0..4000 {
        scene.lane.push(|out| out.extend(about(Kind::Credit, 99))).unwrap();
    }
    let (mut events, mut requests) = (0, 0);
    for _ in 0..2 {
        let batch = scene.drain();
        events += batch.iter().filter(|slot| **slot == 99).count();
        requests += batch.iter().filter(|slot| **slot != 99).count();
    }
    assert_eq!((events, requests), (4000, 2));
}

#[test]
fn a_buffer_that_is_too_small_learns_what_is_needed() {
    let scene = Scene::new(4096, 1);
    scene.ask(0..20, "10.0.0.1", 1);
    scene.drain();
    let length = asked(0, "10.0.0.1", 1).len();
    let drain = |room: usize| scene.reader.borrow_mut().drain(&scene.lane, &mut vec![0; room], all);
    let too_small = Drained { bytes: 0, requests: 0, needs: length };
    assert_eq!([drain(length - 4), drain(1), drain(0)], [too_small, too_small, Drained::default()]);
    assert_eq!(scene.drain(), [1]);
    scene.lane.push(|out| out.extend(about(Kind::Credit, 99))).unwrap();
    let too_small = Drained { bytes: 0, requests: 0, needs: 20 };
    assert_eq!([drain(19), drain(19)], [too_small, too_small]);
    assert_eq!(drain(length), Drained { bytes: 20, requests: 0, needs: 0 });
    assert_eq!((scene.drain(), scene.lane.depth().0), (vec![2], 17));
}

#[test]
fn numbers_tell_who_is_late_whoever_left_before() {
    let scene = Scene::new(4096, 2);
    let mut ages = Ages::new(80);
    let late = |ages: &mut Ages, now| scene.lane.find_late(ages, now).numbers().collect::<Vec<_>>();
    scene.ask(0..20, "10.0.0.1", 1);
    late(&mut ages, 0);
    scene.drain();
    scene.ask([20, 21], "10.0.0.2", 1);
    late(&mut ages, 20);
    // Of those that wait, and came before others that have left.
    assert_eq!(scene.drain(), [2, 20]);
    assert_eq!(scene.drain(), [3, 21]);
    let waits = |number| scene.lane.waits(number);
    assert_eq!([1, 2, 3, 4, 19, 20, 21].map(waits), [false, false, false, true, true, false, false]);
    scene.ask([22], "10.0.0.2", 1);
    assert!(waits(22) && !scene.lane.is_late());
    assert_eq!(late(&mut ages, 80), Vec::from_iter(4..20));
    assert!(scene.lane.is_late());
    assert_eq!(scene.lane.push_request(false, || 0, |_| panic!("must not encode")), Err(PushError::Late));
    let found = scene.lane.find_late(&mut ages, 100);
    assert_eq!(found.numbers().collect::<Vec<_>>(), Vec::from_iter(4..20), "22 came after the last look");
    assert!(found.contains(4) && !found.contains(3) && !found.contains(20) && !found.contains(22));
    // They are answered, and nobody has to wait until it would be their turn.
    assert_eq!(scene.drain_if(|id| id.slot >= 20), [(22, Kind::Request as u32)]);
    assert!(!scene.lane.is_late());
    assert_eq!(scene.lane.depth(), (0, 0));
    scene.lane.close();
    assert!(scene.lane.find_late(&mut ages, 1000).is_empty());
}

#[test]
fn the_oldest_request_is_known() {
    let scene = Scene::new(4096, 1);
    let at = |time: u64, number, port| {
        let record = asked(number, "10.0.0.1", port);
        scene.lane.push_request(false, || time, |out| out.extend(&record)).unwrap();
    };
    (0..10).for_each(|number| at(5, number, 1));
    scene.drain();
    at(9, 10, 2);
    at(10, 11, 3);
    let since = || scene.lane.waiting().since;
    assert_eq!((scene.drain(), since()), (vec![1], Some(5)));
    // Without the first connection.
    let batch = scene.drain_if(|id| id.slot >= 10);
    assert_eq!((batch[0].0, since()), (10, Some(5)), "nobody has looked at the others");
    assert_eq!((scene.drain_if(|id| id.slot >= 10)[0].0, since()), (11, Some(5)));
    assert_eq!((scene.drain_if(|id| id.slot >= 10), since()), (vec![], None));
}

#[test]
fn those_who_left_are_not_in_the_way_of_others() {
    let scene = Scene::new(40, 1);
    scene.ask(0..40, "10.0.0.1", 1);
    scene.drain();
    let is_current = |id: SlotId| id.slot < 5 || id.slot >= 100;
    assert_eq!(scene.reader.borrow().given_up(&scene.lane, is_current), 35);
    scene.ask([100], "10.0.0.2", 1);
    assert_eq!(scene.lane.push_request(false, || 0, |_| panic!("must not encode")), Err(PushError::Full));
    assert_eq!(scene.drain_if(is_current)[0].0, 1);
    assert_eq!((scene.lane.depth().0, scene.reader.borrow().given_up(&scene.lane, is_current)), (4, 0));
}

#[test]
fn half_of_a_lane_is_for_those_who_do_not_crowd() {
    let lane = Lane::new(5, Silent);
    let push = |crowds, number| {
        lane.push_request(crowds, || 0, |out| out.extend(asked(number, "10.0.0.1", 1))).map(drop)
    };
    assert_eq!([push(true, 0), push(true, 1), push(true, 2)], [Ok(()); 3]);
    assert_eq!(push(true, 3), Err(PushError::Full));
    assert_eq!([push(false, 3), push(false, 4)], [Ok(()); 2]);
    assert_eq!([push(false, 5), push(true, 5)], [Err(PushError::Full); 2]);
}

#[test]
fn a_closed_lane_gives_back_what_waits() {
    let scene = Scene::new(4096, 2);
    scene.ask(0..40, "10.0.0.1", 1);
    scene.drain();
    scene.ask([40, 41], "10.0.0.2", 1);
    scene.lane.push(|out| out.extend(about(Kind::Abort, 5))).unwrap();
    scene.lane.push(|out| out.extend(about(Kind::Credit, 0))).unwrap();
    assert_eq!(scene.drain(), [0, 2, 40]);
    scene.ask([42], "10.0.0.3", 1);
    let returned = scene.lane.close_and_return(&mut scene.reader.borrow_mut());
    let found: Vec<_> = returned.records().map(|record| (record.slot.slot, record.is_request)).collect();
    let request = |number| (number, true);
    let mut expected = vec![request(3), request(4), request(5), (5, false)];
    expected.extend((6..40).chain([41, 42]).map(request));
    assert_eq!(found, expected);
    assert_eq!(returned.records().next().unwrap().bytes, asked(3, "10.0.0.1", 1));
    assert_eq!((scene.drain(), scene.lane.depth()), (vec![], (0, 0)));
}

#[derive(Clone, Debug)]
enum Step {
    /// So many requests of a client on a connection.
    Ask(u8, u16, u32),
    /// A record about a request, which may not exist.
    About(u32),
    GiveUp(u32),
    Limit(usize),
    Drain(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3u8, 0..3u16, 1..30u32).prop_map(|(client, port, count)| Step::Ask(client, port, count)),
        2 => (0..200u32).prop_map(Step::About),
        2 => (0..200u32).prop_map(Step::GiveUp),
        1 => (0..5usize).prop_map(Step::Limit),
        4 => prop_oneof![Just(150usize), Just(2000usize), Just(60_000usize)].prop_map(Step::Drain),
    ]
}

proptest! {
    #[test]
    fn each_request_is_handed_over_once_and_connections_keep_their_order(steps in vec(step(), 0..80)) {
        let lane = Lane::new(1000, Silent);
        let mut reader = LaneReader::default();
        let (mut next, mut given_up) = (0, HashSet::new());
        // By connection those that wait; by request how many records about it came since.
        let mut waiting = BTreeMap::<(u8, u16), VecDeque<u32>>::new();
        let (mut behind, mut loose) = (BTreeMap::<u32, usize>::new(), VecDeque::new());
        let rest = (0..100).map(|_| Step::Drain(60_000));
        let steps = steps.into_iter().chain([Step::Limit(64)]).chain(rest);
        for step in steps {
            match step {
                Step::Ask(client, port, count) => {
                    for _ in 0..count {
                        let record = asked(next, &format!("10.0.0.{client}"), port);
                        if lane.push_request(false, || 0, |out| out.extend(&record)).is_ok() {
                            waiting.entry((client, port)).or_default().push_back(next);
                            behind.insert(next, 0);
                            next += 1;
                        }
                    }
                }
                Step::About(_) if next == 0 => {}
                Step::About(number) => {
                    let number = number % next;
                    lane.push(|out| out.extend(about(Kind::Abort, number))).unwrap();
                    match behind.get_mut(&number) {
                        Some(count) if !given_up.contains(&number) => *count += 1,
                        _ if given_up.contains(&number) => {}
                        _ => loose.push_back(number),
                    }
                }
                Step::GiveUp(number) => {
                    given_up.insert(number);
                }
                Step::Limit(most) => reader.limit(most),
                Step::Drain(room) => {
                    let mut out = vec![0; room];
                    let drained = reader.drain(&lane, &mut out, |id| !given_up.contains(&id.slot));
                    prop_assert!(drained.needs == 0 || drained.bytes == 0);
                    for (slot, kind) in split(&out[..drained.bytes]) {
                        while loose.front().is_some_and(|number| given_up.contains(number)) {
                            loose.pop_front();
                        }
                        if given_up.contains(&slot) {
                            // Nobody cares for what is about it.
                            prop_assert_ne!(kind, Kind::Request as u32);
                        } else if kind == Kind::Request as u32 {
                            let queue = waiting.values_mut().find(|queue| queue.contains(&slot)).unwrap();
                            while let Some(number) = queue.pop_front().filter(|number| *number != slot) {
                                prop_assert!(given_up.contains(&number), "{} came before {}", slot, number);
                            }
                            if behind[&slot] == 0 {
                                behind.remove(&slot);
                            }
                        } else if let Some(count) = behind.get_mut(&slot) {
                            prop_assert!(!waiting.values().any(|queue| queue.contains(&slot)));
                            *count -= 1;
                            if *count == 0 {
                                behind.remove(&slot);
                            }
                        } else {
                            prop_assert_eq!(loose.pop_front(), Some(slot));
                        }
                    }
                }
            }
        }
        prop_assert!(waiting.values().flatten().all(|number| given_up.contains(number)));
        prop_assert_eq!(lane.depth(), (0, 0));
        prop_assert!(!lane.is_armed());
    }
}
