//! Requests that wait for the answer to another one, over all loops.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use tokio::sync::watch;

use crate::io_loop::Sleep;

type State = watch::Sender<Option<Outcome>>;

/// What became of the request that others waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its answer is in the store, and fresh.
    Stored,
    /// Its answer is nobody else's.
    Own,
    /// Its handler failed.
    Failed,
}

/// Who asks now, by key.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Box<[u8]>, Arc<State>>>);

/// The request that others wait for. One that is dropped releases them without an answer.
#[derive(Debug)]
pub(super) struct Leader {
    flights: Arc<Flights>,
    key: Box<[u8]>,
    state: Arc<State>,
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Follower(watch::Receiver<Option<Outcome>>);

pub(super) enum Join {
    Lead(Leader),
    Follow(Follower),
    /// As many wait as may.
    Full,
}

impl Flights {
    /// Joins those that ask for `key`, of whom at most `limit` wait.
    pub fn join(self: &Arc<Self>, key: &[u8], limit: usize) -> Join {
        let mut flights = self.lock();
        match flights.entry(key.into()) {
            Entry::Occupied(known) if known.get().receiver_count() < limit => {
                Join::Follow(Follower(known.get().subscribe()))
            }
            Entry::Occupied(_) => Join::Full,
            Entry::Vacant(free) => {
                let state = Arc::new(watch::Sender::new(None));
                free.insert(state.clone());
                Join::Lead(Leader { flights: self.clone(), key: key.into(), state })
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Box<[u8]>, Arc<State>>> {
        // Nothing panics while the lock is held, so a poisoned state is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leader {
    /// Tells who waits. Returns whether anybody did.
    pub fn land(self, outcome: Outcome) -> bool {
        // Who comes from now on finds the store as it is, and does not wait.
        self.leave();
        self.state.send(Some(outcome)).is_ok()
    }

    fn leave(&self) {
        let mut flights = self.flights.lock();
        if flights.get(&self.key).is_some_and(|state| Arc::ptr_eq(state, &self.state)) {
            flights.remove(&self.key);
        }
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.leave();
    }
}

/// What a follower came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    For(Outcome),
    /// The other one is gone.
    Lost,
    /// It took too long.
    Enough,
}

impl Follower {
    /// Waits until `patience` ends.
    pub async fn wait(mut self, patience: &Sleep) -> Waited {
        let mut landed = pin!(self.0.wait_for(Option::is_some));
        poll_fn(|cx| match landed.as_mut().poll(cx) {
            Poll::Ready(Ok(outcome)) => Poll::Ready(outcome.map_or(Waited::Lost, Waited::For)),
            Poll::Ready(Err(_)) => Poll::Ready(Waited::Lost),
            Poll::Pending if patience.poll_fired(cx) => Poll::Ready(Waited::Enough),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_leads_and_a_bounded_number_follows() {
        let flights = Arc::new(Flights::default());
        let Join::Lead(leader) = flights.join(b"a", 2) else { panic!("the first leads") };
        let followers: Vec<_> = (0..2).map(|_| flights.join(b"a", 2)).collect();
        assert!(followers.iter().all(|join| matches!(join, Join::Follow(_))));
        assert!(matches!(flights.join(b"a", 2), Join::Full));
        assert!(matches!(flights.join(b"b", 2), Join::Lead(_)));
        drop(followers);
        let Join::Follow(Follower(follower)) = flights.join(b"a", 2) else { panic!("places are given back") };
        assert!(leader.land(Outcome::Own));
        assert_eq!(*follower.borrow(), Some(Outcome::Own));
        assert!(flights.lock().is_empty());
    }

    #[test]
    fn a_leader_that_is_gone_releases_the_others() {
        let flights = Arc::new(Flights::default());
        let Join::Lead(leader) = flights.join(b"a", 9) else { panic!("the first leads") };
        let Join::Follow(Follower(follower)) = flights.join(b"a", 9) else { panic!("the second follows") };
        drop(leader);
        assert!(follower.has_changed().is_err(), "nobody is left who could tell");
        assert!(matches!(flights.join(b"a", 9), Join::Lead(_)));
    }

    #[test]
    fn nobody_waited() {
        let flights = Arc::new(Flights::default());
        let Join::Lead(leader) = flights.join(b"a", 9) else { panic!("the first leads") };
        assert!(!leader.land(Outcome::Stored));
    }
}
