//! Which scope a path belongs to when no route has it.

use std::cmp::Reverse;

use super::{ScopeId, pattern::Pattern};

/// The prefixes of all scopes, the deepest first. Of equally deep ones that contain a path the most specific
/// comes first (static text before parameters), of equal ones the first registered.
pub(super) struct Scopes(Box<[(ScopeId, Pattern)]>);

impl Scopes {
    pub(super) fn new(in_order: Vec<Pattern>) -> Self {
        let mut scopes: Vec<_> = (0..).map(ScopeId).zip(in_order).collect();
        scopes.sort_by(|(_, a), (_, b)| {
            let rank = |pattern: &Pattern| Reverse(pattern.kinds().len());
            rank(a).cmp(&rank(b)).then_with(|| a.kinds().cmp(b.kinds()))
        });
        Self(scopes.into())
    }

    /// Compares with every scope: this only runs before a 404, and most differ in their first segment.
    pub(super) fn deepest(&self, path: &str) -> ScopeId {
        let found = self.0.iter().find(|(_, prefix)| prefix.contains(path));
        found.map_or(ScopeId::ROOT, |(id, _)| *id)
    }
}
