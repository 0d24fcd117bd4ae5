//! A generation: one consistent set of routes, layers and handlers, compiled once per loop.

use std::rc::Rc;
use std::sync::Arc;

use super::automatic::AutomaticHandler;
use super::guard::Guarded;
use super::overrides::Overrides;
use super::{Definition, Shared};
use crate::error::Result;
use crate::io_loop::LoopHandle;
use crate::layer::DecodedLimit;
use crate::metrics::LoopMetrics;
use crate::pipeline::{Chain, HandlerFactory, Layer, LayerFactory};
use crate::protocol::h1::loop_metrics;
use crate::router::{Router, RouterBuilder, ScopeId};

/// A checked application, ready to be served.
pub struct Generation {
    pub(super) router: Arc<Router>,
    definition: Definition,
}

/// The same on one loop: every chain built.
pub(super) struct LocalGeneration {
    pub router: Arc<Router>,
    pub routes: Vec<LocalRoute>,
    pub scopes: Vec<LocalScope>,
    pub metrics: Arc<LoopMetrics>,
}

pub(super) struct LocalRoute {
    pub chain: Rc<Chain>,
    pub scope: usize,
    pub body_limit: u64,
}

pub(super) struct LocalScope {
    /// Answers 405, OPTIONS, redirects and refusals inside the scope's layers.
    pub automatic: Rc<Chain>,
    /// Answers misses inside the scope's layers: the nearest fallback, or 404.
    pub miss: Rc<Chain>,
    pub has_fallback: bool,
    /// For fallbacks.
    pub body_limit: u64,
}

impl Generation {
    /// Compiles `definition`.
    ///
    /// # Errors
    /// `ARMATURE_ROUTE_PATTERN` and `ARMATURE_ROUTE_CONFLICT`.
    pub fn new(definition: Definition) -> Result<Self> {
        let mut builder = RouterBuilder::new(definition.trailing_slash);
        let mut ids = vec![ScopeId(0)];
        for scope in definition.scopes.iter().skip(1) {
            ids.push(builder.scope(&scope.prefix)?);
        }
        for route in &definition.routes {
            builder.route(ids[route.scope], route.method.clone(), &route.pattern)?;
        }
        Ok(Self { router: Arc::new(builder.build()?), definition })
    }

    pub(super) fn localize(&self, io_loop: &LoopHandle, shared: &Arc<Shared>) -> LocalGeneration {
        let settings = &shared.settings;
        let definition = &self.definition;
        // Each layer is built once per loop and shared by every chain it belongs to.
        let own: Vec<Vec<Rc<dyn Layer>>> =
            definition.scopes.iter().map(|scope| build_layers(&scope.layers, io_loop)).collect();
        let enclosing = |scope: usize| {
            let mut path = vec![scope];
            while let Some(parent) = definition.scopes[path[path.len() - 1]].parent {
                path.push(parent);
            }
            path.iter().rev().flat_map(|s| own[*s].iter().cloned()).collect::<Vec<_>>()
        };
        let mut overrides: Vec<Overrides> = Vec::with_capacity(definition.scopes.len());
        for scope in &definition.scopes {
            let outer = scope.parent.map_or_else(|| Overrides::of(settings), |parent| overrides[parent]);
            overrides.push(outer.inside(&scope.layers));
        }
        let metrics = loop_metrics(io_loop);
        let guarded = |mut layers: Vec<_>, factory: &Arc<dyn HandlerFactory>, overrides: Overrides| {
            if let Some(max) = overrides.decoded_limit {
                layers.push(Rc::new(DecodedLimit { max, metrics: metrics.clone() }) as Rc<dyn Layer>);
            }
            let handler = factory.build(io_loop);
            let guard = Guarded::new(handler, overrides.timeout, io_loop.clone(), shared.clone());
            Chain::new(layers, guard)
        };
        let routes = definition.routes.iter().map(|route| {
            let mut layers = enclosing(route.scope);
            layers.extend(build_layers(&route.layers, io_loop));
            let own = overrides[route.scope].inside(&route.layers).with(route.timeout, route.body_limit);
            let chain = guarded(layers, &route.handler, own);
            LocalRoute { chain, scope: route.scope, body_limit: own.body_limit }
        });
        let scopes = (0..definition.scopes.len()).map(|index| {
            let layers = enclosing(index);
            let fallback = std::iter::successors(Some(index), |s| definition.scopes[*s].parent)
                .find_map(|s| definition.scopes[s].fallback.as_ref());
            let automatic = Chain::new(layers.clone(), Rc::new(AutomaticHandler));
            LocalScope {
                has_fallback: fallback.is_some(),
                miss: match fallback {
                    Some(factory) => guarded(layers, factory, overrides[index]),
                    None => automatic.clone(),
                },
                automatic,
                body_limit: overrides[index].body_limit,
            }
        });
        LocalGeneration {
            router: self.router.clone(),
            routes: routes.collect(),
            scopes: scopes.collect(),
            metrics: metrics.clone(),
        }
    }
}

/// Those that have something to do with requests.
fn build_layers(factories: &[Arc<dyn LayerFactory>], io_loop: &LoopHandle) -> Vec<Rc<dyn Layer>> {
    factories.iter().filter(|factory| factory.effect().runs()).map(|factory| factory.build(io_loop)).collect()
}
