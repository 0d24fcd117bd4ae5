//! The subscribers of one loop.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;

use super::super::close::CloseCode;
use super::super::outbox::{Outbox, Published};
use super::broadcast::{Broadcast, Frames};
use super::directory::{Subscription, TopicCounts};
use crate::config::SlowConsumer;

/// Who gets messages, and how many may wait for it.
#[derive(Clone)]
pub struct Consumer {
    /// Where they go.
    pub outbox: Rc<Outbox>,
    /// Bytes that may wait there.
    pub backlog: usize,
    /// What happens to a message for which there is no room.
    pub slow: SlowConsumer,
}

/// The topics that sockets of one loop subscribe to.
#[derive(Default)]
pub struct LoopTopics {
    topics: RefCell<HashMap<Arc<str>, Vec<Rc<Member>>>>,
}

/// One socket in one topic.
struct Member {
    key: u64,
    consumer: Consumer,
    /// Where it is in the list of its topic.
    at: Cell<usize>,
    subscription: Subscription,
}

impl LoopTopics {
    /// Sends a message to all subscribers that it is for. Those for whom another loop compresses it at the moment are what is
    /// returned: until they have it, they are to get nothing that comes after it.
    #[must_use]
    pub fn deliver(&self, broadcast: &Broadcast, counts: &TopicCounts) -> Option<Rest> {
        let waiting = self.send(broadcast, counts, true);
        (!waiting.is_empty()).then(|| Rest { broadcast: broadcast.clone(), members: waiting })
    }

    /// The same for one who cannot come back: the message is compressed here, too, if another loop is at it.
    pub fn deliver_now(&self, broadcast: &Broadcast, counts: &TopicCounts) {
        self.send(broadcast, counts, false);
    }

    fn send(&self, broadcast: &Broadcast, counts: &TopicCounts, may_wait: bool) -> Vec<Rc<Member>> {
        let topics = self.topics.borrow();
        let Some(members) = topics.get(broadcast.topic()) else { return Vec::new() };
        let members = members.iter().filter(|member| broadcast.is_for(member.key));
        send(members, &mut broadcast.frames(counts, may_wait), counts)
    }

    #[cfg(test)]
    pub(super) fn topic_count(&self) -> usize {
        self.topics.borrow().len()
    }

    fn enter(&self, member: &Rc<Member>) {
        let mut topics = self.topics.borrow_mut();
        let members = topics.entry(member.subscription.topic().clone()).or_default();
        member.at.set(members.len());
        members.push(member.clone());
    }

    fn leave(&self, member: &Member) {
        let topic = member.subscription.topic();
        let mut topics = self.topics.borrow_mut();
        let Some(members) = topics.get_mut(topic) else { return };
        let at = member.at.get();
        members.swap_remove(at);
        if let Some(moved) = members.get(at) {
            moved.at.set(at);
        }
        if members.is_empty() {
            topics.remove(topic);
        }
    }
}

/// Sends a message to `members`; returns those for whom another loop compresses it.
fn send<'a>(
    members: impl Iterator<Item = &'a Rc<Member>>,
    frames: &mut Frames<'_>,
    counts: &TopicCounts,
) -> Vec<Rc<Member>> {
    let (mut delivered, mut skipped, mut slow) = (0, 0, 0);
    let mut waiting = Vec::new();
    for member in members {
        let Consumer { outbox, backlog, slow: policy } = &member.consumer;
        match (outbox.publish(frames, *backlog), policy) {
            (Published::Sent, _) => delivered += 1,
            (Published::Full, SlowConsumer::Skip) => skipped += 1,
            (Published::Full, SlowConsumer::Close) => {
                slow += 1;
                outbox.close(CloseCode::POLICY, "the client is too slow");
            }
            (Published::Closing, _) => {}
            (Published::Later, _) => waiting.push(member.clone()),
        }
    }
    for (counter, n) in [(&counts.delivered, delivered), (&counts.skipped, skipped), (&counts.slow, slow)] {
        if n > 0 {
            counter.add(n);
        }
    }
    waiting
}

/// Subscribers that have not got a message yet, because another loop compresses it.
pub struct Rest {
    broadcast: Broadcast,
    members: Vec<Rc<Member>>,
}

impl Rest {
    /// Waits for the other loop, then sends the message.
    pub async fn deliver(self, counts: &TopicCounts) {
        poll_fn(|cx| self.broadcast.poll_compressed(cx)).await;
        send(self.members.iter(), &mut self.broadcast.frames(counts, false), counts);
    }
}

/// A socket and what it subscribes to; dropping it ends all of that.
pub struct Subscriber {
    key: u64,
    consumer: Consumer,
    topics: Rc<LoopTopics>,
    memberships: RefCell<Vec<Rc<Member>>>,
}

impl Subscriber {
    /// The socket with the number `key`, which subscribes to nothing yet.
    pub fn new(key: u64, consumer: Consumer, topics: Rc<LoopTopics>) -> Self {
        Self { key, consumer, topics, memberships: RefCell::default() }
    }

    /// It gets what is published from now on.
    pub fn add(&self, subscription: Subscription) {
        self.remove(&subscription.topic().clone());
        let (key, consumer) = (self.key, self.consumer.clone());
        let member = Rc::new(Member { key, consumer, at: Cell::new(0), subscription });
        self.topics.enter(&member);
        self.memberships.borrow_mut().push(member);
    }

    /// It gets nothing of `topic` any more.
    pub fn remove(&self, topic: &str) {
        let mut memberships = self.memberships.borrow_mut();
        let at = memberships.iter().position(|member| &**member.subscription.topic() == topic);
        if let Some(at) = at {
            self.topics.leave(&memberships.swap_remove(at));
        }
    }

    /// It gets nothing any more.
    pub fn clear(&self) {
        for member in self.memberships.take() {
            self.topics.leave(&member);
        }
    }

    /// The names of what it subscribes to.
    pub fn topics(&self) -> Vec<Arc<str>> {
        self.memberships.borrow().iter().map(|member| member.subscription.topic().clone()).collect()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.clear();
    }
}
