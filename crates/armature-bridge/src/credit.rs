//! How many bytes a sender may send before its receiver has taken some.

/// A sender's view of a window. The receiver grants, the sender spends; both count the same bytes, so neither needs to
/// see the other's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credit {
    granted: u64,
    spent: u64,
}

impl Credit {
    /// A window of `bytes`.
    pub fn new(bytes: u64) -> Self {
        Self { granted: bytes, spent: 0 }
    }

    /// Bytes that may be sent now.
    pub fn available(&self) -> u64 {
        self.granted.saturating_sub(self.spent)
    }

    /// The receiver takes `bytes` more.
    pub fn grant(&mut self, bytes: u64) {
        self.granted = self.granted.saturating_add(bytes);
    }

    /// `bytes` were sent. A sender that cannot split a chunk may overdraw; it then waits until the debt is covered.
    pub fn spend(&mut self, bytes: u64) {
        self.spent = self.spent.saturating_add(bytes);
    }
}

#[cfg(all(test, not(armature_loom)))]
mod tests {
    use super::*;

    #[test]
    fn overdraft_is_paid_back_first() {
        let mut credit = Credit::new(10);
        credit.spend(25);
        assert_eq!(credit.available(), 0);
        credit.grant(10);
        assert_eq!(credit.available(), 0);
        credit.grant(10);
        assert_eq!(credit.available(), 5);
    }
}
