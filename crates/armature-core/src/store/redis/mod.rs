//! A connection to Redis (or what speaks its protocol) that everybody in the process shares who asks for the same.
//!
//! It belongs to a thread of its own. Whoever has a command leaves it in a bounded queue and gets a future that any executor
//! can poll; a loop waits for nothing else. The thread sends what is there as one batch, so that under load many commands
//! share a write and a read. Commands that were accepted are sent, whether somebody still waits for the answer or not.
//!
//! While there is no connection, commands fail at once and cost nothing: the thread alone tries again, at first after
//! [`PAUSE`], then less and less often. Only while a connection is made for the first time, or again after one was lost, do
//! they wait for it, as long as they may take.
//!
//! ```no_run
//! use armature_core::config::Millis;
//! use armature_core::store::redis::{Cmd, Redis, RedisOptions};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let options = RedisOptions { timeout: Some(Millis(200)), ..RedisOptions::at("redis://127.0.0.1:6379") };
//! let redis = Redis::connect(&options.check("Cache.redis")?)?;
//! let mut command = Cmd::new();
//! command.arg("GET").arg("key");
//! let value = redis.command(command).await?;
//! # Ok(())
//! # }
//! ```

mod batch;
mod options;
mod registry;
mod reply;
mod script;
mod secure;
mod thread;
mod wire;

pub use ::redis::{Cmd, ServerError, Value};
pub use options::{RedisOptions, RedisSettings, RedisUrl};
pub use reply::{RedisError, Reply};
pub use script::Script;
pub use thread::PAUSE;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};

use ::redis::Arg;
use tokio::sync::{mpsc, oneshot};

use crate::error::Result;
use crate::metrics::Counter;

/// A way to a Redis. Cheap to clone; the connection is closed when nobody has one any more.
#[derive(Clone)]
pub struct Redis {
    owner: Arc<Owner>,
}

/// The thread ends when this is gone.
struct Owner {
    jobs: mpsc::UnboundedSender<Job>,
    shared: Arc<Shared>,
}

/// What the thread shares with those who have commands.
struct Shared {
    state: AtomicU8,
    /// Commands that are not answered, and their bytes.
    commands: AtomicUsize,
    bytes: AtomicUsize,
    settings: RedisSettings,
    stats: RedisStats,
}

/// What happened on a connection since it was first asked for.
#[derive(Debug, Default)]
pub struct RedisStats {
    /// Commands that were sent.
    pub sent: Counter,
    /// Commands without an answer in time: Redis is gone, too slow, or too much waits.
    pub failed: Counter,
    /// Commands that Redis refused.
    pub refused: Counter,
    /// Connections that were made.
    pub connections: Counter,
}

/// Whether commands get anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// They wait for the connection.
    Connecting = 0,
    Up = 1,
    /// They fail at once.
    Down = 2,
}

/// A command on its way.
struct Job {
    command: Cmd,
    /// Set when the command calls a script by its hash.
    script: Option<Script>,
    answer: oneshot::Sender<std::result::Result<Value, RedisError>>,
    place: Place,
}

/// A command's place among those that may wait; it is given back when the command is answered, or gone.
struct Place {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Redis {
    /// The connection with these settings: that of whoever asked for the same before, or a new one, which is made in the
    /// background.
    ///
    /// # Errors
    /// `ARMATURE_IO` when there can be no thread.
    pub fn connect(settings: &RedisSettings) -> Result<Self> {
        registry::open(settings)
    }

    /// Sends `command`.
    pub fn command(&self, command: Cmd) -> Reply {
        self.send(command, None)
    }

    /// Calls `script` with `keys` and `arguments`, by its hash: one round trip, two where Redis does not know it yet.
    pub fn eval(&self, script: &Script, keys: &[&[u8]], arguments: &[&[u8]]) -> Reply {
        self.send(script.call(keys, arguments), Some(script.clone()))
    }

    /// Whether there is a connection.
    pub fn is_up(&self) -> bool {
        self.owner.shared.state() == State::Up
    }

    /// Whether commands fail at once, because there is no connection and none is being waited for.
    pub fn is_down(&self) -> bool {
        self.owner.shared.state() == State::Down
    }

    /// What happened so far.
    pub fn stats(&self) -> &RedisStats {
        &self.owner.shared.stats
    }

    /// Whether both are the same connection.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.owner, &other.owner)
    }

    fn send(&self, command: Cmd, script: Option<Script>) -> Reply {
        let shared = &self.owner.shared;
        if shared.state() == State::Down {
            shared.stats.failed.add(1);
            return Reply::refused(RedisError::Down);
        }
        let Some(place) = Place::take(shared, size_of_command(&command)) else {
            shared.stats.failed.add(1);
            return Reply::refused(RedisError::Busy);
        };
        let (answer, receiver) = oneshot::channel();
        match self.owner.jobs.send(Job { command, script, answer, place }) {
            Ok(()) => Reply::waiting(receiver),
            Err(_) => Reply::refused(RedisError::Down),
        }
    }
}

impl Shared {
    fn new(settings: RedisSettings) -> Self {
        Self {
            state: AtomicU8::new(State::Connecting as u8),
            commands: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            settings,
            stats: RedisStats::default(),
        }
    }

    fn state(&self) -> State {
        match self.state.load(Relaxed) {
            0 => State::Connecting,
            1 => State::Up,
            _ => State::Down,
        }
    }

    fn set(&self, state: State) {
        self.state.store(state as u8, Relaxed);
    }
}

impl Job {
    /// Tells whoever waits. What it took is free before they know, so that they may send more.
    fn end(self, answer: std::result::Result<Value, RedisError>) {
        let stats = &self.place.shared.stats;
        match &answer {
            Ok(_) => {}
            Err(RedisError::Refused(_)) => stats.refused.add(1),
            Err(_) => stats.failed.add(1),
        }
        drop(self.place);
        let _ = self.answer.send(answer);
    }
}

impl Place {
    fn take(shared: &Arc<Shared>, bytes: usize) -> Option<Self> {
        let commands = shared.commands.fetch_add(1, Relaxed);
        let waiting = shared.bytes.fetch_add(bytes, Relaxed);
        let place = Self { shared: shared.clone(), bytes };
        let fits = commands < shared.settings.queue && waiting + bytes <= shared.settings.queue_bytes;
        fits.then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.commands.fetch_sub(1, Relaxed);
        self.shared.bytes.fetch_sub(self.bytes, Relaxed);
    }
}

/// Bytes of what is sent, without what the protocol puts around each word.
fn size_of_command(command: &Cmd) -> usize {
    let word = |argument: Arg<&[u8]>| match argument {
        Arg::Simple(bytes) => bytes.len(),
        _ => 0,
    };
    command.args_iter().map(word).sum()
}
