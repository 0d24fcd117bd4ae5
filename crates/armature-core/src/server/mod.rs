//! From a definition of an application to a running server, and back to nothing.

mod accept;
mod automatic;
mod certificates;
mod close;
mod definition;
mod dispatch;
mod generation;
mod guard;
mod local;
mod loops;
mod open;
mod overrides;
mod per_ip;
mod proxied;
mod quic;
mod redirecting;
mod relief;
mod secured;

pub use close::Closed;
pub use definition::{App, Definition, RouteDefinition, Scope, ScopeDefinition};
pub use generation::Generation;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use crate::config::{IoMode, Settings};
use crate::error::{Error, Result};
use crate::http::{Address, Request, Response};
use crate::io_loop::{HostLoop, LoopHandle, LoopRemote, LoopThread};
use crate::listener::tls::Watch;
use crate::listener::tls::acme::Keeper;
use crate::listener::{BoundListener, Entrance};
use crate::metrics::Metrics;
use crate::pipeline::LocalFuture;
use crate::protocol::Dispatch;
use local::LoopServer;
use loops::Loops;
use per_ip::PerIp;
use relief::Relief;

/// IO threads that are started without being asked for; a single one serves more than most applications can answer.
const MAX_AUTO_THREADS: usize = 4;
/// How long stopping an idle loop may take.
const STOP_PATIENCE: Duration = Duration::from_millis(100);

/// IO threads that a server with `settings` runs: by default one less than the cores it may use, so that JavaScript keeps
/// one, and at least one.
pub fn io_threads(settings: &Settings) -> usize {
    match settings.io_threads {
        IoMode::Threads(count) => usize::from(count),
        // Only a host can drive a loop without a thread; see [`Server::start_inline`].
        IoMode::Inline => 1,
        IoMode::Auto => cores().saturating_sub(1).clamp(1, MAX_AUTO_THREADS),
    }
}

/// Cores that this process may use: those of the machine, of its affinity mask or of its cgroup's quota, whichever is least.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A running server. Dropping it cuts everything off; [`Server::close`] drains first.
pub struct Server {
    shared: Arc<Shared>,
    loops: Loops,
    threads: Mutex<Vec<LoopThread>>,
    addresses: Vec<Address>,
    entrances: Vec<Arc<Entrance>>,
    /// Looks for certificates that were renewed.
    watch: Mutex<Option<Watch>>,
    /// Gets certificates from authorities.
    keeper: Mutex<Option<Keeper>>,
}

/// What all loops of a server share: immutable, or counters.
pub(crate) struct Shared {
    pub settings: Settings,
    pub metrics: Arc<Metrics>,
    /// Deadlines of handlers stand still.
    pub deadlines_paused: AtomicBool,
    /// With `limits.connectionsPerIp`.
    per_ip: Option<PerIp>,
    /// Of loops on which too much waits for slow clients.
    relief: Relief,
}

/// What every loop of a server gets.
#[derive(Clone)]
struct Parts {
    shared: Arc<Shared>,
    generation: Arc<Generation>,
    listeners: Arc<Vec<BoundListener>>,
    /// Those that share endpoints of QUIC: the first so many.
    loops: usize,
}

impl Parts {
    fn new(generation: Generation, settings: Settings, loops: usize) -> Result<Self> {
        let listeners = BoundListener::bind_all(&settings.listen)?;
        let per_ip = settings.limits.connections_per_ip.map(PerIp::new);
        let deadlines_paused = AtomicBool::new(false);
        let (metrics, relief) = (Arc::default(), Relief::default());
        let shared = Shared { settings, metrics, deadlines_paused, per_ip, relief };
        Ok(Self {
            shared: Arc::new(shared),
            generation: Arc::new(generation),
            listeners: Arc::new(listeners),
            loops,
        })
    }

    fn serve_on(&self, handle: &LoopHandle) -> std::io::Result<()> {
        let server = LoopServer::start(handle, &self.generation, self.shared.clone());
        quic::start(&server, &self.listeners, self.loops)?;
        accept::start(&server, self.listeners.clone())
    }

    fn into_server(self, remotes: Vec<LoopRemote>, threads: Vec<LoopThread>) -> Server {
        let loops = Loops::new(&self, (0..).zip(remotes).collect());
        let addresses = self.listeners.iter().map(|l| l.address().clone()).collect();
        let entrances = self.listeners.iter().map(|l| l.entrance().clone()).collect();
        let (threads, watch, keeper) = (Mutex::new(threads), Mutex::default(), Mutex::default());
        Server { shared: self.shared, loops, threads, addresses, entrances, watch, keeper }
    }
}

impl Server {
    /// Binds everything in `settings.listen`, starts the IO loops and serves.
    ///
    /// # Errors
    /// `ARMATURE_LISTEN` when an address cannot be bound, `ARMATURE_IO` when threads or descriptors are exhausted.
    /// Nothing is left running then.
    pub fn start(generation: Generation, settings: Settings) -> Result<Self> {
        let threads = io_threads(&settings);
        let parts = Parts::new(generation, settings, threads)?;
        let mut loops = Vec::new();
        for index in 0..threads {
            let io_loop =
                LoopThread::start(index as u16).map_err(|e| Error::io("starting an IO thread", e))?;
            let parts = parts.clone();
            let (done, started) = mpsc::sync_channel(1);
            io_loop.remote().run(move |handle| {
                let _ = done.send(parts.serve_on(handle));
            });
            match started.recv() {
                Ok(Ok(())) => loops.push(io_loop),
                Ok(Err(error)) => return Err(Error::io("registering a listener", error)),
                Err(_) => {
                    return Err(Error::io("starting an IO thread", std::io::Error::other("it panicked")));
                }
            }
        }
        let remotes = loops.iter().map(|l| l.remote().clone()).collect();
        Ok(parts.into_server(remotes, loops))
    }

