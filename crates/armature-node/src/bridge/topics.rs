//! Topics of a server: from whoever publishes to the loops of those who subscribe.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use armature_bridge::command::{Action, Command, Commands};
use armature_bridge::{Mailbox, SlotId};
use armature_core::config::Limits;
use armature_core::protocol::ws::topics::{Broadcast, Directory, Subscription, TopicLimits};
use bytes::Bytes;

use super::commit::Batch;
use super::loop_side::LoopSide;
use crate::lock;

/// What a message that waits for a loop costs besides its bytes.
const MESSAGE: usize = 64;

/// What a JavaScript thread says to a loop, in the order in which it says it.
pub enum Post {
    /// Commands for the loop alone; those that are many bytes are counted.
    Commands(Vec<u8>, Option<Waiting>),
    /// A socket of the loop subscribes.
    Subscribe(SlotId, Subscription),
    /// It subscribes no longer.
    Unsubscribe(SlotId, String),
    /// Somebody has published a message.
    Publish(Broadcast, Waiting),
}

/// Bytes that wait for a loop, for as long as this is there.
pub struct Waiting {
    all: Arc<AtomicUsize>,
    bytes: usize,
}

impl Waiting {
    /// `bytes` more.
    pub fn new(all: &Arc<AtomicUsize>, bytes: usize) -> Self {
        all.fetch_add(bytes, Ordering::Relaxed);
        Self { all: all.clone(), bytes }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A message as JavaScript publishes it.
pub struct Message<'a> {
    pub topic: &'a [u8],
    pub is_binary: bool,
    pub content: &'a [u8],
}

/// The way to a loop.
#[derive(Clone)]
struct Outlet {
    mailbox: Arc<Mailbox<Post>>,
    waiting: Arc<AtomicUsize>,
}

/// One for each server.
pub struct Topics {
    pub directory: Arc<Directory>,
    /// By the numbers of the loops.
    outlets: Mutex<Vec<Option<Outlet>>>,
    /// Bytes that may wait for a loop.
    buffer: usize,
}

impl Topics {
    pub fn new(limits: &Limits) -> Arc<Self> {
        let bounds = TopicLimits { topics: limits.topics, name: limits.topic_name };
        let buffer = limits.publish_buffer;
        Arc::new(Self { directory: Directory::new(bounds), outlets: Mutex::default(), buffer })
    }

    /// Loop `index` receives by `mailbox` from now on.
    pub fn route(&self, index: u8, mailbox: Arc<Mailbox<Post>>) {
        let index = usize::from(index);
        let mut outlets = lock(&self.outlets);
        if outlets.len() <= index {
            outlets.resize_with(index + 1, || None);
        }
        let before = outlets[index].replace(Outlet { mailbox, waiting: Arc::default() });
        drop(outlets);
        drop(before);
    }

    /// Loop `index` receives nothing by `mailbox` any more.
    pub fn unroute(&self, index: u8, mailbox: &Arc<Mailbox<Post>>) {
        let mut outlets = lock(&self.outlets);
        let outlet = outlets
            .get_mut(usize::from(index))
            .and_then(|outlet| outlet.take_if(|outlet| Arc::ptr_eq(&outlet.mailbox, mailbox)));
        drop(outlets);
        drop(outlet);
    }

    /// Does what a `publish` command says, whose bytes JavaScript wrote.
    pub fn publish_command(&self, command: &[u8]) {
        let Some(Command { slot, action }) = Commands::new(command).next() else { return };
        if let Action::Publish { is_binary, has_publisher, topic, content } = action {
            let message = Message { topic: &command[topic], is_binary, content: &command[content] };
            self.publish(has_publisher.then_some(slot), message, None);
        }
    }

    /// Sends a message to all subscribers but the publisher. `own` is the loop on this thread: it has the message at once.
    pub fn publish(&self, publisher: Option<SlotId>, message: Message<'_>, own: Option<&LoopSide>) {
        let Message { topic, is_binary, content } = message;
        let Ok(topic) = std::str::from_utf8(topic) else { return };
        self.directory.counts.published.add(1);
        let Some((topic, interest)) = self.directory.interest(topic) else { return };
        let broadcast = Broadcast::new(topic, is_binary, content, publisher.map(SlotId::to_bits));
        // It comes first: what it compresses, nobody else is at.
        if let Some(side) = own.filter(|side| interest.iter().any(|io_loop| io_loop == side.index())) {
            side.subscribers.deliver_now(&broadcast, &self.directory.counts);
        }
        for io_loop in interest.iter().filter(|io_loop| own.is_none_or(|side| side.index() != *io_loop)) {
            self.send(io_loop, &broadcast);
        }
    }

    fn send(&self, io_loop: u8, broadcast: &Broadcast) {
        let outlet = lock(&self.outlets).get(usize::from(io_loop)).cloned().flatten();
        let Some(Outlet { mailbox, waiting }) = outlet else { return };
        let bytes = broadcast.bytes() + MESSAGE;
        let before = waiting.fetch_add(bytes, Ordering::Relaxed);
        let waiting = Waiting { all: waiting, bytes };
        if before > 0 && before + bytes > self.buffer {
            return self.directory.counts.dropped.add(1);
        }
        mailbox.send(Post::Publish(broadcast.clone(), waiting));
    }
}

impl LoopSide {
    /// Does what a JavaScript thread says. Returns what is on its way still: those who were answered have not looked. Not done while
    /// another loop compresses a message for sockets of this one, which are to get nothing before it that was said after it.
    pub(super) async fn receive(self: &Rc<Self>, post: Post) -> Option<Waiting> {
        match post {
            Post::Commands(batch, crossing) => {
                self.commit(Batch::Owned(&Bytes::from(batch)));
                return crossing;
            }
            Post::Subscribe(slot, subscription) => self.subscribe(slot, subscription),
            Post::Unsubscribe(slot, topic) => self.unsubscribe(slot, &topic),
            Post::Publish(broadcast, waiting) => {
                drop(waiting);
                let counts = &self.topics.directory.counts;
                if let Some(rest) = self.subscribers.deliver(&broadcast, counts) {
                    rest.deliver(counts).await;
                }
            }
        }
        None
    }

    /// A socket of this loop gets what is published from now on. When it is over, its subscription is too.
    pub fn subscribe(&self, slot: SlotId, subscription: Subscription) {
        if let Some(socket) = self.socket_of(slot) {
            socket.subscribe(slot, subscription, &self.subscribers);
        }
    }

    /// It gets nothing of `topic` any more.
    pub fn unsubscribe(&self, slot: SlotId, topic: &str) {
        if let Some(socket) = self.socket_of(slot) {
            socket.unsubscribe(topic);
        }
    }
}
