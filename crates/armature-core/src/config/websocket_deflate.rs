//! The option `deflate` of a WebSocket route: how its messages are compressed.

use serde::Deserialize;

use super::{names::Names, range::within, short_form::ShortForm, size::Size};
use crate::error::Result;
use crate::protocol::ws::DeflateSettings;

/// Compression of the messages of a WebSocket. The option may also be `true` or `false` alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "WebSocketDeflate", optional_fields = nullable))]
pub struct WebSocketDeflate {
    /// Set by the form that is only a word; an object means `true`.
    #[serde(skip)]
    #[cfg_attr(test, ts(skip))]
    off: bool,
    /// Smallest message that is compressed. Up to 16mb, by default 1kb.
    pub threshold: Option<Size>,
    /// How hard it tries: more is smaller and slower. From 1 to 9, by default 3.
    pub level: Option<u32>,
    /// Whether messages may refer to earlier ones of their connection: smaller, and the most expensive in memory. By default `false`.
    pub context_takeover: Option<bool>,
    /// How far back a message may refer, as a power of two. From 8 to 15, by default 15.
    pub window_bits: Option<u32>,
    /// Most bytes that what connections remember of earlier messages takes on each IO loop. Beyond it connections do without.
    /// From 0 to 16gb, by default 64mb.
    pub memory: Option<Size>,
}

impl WebSocketDeflate {
    /// `None` when messages are not compressed.
    pub(super) fn resolve(self, names: Names<'_>) -> Result<Option<DeflateSettings>> {
        let default = DeflateSettings::default();
        let size = |path, value: Option<Size>, to, default| -> Result<usize> {
            within((names, path), value, "a size", Size(0)..=to, "")?;
            Ok(value.map_or(default, Size::bytes))
        };
        let number = |path, value: Option<u32>, range: std::ops::RangeInclusive<u32>, default: u8| {
            within((names, path), value, "a whole number", range, "")?;
            Ok::<u8, crate::error::Error>(value.map_or(default, |value| value as u8))
        };
        let settings = DeflateSettings {
            threshold: size("deflate.threshold", self.threshold, Size::mb(16), default.threshold)?,
            level: number("deflate.level", self.level, 1..=9, default.level)?,
            context_takeover: self.context_takeover.unwrap_or(default.context_takeover),
            window_bits: number("deflate.windowBits", self.window_bits, 8..=15, default.window_bits)?,
            memory: size("deflate.memory", self.memory, Size::mb(16 << 10), default.memory)?,
        };
        Ok((!self.off).then_some(settings))
    }
}

/// The TypeScript type of all its forms.
#[cfg(test)]
#[derive(ts_rs::TS)]
#[ts(type = "boolean | WebSocketDeflate")]
pub(super) struct AnyFormTs;

impl ShortForm<'_> for WebSocketDeflate {
    const FORMS: &'static str =
        "true, false or an object { threshold, level, contextTakeover, windowBits, memory }";

    fn from_bool(on: bool) -> Option<Self> {
        Some(Self { off: !on, ..Self::default() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::websocket::parse_websocket;
    use super::*;

    fn read(deflate: Value) -> std::result::Result<Option<DeflateSettings>, String> {
        let options = json!({ "deflate": deflate });
        parse_websocket("ws()", options).map(|settings| settings.deflate).map_err(|error| error.to_string())
    }

    #[test]
    fn is_off_unless_asked_for() {
        assert_eq!(parse_websocket("ws()", json!({})).unwrap().deflate, None);
        assert_eq!(read(json!(false)), Ok(None));
        assert_eq!(read(json!(true)), Ok(Some(DeflateSettings::default())));
        let given =
            json!({ "threshold": 0, "level": 9, "contextTakeover": true, "windowBits": 8, "memory": "1mb" });
        let settings = DeflateSettings {
            threshold: 0,
            level: 9,
            context_takeover: true,
            window_bits: 8,
            memory: 1 << 20,
        };
        assert_eq!(read(given), Ok(Some(settings)));
    }

    #[test]
    fn refuses() {
        for (deflate, start) in [
            (json!("yes"), "ws().deflate: 'yes' is not true, false or an object"),
            (json!({ "threshold": "1gb" }), "ws().deflate.threshold: 1gb is not a size from 0b to 16mb"),
            (json!({ "level": 0 }), "ws().deflate.level: 0 is not a whole number from 1 to 9"),
            (json!({ "windowBits": 16 }), "ws().deflate.windowBits: 16 is not a whole number from 8 to 15"),
            (json!({ "memory": "17gb" }), "ws().deflate.memory: 17gb is not a size from 0b to 16gb"),
            (json!({ "takeover": true }), "ws().deflate.takeover is not an option"),
        ] {
            let error = read(deflate).unwrap_err();
            assert!(error.starts_with(start), "{error}");
        }
    }
}
