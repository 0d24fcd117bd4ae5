//! `limits.queueAge`: requests that have waited too long for JavaScript are answered by their loop. Before that those that wait for
//! a thread that hangs go to another one.
//!
//! No request asks the clock for this. While a loop has requests in flight it looks at its lanes every eighth of the limit,
//! and the slots are looked through only when something has waited too long.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use armature_bridge::{Ages, SlotId};

use super::clock;
use super::lanes::LaneEnd;
use super::loop_side::LoopSide;
use super::slot::{Reply, Slot};
use crate::stats::Shed;

/// How often a loop with several lanes looks whether one of them hangs: as long as it takes to be sure of it.
const RELIEF: Duration = Duration::from_millis(20);

/// What all loops of a server have in common.
#[derive(Clone)]
pub struct Patience {
    /// `limits.queueAge`.
    pub limit: Duration,
    /// Whether waiting does not count at the moment, because a debugger is attached.
    pub paused: Arc<AtomicBool>,
    pub shed: Arc<Shed>,
}

/// Whether one loop looks at its lanes, and for what.
pub(super) struct Watch {
    patience: Patience,
    running: Cell<bool>,
    /// Lanes that get nothing new and still have something.
    retired: RefCell<Vec<Rc<LaneEnd>>>,
    /// When the first of those that have moved from one lane to another has waited too long: [`Slot::due`].
    ///
    /// [`Slot::due`]: super::slot::Slot::due
    first_due: Cell<u64>,
}

impl Watch {
    pub(super) fn new(patience: Patience) -> Self {
        Self {
            patience,
            running: Cell::new(false),
            retired: RefCell::default(),
            first_due: Cell::new(u64::MAX),
        }
    }

    /// For a lane that the loop begins to look at.
    pub(super) fn ages(&self) -> Ages {
        Ages::new(self.limit())
    }

    /// A lane gets nothing new; what waits in it may wait no longer for that.
    pub(super) fn keep(&self, retired: Rc<LaneEnd>) {
        if !retired.is_idle() {
            self.retired.borrow_mut().push(retired);
        }
    }

    fn limit(&self) -> u64 {
        self.patience.limit.as_millis() as u64
    }
}

impl LoopSide {
    /// The request in `slot` is number `number` of its lane.
    pub fn queued(self: &Rc<Self>, slot: SlotId, number: u64) {
        if let Some(entry) = self.slots.borrow_mut().get_mut(slot) {
            entry.number = number;
        }
        if !self.watch.running.replace(true) {
            self.io_loop.spawn(self.clone().watch_ages());
        }
    }

    /// When the request in `slot`, which waits in `lane`, has waited too long.
    pub(super) fn due(&self, lane: &LaneEnd, slot: SlotId) -> u64 {
        let mut slots = self.slots.borrow_mut();
        let Some(entry) = slots.get_mut(slot) else { return u64::MAX };
        let came = lane.ages.borrow().noted(entry.number).unwrap_or_else(clock::now);
        entry.due.min(came.saturating_add(self.watch.limit()))
    }

    /// The request in `slot` has moved, and its age with it.
    pub(super) fn keep_due(&self, slot: SlotId, due: u64) {
        if let Some(entry) = self.slots.borrow_mut().get_mut(slot) {
            entry.due = due;
            self.watch.first_due.set(self.watch.first_due.get().min(due));
        }
    }

    async fn watch_ages(self: Rc<Self>) {
        let step = Duration::from_millis(self.watch.ages().step());
        let mut sleep = self.io_loop.sleep();
        while !self.slots.borrow().is_empty() {
            self.look();
            let has_choice = self.lanes.borrow().iter().any(|(_, set)| set.has_choice());
            if has_choice && !self.watch.patience.paused.load(Ordering::Relaxed) {
                self.relieve();
            }
            sleep.reset(if has_choice { step.min(RELIEF) } else { step });
            (&mut sleep).await;
        }
        self.watch.retired.borrow_mut().clear();
        self.watch.running.set(false);
    }

    fn look(&self) {
        let now = clock::now();
        let mut lanes = self.all_lanes();
        let mut retired = self.watch.retired.borrow_mut();
        retired.retain(|end| !end.is_idle());
        lanes.extend(retired.iter().cloned());
        drop(retired);
        if self.watch.patience.paused.load(Ordering::Relaxed) {
            return self.forgive(&lanes);
        }
        for end in &lanes {
            let late = end.lane.find_late(&mut end.ages.borrow_mut(), now);
            if !late.is_empty() {
                self.shed(|entry| late.contains(entry.number) && Rc::ptr_eq(&entry.lane, end));
            }
        }
        if self.watch.first_due.get() <= now {
            let mut next = u64::MAX;
            self.shed(|entry| {
                let is_due = entry.due <= now;
                if !is_due {
                    next = next.min(entry.due);
                }
                is_due && entry.lane.lane.waits(entry.number)
            });
            self.watch.first_due.set(next);
        }
    }

    /// The time until now does not count.
    fn forgive(&self, lanes: &[Rc<LaneEnd>]) {
        for end in lanes {
            end.lane.forgive(&mut end.ages.borrow_mut());
        }
        if self.watch.first_due.replace(u64::MAX) != u64::MAX {
            self.slots.borrow_mut().for_each(|entry| entry.due = u64::MAX);
        }
    }

    /// Answers those that wait too long.
    fn shed(&self, mut is_late: impl FnMut(&Slot) -> bool) {
        let mut wakers = Vec::new();
        self.slots.borrow_mut().for_each(|entry| {
            if entry.reply.is_none() && is_late(entry) {
                entry.reply = Some(Reply::Shed);
                wakers.extend(entry.waker.take());
                self.watch.patience.shed.queue_age.add(1);
            }
        });
        for waker in wakers {
            waker.wake();
        }
    }
}
