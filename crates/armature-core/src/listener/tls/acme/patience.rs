//! Waiting on a thread that may be told to end.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::failure::Failure;

/// Tells a thread to end.
#[derive(Clone, Default)]
pub(super) struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    pub fn stop(&self) {
        let (stopped, changed) = &*self.0;
        *stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Returns when `period` is over, or at once when the thread has to end, which is true then.
    pub fn wait(&self, period: Duration) -> bool {
        let (stopped, changed) = &*self.0;
        let guard = stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(guard, period, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// How long something may take.
#[derive(Clone)]
pub(super) struct Patience {
    stop: Stop,
    until: Instant,
}

impl Patience {
    pub fn new(stop: &Stop, time: Duration) -> Self {
        Self { stop: stop.clone(), until: Instant::now() + time }
    }

    /// What is left of it; an error when nothing is.
    pub fn left(&self) -> Result<Duration, Failure> {
        if self.stop.wait(Duration::ZERO) {
            return Err(Failure::stopped());
        }
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Failure::new("it took too long")) } else { Ok(left) }
    }

    /// Waits for `period`; an error when it is not that long.
    pub fn wait(&self, period: Duration) -> Result<(), Failure> {
        let left = self.left()?;
        if self.stop.wait(period.min(left)) {
            return Err(Failure::stopped());
        }
        self.left().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends() {
        let stop = Stop::default();
        let patience = Patience::new(&stop, Duration::from_millis(20));
        patience.wait(Duration::from_millis(1)).unwrap();
        assert_eq!(patience.wait(Duration::from_secs(60)).unwrap_err().to_string(), "it took too long");
        let patience = Patience::new(&stop, Duration::from_secs(60));
        assert!(patience.left().unwrap() > Duration::from_secs(50));
        stop.stop();
        assert!(patience.wait(Duration::from_secs(60)).unwrap_err().stopped);
    }
}
