//! The routes of a server, and those that a reload brings: proposed by the first thread that has them, served when all have.

use armature_core::config::Settings;
use armature_core::server::Generation;
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use super::NativeServer;
use crate::error::{JsError, Result, internal};
use crate::hub::Hub;
use crate::lock;
use crate::options;
use crate::plan::Plan;

/// By number; the first is 0.
pub struct Generations {
    current: Plans,
    next: Option<(Plans, Generation)>,
}

struct Plans {
    number: u32,
    /// The application as JavaScript describes it, as JSON.
    plan: String,
}

impl Generations {
    pub fn new(plan: String) -> Self {
        Self { current: Plans { number: 0, plan }, next: None }
    }

    fn plan(&self, number: u32) -> Option<&str> {
        let next = self.next.iter().map(|(plans, _)| plans);
        next.chain([&self.current]).find(|plans| plans.number == number).map(|plans| plans.plan.as_str())
    }
}

/// The plan that threads of `generation` have to have, as JSON. The first one that asks for a new generation defines it by
/// its own, which may not change how the server runs.
#[napi]
pub fn agree(id: u32, generation: u32, plan: String, buffers: Vec<Buffer>, env: String) -> Result<String> {
    let hub = Hub::find(id)?;
    let mut generations = lock(&hub.generations);
    if let Some(plan) = generations.plan(generation) {
        return Ok(plan.to_owned());
    }
    if generation < generations.current.number {
        return Err(Hub::closed());
    }
    let text = plan;
    let plan = Plan::from_json(&text)?;
    let (settings, _) = options::resolve(plan.config.clone(), &env)?;
    unchanged(&hub.asked, &settings)?;
    let built = plan.into_generation(&buffers, &hub.wiring, generation)?;
    generations.next = Some((Plans { number: generation, plan: text.clone() }, built));
    Ok(text)
}

/// What is bound, counted or timed stays while the process runs.
fn unchanged(before: &Settings, after: &Settings) -> Result<()> {
    let mut changed = Vec::new();
    macro_rules! compare {
        ($($name:literal: $($field:ident).+),* $(,)?) => {
            $(if before.$($field).+ != after.$($field).+ { changed.push($name); })*
        };
    }
    compare! {
        "listen": listen,
        "io": io_threads,
        "trailingSlash": trailing_slash,
        "trustProxy": trust_proxy,
        "secrets": secrets,
        "log": log,
        "files": files,
        "signals": signals,
        "asyncResource": async_resource,
        "limits.body": limits.body,
        "limits.header": limits.header,
        "limits.headers": limits.headers,
        "limits.url": limits.url,
        "limits.connections": limits.connections,
        "limits.connectionsPerIp": limits.connections_per_ip,
        "limits.inFlight": limits.in_flight,
        "limits.pipeline": limits.pipeline,
        "limits.queue": limits.queue,
        "limits.queueAge": limits.queue_age,
        "limits.responseBuffer": limits.response_buffer,
        "limits.unsent": limits.unsent,
        "limits.requestBuffer": limits.request_buffer,
        "limits.topics": limits.topics,
        "limits.topicName": limits.topic_name,
        "limits.publishBuffer": limits.publish_buffer,
        "timeouts.header": timeouts.header,
        "timeouts.body": timeouts.body,
        "timeouts.write": timeouts.write,
        "timeouts.idle": timeouts.idle,
        "timeouts.handler": timeouts.handler,
        "timeouts.preDrain": timeouts.pre_drain,
        "timeouts.shutdown": timeouts.shutdown,
    }
    // A member that the list has not is no reason to take it.
    if changed.is_empty() {
        compare! { "limits": limits, "timeouts": timeouts }
    }
    if changed.is_empty() {
        return Ok(());
    }
    Err(JsError::new(
        "ARMATURE_RELOAD_OPTIONS".to_owned(),
        format!("a reload cannot change {}: restart the process", changed.join(", ")),
    ))
}

#[napi]
impl NativeServer {
    /// Serves `generation`, which threads have agreed about, from now on.
    #[napi]
    pub fn advance(&self, generation: u32) -> Result<()> {
        let mut generations = lock(&self.hub.generations);
        let next = generations.next.take().filter(|(plans, _)| plans.number == generation);
        let (plans, built) = next.ok_or_else(|| internal("no such generation"))?;
        if !self.hub.server.replace(built) {
            return Err(Hub::closed());
        }
        generations.current = plans;
        self.hub.seats.advance(generation);
        self.hub.wiring.health.advance(generation);
        for remote in self.hub.server.remotes() {
            let wiring = self.hub.wiring.clone();
            remote.run(move |io_loop| wiring.side(io_loop).generation_ends(generation));
        }
        Ok(())
    }

    /// Forgets a generation that does not come to serve.
    #[napi]
    pub fn discard(&self, generation: u32) {
        let next = lock(&self.hub.generations).next.take_if(|(plans, _)| plans.number == generation);
        if next.is_some() {
            self.hub.wiring.health.discard(generation);
        }
    }
}
