//! What is known of the health of a server: the checks of its `Health` layers, and what its JavaScript threads report of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use armature_core::layer::{HealthCheck, Probe, Vitals};
use serde_json::{Value, json};

use crate::lock;

#[derive(Default)]
pub struct HealthBook {
    ending: Arc<AtomicBool>,
    pages: Mutex<Vec<Page>>,
}

/// One layer of one generation.
struct Page {
    generation: u32,
    /// Its number among the layers of the plan.
    layer: usize,
    vitals: Arc<Vitals>,
}

impl HealthBook {
    /// A page for layer number `layer`, which begins with what the generation before knows.
    pub fn add(&self, generation: u32, layer: usize, checks: Vec<HealthCheck>) -> Arc<Vitals> {
        let vitals = Arc::new(Vitals::new(checks, self.ending.clone()));
        let mut pages = lock(&self.pages);
        // Another thread may have proposed the same generation in vain.
        pages.retain(|page| (page.generation, page.layer) != (generation, layer));
        for before in pages.iter().filter(|page| page.generation < generation) {
            vitals.inherit(&before.vitals);
        }
        pages.push(Page { generation, layer, vitals: vitals.clone() });
        vitals
    }

    /// `generation` serves from now on.
    pub fn advance(&self, generation: u32) {
        lock(&self.pages).retain(|page| page.generation >= generation);
    }

    /// `generation` does not come to serve.
    pub fn discard(&self, generation: u32) {
        lock(&self.pages).retain(|page| page.generation != generation);
    }

    /// The server is about to end: it is not ready any more.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Lane `id` runs no checks any more.
    pub fn forget(&self, id: u32) {
        for page in lock(&self.pages).iter() {
            page.vitals.forget(id);
        }
    }

    /// A result from lane `id`. False when nobody wants to know.
    pub fn report(&self, generation: u32, id: u32, layer: usize, check: usize, passed: bool) -> bool {
        let pages = lock(&self.pages);
        let page = pages.iter().find(|page| (page.generation, page.layer) == (generation, layer));
        page.map(|page| page.vitals.report(id, check, passed)).is_some()
    }

    /// The numbers of each layer that serves.
    pub fn stats(&self) -> Vec<Value> {
        let pages = lock(&self.pages);
        let serving = pages.iter().map(|page| page.generation).min();
        pages.iter().filter(|page| Some(page.generation) == serving).map(|page| stats(&page.vitals)).collect()
    }
}

fn stats(vitals: &Vitals) -> Value {
    let checks = vitals.checks().into_iter();
    json!({
        "live": vitals.passes(Probe::Liveness),
        "ready": vitals.passes(Probe::Readiness),
        "checks": checks.map(|(check, state)| json!({ "name": check.name, "state": state.name() })).collect::<Vec<_>>(),
    })
}
