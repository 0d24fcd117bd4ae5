//! Where what is waited for is waited for: a thread for each store that has something below its memory.

use std::future::Future;
use std::pin::Pin;

use tokio::runtime::Builder;
use tokio::sync::mpsc;

use crate::error::{Error, Result};

/// What does not hold others up.
pub(super) struct Task(Pin<Box<dyn Future<Output = ()> + Send>>);
/// What others wait for, because its order counts; it says what is left to do.
type Step = Pin<Box<dyn Future<Output = Task> + Send>>;

impl Task {
    pub fn new(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Box::pin(task))
    }
}

/// It ends when this is dropped and what it had to do is done.
pub(super) struct Thread(mpsc::UnboundedSender<Step>);

impl Thread {
    /// # Errors
    /// `ARMATURE_IO` when there can be none.
    pub fn start() -> Result<Self> {
        let failed = |error| Error::io("cannot start the thread of a store", error);
        let runtime = Builder::new_current_thread().enable_time().build().map_err(failed)?;
        let (sender, steps) = mpsc::unbounded_channel();
        let run = move || runtime.block_on(run(steps));
        std::thread::Builder::new().name("armature-store".into()).spawn(run).map_err(failed)?;
        Ok(Self(sender))
    }

    /// Has it do something: `step` when what came before has had its step, the rest beside others. How much that is is bounded by who
    /// asks: Redis takes only so many commands.
    pub fn run(&self, step: impl Future<Output = Task> + Send + 'static) {
        // It is there for as long as this is.
        let _ = self.0.send(Box::pin(step));
    }
}

async fn run(mut steps: mpsc::UnboundedReceiver<Step>) {
    let (busy, mut idle) = mpsc::channel::<()>(1);
    while let Some(step) = steps.recv().await {
        let (rest, busy) = (step.await, busy.clone());
        tokio::spawn(async move {
            rest.0.await;
            drop(busy);
        });
    }
    drop(busy);
    // Nobody is told anything: it ends when nothing is left to do.
    let _ = idle.recv().await;
}
