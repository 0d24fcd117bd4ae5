//! The option `http3` of a listener: QUIC on the same port.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, Unexpected, Visitor},
};

use super::{names::Names, range::within, short_form::ShortForm};
use crate::error::Result;

/// Handshakes of strangers at the same time by default.
const STRANGERS: u64 = 256;

/// HTTP/3 beside the other protocols. The option may also be `true` or `false` alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "Http3Options", optional_fields = nullable))]
pub struct Http3Config {
    /// Set by the form that is only a word; an object means `true`.
    #[serde(skip)]
    #[cfg_attr(test, ts(skip))]
    off: bool,
    /// The port that clients are told of with `Alt-Svc`, where it is not that of the listener; `false` tells them nothing. By
    /// default the port of the listener.
    #[cfg_attr(test, ts(inline))]
    pub announce: Option<Announce>,
    /// Most handshakes at the same time of clients that have not shown that they receive what is sent to their address. Beyond it
    /// they have to show it first, which takes them another round trip (Retry). 0 for always. From 0 to 1000000, by default 256.
    pub strangers: Option<u64>,
}

/// Which port clients are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "boolean | number"))]
pub enum Announce {
    /// None.
    Nothing,
    /// That of the listener.
    Own,
    /// This one.
    Port(u16),
}

/// [`Http3Config`] with the defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http3 {
    /// Which port clients are told of.
    pub announce: Announce,
    /// Most handshakes of unproven addresses at the same time.
    pub strangers: usize,
}

impl Http3Config {
    /// Whether it asks for anything.
    pub(super) fn is_on(&self) -> bool {
        !self.off
    }

    pub(super) fn check(&self, names: Names<'_>, path: &str) -> Result<()> {
        let path = format!("{path}.strangers");
        within((names, &path), self.strangers, "a whole number", 0..=1_000_000, "")
    }

    /// `None` when there is none.
    pub(super) fn resolve(&self) -> Option<Http3> {
        self.is_on().then(|| Http3 {
            announce: self.announce.unwrap_or(Announce::Own),
            strangers: usize::try_from(self.strangers.unwrap_or(STRANGERS)).unwrap_or(usize::MAX),
        })
    }
}

/// The TypeScript type of all its forms.
#[cfg(test)]
#[derive(ts_rs::TS)]
#[ts(type = "boolean | Http3Options")]
pub(super) struct AnyFormTs;

impl ShortForm<'_> for Http3Config {
    const FORMS: &'static str = "true, false or an object { announce, strangers }";

    fn from_bool(on: bool) -> Option<Self> {
        Some(Self { off: !on, ..Self::default() })
    }
}

impl<'de> Deserialize<'de> for Announce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(PortVisitor)
    }
}

struct PortVisitor;

impl Visitor<'_> for PortVisitor {
    type Value = Announce;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, or the port that clients reach HTTP/3 at, from 1 to 65535")
    }

    fn visit_bool<E: de::Error>(self, on: bool) -> std::result::Result<Announce, E> {
        Ok(if on { Announce::Own } else { Announce::Nothing })
    }

    fn visit_u64<E: de::Error>(self, port: u64) -> std::result::Result<Announce, E> {
        match u16::try_from(port) {
            Ok(port) if port > 0 => Ok(Announce::Port(port)),
            _ => Err(E::invalid_value(Unexpected::Unsigned(port), &self)),
        }
    }
}
