//! Which scope a path belongs to when no route has it.

use std::cmp::Reverse;

use super::{Params, ScopeId, pattern::Pattern};

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
    /// `path` is in canonical form; `escaped` as in [`Params::of`].
    pub(super) fn deepest(&self, path: &str, escaped: bool) -> (ScopeId, Params) {
        let mut found = self.0.iter().filter_map(|(id, prefix)| Some((*id, prefix.capture(path)?)));
        let Some((id, values)) = found.next() else { return (ScopeId::ROOT, Params::default()) };
        (id, Params::of(path, escaped, || values.iter().copied()))
    }
}
