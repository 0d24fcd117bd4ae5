//! Senders and the task that receives.

use std::sync::Arc as StdArc;
use std::task::{Context, Poll};

use armature_bridge::Mailbox;
use loom::sync::Arc;
use loom::thread;

use super::{Bell, join, model};

/// A task that is woken through the standard library's waker.
impl std::task::Wake for Bell {
    fn wake(self: StdArc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &StdArc<Self>) {
        self.ring();
    }
}

#[test]
fn a_mailbox_loses_no_batch_and_wakes_once_for_all_that_come_together() {
    model(|| {
        let mailbox = Arc::new(Mailbox::default());
        let senders = [1, 2].map(|sender| {
            let mailbox = mailbox.clone();
            thread::spawn(move || {
                for number in 0..2 {
                    mailbox.send(vec![sender, number]);
                }
            })
        });
        let bell = StdArc::new(Bell::default());
        let (mut got, mut slept) = (Vec::new(), 0);
        while got.len() < 4 {
            match mailbox.poll_receive(&mut Context::from_waker(&bell.clone().into())) {
                Poll::Ready(batches) => got.extend(batches),
                Poll::Pending => {
                    slept += 1;
                    bell.wait();
                }
            }
        }
        join(senders);
        for sender in [1, 2] {
            let numbers: Vec<u8> = got.iter().filter(|b| b[0] == sender).map(|b| b[1]).collect();
            assert_eq!(numbers, [0, 1]);
        }
        assert_eq!(bell.wakes(), slept);
    });
}

#[test]
fn a_mailbox_wakes_the_task_that_asked_last() {
    model(|| {
        let mailbox = Arc::new(Mailbox::default());
        let (first, second) = (StdArc::new(Bell::default()), StdArc::new(Bell::default()));
        let poll = |bell: &StdArc<Bell>| {
            mailbox.poll_receive(&mut Context::from_waker(&bell.clone().into())).is_ready()
        };
        assert!(!poll(&first));
        let sender = {
            let mailbox = mailbox.clone();
            thread::spawn(move || mailbox.send(vec![1]))
        };
        if !poll(&second) {
            second.wait();
            assert!(poll(&second));
        }
        sender.join().unwrap();
        assert_eq!(first.wakes() + second.wakes(), 1);
    });
}

#[test]
fn a_closed_mailbox_keeps_neither_batches_nor_wakers() {
    model(|| {
        let mailbox = Arc::new(Mailbox::default());
        let bell = StdArc::new(Bell::default());
        let poll = || mailbox.poll_receive(&mut Context::from_waker(&bell.clone().into())).is_pending();
        assert!(poll());
        let sender = {
            let mailbox = mailbox.clone();
            thread::spawn(move || mailbox.send(vec![1]))
        };
        mailbox.close();
        assert!(poll());
        sender.join().unwrap();
        assert!(poll());
        assert_eq!(StdArc::strong_count(&bell), 1);
    });
}
