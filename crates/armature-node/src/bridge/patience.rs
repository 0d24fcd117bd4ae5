//! `limits.queueAge`: requests that have waited too long for JavaScript are answered by their loop.
//!
//! No request asks the clock for this. While a loop has requests in flight it looks at its lanes every eighth of the limit,
//! and the slots are looked through only when something has waited too long.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use armature_bridge::{Ages, SlotId};

use super::clock;
use super::loop_side::LoopSide;
use super::slot::Reply;
use crate::stats::Shed;

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
}

impl Watch {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, running: Cell::new(false) }
    }

    /// For a lane that the loop begins to look at.
    pub(super) fn ages(&self) -> Ages {
        Ages::new(self.patience.limit.as_millis() as u64)
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

    async fn watch_ages(self: Rc<Self>) {
        let step = Duration::from_millis(self.watch.ages().step());
        let mut sleep = self.io_loop.sleep();
        while !self.slots.borrow().is_empty() {
            self.look();
            sleep.reset(step);
            (&mut sleep).await;
        }
        self.watch.running.set(false);
    }

    fn look(&self) {
        let patience = &self.watch.patience;
        let paused = patience.paused.load(Ordering::Relaxed);
        let now = clock::now();
        let mut wakers = Vec::new();
        for end in &self.all_lanes() {
            let mut ages = end.ages.borrow_mut();
            if paused {
                end.lane.forgive(&mut ages);
                continue;
            }
            let late = end.lane.find_late(&mut ages, now);
            if late.is_empty() {
                continue;
            }
            self.slots.borrow_mut().for_each(|entry| {
                let waits = late.contains(&entry.number) && Rc::ptr_eq(&entry.lane, end);
                if waits && entry.reply.is_none() {
                    entry.reply = Some(Reply::Shed);
                    wakers.extend(entry.waker.take());
                    patience.shed.queue_age.add(1);
                }
            });
        }
        for waker in wakers {
            waker.wake();
        }
    }
}
