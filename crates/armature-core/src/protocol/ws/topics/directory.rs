//! Who subscribes to what, as far as all threads have to know: how many, and on which loops.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::interest::Interest;
use crate::metrics::Counter;

/// Topics with different names mostly have different locks.
const SHARDS: usize = 16;

/// Bounds of a [`Directory`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicLimits {
    /// Topics that somebody subscribes to.
    pub topics: usize,
    /// Bytes of the longest name.
    pub name: usize,
}

/// Why nobody may subscribe to a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its name is empty, or longer than [`TopicLimits::name`].
    Name,
    /// There are as many topics as [`TopicLimits::topics`] allows.
    Full,
}

/// What happened to messages since the start.
#[derive(Debug, Default)]
pub struct TopicCounts {
    /// Messages that were published.
    pub published: Counter,
    /// Times that one of them was sent to a socket.
    pub delivered: Counter,
    /// Times that one of them was compressed: once for each level and window that subscribers have.
    pub compressed: Counter,
    /// Times that one was not, because the socket is too slow and its route says to skip.
    pub skipped: Counter,
    /// Sockets that were closed because they are too slow for what is published.
    pub slow: Counter,
    /// Times that a message was for the sockets of a loop, and the loop had too much of them already.
    pub dropped: Counter,
}

/// The topics of a server.
pub struct Directory {
    shards: [Mutex<Topics>; SHARDS],
    hasher: RandomState,
    limits: TopicLimits,
    topics: AtomicUsize,
    subscriptions: AtomicUsize,
    tokens: AtomicU64,
    /// What happened.
    pub counts: TopicCounts,
}

type Topics = HashMap<Arc<str>, Topic>;

#[derive(Default)]
struct Topic {
    /// The sockets by their keys, and which of their subscriptions counts.
    sockets: HashMap<u64, Joined>,
    /// How many of them each loop has; never 0.
    loops: Vec<(u8, usize)>,
}

struct Joined {
    token: u64,
    io_loop: u8,
}

impl Directory {
    /// One without topics.
    pub fn new(limits: TopicLimits) -> Arc<Self> {
        Arc::new(Self {
            shards: Default::default(),
            hasher: RandomState::new(),
            limits,
            topics: AtomicUsize::new(0),
            subscriptions: AtomicUsize::new(0),
            tokens: AtomicU64::new(0),
            counts: TopicCounts::default(),
        })
    }

    /// Has the socket with the number `key`, on `io_loop`, subscribe to `topic`: messages that are published from now on are
    /// for its loop too. A second subscription of one socket takes the place of the first.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn subscribe(self: &Arc<Self>, topic: &str, io_loop: u8, key: u64) -> Result<Subscription, Refusal> {
        if topic.is_empty() || topic.len() > self.limits.name {
            return Err(Refusal::Name);
        }
        let token = self.tokens.fetch_add(1, Ordering::Relaxed);
        let mut topics = self.shard(topic);
        let name = match topics.get_key_value(topic) {
            Some((name, _)) => name.clone(),
            None => {
                let (order, limit) = (Ordering::Relaxed, self.limits.topics);
                let grown = self.topics.fetch_update(order, order, |n| (n < limit).then_some(n + 1));
                grown.map_err(|_| Refusal::Full)?;
                topic.into()
            }
        };
        let entry = topics.entry(name.clone()).or_default();
        if entry.sockets.insert(key, Joined { token, io_loop }).is_none() {
            entry.count(io_loop);
            self.subscriptions.fetch_add(1, Ordering::Relaxed);
        }
        drop(topics);
        Ok(Subscription { directory: self.clone(), topic: name, key, token })
    }

    /// The socket `key` subscribes to `topic` no longer; its loop hears of that later. False when it did not.
    pub fn unsubscribe(&self, topic: &str, key: u64) -> bool {
        self.leave(topic, key, |_| true)
    }

    /// The name of `topic` and the loops that have subscribers of it; `None` when there are none.
    pub fn interest(&self, topic: &str) -> Option<(Arc<str>, Interest)> {
        let topics = self.shard(topic);
        let (name, entry) = topics.get_key_value(topic)?;
        Some((name.clone(), entry.loops.iter().map(|(io_loop, _)| *io_loop).collect()))
    }

    /// How many sockets subscribe to `topic`.
    pub fn subscribers(&self, topic: &str) -> usize {
        self.shard(topic).get(topic).map_or(0, |entry| entry.sockets.len())
    }

    /// Topics that somebody subscribes to.
    pub fn topics(&self) -> usize {
        self.topics.load(Ordering::Relaxed)
    }

    /// How many sockets subscribe to them, each counted for each topic.
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.load(Ordering::Relaxed)
    }

    fn leave(&self, topic: &str, key: u64, is_meant: impl FnOnce(&Joined) -> bool) -> bool {
        let mut topics = self.shard(topic);
        let Some(entry) = topics.get_mut(topic) else { return false };
        let Entry::Occupied(joined) = entry.sockets.entry(key) else { return false };
        if !is_meant(joined.get()) {
            return false;
        }
        let Joined { io_loop, .. } = joined.remove();
        entry.discount(io_loop);
        if entry.sockets.is_empty() {
            topics.remove(topic);
            self.topics.fetch_sub(1, Ordering::Relaxed);
        }
        self.subscriptions.fetch_sub(1, Ordering::Relaxed);
        true
    }

    fn shard(&self, topic: &str) -> MutexGuard<'_, Topics> {
        let shard = self.hasher.hash_one(topic) as usize % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Topic {
    fn count(&mut self, io_loop: u8) {
        match self.loops.iter_mut().find(|(of, _)| *of == io_loop) {
            Some((_, sockets)) => *sockets += 1,
            None => self.loops.push((io_loop, 1)),
        }
    }

    fn discount(&mut self, io_loop: u8) {
        let Some(at) = self.loops.iter().position(|(of, _)| *of == io_loop) else { return };
        self.loops[at].1 -= 1;
        if self.loops[at].1 == 0 {
            self.loops.swap_remove(at);
        }
    }
}

