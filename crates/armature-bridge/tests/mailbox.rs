//! The mailbox, one call after the other.
#![cfg(not(armature_loom))]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake};

use armature_bridge::Mailbox;

#[derive(Default)]
struct Task(AtomicUsize);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Task {
    fn poll(self: &Arc<Self>, mailbox: &Mailbox) -> Poll<Vec<Vec<u8>>> {
        mailbox.poll_receive(&mut Context::from_waker(&self.clone().into()))
    }

    fn wakes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_receiver_is_woken_once_until_it_has_found_the_mailbox_empty() {
    let (mailbox, task) = (Mailbox::default(), Arc::new(Task::default()));
    mailbox.send(vec![1]);
    assert_eq!(task.poll(&mailbox), Poll::Ready(vec![vec![1]]));
    mailbox.send(vec![2]);
    assert_eq!(task.wakes(), 0, "it is going to look again");
    assert_eq!(task.poll(&mailbox), Poll::Ready(vec![vec![2]]));
    assert_eq!(task.poll(&mailbox), Poll::Pending);
    for batch in 3..6 {
        mailbox.send(vec![batch]);
        assert_eq!(task.wakes(), 1);
    }
    assert_eq!(task.poll(&mailbox), Poll::Ready(vec![vec![3], vec![4], vec![5]]));
    mailbox.send(vec![6]);
    assert_eq!(task.wakes(), 1, "it is going to look again");
    assert_eq!(task.poll(&mailbox), Poll::Ready(vec![vec![6]]));
    assert_eq!(task.poll(&mailbox), Poll::Pending);
    assert_eq!(task.poll(&mailbox), Poll::Pending);
    mailbox.send(vec![7]);
    assert_eq!(task.wakes(), 2);
}

#[test]
fn the_task_that_asked_last_is_woken() {
    let mailbox = Mailbox::default();
    let (first, second) = (Arc::new(Task::default()), Arc::new(Task::default()));
    assert!(first.poll(&mailbox).is_pending() && second.poll(&mailbox).is_pending());
    assert_eq!(Arc::strong_count(&first), 1, "its waker was given back");
    mailbox.send(vec![]);
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
}

/// Looks into the mailbox when the last waker of it is dropped, as a task does that owns what it waits for.
struct Nosy(Arc<Mailbox>);

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.0.send(vec![9]);
    }
}

#[test]
fn a_waker_is_dropped_outside_of_the_lock() {
    let mailbox = Arc::new(Mailbox::default());
    let poll = || {
        let waker = Arc::new(Nosy(mailbox.clone())).into();
        mailbox.poll_receive(&mut Context::from_waker(&waker))
    };
    assert!(poll().is_pending());
    assert!(poll().is_pending(), "replaces the first waker");
    assert_eq!(poll(), Poll::Ready(vec![vec![9]]));
    mailbox.close();
}

#[test]
fn after_close_nothing_comes_and_no_waker_is_kept() {
    let (mailbox, task) = (Mailbox::default(), Arc::new(Task::default()));
    assert!(task.poll(&mailbox).is_pending());
    mailbox.send(vec![1]);
    mailbox.close();
    mailbox.send(vec![2]);
    assert!(task.poll(&mailbox).is_pending());
    assert_eq!((task.wakes(), Arc::strong_count(&task)), (1, 1));
}
