//! Which requests are logged.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// A share of all, and each that somebody will ask about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampling {
    /// From 0 to 1.
    pub rate: f64,
    /// How long an answer takes that is logged in any case.
    pub slow: Duration,
}

/// Random numbers of one loop (xorshift64): a regular pattern of requests must not meet a regular choice.
#[derive(Debug)]
pub(super) struct Dice(Cell<u64>);

impl Default for Dice {
    fn default() -> Self {
        Self(Cell::new(RandomState::new().hash_one(0_u8) | 1))
    }
}

impl Dice {
    /// From 0 to below 1.
    fn throw(&self) -> f64 {
        let mut x = self.0.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.0.set(x);
        (x >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Sampling {
    pub fn keeps(&self, status: u16, took: Duration, dice: &Dice) -> bool {
        self.rate >= 1.0 || status >= 500 || took >= self.slow || dice.throw() < self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_and_what_matters() {
        let (dice, quick) = (Dice::default(), Duration::from_millis(1));
        let keeps = |rate: f64, status, took| {
            let sampling = Sampling { rate, slow: Duration::from_millis(100) };
            (0..10_000).filter(|_| sampling.keeps(status, took, &dice)).count()
        };
        assert_eq!(keeps(1.0, 200, quick), 10_000);
        assert_eq!(keeps(0.0, 499, quick), 0);
        assert_eq!(keeps(0.0, 500, quick), 10_000);
        assert_eq!(keeps(0.0, 200, Duration::from_millis(100)), 10_000);
        // Seven standard deviations.
        assert!((2200..2800).contains(&keeps(0.25, 200, quick)));
    }
}
