//! The option `redirectHttps` of a listener.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

/// Whether a listener only sends its clients to HTTPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "boolean | number"))]
pub enum RedirectHttps {
    /// It serves.
    Off,
    /// To the port of the first listener with `tls`.
    ToTls,
    /// To this port.
    ToPort(u16),
}

impl<'de> Deserialize<'de> for RedirectHttps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FormVisitor)
    }
}

struct FormVisitor;

impl Visitor<'_> for FormVisitor {
    type Value = RedirectHttps;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, or the port that clients reach HTTPS at, from 1 to 65535")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<RedirectHttps, E> {
        Ok(if on { RedirectHttps::ToTls } else { RedirectHttps::Off })
    }

    fn visit_u64<E: Error>(self, port: u64) -> Result<RedirectHttps, E> {
        match u16::try_from(port) {
            Ok(port) if port > 0 => Ok(RedirectHttps::ToPort(port)),
            _ => Err(E::invalid_value(Unexpected::Unsigned(port), &self)),
        }
    }
}
