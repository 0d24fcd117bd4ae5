//! Subscribers of a loop, and what they get.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::super::deflate::Deflate;
use super::super::deflate::tests::{negotiate, noise};
use super::super::outbox::Outbox;
use super::super::settings::DeflateSettings;
use super::{Broadcast, Consumer, Directory, LoopTopics, Subscriber, TopicLimits};
use crate::config::SlowConsumer;
use crate::io_loop::HostLoop;

pub(in crate::protocol::ws) struct Loop {
    pub host: HostLoop,
    directory: Arc<Directory>,
    topics: Rc<LoopTopics>,
}

impl Loop {
    pub fn new() -> Self {
        let directory = Directory::new(TopicLimits { topics: 100, name: 100 });
        Self { host: HostLoop::new(0, || {}).unwrap(), directory, topics: Rc::default() }
    }

    pub fn outbox(&self) -> Rc<Outbox> {
        self.host.run(Outbox::new)
    }

    pub fn socket(&self, key: u64, outbox: &Rc<Outbox>, backlog: usize, slow: SlowConsumer) -> Subscriber {
        let consumer = Consumer { outbox: outbox.clone(), backlog, slow };
        Subscriber::new(key, consumer, self.topics.clone())
    }

    pub fn subscribe(&self, socket: &Subscriber, key: u64, topic: &str) {
        socket.add(self.directory.subscribe(topic, 0, key).unwrap());
    }

