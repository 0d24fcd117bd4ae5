use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;

use super::progress::{AGE, PACE_MOST, Progress, STEP, TRUST};
use super::*;
use crate::io_loop::HostLoop;
use crate::metrics::{LoopMetrics, Metrics};
use crate::protocol::control::Control;

/// The answer of a test has so many bytes.
const MB: usize = 1 << 20;

/// The other loops as a test would have them.
#[derive(Clone, Default)]
struct Scene {
    loops: Rc<Cell<u64>>,
    asked: Rc<Cell<u32>>,
    told: Rc<Cell<u32>>,
}

impl Others for Scene {
    fn loops(&self) -> u64 {
        self.loops.get()
    }

    fn relieve(&self) {
        self.asked.set(self.asked.get() + 1);
    }

    fn given_up(&self) {
        self.told.set(self.told.get() + 1);
    }
}

/// Runs `test` with a ledger of 8 MiB, of which connections have 128 KiB for nothing.
fn with_ledger(test: impl FnOnce(&Rc<Ledger>, &Scene, &Metrics)) {
    let host = HostLoop::new(0, || {}).unwrap();
    host.run(|io_loop| {
        let (metrics, scene) = (Arc::new(Metrics::default()), Scene::default());
        scene.loops.set(1);
        let limits = Limits { unsent: 8 * MB, ..Limits::default() };
        let ledger = Ledger::new(io_loop, Rc::new(LocalMetrics(metrics.clone())), &limits, scene.clone());
        test(&ledger, &scene, &metrics);
        assert_eq!((metrics.unsent.get(), ledger.own.get()), (0, 0), "something was not settled");
        assert!(ledger.accounts.borrow().is_empty());
    });
}

fn account(ledger: &Rc<Ledger>) -> Rc<Account> {
    Account::new(ledger, Control::new(Arc::new(LoopMetrics::default())))
}

/// What waits in a test: answers, their bytes, and how often something was given up.
struct Piece(usize, usize, Rc<Cell<u32>>);

impl Waiting for Piece {
    fn answers(&self) -> usize {
        self.0
    }

    fn bytes(&self) -> usize {
        self.1
    }

    fn give_up(self) {
        self.2.set(self.2.get() + 1);
    }
}

type Debt = super::Debt<Piece>;

fn owes(debt: &Debt, bytes: usize) -> bool {
    owe(debt, 1, bytes)
}

fn owe(debt: &Debt, answers: usize, bytes: usize) -> bool {
    drop(debt.take());
    debt.keep(Piece(answers, bytes, Rc::default()), 0, &Context::from_waker(Waker::noop()))
}

#[test]
fn a_connection_counts_as_soon_as_it_has_more_than_streams_keep() {
    with_ledger(|ledger, _, metrics| {
        let account = account(ledger);
        let (one, other) = (account.open(), account.open());
        assert!(owes(&one, 100_000));
        assert_eq!(metrics.unsent.get(), 0);
        assert!(owes(&other, 100_000));
        assert_eq!(metrics.unsent.get(), 200_000);
        assert!(owes(&other, 40_000));
        assert_eq!(metrics.unsent.get(), 140_000);
        drop(one);
        assert_eq!(metrics.unsent.get(), 0);
        assert!(owes(&other, MB));
        assert_eq!(metrics.unsent.get(), MB as i64);
    });
}

#[test]
fn whoever_has_most_is_given_up_first() {
    with_ledger(|ledger, scene, metrics| {
        let (greedy, modest) = (account(ledger), account(ledger));
        let small = modest.open();
        assert!(owes(&small, MB));
        let debts: Vec<_> = (0..7).map(|_| greedy.open()).collect();
        assert!(debts.iter().all(|debt| owes(debt, MB)));
        // Full to the last byte is not too much.
        assert_eq!((metrics.unsent.get(), metrics.given_up.get()), (8 * MB as i64, 0));
        let more = modest.open();
        assert!(owes(&more, MB / 2));
        assert_eq!((metrics.unsent.get(), metrics.given_up.get()), (15 * MB as i64 / 2, 1));
        let (given_up, kept): (Vec<_>, Vec<_>) = debts.into_iter().partition(|debt| !owes(debt, MB));
        assert_eq!((given_up.len(), kept.len()), (1, 6));
        assert!(owes(&small, MB));
        assert_eq!((scene.told.get(), scene.asked.get()), (1, 0));
    });
}

