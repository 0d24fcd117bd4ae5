//! The thread of a connection: makes it, makes it again, and takes commands while there is one.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Cmd, RedisError as ClientError, ServerErrorKind, Value};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Sleep, sleep, timeout};

use super::{Job, Owner, RedisError, RedisSettings, Shared, State, batch, wire};
use crate::error::{Error, Result};
use crate::log::complain;

/// How long the thread rests after a connection could not be made; twice as long after each further time.
pub const PAUSE: Duration = Duration::from_millis(50);
/// The longest rest.
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// A connection that was lost sooner counts as one that could not be made: a server that accepts and closes must not be asked
/// without a rest.
const SETTLED: Duration = Duration::from_secs(1);
/// Most commands that are sent at once.
const BATCH: usize = 256;

/// Reads and writes for as long as there is a connection.
type Driver = Pin<Box<dyn Future<Output = ()>>>;

/// Starts it.
pub(super) fn start(settings: RedisSettings) -> Result<Owner> {
    let failed = |error| Error::io("cannot start the thread of a connection to Redis", error);
    let runtime = Builder::new_current_thread().enable_io().enable_time().build().map_err(failed)?;
    let (sender, receiver) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared::new(settings));
    let worker = Worker { shared: shared.clone(), jobs: receiver, pause: PAUSE, gone: None };
    let run = move || run(runtime, worker);
    std::thread::Builder::new().name("armature-redis".into()).spawn(run).map_err(failed)?;
    Ok(Owner { jobs: sender, shared })
}

fn run(runtime: Runtime, worker: Worker) {
    runtime.block_on(worker.run());
    // A name that is being resolved must not keep the thread.
    runtime.shutdown_background();
}

struct Worker {
    shared: Arc<Shared>,
    jobs: mpsc::UnboundedReceiver<Job>,
    /// The next rest.
    pause: Duration,
    /// Since when the operator knows that it is gone.
    gone: Option<Instant>,
}

impl Worker {
    /// Until nobody can send commands any more.
    async fn run(mut self) {
        loop {
            let failure = match self.connect().await {
                Ok((connection, driver)) => {
                    self.is_there();
                    let since = Instant::now();
                    if self.serve(connection, driver).await.is_break() {
                        return;
                    }
                    if since.elapsed() >= SETTLED {
                        self.pause = PAUSE;
                        self.shared.set(State::Connecting);
                        continue;
                    }
                    "the connection was closed".to_owned()
                }
                Err(failure) => failure,
            };
            self.is_gone(&failure);
            if self.rest().await.is_break() {
                return;
            }
        }
    }

    /// A connection on which Redis has answered.
    async fn connect(&self) -> std::result::Result<(MultiplexedConnection, Driver), String> {
        let settings = &self.shared.settings;
        match timeout(settings.timeout, open(settings)).await {
            Ok(Ok(opened)) => Ok(opened),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {:?}", settings.timeout)),
        }
    }

    /// Sends commands while there is the connection; breaks when there will be none any more.
    async fn serve(&mut self, connection: MultiplexedConnection, mut driver: Driver) -> ControlFlow<()> {
        let stuck = Arc::new(Notify::new());
        let mut jobs = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                () = &mut driver => return ControlFlow::Continue(()),
                () = stuck.notified() => return ControlFlow::Continue(()),
                count = self.jobs.recv_many(&mut jobs, BATCH) => {
                    if count == 0 {
                        return ControlFlow::Break(());
                    }
                    let batch = std::mem::take(&mut jobs);
                    let (shared, stuck) = (self.shared.clone(), stuck.clone());
                    tokio::spawn(batch::send(batch, connection.clone(), shared, stuck));
                }
            }
        }
    }

    /// Rests. Commands that had come before the state said that there is no connection fail meanwhile.
    async fn rest(&mut self) -> ControlFlow<()> {
        let mut rest: Pin<Box<Sleep>> = Box::pin(sleep(self.pause));
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        loop {
            tokio::select! {
                biased;
                job = self.jobs.recv() => match job {
                    Some(job) => job.end(Err(RedisError::Down)),
                    None => return ControlFlow::Break(()),
                },
                () = &mut rest => return ControlFlow::Continue(()),
            }
        }
    }

    fn is_there(&mut self) {
        self.shared.stats.connections.add(1);
        self.shared.set(State::Up);
        if let Some(since) = self.gone.take() {
            let seconds = since.elapsed().as_secs_f64();
            complain(&format!("redis {} is back after {seconds:.1} s", self.shared.settings));
        }
    }

    fn is_gone(&mut self, why: &str) {
        self.shared.set(State::Down);
        if self.gone.is_none() {
            self.gone = Some(Instant::now());
            complain(&format!("redis {} cannot be used: {why}; it is tried again", self.shared.settings));
        }
    }
}

async fn open(settings: &RedisSettings) -> std::result::Result<(MultiplexedConnection, Driver), ClientError> {
    let stream = wire::open(settings).await?;
    // Who waits for how long is decided here, and once for a whole batch.
    let config = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
    let server = settings.server.redis_settings();
    let (mut connection, driver) = MultiplexedConnection::new_with_config(server, stream, config).await?;
    let mut driver: Driver = Box::pin(driver);
    let mut ping = Cmd::new();
    ping.arg("PING");
    let answer = tokio::select! {
        answer = connection.send_packed_command(&ping) => answer?,
        () = &mut driver => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
    };
    match answer {
        // It accepts connections, and can do nothing yet.
        Value::ServerError(error) if is_not_ready(error.kind()) => Err(error.into()),
        _ => Ok((connection, driver)),
    }
}

fn is_not_ready(kind: Option<ServerErrorKind>) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown};
    matches!(kind, Some(BusyLoading | ClusterDown | MasterDown))
}
