//! The end of a lane whose producers know nothing of it yet.

use std::sync::atomic::Ordering;

use armature_bridge::{Drained, Lane, LaneReader, PushError, SlotId, Wake};
use loom::sync::atomic::AtomicBool;
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::{all, drain, event, id, join, model, request};

/// A waker like that of a JavaScript environment: the handle sits under a lock, and is destroyed soon after it was taken
/// from there.
#[derive(Clone, Default)]
struct Guarded(Arc<Mutex<Option<Arc<AtomicBool>>>>);

impl Guarded {
    /// Returns the handle, true while it exists.
    fn open(&self) -> Arc<AtomicBool> {
        let handle = Arc::new(AtomicBool::new(true));
        *self.0.lock().unwrap() = Some(handle.clone());
        handle
    }

    fn close(&self) {
        let handle = self.0.lock().unwrap().take();
        if let Some(handle) = handle {
            handle.store(false, Ordering::Relaxed);
        }
    }
}

impl Wake for Guarded {
    fn wake(&self) {
        let guard = self.0.lock().unwrap();
        if let Some(handle) = guard.as_ref() {
            assert!(handle.load(Ordering::Relaxed), "called after it was destroyed");
        }
    }
}

/// `close` is what the reader's thread does while two producers push.
fn closing(close: impl Fn(&Lane<Guarded>) + Send + Sync + 'static) {
    model(move || {
        let waker = Guarded::default();
        let handle = waker.open();
        let lane = Arc::new(Lane::new(8, waker));
        let producers = [1, 2].map(|slot| {
            let lane = lane.clone();
            thread::spawn(move || {
                let first = request(&lane, id(slot, 0));
                let second = event(&lane, id(slot, 1));
                assert!(first.is_ok() || second == Err(PushError::Closed));
            })
        });
        let (mut reader, mut got) = (LaneReader::default(), Vec::<SlotId>::new());
        // Leaves a record in the reader's hands when both have come.
        drain(&mut reader, &lane, 1, &mut got, all);
        close(&lane);
        assert!(lane.is_closed() && !handle.load(Ordering::Relaxed));
        assert_eq!(lane.depth(), (0, 0));
        assert_eq!(request(&lane, id(0, 0)), Err(PushError::Closed));
        assert_eq!(event(&lane, id(0, 0)), Err(PushError::Closed));
        join(producers);
        assert_eq!(drain(&mut reader, &lane, 8, &mut got, all), Drained::default());
        assert_eq!(lane.depth(), (0, 0));
    });
}

#[test]
fn after_close_nothing_is_queued_and_nobody_is_woken() {
    closing(|lane| {
        lane.close();
        lane.waker().close();
    });
}

#[test]
fn an_environment_may_end_before_its_lane() {
    closing(|lane| {
        lane.waker().close();
        lane.close();
    });
}
