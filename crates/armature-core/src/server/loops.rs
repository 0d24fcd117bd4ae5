//! The loops of a server. Those that IO threads run are there from the first to the last day; those that JavaScript threads
//! drive come and go with them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::{Generation, Parts, Shared};
use crate::io_loop::LoopRemote;
use crate::listener::BoundListener;

/// By number, and what a further one needs.
pub(super) struct Loops(Mutex<State>);

struct State {
    list: Vec<(u16, LoopRemote)>,
    generation: Arc<Generation>,
    /// Gone when nobody accepts any more.
    listeners: Weak<Vec<BoundListener>>,
    is_closing: bool,
}

impl Loops {
    pub fn new(parts: &Parts, list: Vec<(u16, LoopRemote)>) -> Self {
        let (generation, listeners) = (parts.generation.clone(), Arc::downgrade(&parts.listeners));
        Self(Mutex::new(State { list, generation, listeners, is_closing: false }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn remotes(&self) -> Vec<LoopRemote> {
        self.lock().list.iter().map(|(_, remote)| remote.clone()).collect()
    }

    /// That of loop `index`; without such a loop the first.
    pub fn find(&self, index: u16) -> Option<LoopRemote> {
        let state = self.lock();
        let found = state.list.iter().find(|(of, _)| *of == index).or(state.list.first());
        found.map(|(_, remote)| remote.clone())
    }

    /// All of them, for the end: none comes any more.
    pub fn close(&self) -> Vec<LoopRemote> {
        self.lock().is_closing = true;
        self.remotes()
    }

    /// One more, in place of a former one with its number. None in a server that closes.
    pub fn add(&self, index: u16, remote: LoopRemote, shared: &Arc<Shared>) -> Option<Parts> {
        let mut state = self.lock();
        if state.is_closing {
            return None;
        }
        let listeners = state.listeners.upgrade()?;
        state.list.retain(|(of, _)| *of != index);
        state.list.push((index, remote));
        let generation = state.generation.clone();
        // None of those that are shared out: what there is of QUIC stays on the first loop.
        Some(Parts { shared: shared.clone(), generation, listeners, loops: 0 })
    }

    pub fn remove(&self, index: u16) {
        self.lock().list.retain(|(of, _)| *of != index);
    }

    /// Loops that come later serve this.
    pub fn replace(&self, generation: Arc<Generation>) {
        self.lock().generation = generation;
    }
}
