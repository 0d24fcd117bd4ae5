//! Chooses who answers: a method and a path become a route and its parameters. Pure and synchronous.
//!
//! Patterns follow the public grammar. A segment is static text, `:name`, or a final `*rest` of one or more
//! segments; `::` is a literal colon. At every position static text wins over a parameter and a parameter
//! over `*rest`, whatever the order of registration, and a branch that turns out to be dead is left again.
//!
//! ```
//! use armature_core::router::{Found, MethodPattern, RouterBuilder, ScopeId, TrailingSlash};
//! use http::Method;
//!
//! let mut builder = RouterBuilder::new(TrailingSlash::Strict);
//! let user = builder.route(ScopeId::ROOT, MethodPattern::One(Method::GET), "/users/:id")?;
//! let router = builder.build()?;
//!
//! let path = "/users/42";
//! let Ok(Found::Route { route, params }) = router.find(&Method::GET, path) else { panic!() };
//! assert_eq!(route, user);
//! assert_eq!(params.get(0, path), Some("42"));
//! # Ok::<(), armature_core::error::Error>(())
//! ```

mod allow;
mod builder;
mod escape;
mod params;
mod pattern;
mod scopes;
mod table;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt};

use http::Method;

pub(crate) use self::escape::canonical;
pub use self::{allow::Allow, builder::RouterBuilder, escape::BadPath, params::Params};
use self::{builder::Route, scopes::Scopes, table::Table};
pub use crate::config::TrailingSlash;

/// A scope, in order of registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeId(pub u32);

impl ScopeId {
    /// The scope with the empty prefix that every router has.
    pub const ROOT: Self = Self(0);
}

/// A route, in order of registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(pub u32);

/// The methods that a route answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MethodPattern {
    /// Every method, extension methods included, for which the same pattern has no route of its own.
    Any,
    /// One method. `GET` also answers `HEAD` unless the same pattern has a route for it.
    One(Method),
}

impl From<Method> for MethodPattern {
    fn from(method: Method) -> Self {
        Self::One(method)
    }
}

impl fmt::Display for MethodPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("ANY"),
            Self::One(method) => f.write_str(method.as_str()),
        }
    }
}

/// What [`Router::find`] decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A route answers.
    Route {
        /// The route.
        route: RouteId,
        /// Its parameters, in the order of [`Router::param_names`].
        params: Params,
    },
    /// The path exists with the other choice of trailing slash ([`TrailingSlash::Redirect`] only).
    Redirect {
        /// The path to redirect to, escaped as it was sent, without the query. Never starts with `//`.
        path: String,
        /// The scope of the route found there.
        scope: ScopeId,
    },
    /// The path exists, but not for this method.
    MethodNotAllowed {
        /// The scope of the most specific route of that path.
        scope: ScopeId,
        /// The methods it exists for.
        allow: Allow,
    },
    /// The method is `OPTIONS`, the path exists and no route answers `OPTIONS` itself.
    Options {
        /// The scope of the most specific route of that path.
        scope: ScopeId,
        /// The methods it exists for.
        allow: Allow,
    },
    /// No route has this path.
    NotFound {
        /// The deepest scope that contains the path.
        scope: ScopeId,
        /// The parameters of its prefix, in order; those of the scopes around it come first.
        params: Params,
    },
}

/// A finished set of routes; made by [`RouterBuilder::build`].
pub struct Router {
    trailing_slash: TrailingSlash,
    routes: Box<[Route]>,
    scopes: Scopes,
    /// One table for each method that a route names (and `HEAD` beside `GET`), sorted by name. Each also
    /// holds the routes for any method, so that one lookup finds the most specific route.
    tables: Box<[(Method, Table)]>,
    /// The routes for any method, for all methods without a table.
    any: Table,
}

