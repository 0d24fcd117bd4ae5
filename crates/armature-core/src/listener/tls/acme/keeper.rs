//! The thread that has certificates when they are needed.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use super::challenges::Challenges;
use super::kept::{Kept, Line};
use super::patience::Stop;
use super::status::AcmeStatus;
use crate::config::Tls;
use crate::error::Error;
use crate::listener::Entrance;

/// The clock of certificates is that of the world, which may be set: it is looked at that often.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Ends its thread when it is dropped.
pub struct Keeper {
    stop: Stop,
    thread: Option<JoinHandle<()>>,
    lines: Vec<Arc<Line>>,
}

impl Keeper {
    /// Keeps the certificates of those of `listeners` that have `tls.acme`; `None` when none has. `report` hears of what failed, on the
    /// thread.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start<'a>(
        listeners: impl Iterator<Item = (&'a Tls, &'a Arc<Entrance>)>,
        challenges: &Arc<Challenges>,
        report: impl Fn(Error) + Send + 'static,
    ) -> io::Result<Option<Self>> {
        let with_acme = listeners.filter_map(|(tls, entrance)| Some((tls.acme.as_ref()?, entrance)));
        let lines: Vec<_> =
            with_acme.map(|(acme, entrance)| Arc::new(Line::new(acme, entrance.clone()))).collect();
        if lines.is_empty() {
            return Ok(None);
        }
        let stop = Stop::default();
        let kept =
            lines.iter().map(|line| Kept::new(line.clone(), challenges.clone(), stop.clone())).collect();
        let stopped = stop.clone();
        let thread = thread::Builder::new().name("armature-acme".into());
        let thread = thread.spawn(move || run(kept, &stopped, report))?;
        Ok(Some(Self { stop, thread: Some(thread), lines }))
    }

    /// What there is, for each certificate.
    pub fn statuses(&self) -> Vec<AcmeStatus> {
        self.lines.iter().map(|line| line.shown()).collect()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.stop();
        // It may be waiting for an authority that does not answer; nothing that it does then is seen by anybody.
        if let Some(thread) = self.thread.take()
            && thread.is_finished()
        {
            let _ = thread.join();
        }
    }
}

fn run(mut kept: Vec<Kept>, stop: &Stop, report: impl Fn(Error)) {
    kept.iter().filter_map(Kept::nothing_yet).for_each(&report);
    loop {
        kept.retain(|one| !one.is_replaced());
        let now = SystemTime::now();
        for one in kept.iter_mut().filter(|one| one.is_due(now)) {
            // A defect must not cost the renewals of all time to come.
            match catch_unwind(AssertUnwindSafe(|| one.turn())) {
                Ok(None) => {}
                Ok(Some(error)) => report(error),
                Err(_) => report(one.panicked()),
            }
        }
        let Some(next) = kept.iter().map(|one| one.due).min() else { return };
        let pause = next.duration_since(SystemTime::now()).unwrap_or_default();
        if stop.wait(pause.min(LONGEST_SLEEP)) {
            return;
        }
    }
}