    /// The same on a loop that its host drives, and without a thread. The server ends when the host drops the loop.
    ///
    /// # Errors
    /// Those of [`Server::start`].
    pub fn start_inline(generation: Generation, settings: Settings, host: &HostLoop) -> Result<Self> {
        let parts = Parts::new(generation, settings, 1)?;
        host.run(|handle| parts.serve_on(handle)).map_err(|e| Error::io("registering a listener", e))?;
        Ok(parts.into_server(vec![host.remote().clone()], Vec::new()))
    }

    /// One more such loop, for a server that was started with one: it accepts from the same sockets, on duplicates of their
    /// descriptors. Its number must not be that of another one that runs. False when the server closes.
    ///
    /// # Errors
    /// `ARMATURE_IO` when descriptors are exhausted.
    pub fn join(&self, host: &HostLoop) -> Result<bool> {
        let index = host.handle().index();
        let Some(parts) = self.loops.add(index, host.remote().clone(), &self.shared) else {
            return Ok(false);
        };
        let serves = host.run(|handle| parts.serve_on(handle));
        serves.inspect_err(|_| self.leave(host)).map_err(|e| Error::io("registering a listener", e))?;
        Ok(true)
    }

    /// The host is about to drop the loop, and with it all connections that it has: nobody waits for it.
    pub fn leave(&self, host: &HostLoop) {
        self.loops.remove(host.handle().index());
        host.run(local::leave);
    }

    /// The addresses it listens on, with chosen ports.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Counters.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Limits and timeouts in force.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Lets handlers take as long as they like, or no longer: for a process that a debugger is attached to.
    pub fn pause_deadlines(&self, paused: bool) {
        self.shared.deadlines_paused.store(paused, Ordering::Relaxed);
    }

    /// Mailboxes of the loops.
    pub fn remotes(&self) -> Vec<LoopRemote> {
        self.loops.remotes()
    }

    /// That of loop `index`; without such a loop the first.
    pub fn remote(&self, index: u16) -> Option<LoopRemote> {
        self.loops.find(index)
    }

    /// Runs a request without a socket through everything behind the protocol: limits, layers, router, handler.
    /// `request` is built, and `then` called with the future of its answer, on loop `index`. Returns false when the server
    /// has ended.
    pub fn inject(
        &self,
        index: u16,
        request: impl FnOnce(&LoopHandle) -> Request + Send + 'static,
        then: impl FnOnce(&LoopHandle, LocalFuture<Response>) + Send + 'static,
    ) -> bool {
        self.remote(index).is_some_and(|remote| {
            remote.run(move |handle| {
                if let Some(server) = local::of(handle) {
                    let (answer, in_flight) = server.dispatch(request(handle));
                    let answer = LocalFuture::new(async move {
                        let response = answer.await;
                        drop(in_flight);
                        response
                    });
                    then(handle, answer);
                }
            })
        })
    }

    /// Serves `generation` from now on: each loop changes between two requests, those in progress finish on their own. Returns
    /// when every loop has changed; false when one has ended.
    pub fn replace(&self, generation: Generation) -> bool {
        let generation = Arc::new(generation);
        let (done, changed) = mpsc::channel();
        self.loops.replace(generation.clone());
        let remotes = self.remotes();
        let asked = remotes.iter().filter(|remote| {
            let (generation, done) = (generation.clone(), done.clone());
            remote.run(move |handle| {
                if let Some(server) = local::of(handle) {
                    server.replace(&generation);
                    let _ = done.send(());
                }
            })
        });
        let asked = asked.count();
        drop(done);
        asked == remotes.len() && changed.iter().take(asked).count() == asked
    }

    /// Stops accepting, lets requests in progress finish for at most `drain`, then cuts off what is left, and calls
    /// `done` on a loop's thread. Calling it again only shortens the drain.
    pub fn close_with(&self, drain: Duration, done: impl FnOnce(Closed) + Send + 'static) {
        close::start(&self.loops.close(), drain, done);
    }

    /// The same on loop `index` alone.
    pub fn close_loop(&self, index: u16, drain: Duration, done: impl FnOnce(Closed) + Send + 'static) {
        close::start(self.remote(index).as_slice(), drain, done);
    }

    /// [`Server::close_with`], waiting for the end and for the threads.
    pub fn close(&self, drain: Duration) -> Closed {
        let (tx, rx) = mpsc::sync_channel(1);
        self.close_with(drain, move |closed| {
            let _ = tx.send(closed);
        });
        let closed = rx.recv().unwrap_or_default();
        self.stop(STOP_PATIENCE);
        closed
    }

    /// Ends the IO threads, whatever they are doing, waiting at most `patience` for all of them.
    pub fn stop(&self, patience: Duration) {
        let watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(watch);
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(keeper);
        let deadline = Instant::now() + patience;
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for io_loop in threads {
            io_loop.stop(deadline);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop(STOP_PATIENCE);
    }
}