#[test]
fn what_is_given_up_is_gone_before_anybody_looks() {
    with_ledger(|ledger, _, metrics| {
        let gone = Rc::<Cell<u32>>::default();
        let cx = &Context::from_waker(Waker::noop());
        let debts: Vec<Debt> = (0..8).map(|_| account(ledger).open()).collect();
        assert!(debts.iter().all(|debt| debt.keep(Piece(1, MB, gone.clone()), 0, cx)));
        let large = account(ledger).open();
        assert!(owes(&large, MB / 2));
        assert_eq!((gone.get(), metrics.unsent.get()), (1, 15 * MB as i64 / 2));
        let is_gone = |debt: &Debt| debt.take().is_none();
        assert_eq!(debts.iter().filter(|debt| is_gone(debt)).count(), 1);
        // What somebody works on goes when it is given back.
        let more = account(ledger).open();
        assert!(owes(&more, 3 * MB / 4));
        assert_eq!((gone.get(), metrics.given_up.get()), (1, 2));
        let (mut kept, mut late) = (0, 0);
        for debt in &debts {
            if debt.keep(Piece(1, MB, gone.clone()), 0, cx) { kept += 1 } else { late += 1 }
        }
        assert_eq!((kept, late, gone.get()), (6, 2, 3));
    });
}

#[test]
fn the_newest_goes_when_it_is_the_worst() {
    with_ledger(|ledger, _, metrics| {
        let accounts: Vec<_> = (0..8).map(|_| account(ledger)).collect();
        let debts: Vec<Debt> = accounts.iter().map(|account| account.open()).collect();
        assert!(debts.iter().all(|debt| owes(debt, MB)));
        let large = account(ledger).open();
        assert!(!owes(&large, 5 * MB));
        assert_eq!(metrics.given_up.get(), 1);
        // It stays so.
        assert!(!owes(&large, 1));
        assert!(debts.iter().all(|debt| owes(debt, MB)));
    });
}

#[test]
fn one_answer_alone_may_be_larger_than_all_may_have() {
    with_ledger(|ledger, _, metrics| {
        let account = account(ledger);
        let large = account.open();
        assert!(owes(&large, 100 * MB));
        assert!(owes(&large, 99 * MB));
        let second = account.open();
        assert!(owes(&second, 2 * MB));
        assert!(!owes(&large, 98 * MB));
        drop(large);
        assert_eq!((metrics.unsent.get(), metrics.given_up.get()), (2 * MB as i64, 1));
    });
}

#[test]
fn a_loop_with_less_than_its_part_leaves_it_to_the_others() {
    with_ledger(|ledger, scene, metrics| {
        scene.loops.set(2);
        // What the other loop has.
        metrics.unsent.change(0, 7 * MB as u64);
        let (one, other) = (account(ledger), account(ledger));
        let debts = [one.open(), other.open(), other.open()];
        assert!(owes(&debts[0], 2 * MB) && owes(&debts[1], 2 * MB));
        assert_eq!((scene.asked.get(), metrics.given_up.get()), (2, 0));
        // More than half of all.
        assert!(owes(&debts[2], MB / 2));
        assert_eq!(metrics.given_up.get(), 1);
        metrics.unsent.change(7 * MB as u64, 0);
    });
}

#[test]
fn requests_wait_in_times_of_need_until_there_is_less() {
    with_ledger(|ledger, _, _| {
        let (crowd, account) = (account(ledger), account(ledger));
        let debt = account.open();
        assert!(owes(&debt, MB));
        assert!(!account.holds_back(), "there is room for everybody");
        let others = crowd.open();
        assert!(owes(&others, 4 * MB));
        assert!(account.holds_back());
        assert!(owes(&debt, MB / 2));
        assert!(!account.holds.get(), "its connection has been woken");
        assert!(!account.holds_back());
    });
}

