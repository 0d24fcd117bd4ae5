use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::afterwards::{self, Deferred, after_tasks};

#[derive(Default)]
struct Count(AtomicUsize);

impl Deferred for Count {
    fn run(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn outside_of_tasks_it_is_the_callers() {
    let count = Arc::new(Count::default());
    assert!(!after_tasks(&count));
    afterwards::begin();
    afterwards::end();
    assert!(!after_tasks(&count));
    assert_eq!(count.get(), 0);
}

#[test]
fn waits_until_the_tasks_have_run() {
    let count = Arc::new(Count::default());
    afterwards::begin();
    assert!(after_tasks(&count));
    afterwards::task_ran();
    assert_eq!(count.get(), 0);
    afterwards::end();
    assert_eq!(count.get(), 1);
    afterwards::begin();
    afterwards::end();
    assert_eq!(count.get(), 1);
}

#[test]
fn waits_for_sixteen_tasks_at_most() {
    let count = Arc::new(Count::default());
    afterwards::begin();
    for _ in 0..40 {
        afterwards::task_ran();
    }
    assert!(after_tasks(&count));
    for ran in 1..=16 {
        assert_eq!(count.get(), 0, "after {ran} tasks");
        afterwards::task_ran();
    }
    assert_eq!(count.get(), 1);
    for _ in 0..40 {
        afterwards::task_ran();
    }
    assert_eq!(count.get(), 1);
    afterwards::end();
    assert_eq!(count.get(), 1);
}