impl Router {
    /// Finds who answers `method` on `path`, the path as sent: escaped and without the query. `OPTIONS *` is
    /// the caller's to answer.
    ///
    /// Does not allocate for a path without escapes, except where the routing tree has to come back from a
    /// static branch to a parameter beside it. Dot segments are ordinary segments.
    ///
    /// # Errors
    ///
    /// [`BadPath`] when an escape is malformed or the escapes do not decode to UTF-8, wherever they are.
    pub fn find(&self, method: &Method, path: &str) -> Result<Found, BadPath> {
        let canonical = escape::canonical(path)?;
        let escaped = matches!(canonical, Cow::Owned(_));
        let table = self.table(method);
        if let Some(hit) = table.find(&canonical, &self.routes) {
            return Ok(hit.into_found(escaped));
        }
        if self.trailing_slash == TrailingSlash::Ignore
            && let Some(hit) = table.find(&toggled(&canonical), &self.routes)
        {
            return Ok(hit.into_found(escaped));
        }
        Ok(self.miss(method, path, &canonical, escaped))
    }

    /// The names of the parameters of `route`, in the order of [`Params`].
    ///
    /// # Panics
    ///
    /// Here and below, when the id is of another router.
    pub fn param_names(&self, route: RouteId) -> &[Box<str>] {
        &self.routes[route.0 as usize].pattern.names
    }

    /// The pattern of `route` as it was registered.
    pub fn pattern(&self, route: RouteId) -> &str {
        &self.routes[route.0 as usize].text
    }

    /// The method of `route` as it was registered.
    pub fn method(&self, route: RouteId) -> &MethodPattern {
        &self.routes[route.0 as usize].method
    }

    /// The scope of `route`.
    pub fn scope(&self, route: RouteId) -> ScopeId {
        self.routes[route.0 as usize].scope
    }

    /// The number of routes; their ids are below it.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether there is no route at all.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    fn table(&self, method: &Method) -> &Table {
        self.tables.iter().find(|(m, _)| m == method).map_or(&self.any, |(_, table)| table)
    }

    #[cold]
    fn miss(&self, method: &Method, path: &str, canonical: &str, escaped: bool) -> Found {
        let mut known = self.known(canonical);
        match self.trailing_slash {
            TrailingSlash::Ignore => known.append(&mut self.known(&toggled(canonical))),
            TrailingSlash::Redirect if known.is_empty() && may_redirect(path) => {
                if let Some(route) = self.most_specific(&self.known(&toggled(canonical))) {
                    return Found::Redirect { path: toggled(path).into_owned(), scope: self.scope(route) };
                }
            }
            TrailingSlash::Redirect | TrailingSlash::Strict => {}
        }
        let Some(route) = self.most_specific(&known) else {
            let (scope, params) = self.scopes.deepest(canonical, escaped);
            return Found::NotFound { scope, params };
        };
        let (scope, allow) = (self.scope(route), Allow::new(known.iter().filter_map(|(method, _)| *method)));
        if method == Method::OPTIONS {
            Found::Options { scope, allow }
        } else {
            Found::MethodNotAllowed { scope, allow }
        }
    }

    /// Every method for which `path` has a route, with that route. `None` stands for the methods without a
    /// table.
    fn known(&self, path: &str) -> Vec<(Option<&Method>, RouteId)> {
        let tables = self.tables.iter().map(|(method, table)| (Some(method), table));
        tables
            .chain([(None, &self.any)])
            .filter_map(|(method, table)| Some((method, table.find(path, &self.routes)?.route())))
            .collect()
    }

    fn most_specific(&self, known: &[(Option<&Method>, RouteId)]) -> Option<RouteId> {
        let specificity = |route: &RouteId| (self.routes[route.0 as usize].pattern.kinds(), *route);
        known.iter().map(|(_, route)| *route).min_by(|a, b| specificity(a).cmp(&specificity(b)))
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.routes.iter().map(|route| format!("{route}"))).finish()
    }
}

/// The same path with the other choice of trailing slash. `/` has none: there is no path without the first
/// slash.
fn toggled(path: &str) -> Cow<'_, str> {
    match path.strip_suffix('/') {
        Some("") => Cow::Borrowed(path),
        Some(shorter) => Cow::Borrowed(shorter),
        None => Cow::Owned(format!("{path}/")),
    }
}

/// Whether a `Location` with the toggled path stays on this host. Browsers read `//host`, `/\host` and,
/// because they drop tabs and line breaks, `/<tab>/host` as the address of another one.
fn may_redirect(path: &str) -> bool {
    path.starts_with('/')
        && !path[1..].starts_with(['/', '\\'])
        && !path.bytes().any(|b| b.is_ascii_control())
}
