//! How long requests wait, known without asking the clock for each of them.

use std::collections::VecDeque;
use std::ops::Range;

use super::{Lane, Queue, Wake};
use crate::sync::{Ordering, lock};

/// Requests of a lane by the time they were queued: from time to time it is noted how many there had been so far. One for
/// each loop that watches a lane.
pub struct Ages {
    limit: u64,
    /// Time and number of requests, oldest first; at most the first is older than the limit.
    marks: VecDeque<(u64, u64)>,
}

impl Ages {
    /// Marks within one limit: an age is known to an eighth of it.
    const MARKS: u64 = 8;

    /// For requests that may wait `limit` milliseconds.
    pub fn new(limit: u64) -> Self {
        Self { limit, marks: VecDeque::new() }
    }

    /// Milliseconds after which to look again.
    pub fn step(&self) -> u64 {
        (self.limit / Self::MARKS).max(1)
    }

    /// When request `number` had come, as it was noted: at most a step after it came. `None` for one that came after the last
    /// look.
    pub fn noted(&self, number: u64) -> Option<u64> {
        self.marks.iter().find(|&&(_, count)| count > number).map(|&(time, _)| time)
    }

    /// `queued` requests have come until `now`, in milliseconds. How many of them came at least a limit ago.
    fn mark(&mut self, now: u64, queued: u64) -> u64 {
        let due = |&(time, _): &(u64, u64)| time.saturating_add(self.limit) <= now;
        while self.marks.get(1).is_some_and(due) {
            self.marks.pop_front();
        }
        let expired = self.marks.front().filter(|mark| due(mark)).map_or(0, |&(_, count)| count);
        // Whoever looks more often than he has to does not make the list longer.
        if self.marks.back().is_none_or(|&(time, count)| count < queued && time + self.step() <= now) {
            self.marks.push_back((now, queued));
        }
        expired
    }
}

impl Queue {
    /// Requests that have left the lane since it was made; `taken` are in the hands of its reader. Requests are numbered in
    /// the order in which they were queued: while none waits apart, one with a lower number has left. 0 once the lane is closed.
    fn left(&self, taken: usize) -> u64 {
        self.queued.saturating_sub((self.requests + taken) as u64)
    }

    /// Whether one of those that wait has waited too long.
    pub(super) fn is_late(&self, taken: usize) -> bool {
        let oldest = self.apart.first_key_value().map_or_else(|| self.left(taken), |(number, _)| *number);
        oldest < self.expired
    }

    /// From this number on all wait; of those before it the ones that wait apart.
    fn first(&self, taken: usize) -> u64 {
        if self.apart.is_empty() { self.left(taken) } else { self.left(0) }
    }
}

/// Requests that have waited too long, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Late {
    /// Some, in ascending order.
    apart: Vec<u64>,
    /// And all of these.
    range: Range<u64>,
}

impl Late {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.apart.is_empty() && self.range.is_empty()
    }

    /// Whether number `number` is one of them.
    pub fn contains(&self, number: u64) -> bool {
        self.range.contains(&number) || self.apart.binary_search(&number).is_ok()
    }

    /// All of them, in ascending order.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.apart.iter().copied().chain(self.range.clone())
    }
}

impl<W: Wake> Lane<W> {
    /// Notes in `ages` that it is `now`. Those of the requests that wait which have done so for the limit of `ages`: from
    /// now on [`Lane::push_request`] refuses others, until these have left.
    pub fn find_late(&self, ages: &mut Ages, now: u64) -> Late {
        let mut queue = lock(&self.queue);
        queue.expired = queue.expired.max(ages.mark(now, queue.queued));
        if self.is_closed() {
            return Late::default();
        }
        let first = queue.first(self.taken_requests.load(Ordering::Relaxed));
        let apart = queue.apart.range(..queue.expired).map(|(number, _)| *number).collect();
        Late { apart, range: first..queue.expired }
    }

    /// Whether request `number` has not been handed over.
    pub fn waits(&self, number: u64) -> bool {
        let queue = lock(&self.queue);
        let first = queue.first(self.taken_requests.load(Ordering::Relaxed));
        !self.is_closed() && (number >= first || queue.apart.contains_key(&number))
    }

    /// Whether a request in the lane has waited too long, see [`Lane::find_late`].
    pub fn is_late(&self) -> bool {
        lock(&self.queue).is_late(self.taken_requests.load(Ordering::Relaxed))
    }

    /// Forgets what `ages` knows: the time until now does not count.
    pub fn forgive(&self, ages: &mut Ages) {
        ages.marks.clear();
        lock(&self.queue).expired = 0;
    }
}

#[cfg(all(test, not(armature_loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_known_to_an_eighth() {
        let mut ages = Ages::new(80);
        assert_eq!(ages.step(), 10);
        // A request comes in each millisecond.
        let mut expired = Vec::new();
        for now in (1..=300).step_by(10) {
            expired.push((now, ages.mark(now, now)));
        }
        for (now, expired) in expired {
            assert!(expired <= now.saturating_sub(80), "{expired} at {now}: too young");
            assert!(expired + 10 >= now.saturating_sub(80), "{expired} at {now}: too old");
        }
    }

    #[test]
    fn when_a_request_came_is_known_to_a_step() {
        let mut ages = Ages::new(80);
        // Five requests come in each of these steps.
        for (n, now) in (0..6).map(|n| (n, 100 + n * 10)) {
            ages.mark(now, n * 5);
        }
        assert_eq!(
            [0, 4, 5, 24].map(|number| ages.noted(number)),
            [Some(110), Some(110), Some(120), Some(150)]
        );
        assert_eq!(ages.noted(25), None);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut ages = Ages::new(80);
        for now in 0..1000 {
            ages.mark(now, now);
            assert!(ages.marks.len() as u64 <= Ages::MARKS + 2);
        }
    }

    #[test]
    fn the_shortest_limit_has_a_step() {
        assert_eq!(Ages::new(1).step(), 1);
    }
}
