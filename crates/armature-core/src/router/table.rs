//! The routes of one method.

use super::{Found, Params, RouteId, builder::Route};

/// Finds the most specific of the routes that match a path.
///
/// matchit has the order that we promise, static text before parameters with backtracking, but refuses a
/// parameter and a wildcard in the same place (`/files/:id` beside `/files/*rest`). So wildcards live in
/// trees of their own, one for each depth at which a wildcard stands: within one of these no parameter can
/// stand in its place. The best match of each tree then competes with those of the others.
#[derive(Default)]
pub(super) struct Table {
    plain: Tree,
    wild: Vec<(usize, Tree)>,
}

type Tree = matchit::Router<Entry>;

struct Entry {
    route: RouteId,
    /// Whether a route with a wildcard may match the same path and win.
    contested: bool,
}

/// A match; `path` is the text that was searched and that the parameters are slices of.
pub(super) struct Hit<'t, 'p> {
    found: matchit::Match<'t, 'p, &'t Entry>,
    path: &'p str,
}

impl Table {
    /// `routes` has at most one route for each key of a pattern.
    pub(super) fn new<'r>(
        routes: &[(RouteId, &'r Route)],
    ) -> Result<Self, (&'r Route, matchit::InsertError)> {
        let mut table = Self::default();
        let patterns = routes.iter().map(|(_, route)| &route.pattern);
        let wild: Vec<_> = patterns.filter(|pattern| pattern.rest_depth().is_some()).collect();
        for &(id, route) in routes {
            let contested = wild.iter().any(|other| route.pattern.may_lose_to(other));
            let tree = match route.pattern.rest_depth() {
                None => &mut table.plain,
                Some(depth) => table.wild_tree(depth),
            };
            let entry = Entry { route: id, contested };
            tree.insert(route.pattern.tree_key(), entry).map_err(|error| (route, error))?;
        }
        Ok(table)
    }

    fn wild_tree(&mut self, depth: usize) -> &mut Tree {
        let index = self.wild.iter().position(|(d, _)| *d == depth).unwrap_or_else(|| {
            self.wild.push((depth, Tree::new()));
            self.wild.len() - 1
        });
        &mut self.wild[index].1
    }

    #[inline]
    pub(super) fn find<'t, 'p>(&'t self, path: &'p str, routes: &[Route]) -> Option<Hit<'t, 'p>> {
        let plain = Hit::in_tree(&self.plain, path);
        match plain {
            Some(hit) if !hit.found.value.contested => Some(hit),
            _ => self.compete(plain, path, routes),
        }
    }

    #[inline(never)]
    fn compete<'t, 'p>(
        &'t self,
        plain: Option<Hit<'t, 'p>>,
        path: &'p str,
        routes: &[Route],
    ) -> Option<Hit<'t, 'p>> {
        let wild = self.wild.iter().filter_map(|(_, tree)| Hit::in_tree(tree, path));
        plain.into_iter().chain(wild).min_by_key(|hit| routes[hit.route().0 as usize].pattern.kinds())
    }
}

impl<'t, 'p> Hit<'t, 'p> {
    #[inline]
    fn in_tree(tree: &'t Tree, path: &'p str) -> Option<Self> {
        Some(Self { found: tree.at(path).ok()?, path })
    }

    pub(super) fn route(&self) -> RouteId {
        self.found.value.route
    }

    /// `escaped` as in [`Params::of`].
    #[inline]
    pub(super) fn into_found(self, escaped: bool) -> Found {
        let values = || self.found.params.iter().map(|(_, value)| value);
        let params = Params::of(self.path, escaped, values);
        Found::Route { route: self.route(), params }
    }
}