/// One socket subscribes to one topic, for as long as this is there.
pub struct Subscription {
    directory: Arc<Directory>,
    topic: Arc<str>,
    key: u64,
    token: u64,
}

impl Subscription {
    /// The name of the topic.
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // The socket may have subscribed again in the meantime.
        self.directory.leave(&self.topic, self.key, |joined| joined.token == self.token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(topics: usize) -> Arc<Directory> {
        Directory::new(TopicLimits { topics, name: 8 })
    }

    fn loops(directory: &Directory, topic: &str) -> Vec<u8> {
        directory.interest(topic).map_or(vec![], |(_, interest)| interest.iter().collect())
    }

    fn numbers(directory: &Directory) -> (usize, usize) {
        (directory.topics(), directory.subscriptions())
    }

    #[test]
    fn knows_who_is_there_and_where() {
        let directory = directory(9);
        let first = directory.subscribe("a", 0, 1).unwrap();
        let second = directory.subscribe("a", 3, 2).unwrap();
        let other = directory.subscribe("b", 3, 2).unwrap();
        assert_eq!((directory.subscribers("a"), directory.subscribers("b")), (2, 1));
        assert_eq!((loops(&directory, "a"), loops(&directory, "b")), (vec![0, 3], vec![3]));
        assert_eq!(numbers(&directory), (2, 3));
        drop(first);
        assert_eq!((directory.subscribers("a"), loops(&directory, "a")), (1, vec![3]));
        drop((second, other));
        assert_eq!((directory.interest("a").is_none(), numbers(&directory)), (true, (0, 0)));
    }

    #[test]
    fn who_leaves_is_gone_at_once_and_once() {
        let directory = directory(9);
        let old = directory.subscribe("a", 0, 1).unwrap();
        assert!(directory.unsubscribe("a", 1));
        assert!(!directory.unsubscribe("a", 1) && !directory.unsubscribe("b", 1));
        assert_eq!(directory.subscribers("a"), 0);
        let new = directory.subscribe("a", 0, 1).unwrap();
        drop(old);
        assert_eq!(directory.subscribers("a"), 1, "it has subscribed again");
        drop(new);
        assert_eq!(numbers(&directory), (0, 0));
    }

    #[test]
    fn a_second_subscription_takes_the_place_of_the_first() {
        let directory = directory(9);
        let first = directory.subscribe("a", 0, 1).unwrap();
        let second = directory.subscribe("a", 0, 1).unwrap();
        assert_eq!((directory.subscribers("a"), numbers(&directory)), (1, (1, 1)));
        drop(first);
        assert_eq!(directory.subscribers("a"), 1);
        drop(second);
        assert!(loops(&directory, "a").is_empty());
    }

    #[test]
    fn is_bounded() {
        let directory = directory(2);
        let refused = |topic| directory.subscribe(topic, 0, 9).err();
        assert_eq!((refused(""), refused("123456789")), (Some(Refusal::Name), Some(Refusal::Name)));
        let kept = [directory.subscribe("12345678", 0, 1).unwrap(), directory.subscribe("b", 0, 1).unwrap()];
        assert_eq!(refused("c"), Some(Refusal::Full));
        assert!(directory.subscribe("b", 0, 2).is_ok(), "there is such a topic");
        drop(kept);
        assert!(directory.subscribe("c", 0, 1).is_ok());
    }

    #[test]
    fn counts_what_many_threads_do() {
        let directory = directory(3);
        std::thread::scope(|scope| {
            for thread in 0..4u8 {
                let directory = &directory;
                scope.spawn(move || {
                    for round in 0..2000u64 {
                        let topic = ["a", "b", "c", "d"][(round % 4) as usize];
                        let kept = directory.subscribe(topic, thread, u64::from(thread));
                        assert!(directory.topics() <= 3);
                        if kept.is_ok() {
                            assert!(loops(directory, topic).contains(&thread), "whoever subscribes is found");
                        }
                        if round % 3 == 0 {
                            assert_eq!(directory.unsubscribe(topic, thread.into()), kept.is_ok());
                        }
                    }
                });
            }
        });
        assert_eq!(numbers(&directory), (0, 0));
        assert!(["a", "b", "c", "d"].iter().all(|topic| directory.interest(topic).is_none()));
    }
}