#[test]
fn crumbs_are_no_progress() {
    let progress = Progress::new(10);
    assert_eq!(progress.weight(100, 10), 100);
    assert_eq!(progress.weight(100, 11), 101);
    assert_eq!(progress.weight(100, 910), 1000);
    for _ in 0..STEP - 1 {
        progress.take(1, 100);
    }
    assert_eq!(progress.weight(1, 9910), 100);
    progress.take(1, 109);
    assert_eq!(progress.weight(1, 109), 1);
    progress.take(u64::MAX, 200);
    assert_eq!(progress.weight(u64::MAX, 300), u64::MAX / AGE / 16);
}

#[test]
fn who_has_read_much_is_trusted() {
    let progress = Progress::new(10);
    for (read, weight) in [(0, 600), (TRUST - 1, 600), (1, 300), (TRUST, 200), (100 * TRUST, 37)] {
        progress.take(read, 10);
        assert_eq!(progress.weight(600, 10), weight, "{read}");
    }
}

#[test]
fn who_keeps_to_a_pace_does_not_weigh_more_than_who_has_just_come() {
    let progress = Progress::new(0);
    progress.take(TRUST, 300);
    // It had taken nothing for three seconds; for as long nobody wonders.
    assert_eq!(
        [progress.weight(600, 300), progress.weight(600, 600), progress.weight(600, 900)],
        [300, 600, 900]
    );
    progress.take(STEP, 350);
    assert_eq!(progress.weight(600, 650), 600, "it may be slow again");
    progress.take(STEP, 10_000);
    assert_eq!(progress.weight(600, 10_000 + PACE_MOST), 600);
    assert_eq!(
        progress.weight(600, 10_000 + 3 * PACE_MOST),
        1200,
        "it is not given all the time that it took"
    );
    // A time in which nothing waited is none.
    let progress = Progress::new(0);
    progress.begin(300);
    progress.take(TRUST, 300);
    assert_eq!(progress.weight(600, 300 + AGE), 600);
}

#[test]
fn answers_that_wait_for_each_other_are_not_alone() {
    with_ledger(|ledger, _, metrics| {
        let debt = account(ledger).open();
        assert!(owe(&debt, 1, 20 * MB));
        assert!(!owe(&debt, 2, 21 * MB));
        assert_eq!(metrics.given_up.get(), 1);
    });
}

#[test]
fn what_a_connection_has_of_an_answer_is_no_second_one() {
    with_ledger(|ledger, _, metrics| {
        let account = account(ledger);
        let (answer, machine) = (account.open(), account.open());
        assert!(owe(&answer, 1, 20 * MB));
        assert!(owe(&machine, 0, MB));
        assert_eq!(metrics.given_up.get(), 0);
    });
}

#[test]
fn a_part_of_something_larger_becomes_its_own() {
    let batch = Bytes::from(vec![7; 200_000]);
    let (mut small, mut large) = (batch.slice(..20_000), batch.slice(..190_000));
    let mut wholes = [small.len(), large.len()];
    own(&mut small, &mut wholes[0]);
    own(&mut large, &mut wholes[1]);
    assert!(small.is_unique() && !large.is_unique());
    assert_eq!((small.len(), large.len(), wholes), (20_000, 190_000, [20_000, 190_000]));
}

#[test]
fn what_is_left_counts_with_the_memory_that_it_keeps() {
    let (mut piece, mut whole) = (Bytes::from(vec![7; 4 * MB]), 4 * MB);
    let mut counts = Vec::new();
    for left in [4 * MB, 3 * MB, 2 * MB, MB + 1, MB, 1000, 0] {
        drop(piece.split_to(piece.len() - left));
        own(&mut piece, &mut whole);
        counts.push(kept(&piece, whole));
    }
    assert_eq!(counts, [4 * MB, 4 * MB, 2 * MB, 2 * MB, MB, 1000, 0]);
    // What somebody else keeps anyway is not copied.
    let cached = Bytes::from(vec![7; 4 * MB]);
    let (mut piece, mut whole) = (cached.slice(3 * MB..), 4 * MB);
    own(&mut piece, &mut whole);
    assert_eq!((kept(&piece, whole), piece.as_ptr()), (MB, cached[3 * MB..].as_ptr()));
}
