//! Options of the health layer and of its checks.

use std::time::Duration;

use serde::Deserialize;

use crate::config::{Millis, check_wait};
use crate::error::Result;

/// Options of the health layer.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct HealthOptions {
    /// Path of the liveness probe: whether the process works. Default `/healthz`.
    pub liveness: Option<String>,
    /// Path of the readiness probe: whether requests should be sent here. Default `/readyz`.
    pub readiness: Option<String>,
    /// Whether answers name the checks, with the state of each. Default `false`.
    pub details: Option<bool>,
    /// Says that it is meant when the layer is declared inside JavaScript middleware: the probes do not pass it. Default `false`.
    pub before_js: Option<bool>,
}

/// Options of one check.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct HealthCheckOptions {
    /// Time between the end of one run and the begin of the next. From 1ms to 24h, by default 10s.
    pub interval: Option<Millis>,
    /// How long a run may take; it has failed then. From 1ms to 24h, by default 5s.
    pub timeout: Option<Millis>,
    /// What fails when it fails. Default `readiness`.
    pub probe: Option<Probe>,
}

/// What is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "HealthProbe"))]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, ts(rename_all = "lowercase"))]
pub enum Probe {
    /// Whether the process works, or has to be replaced.
    Liveness,
    /// Whether requests should be sent here.
    #[default]
    Readiness,
}

/// A check that somebody runs and reports about.
#[derive(Clone, Debug)]
pub struct HealthCheck {
    /// What answers and numbers call it.
    pub name: String,
    /// What fails when it fails.
    pub probe: Probe,
    /// Between the end of one run and the begin of the next.
    pub interval: Duration,
    /// How long a run may take.
    pub timeout: Duration,
}

impl HealthCheck {
    /// Validates `options`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` for a duration out of its range.
    pub fn new(name: impl Into<String>, options: HealthCheckOptions) -> Result<Self> {
        let interval = options.interval.unwrap_or(Millis::seconds(10));
        let timeout = options.timeout.unwrap_or(Millis::seconds(5));
        Ok(Self {
            name: name.into(),
            probe: options.probe.unwrap_or_default(),
            interval: check_wait("Health.check.interval", interval)?,
            timeout: check_wait("Health.check.timeout", timeout)?,
        })
    }
}
