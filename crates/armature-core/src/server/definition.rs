//! What an application consists of: scopes, routes, layers and handlers, before anything runs.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::pipeline::{HandlerFactory, LayerFactory};
use crate::router::{MethodPattern, TrailingSlash};

use super::Generation;

/// The flat form that [`App`] and other front ends produce. `scopes[0]` is the application; parents come first.
#[derive(Default)]
pub struct Definition {
    /// Trailing-slash policy of every route.
    pub trailing_slash: TrailingSlash,
    /// Scopes in order of declaration.
    pub scopes: Vec<ScopeDefinition>,
    /// Routes in order of declaration; a route's id is its position.
    pub routes: Vec<RouteDefinition>,
}

/// A prefix with layers of its own.
#[derive(Default)]
pub struct ScopeDefinition {
    /// Full prefix from the root, `""` for the application.
    pub prefix: String,
    /// The scope around this one.
    pub parent: Option<usize>,
    /// Own layers, outermost first.
    pub layers: Vec<Arc<dyn LayerFactory>>,
    /// Answers misses below the prefix, with the parameters of the prefix of the scope that the path belongs to: this
    /// one or one inside it, whose further parameters come last.
    pub fallback: Option<Arc<dyn HandlerFactory>>,
}

/// One method of one path.
pub struct RouteDefinition {
    /// Position of the scope in [`Definition::scopes`].
    pub scope: usize,
    /// Accepted method.
    pub method: MethodPattern,
    /// Full pattern from the root.
    pub pattern: String,
    /// Own layers, inside those of the scope.
    pub layers: Vec<Arc<dyn LayerFactory>>,
    /// Produces the answer.
    pub handler: Arc<dyn HandlerFactory>,
    /// Bytes a body may have, instead of `limits.body`.
    pub body_limit: Option<u64>,
    /// Time to the head of the answer, instead of `timeouts.handler`.
    pub timeout: Option<Duration>,
}

/// A group of routes under a prefix.
pub struct Scope {
    prefix: String,
    layers: Vec<Arc<dyn LayerFactory>>,
    fallback: Option<Arc<dyn HandlerFactory>>,
    routes: Vec<(MethodPattern, String, Arc<dyn HandlerFactory>)>,
    scopes: Vec<Scope>,
}

impl Scope {
    /// A scope at `prefix` (`/api`, `/orgs/:org`).
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            layers: Vec::new(),
            fallback: None,
            routes: Vec::new(),
            scopes: Vec::new(),
        }
    }

    /// Puts `layer` around everything in this scope, inside the layers declared before.
    #[must_use]
    pub fn layer(mut self, layer: impl LayerFactory) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Answers `method` on `path` (relative to the prefix; `""` is the prefix itself).
    #[must_use]
    pub fn route(
        mut self,
        method: impl Into<MethodPattern>,
        path: impl Into<String>,
        handler: impl HandlerFactory,
    ) -> Self {
        self.routes.push((method.into(), path.into(), Arc::new(handler)));
        self
    }

    /// Answers what no route below the prefix matches; the first parameters of its requests are those of the prefix.
    #[must_use]
    pub fn fallback(mut self, handler: impl HandlerFactory) -> Self {
        self.fallback = Some(Arc::new(handler));
        self
    }

    /// Nests a scope.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scopes.push(scope);
        self
    }

    fn flatten(self, parent: Option<usize>, outer: &str, into: &mut Definition) {
        let prefix = format!("{outer}{}", self.prefix);
        let index = into.scopes.len();
        into.scopes.push(ScopeDefinition {
            prefix: prefix.clone(),
            parent,
            layers: self.layers,
            fallback: self.fallback,
        });
        for (method, path, handler) in self.routes {
            let path = if path == "/" && !prefix.is_empty() { String::new() } else { path };
            let pattern = format!("{prefix}{path}");
            into.routes.push(RouteDefinition {
                scope: index,
                method,
                pattern: if pattern.is_empty() { "/".into() } else { pattern },
                layers: Vec::new(),
                handler,
                body_limit: None,
                timeout: None,
            });
        }
        for scope in self.scopes {
            scope.flatten(Some(index), &prefix, into);
        }
    }
}

/// An application for users of the crate: the root scope and what concerns all of it.
///
/// ```
/// use armature_core::http::{Method, Response};
/// use armature_core::pipeline::HandlerFn;
/// use armature_core::server::App;
///
/// let generation = App::new()
///     .route(Method::GET, "/hello/:name", HandlerFn(|request: armature_core::http::Request| async move {
///         Response::text(format!("hello {}", request.param(0).unwrap_or("nobody")))
///     }))
///     .build()?;
/// # Ok::<(), armature_core::error::Error>(())
/// ```
pub struct App {
    root: Scope,
    trailing_slash: TrailingSlash,
}

impl App {
    /// An application without routes.
    pub fn new() -> Self {
        Self { root: Scope::new(""), trailing_slash: TrailingSlash::default() }
    }

    /// What happens to paths that differ from a route by a trailing slash.
    #[must_use]
    pub fn trailing_slash(mut self, policy: TrailingSlash) -> Self {
        self.trailing_slash = policy;
        self
    }

    /// See [`Scope::layer`].
    #[must_use]
    pub fn layer(mut self, layer: impl LayerFactory) -> Self {
        self.root = self.root.layer(layer);
        self
    }

    /// See [`Scope::route`].
    #[must_use]
    pub fn route(
        mut self,
        method: impl Into<MethodPattern>,
        path: impl Into<String>,
        handler: impl HandlerFactory,
    ) -> Self {
        self.root = self.root.route(method, path, handler);
        self
    }

    /// See [`Scope::fallback`].
    #[must_use]
    pub fn fallback(mut self, handler: impl HandlerFactory) -> Self {
        self.root = self.root.fallback(handler);
        self
    }

    /// Nests a scope.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.root = self.root.scope(scope);
        self
    }

    /// Checks and compiles it.
    ///
    /// # Errors
    /// `ARMATURE_ROUTE_PATTERN` for a malformed pattern, `ARMATURE_ROUTE_CONFLICT` for two routes that match the same
    /// requests.
    pub fn build(self) -> Result<Generation> {
        let mut definition = Definition { trailing_slash: self.trailing_slash, ..Definition::default() };
        self.root.flatten(None, "", &mut definition);
        Generation::new(definition)
    }
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}
