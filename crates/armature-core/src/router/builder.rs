//! Registration: every mistake is found here, where the error can name the route as it was written.

use std::{collections::BTreeMap, fmt};

use http::Method;

use super::{
    MethodPattern, RouteId, Router, ScopeId, TrailingSlash, pattern::Pattern, scopes::Scopes, table::Table,
};
use crate::error::{Error, Result};

/// Collects scopes and routes for a [`Router`].
pub struct RouterBuilder {
    trailing_slash: TrailingSlash,
    scopes: Vec<Pattern>,
    routes: Vec<Route>,
    /// The routes of each pattern, by the pattern's key: at most one for each method.
    patterns: BTreeMap<String, Vec<RouteId>>,
}

pub(super) struct Route {
    pub(super) method: MethodPattern,
    pub(super) text: Box<str>,
    pub(super) scope: ScopeId,
    pub(super) pattern: Pattern,
}

impl RouterBuilder {
    /// An empty router with the root scope.
    pub fn new(trailing_slash: TrailingSlash) -> Self {
        Self { trailing_slash, scopes: vec![Pattern::root()], routes: Vec::new(), patterns: BTreeMap::new() }
    }

    /// Adds a scope by its full prefix, such as `/orgs/:org`. Every call makes a new scope, also for a prefix
    /// that another one has; `""` makes one beside [`ScopeId::ROOT`].
    ///
    /// # Errors
    ///
    /// `ARMATURE_ROUTE_PATTERN` when the prefix is malformed, ends with `/` or has a wildcard.
    pub fn scope(&mut self, prefix: &str) -> Result<ScopeId> {
        let pattern = Pattern::parse_prefix(prefix)
            .map_err(|why| Error::route_pattern(format_args!("scope {prefix}"), why))?;
        self.scopes.push(pattern);
        Ok(ScopeId(self.scopes.len() as u32 - 1))
    }

    /// Adds a route by its full pattern, which includes the prefix of `scope`.
    ///
    /// # Errors
    ///
    /// `ARMATURE_ROUTE_PATTERN` when the pattern is malformed or `scope` does not exist,
    /// `ARMATURE_ROUTE_CONFLICT` when a route with the same method matches the same paths.
    pub fn route(&mut self, scope: ScopeId, method: MethodPattern, pattern: &str) -> Result<RouteId> {
        let subject = format_args!("route {method} {pattern}");
        let parsed = Pattern::parse(pattern).map_err(|why| Error::route_pattern(subject, why))?;
        if scope.0 as usize >= self.scopes.len() {
            return Err(Error::route_pattern(subject, format_args!("scope {} does not exist", scope.0)));
        }
        let id = RouteId(self.routes.len() as u32);
        let same_paths = self.patterns.entry(parsed.tree_key()).or_default();
        let routes = &self.routes;
        if let Some(other) =
            same_paths.iter().map(|id| &routes[id.0 as usize]).find(|other| other.method == method)
        {
            let new = format_args!("{method} {pattern}");
            return Err(Error::route_conflict(new, other, "both match the same requests"));
        }
        same_paths.push(id);
        self.routes.push(Route { method, text: pattern.into(), scope, pattern: parsed });
        Ok(id)
    }

    /// Builds the tables.
    ///
    /// # Errors
    ///
    /// None is known beyond those of registration; should the routing tree refuse a route,
    /// `ARMATURE_ROUTE_CONFLICT`.
    pub fn build(self) -> Result<Router> {
        let mut methods: Vec<Method> = Vec::new();
        for route in &self.routes {
            let MethodPattern::One(method) = &route.method else { continue };
            methods.push(method.clone());
            if method == Method::GET {
                methods.push(Method::HEAD);
            }
        }
        methods.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        methods.dedup();
        let tables = methods.into_iter().map(|method| {
            let table = self.table(Some(&method))?;
            Ok((method, table))
        });
        let tables = tables.collect::<Result<_>>()?;
        let any = self.table(None)?;
        Ok(Router {
            trailing_slash: self.trailing_slash,
            routes: self.routes.into(),
            scopes: Scopes::new(self.scopes),
            tables,
            any,
        })
    }

    /// The table of `method`, or of all methods that no route names. A route for any method is in every
    /// table, so that the more specific path wins before the more specific method.
    fn table(&self, method: Option<&Method>) -> Result<Table> {
        let chosen: Vec<_> =
            self.patterns.values().filter_map(|same_paths| self.choose(same_paths, method)).collect();
        Table::new(&chosen).map_err(|(route, error)| {
            Error::route_conflict(route, "another route", &format!("the routing tree refuses it ({error})"))
        })
    }

    fn choose(&self, same_paths: &[RouteId], method: Option<&Method>) -> Option<(RouteId, &Route)> {
        let find = |wanted: MethodPattern| {
            let mut routes = same_paths.iter().map(|id| (*id, &self.routes[id.0 as usize]));
            routes.find(|(_, route)| route.method == wanted)
        };
        let exact = method.and_then(|method| find(MethodPattern::One(method.clone())));
        let head =
            || if method == Some(&Method::HEAD) { find(MethodPattern::One(Method::GET)) } else { None };
        exact.or_else(head).or_else(|| find(MethodPattern::Any))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.text)
    }
}