    pub fn publish(&self, topic: &str, text: &str, except: Option<u64>) {
        if let Some((topic, _)) = self.directory.interest(topic) {
            let broadcast = Broadcast::new(topic, false, text.as_bytes(), except);
            assert!(self.topics.deliver(&broadcast, &self.directory.counts).is_none());
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

/// Three sockets that read compressed messages, the last one only with a small window, and one that does not.
fn readers(on: &Loop) -> [Rc<Outbox>; 4] {
    let settings = DeflateSettings { threshold: 20, context_takeover: true, ..DeflateSettings::default() };
    let deflate = on.host.run(|io_loop| Deflate::new(&settings, io_loop));
    let offers = [
        "permessage-deflate",
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10",
        "x-other",
    ];
    offers.map(|offer| on.host.run(|io_loop| Outbox::deflating(io_loop, negotiate(&deflate, offer).unwrap())))
}

#[test]
fn a_message_is_compressed_once_for_all_who_agree() {
    let (on, other) = (Loop::new(), Loop::new());
    let loops = [(&on, readers(&on)), (&other, readers(&other))];
    let sockets: Vec<_> = loops
        .iter()
        .flat_map(|(on, outboxes)| {
            outboxes.iter().map(|outbox| on.socket(0, outbox, 1 << 20, SlowConsumer::Close))
        })
        .zip(0..)
        .inspect(|(socket, key)| loops[*key as usize / 4].0.subscribe(socket, *key, "x"))
        .collect();
    let published = |content: &[u8]| {
        let broadcast = Broadcast::new("x".into(), true, content, None);
        for (on, _) in &loops {
            let rest = on.topics.deliver(&broadcast.clone(), &loops[0].0.directory.counts);
            assert!(rest.is_none(), "who came before is done");
        }
        let first = |(_, outboxes): &(&Loop, [Rc<Outbox>; 4])| {
            outboxes.each_ref().map(|outbox| outbox.with_unsent(|bytes| bytes[0]))
        };
        let frames = [first(&loops[0]), first(&loops[1])];
        (frames, loops[0].0.directory.counts.compressed.get())
    };
    let (frames, compressed) = published(&b"again and again and ".repeat(50));
    assert_eq!((frames, compressed), ([[0xc2, 0xc2, 0xc2, 0x82]; 2], 2));
    let at = |outbox: &Rc<Outbox>| outbox.with_unsent(<[u8]>::as_ptr);
    let pointers = loops.each_ref().map(|(_, outboxes)| outboxes.each_ref().map(at));
    assert_eq!(pointers[0], pointers[1], "nobody has a copy");
    assert!(pointers[0][0] == pointers[0][1] && pointers[0][1] != pointers[0][2]);
    let take_all = || loops.iter().flat_map(|(_, outboxes)| outboxes).for_each(|outbox| drop(sent(outbox)));
    take_all();
    assert_eq!(published(b"too short"), ([[0x82; 4]; 2], 2));
    take_all();
    assert_eq!(published(&noise(1000)), ([[0x82; 4]; 2], 4), "tried, and sent as it is");
    drop(sockets);
}

#[test]
fn a_loop_does_not_stand_still_while_another_one_compresses() {
    let on = Loop::new();
    let outboxes = readers(&on);
    let sockets = outboxes.each_ref().map(|outbox| on.socket(0, outbox, 1 << 20, SlowConsumer::Close));
    for (socket, key) in sockets.iter().zip(0..) {
        on.subscribe(socket, key, "x");
    }
    let settings = DeflateSettings { threshold: 20, context_takeover: true, ..DeflateSettings::default() };
    let other = on.host.run(|io_loop| Deflate::new(&settings, io_loop));
    let other = negotiate(&other, "permessage-deflate").unwrap().unwrap().split().0;
    let counts = &on.directory.counts;
    let begins = || outboxes.each_ref().map(|outbox| outbox.with_unsent(|bytes| bytes.first().copied()));
    let take_all = || outboxes.iter().for_each(|outbox| drop(sent(outbox)));
    let content = b"again and again and ".repeat(50);

    let broadcast = Broadcast::new("x".into(), true, &content, None);
    let work = broadcast.begin(&other).unwrap();
    let rest = on.topics.deliver(&broadcast, counts).unwrap();
    assert_eq!(begins(), [None, None, Some(0xc2), Some(0x82)], "those who need not wait do not");
    let (mut rest, mut cx) = (Box::pin(rest.deliver(counts)), Context::from_waker(Waker::noop()));
    assert!(rest.as_mut().poll(&mut cx).is_pending() && rest.as_mut().poll(&mut cx).is_pending());
    assert_eq!(begins(), [None, None, Some(0xc2), Some(0x82)]);
    drop(work);
    assert!(rest.as_mut().poll(&mut cx).is_ready());
    assert_eq!(begins(), [Some(0xc2), Some(0xc2), Some(0xc2), Some(0x82)]);
    assert_eq!(counts.compressed.get(), 1, "the other loop has done what it was at");
    take_all();

    // Who cannot wait does it again, and gets the same.
    let broadcast = Broadcast::new("x".into(), true, &content, None);
    let work = broadcast.begin(&other);
    on.topics.deliver_now(&broadcast, counts);
    assert_eq!(begins(), [Some(0xc2), Some(0xc2), Some(0xc2), Some(0x82)]);
    assert_eq!(counts.compressed.get(), 3);
    drop(work);
}

#[test]
fn whoever_waits_for_a_loop_is_woken_by_it() {
    let on = Loop::new();
    let outboxes = readers(&on);
    let socket = on.socket(1, &outboxes[0], 1 << 20, SlowConsumer::Close);
    on.subscribe(&socket, 1, "x");
    let content = b"again and again and ".repeat(50);
    let broadcast = Broadcast::new("x".into(), true, &content, None);
    let (begun, wait) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let host = HostLoop::new(1, || {}).unwrap();
            let settings = DeflateSettings { threshold: 20, ..DeflateSettings::default() };
            let deflate = host.run(|io_loop| Deflate::new(&settings, io_loop));
            let compressor = negotiate(&deflate, "permessage-deflate").unwrap().unwrap().split().0;
            let work = broadcast.begin(&compressor).unwrap();
            begun.send(()).unwrap();
            // Until the other one waits.
            while !broadcast.is_awaited() {
                std::thread::yield_now();
            }
            drop(work);
        });
        wait.recv().unwrap();
        let rest = on.topics.deliver(&broadcast, &on.directory.counts).unwrap();
        let done = Rc::new(std::cell::Cell::new(false));
        let (set, directory) = (done.clone(), on.directory.clone());
        on.host.run(|io_loop| {
            io_loop.spawn(async move {
                rest.deliver(&directory.counts).await;
                set.set(true);
            });
        });
        while !done.get() {
            on.host.turn(std::time::Duration::from_secs(10));
        }
    });
    assert!(outboxes[0].with_unsent(|bytes| bytes[0] == 0xc2));
}
