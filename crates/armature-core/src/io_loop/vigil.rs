//! Staying awake for an answer that is about to come from another thread.
//!
//! A request that comes alone wakes the thread that has its handler, and the loop would sleep: to be woken a few microseconds
//! later costs the other thread a system call, and the request more than its handler does. So the loop goes on looking for a
//! moment, at its sockets as well. Where answers take longer it soon gives that up.

use std::time::{Duration, Instant};

/// How long one vigil lasts at most: about what a thread needs to wake up and to answer without waiting for anything itself.
const LONGEST: Duration = Duration::from_micros(50);
/// After so many vain ones in a row, one of 1,024 opportunities is taken.
const MOST_DOUBLINGS: u32 = 10;

/// See the module.
pub(super) struct Vigil {
    /// A second core exists for the other thread.
    is_allowed: bool,
    until: Option<Instant>,
    /// Vigils in a row that ended without an answer.
    vain: u32,
    /// Opportunities to be left out before the next try.
    skipped: u32,
}

impl Vigil {
    /// None is kept until [`Vigil::begin`]; none at all where `cores` is 1.
    pub fn new(cores: usize) -> Self {
        Self { is_allowed: cores > 1, until: None, vain: 0, skipped: 0 }
    }

    /// Another thread has been given something, alone.
    pub fn begin(&mut self, now: Instant) {
        if !self.is_allowed {
            return;
        }
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        self.until = Some(now + LONGEST);
    }

    /// Whether the loop is to look again instead of waiting.
    pub fn is_kept(&self) -> bool {
        self.until.is_some()
    }

    /// The loop has looked. `found`: there is something to do.
    pub fn looked(&mut self, now: Instant, found: bool) {
        let Some(until) = self.until else { return };
        if found {
            (self.until, self.vain) = (None, 0);
        } else if now >= until {
            self.until = None;
            self.vain = (self.vain + 1).min(MOST_DOUBLINGS);
            self.skipped = (1 << self.vain) - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_with_the_answer_or_with_its_time() {
        let mut vigil = Vigil::new(2);
        let now = Instant::now();
        vigil.looked(now, false);
        assert!(!vigil.is_kept());
        vigil.begin(now);
        vigil.looked(now + LONGEST / 2, false);
        assert!(vigil.is_kept());
        vigil.looked(now + LONGEST / 2, true);
        assert!(!vigil.is_kept());
        vigil.begin(now);
        assert!(vigil.is_kept());
        vigil.looked(now + LONGEST, false);
        assert!(!vigil.is_kept());
    }

    #[test]
    fn is_rare_where_it_is_vain_and_usual_again_after_one_answer() {
        let mut vigil = Vigil::new(2);
        let now = Instant::now();
        let mut kept = 0;
        for _ in 0..10_000 {
            vigil.begin(now);
            kept += u32::from(vigil.is_kept());
            vigil.looked(now + LONGEST, false);
        }
        assert!((10..30).contains(&kept), "{kept}");
        while !vigil.is_kept() {
            vigil.begin(now);
        }
        vigil.looked(now, true);
        vigil.begin(now);
        assert!(vigil.is_kept());
    }

    #[test]
    fn needs_a_second_core() {
        let mut vigil = Vigil::new(1);
        vigil.begin(Instant::now());
        assert!(!vigil.is_kept());
    }
}
