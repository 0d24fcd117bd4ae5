//! Purges on their way to Redis and from it, on a thread of their own.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::record::Term;
use super::scripts::{self, LOGGED, PAGE, TERMS};
use crate::error::{Error, Result};
use crate::store::redis::{Redis, Script, Value};

/// Purges that wait for Redis, at most; more of them become one of everything.
const WAITING: usize = 4096;
/// Bytes before what a purge in the log says: its number, and who purged.
const NUMBER: usize = 16;
const ORIGIN: usize = 16;

/// Who hears of purges in other processes.
pub trait Purged: Send + Sync {
    /// What another process told [`Tiers::purge`](super::Tiers::purge); `None` when anything may have been purged.
    fn purged(&self, log: Option<&[u8]>);

    /// Purges are heard of from now on. Nobody knows what was purged before that.
    fn begun(&self);

    /// What everything is purged by: its term, and what it is told as.
    fn everything(&self) -> (Term, Vec<u8>);
}

/// Shared by the thread and those who purge.
pub(super) struct Tail {
    redis: Redis,
    /// State, old state, log.
    keys: [Box<[u8]>; 3],
    /// Of this process and store, so that it does not hear of itself.
    origin: [u8; ORIGIN],
    purge: Script,
    since: Script,
    /// The number up to which purges have been heard of; 0 for none.
    position: AtomicU64,
    waiting: AtomicUsize,
    queue: Mutex<VecDeque<Outgoing>>,
    listener: Weak<dyn Purged>,
    wake: Notify,
    ended: AtomicBool,
}

#[derive(Clone)]
struct Outgoing {
    term: Term,
    log: Vec<u8>,
}

impl Tail {
    pub fn start(
        redis: Redis,
        namespace: &str,
        interval: Duration,
        listener: Weak<dyn Purged>,
    ) -> Result<Arc<Self>> {
        let failed = |error| Error::io("cannot start the thread that follows purges in Redis", error);
        let mut origin = [0; ORIGIN];
        aws_lc_rs::rand::fill(&mut origin).map_err(|_| failed(std::io::Error::other("no random numbers")))?;
        let key = |name: &str| format!("{namespace}{name}").into_bytes().into_boxed_slice();
        let tail = Arc::new(Self {
            redis,
            keys: [key("purges"), key("purges:old"), key("purges:log")],
            origin,
            purge: Script::new(scripts::PURGE),
            since: Script::new(scripts::SINCE),
            position: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            queue: Mutex::default(),
            listener,
            wake: Notify::new(),
            ended: AtomicBool::new(false),
        });
        let runtime = Builder::new_current_thread().enable_time().build().map_err(failed)?;
        let shared = tail.clone();
        let run = move || shared.run(&runtime, interval);
        std::thread::Builder::new().name("armature-purges".into()).spawn(run).map_err(failed)?;
        Ok(tail)
    }

    pub fn keys(&self) -> [&[u8]; 3] {
        [&self.keys[0], &self.keys[1], &self.keys[2]]
    }

    pub fn position(&self) -> Option<u64> {
        Some(self.position.load(Relaxed)).filter(|position| *position > 0)
    }

    /// Has Redis told.
    pub fn purge(&self, term: Term, log: Vec<u8>) {
        let mut queue = self.lock();
        if queue.len() < WAITING {
            queue.push_back(Outgoing { term, log });
        } else if let Some(listener) = self.listener.upgrade() {
            let (term, log) = listener.everything();
            queue.clear();
            queue.push_back(Outgoing { term, log });
        }
        self.waiting.store(queue.len(), Relaxed);
        drop(queue);
        self.wake.notify_one();
    }

    /// Whether something with one of `terms` was purged here, of which Redis has not said that it knows.
    pub fn is_on_its_way(&self, terms: &[Term]) -> bool {
        self.waiting.load(Relaxed) > 0 && self.lock().iter().any(|purge| terms.contains(&purge.term))
    }

    /// What was purged here of which Redis has not said that it knows.
    pub fn on_their_way(&self) -> Vec<Term> {
        if self.is_told() {
            return Vec::new();
        }
        self.lock().iter().map(|purge| purge.term).collect()
    }

    pub fn is_told(&self) -> bool {
        self.waiting.load(Relaxed) == 0
    }

    /// How the log says `log`.
    pub fn item(&self, log: &[u8]) -> Vec<u8> {
        [&self.origin[..], log].concat()
    }

    /// Ends the thread, when what it waits for has come.
    pub fn end(&self) {
        self.ended.store(true, Relaxed);
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Outgoing>> {
        // Nothing panics while the lock is held, so a poisoned queue is still whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, runtime: &Runtime, interval: Duration) {
        runtime.block_on(async {
            loop {
                self.send().await;
                if self.ended.load(Relaxed) {
                    return;
                }
                self.follow().await;
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = sleep(interval) => {}
                }
            }
        });
    }

    /// Tells Redis what was purged here. What it has not confirmed is told again, which does no harm.
    async fn send(&self) {
        let batch: Vec<_> = self.lock().iter().cloned().collect();
        if batch.is_empty() || self.redis.is_down() {
            return;
        }
        let [state, old, log] = self.keys();
        let (terms, logged) = (TERMS.to_string(), LOGGED.to_string());
        let replies: Vec<_> = batch
            .iter()
            .map(|purge| {
                let item = self.item(&purge.log);
                let arguments = [&purge.term.0[..], &item, terms.as_bytes(), logged.as_bytes()];
                self.redis.eval(&self.purge, &[state, old, log], &arguments)
            })
            .collect();
        for (reply, sent) in replies.into_iter().zip(batch) {
            if reply.await.is_err() {
                return;
            }
            let mut queue = self.lock();
            // It may have become one of everything meanwhile.
            if queue.front().is_some_and(|first| first.term == sent.term && first.log == sent.log) {
                queue.pop_front();
            }
            self.waiting.store(queue.len(), Relaxed);
        }
    }

    /// Hears what was purged elsewhere.
    async fn follow(&self) {
        let [state, _, log] = self.keys();
        let page = PAGE.to_string();
        while !self.redis.is_down() {
            let from = self.position.load(Relaxed);
            let arguments = [from.to_string(), page.clone()];
            let arguments = [arguments[0].as_bytes(), arguments[1].as_bytes()];
            let Ok(answer) = self.redis.eval(&self.since, &[state, log], &arguments).await else { return };
            let Some((position, lost, purges)) = page_of(&answer) else { return };
            let Some(listener) = self.listener.upgrade() else { return };
            if from == 0 {
                // First, so that whoever stores something meanwhile sees that it has begun, or is seen.
                self.position.store(position, Relaxed);
                fence(SeqCst);
                listener.begun();
            } else if lost {
                listener.purged(None);
            }
            let others =
                purges.iter().filter_map(|item| item.split_at_checked(NUMBER)?.1.split_at_checked(ORIGIN));
            for (_, log) in others.filter(|(origin, _)| **origin != self.origin) {
                listener.purged(Some(log));
            }
            // Only now, for whoever stores something says up to where it has heard.
            self.position.store(position, Relaxed);
            if purges.len() < PAGE as usize {
                return;
            }
        }
    }
}

fn page_of(answer: &Value) -> Option<(u64, bool, Vec<&[u8]>)> {
    let Value::Array(values) = answer else { return None };
    let lost = matches!(values.get(1)?, Value::Int(1));
    let purges = values.iter().skip(2).filter_map(|value| match value {
        Value::BulkString(item) => Some(&item[..]),
        _ => None,
    });
    Some((scripts::number(values.first()?)?, lost, purges.collect()))
}
