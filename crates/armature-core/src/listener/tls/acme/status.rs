//! What can be known of a certificate that the server gets by itself.

use std::time::SystemTime;

use crate::config::Acme;

/// See the module.
#[derive(Clone, Debug)]
pub struct AcmeStatus {
    /// The names that it is for.
    pub domains: Vec<String>,
    /// What there is.
    pub state: AcmeState,
    /// Whether an order is in progress.
    pub ordering: bool,
    /// The end of the certificate in use.
    pub not_after: Option<SystemTime>,
    /// When the next order is due.
    pub next: Option<SystemTime>,
    /// Certificates obtained since the start.
    pub obtained: u64,
    /// Orders that failed since the start.
    pub failed: u64,
    /// Why the last order failed; `None` when it did not.
    pub error: Option<String>,
}

impl AcmeStatus {
    pub(super) fn new(acme: &Acme) -> Self {
        Self {
            domains: acme.domains.clone(),
            state: AcmeState::Missing,
            ordering: false,
            not_after: None,
            next: None,
            obtained: 0,
            failed: 0,
            error: None,
        }
    }
}

/// What there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcmeState {
    /// No certificate yet.
    Missing,
    /// A certificate is in use.
    Valid,
    /// The one in use has expired.
    Expired,
    /// The listener was given others.
    Replaced,
}

impl AcmeState {
    /// As statistics show it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Replaced => "replaced",
        }
    }
}
