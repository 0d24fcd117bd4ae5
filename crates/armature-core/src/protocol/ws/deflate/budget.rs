//! How much memory the contexts of a route may take on one loop.

use std::cell::Cell;
use std::rc::Rc;

/// See the module.
pub(super) struct Budget {
    most: usize,
    held: Cell<usize>,
}

/// Memory that somebody may use; given back when it is dropped.
pub(super) struct Held {
    budget: Rc<Budget>,
    bytes: usize,
}

impl Budget {
    pub fn new(most: usize) -> Rc<Self> {
        Rc::new(Self { most, held: Cell::new(0) })
    }

    pub fn held(&self) -> usize {
        self.held.get()
    }

    /// `None` when there is not so much.
    pub fn hold(self: &Rc<Self>, bytes: usize) -> Option<Held> {
        let held = self.held.get().checked_add(bytes).filter(|held| *held <= self.most)?;
        self.held.set(held);
        Some(Held { budget: self.clone(), bytes })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.held.set(self.budget.held.get() - self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_no_more_than_there_is_and_takes_it_back() {
        let budget = Budget::new(100);
        let (first, second) = (budget.hold(60), budget.hold(40));
        assert!(first.is_some() && second.is_some());
        assert!(budget.hold(1).is_none());
        assert!(budget.hold(usize::MAX).is_none());
        drop(first);
        assert_eq!(budget.held(), 40);
        assert!(budget.hold(60).is_some());
        drop(second);
        assert_eq!(budget.held(), 0);
    }
}
