//! Subscribers of a loop, and what they get.

use std::rc::Rc;
use std::sync::Arc;

use super::super::outbox::Outbox;
use super::{Broadcast, Consumer, Directory, LoopTopics, Subscriber, TopicLimits};
use crate::config::SlowConsumer;
use crate::io_loop::HostLoop;

struct Loop {
    host: HostLoop,
    directory: Arc<Directory>,
    topics: Rc<LoopTopics>,
}

impl Loop {
    fn new() -> Self {
        let directory = Directory::new(TopicLimits { topics: 100, name: 100 });
        Self { host: HostLoop::new(0, || {}).unwrap(), directory, topics: Rc::default() }
    }

    fn outbox(&self) -> Rc<Outbox> {
        self.host.run(Outbox::new)
    }

    fn socket(&self, key: u64, outbox: &Rc<Outbox>, backlog: usize, slow: SlowConsumer) -> Subscriber {
        let consumer = Consumer { outbox: outbox.clone(), backlog, slow };
        Subscriber::new(key, consumer, self.topics.clone())
    }

    fn subscribe(&self, socket: &Subscriber, key: u64, topic: &str) {
        socket.add(self.directory.subscribe(topic, 0, key).unwrap());
    }

    fn publish(&self, topic: &str, text: &str, except: Option<u64>) {
        if let Some((topic, _)) = self.directory.interest(topic) {
            let broadcast = Broadcast::new(topic, false, text.as_bytes(), except);
            self.topics.deliver(&broadcast, &self.directory.counts);
        }
    }

    fn counts(&self) -> [u64; 3] {
        let counts = &self.directory.counts;
        [counts.delivered.get(), counts.skipped.get(), counts.slow.get()]
    }
}

/// Everything that waits.
fn sent(outbox: &Outbox) -> String {
    let mut all = Vec::new();
    while outbox.unsent() > 0 {
        let n = outbox.with_unsent(|bytes| {
            all.extend_from_slice(bytes);
            bytes.len()
        });
        outbox.written(n);
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn who_subscribes_gets_what_is_published() {
    let on = Loop::new();
    let (a, b) = (on.outbox(), on.outbox());
    let first = on.socket(1, &a, 1000, SlowConsumer::Close);
    let second = on.socket(2, &b, 1000, SlowConsumer::Close);
    on.publish("x", "nobody", None);
    on.subscribe(&first, 1, "x");
    on.subscribe(&second, 2, "x");
    on.subscribe(&second, 2, "y");
    on.publish("x", "all", None);
    on.publish("x", "others", Some(1));
    on.publish("y", "second", None);
    assert_eq!(sent(&a), "\u{fffd}\u{3}all");
    assert_eq!(sent(&b), "\u{fffd}\u{3}all\u{fffd}\u{6}others\u{fffd}\u{6}second");
    second.remove("x");
    on.publish("x", "first", None);
    assert_eq!((sent(&a), sent(&b)), ("\u{fffd}\u{5}first".into(), String::new()));
    assert_eq!(second.topics(), [Arc::<str>::from("y")]);
    drop(first);
    assert_eq!((on.directory.subscribers("x"), on.directory.subscribers("y")), (0, 1));
    drop(second);
    assert_eq!((on.directory.topics(), on.topics.topic_count()), (0, 0));
}

#[test]
fn members_leave_in_any_order() {
    let on = Loop::new();
    let outboxes: Vec<_> = (0..5).map(|_| on.outbox()).collect();
    let mut sockets: Vec<_> = outboxes
        .iter()
        .zip(0..)
        .map(|(outbox, key)| Some(on.socket(key, outbox, 1000, SlowConsumer::Close)))
        .collect();
    for (socket, key) in sockets.iter().flatten().zip(0..) {
        on.subscribe(socket, key, "x");
        // A second time changes nothing.
        on.subscribe(socket, key, "x");
    }
    for leaving in [1, 4, 0, 2, 3] {
        on.publish("x", "m", None);
        for (outbox, socket) in outboxes.iter().zip(&sockets) {
            assert_eq!(sent(outbox).is_empty(), socket.is_none());
        }
        sockets[leaving] = None;
    }
    assert_eq!(on.topics.topic_count(), 0);
}

#[test]
fn a_slow_socket_is_closed_or_misses_messages() {
    let on = Loop::new();
    let (a, b) = (on.outbox(), on.outbox());
    let (closing, skipping) =
        (on.socket(1, &a, 12, SlowConsumer::Close), on.socket(2, &b, 12, SlowConsumer::Skip));
    on.subscribe(&closing, 1, "x");
    on.subscribe(&skipping, 2, "x");
    for text in ["1234", "5678", "9012"] {
        on.publish("x", text, None);
    }
    assert_eq!(on.counts(), [4, 1, 1]);
    assert!(a.is_closing() && !b.is_closing());
    assert_eq!(sent(&b), "\u{fffd}\u{4}1234\u{fffd}\u{4}5678");
    on.publish("x", "late", None);
    assert_eq!(on.counts(), [5, 1, 1], "who closes is not counted again");
    assert!(sent(&a).contains("the client is too slow"));
}

#[test]
fn a_large_message_is_in_memory_once() {
    let on = Loop::new();
    let outboxes = [on.outbox(), on.outbox()];
    let sockets = outboxes.each_ref().map(|outbox| on.socket(0, outbox, 1 << 20, SlowConsumer::Close));
    for (socket, key) in sockets.iter().zip(0..) {
        on.subscribe(socket, key, "x");
    }
    on.publish("x", &"x".repeat(100_000), None);
    let [first, second] = outboxes.each_ref().map(|outbox| outbox.with_unsent(<[u8]>::as_ptr));
    assert_eq!(first, second);
}
