//! The options `timeouts`: how long anybody is waited for.

use std::{ops::RangeInclusive, time::Duration};

use serde::Deserialize;

use super::{millis::Millis, names::Names, range::within};
use crate::error::Result;

/// How long clients, handlers and a shutdown may take. Each is from 1ms to 24h; only `preDrain` and
/// `shutdown` may be 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "TimeoutOptions", optional_fields = nullable))]
pub struct TimeoutsConfig {
    /// From accept (TLS included) to the end of the request head. By default 10s.
    pub header: Option<Millis>,
    /// The longest gap without a byte of a request body. By default 30s.
    pub body: Option<Millis>,
    /// The longest gap in which a client takes no byte of a response. By default 30s.
    pub write: Option<Millis>,
    /// How long a connection may be idle between requests; more than that of a proxy in front. By default
    /// 75s.
    pub idle: Option<Millis>,
    /// From dispatch to the response head, not counting waits for the client's body. By default 30s; a route
    /// may set its own.
    pub handler: Option<Millis>,
    /// Between failing readiness and closing the listeners, for load balancers to notice. By default 0.
    pub pre_drain: Option<Millis>,
    /// How long requests in flight may take to finish when the server closes; 0 cuts them off at once. By
    /// default 10s.
    pub shutdown: Option<Millis>,
}

/// [`TimeoutsConfig`] with the defaults filled in; the same meanings.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented in TimeoutsConfig")]
pub struct Timeouts {
    pub header: Duration,
    pub body: Duration,
    pub write: Duration,
    pub idle: Duration,
    pub handler: Duration,
    pub pre_drain: Duration,
    pub shutdown: Duration,
}

impl TimeoutsConfig {
    /// Of those that cannot be turned off.
    pub(super) const NEEDED: RangeInclusive<Millis> = Millis(1)..=Millis::hours(24);
    pub(super) const NEEDED_NOTE: &str = "; it cannot be turned off";

    pub(super) fn merge(self, over: Self) -> Self {
        Self {
            header: over.header.or(self.header),
            body: over.body.or(self.body),
            write: over.write.or(self.write),
            idle: over.idle.or(self.idle),
            handler: over.handler.or(self.handler),
            pre_drain: over.pre_drain.or(self.pre_drain),
            shutdown: over.shutdown.or(self.shutdown),
        }
    }

    pub(super) fn check(&self, names: Names<'_>) -> Result<()> {
        let needed =
            |path, value| within((names, path), value, "a duration", Self::NEEDED, Self::NEEDED_NOTE);
        let optional =
            |path, value| within((names, path), value, "a duration", Millis(0)..=Millis::hours(24), "");
        needed("timeouts.header", self.header)?;
        needed("timeouts.body", self.body)?;
        needed("timeouts.write", self.write)?;
        needed("timeouts.idle", self.idle)?;
        needed("timeouts.handler", self.handler)?;
        optional("timeouts.preDrain", self.pre_drain)?;
        optional("timeouts.shutdown", self.shutdown)
    }

    pub(super) fn resolve(&self) -> Timeouts {
        let or = |value: Option<Millis>, seconds| value.unwrap_or(Millis::seconds(seconds)).duration();
        Timeouts {
            header: or(self.header, 10),
            body: or(self.body, 30),
            write: or(self.write, 30),
            idle: or(self.idle, 75),
            handler: or(self.handler, 30),
            pre_drain: or(self.pre_drain, 0),
            shutdown: or(self.shutdown, 10),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        TimeoutsConfig::default().resolve()
    }
}
