//! The options of a WebSocket route.

use std::time::Duration;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{
    millis::Millis, names::Names, parse::parse_value, range::within, short_form::any_form, size::Size,
    timeouts::TimeoutsConfig, websocket_deflate::WebSocketDeflate,
};
use crate::error::{Error, Result};
use crate::protocol::ws::{DeflateSettings, WsSettings};

/// Options of a WebSocket route, beside its handlers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "WebSocketOptions", optional_fields = nullable))]
pub struct WebSocketConfig {
    /// Origins whose pages may connect: `'*'`, or a list such as `['https://app.example.com']`. By default the host that the
    /// request is for. A client that sends no `Origin`, as browsers always do, is not asked.
    pub origins: Option<WsOrigins>,
    /// Limits of each socket.
    pub limits: Option<WebSocketLimits>,
    /// Times of each socket.
    pub timeouts: Option<WebSocketTimeouts>,
    /// What happens to a message that would be more than `limits.backlog`: `'close'` closes the socket with 1008, `'skip'` does
    /// not send that message. By default `'close'`.
    pub slow: Option<SlowConsumer>,
    /// Whether messages are compressed where a client offers it (permessage-deflate, RFC 7692), and how. By default `false`.
    #[serde(default, deserialize_with = "any_form")]
    #[cfg_attr(test, ts(as = "Option<super::websocket_deflate::AnyFormTs>", inline))]
    pub deflate: Option<WebSocketDeflate>,
}

/// Limits of a WebSocket.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "WebSocketLimits", optional_fields = nullable))]
pub struct WebSocketLimits {
    /// Largest message. Beyond it the socket is closed with 1009. From 1b to 256mb, by default 1mb.
    pub message: Option<Size>,
    /// Largest frame. Beyond it the socket is closed with 1009. From 1b to `message`, by default as much.
    pub frame: Option<Size>,
    /// Bytes that are kept for a slow client before `send()` reports `false`. From 1kb to 256mb, by default 64kb.
    pub send_buffer: Option<Size>,
    /// Most bytes that are kept for a slow client; beyond it see `slow`. From `sendBuffer` to 1gb, by default 16mb, or
    /// `sendBuffer` if that is more.
    pub backlog: Option<Size>,
    /// Bytes of messages that wait for their handlers before no more are read, each with 64 for itself. From 1kb to 256mb, by
    /// default 64kb.
    pub receive_buffer: Option<Size>,
    /// Most topics that the socket subscribes to at the same time. Beyond it `subscribe()` throws. From 1 to 100000, by default
    /// 100.
    pub topics: Option<u64>,
    /// Most bytes that are kept of what a socket with `reopen` needs in another thread: its `data` and the parameters of its path, in
    /// the form of `v8.serialize()`. A socket that needs more does not survive its thread. From 64b to 16mb, by default 16kb.
    pub state: Option<Size>,
}

/// Times of a WebSocket.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "WebSocketTimeouts", optional_fields = nullable))]
pub struct WebSocketTimeouts {
    /// Silence of the client after which it gets a ping. From 10ms to 24h or 0 for never, by default 30s.
    pub ping: Option<Millis>,
    /// Silence of the client after which the socket is closed with 1001; the answer to a ping ends it. From 10ms to 24h or 0
    /// for never, by default 75s.
    pub idle: Option<Millis>,
    /// How long the client may take to answer a Close frame before the connection is cut. From 1ms to 24h, by default 10s.
    pub close: Option<Millis>,
    /// How long a socket with `reopen` waits for a thread when its own has ended, before it is closed with 1012. From 1ms to 24h,
    /// by default 10s.
    pub reopen: Option<Millis>,
}

/// What happens to a message that a slow client has no room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum SlowConsumer {
    /// The socket is closed with 1008.
    #[default]
    Close,
    /// The message is not sent.
    Skip,
}

/// Whose pages may connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "WebSocketOrigins", type = "'*' | readonly string[]"))]
pub enum WsOrigins {
    /// Those of the host that the request is for.
    #[default]
    Same,
    /// Everybody's.
    Any,
    /// Those of these origins.
    List(Vec<String>),
}

impl WsOrigins {
    /// Whether a page of `origin` may connect to `host`.
    pub fn allow(&self, origin: &[u8], host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::List(list) => list.iter().any(|allowed| allowed.as_bytes() == origin),
            Self::Same => std::str::from_utf8(origin)
                .ok()
                .and_then(|origin| origin.split_once("://"))
                .is_some_and(|(_, of)| !host.is_empty() && of.eq_ignore_ascii_case(host)),
        }
    }
}

impl<'de> Deserialize<'de> for WsOrigins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WsOrigins;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("'*' or a list of origins such as ['https://app.example.com']")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<WsOrigins, E> {
                match text {
                    "*" => Ok(WsOrigins::Any),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<WsOrigins, A::Error> {
                let mut origins = Vec::new();
                while let Some(origin) = list.next_element()? {
                    origins.push(origin);
                }
                Ok(WsOrigins::List(origins))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// [`WebSocketConfig`] with the defaults filled in.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "documented in WebSocketConfig")]
pub struct WebSocketSettings {
    pub origins: WsOrigins,
    /// What the protocol needs.
    pub ws: WsSettings,
    pub deflate: Option<DeflateSettings>,
    /// In bytes, as those that follow.
    pub send_buffer: usize,
    pub backlog: usize,
    pub receive_buffer: usize,
    pub topics: usize,
    /// In bytes.
    pub state: usize,
    /// How long a socket may be without a thread.
    pub reopen: Duration,
    pub slow: SlowConsumer,
}

/// Reads the options of a WebSocket route; `root` is what messages call them.
///
/// # Errors
///
/// `ARMATURE_OPTION_INVALID`.
pub fn parse_websocket(root: &str, value: Value) -> Result<WebSocketSettings> {
    let config: WebSocketConfig = parse_value(root, value)?;
    config.resolve(Names::Options { root })
}

impl WebSocketConfig {
    fn resolve(self, names: Names<'_>) -> Result<WebSocketSettings> {
        let origins = self.origins.unwrap_or_default();
        if let WsOrigins::List(list) = &origins
            && let Some(wrong) = list.iter().find(|origin| !is_origin(origin))
        {
            let allowed = "an origin such as 'https://app.example.com'";
            return Err(Error::option(names.name("origins"), format!("'{wrong}'"), allowed));
        }
        let limits = self.limits.unwrap_or_default();
        let size = |path, value, default: Size, from, to| -> Result<usize> {
            within((names, path), value, "a size", from..=to, "")?;
            Ok(value.unwrap_or(default.clamp(from, to)).bytes())
        };
        let message = size("limits.message", limits.message, Size::mb(1), Size(1), Size::mb(256))?;
        let largest = Size(message as u64);
        let frame = size("limits.frame", limits.frame, largest, Size(1), largest)?;
        let (kb, gb) = (Size::kb(1), Size::mb(1024));
        let send_buffer = size("limits.sendBuffer", limits.send_buffer, Size::kb(64), kb, Size::mb(256))?;
        let least = Size(send_buffer as u64);
        let backlog = size("limits.backlog", limits.backlog, Size::mb(16), least, gb)?;
        let receive_buffer =
            size("limits.receiveBuffer", limits.receive_buffer, Size::kb(64), kb, Size::mb(256))?;
        within((names, "limits.topics"), limits.topics, "a whole number", 1..=100_000, "")?;
        let topics = limits.topics.map_or(100, |topics| topics as usize);
        let state = size("limits.state", limits.state, Size::kb(16), Size(64), Size::mb(16))?;
        let timeouts = self.timeouts.unwrap_or_default();
        let silence = |path, value: Option<Millis>, default| -> Result<Millis> {
            let counted = value.filter(|value| value.0 != 0);
            within((names, path), counted, "a duration", Millis(10)..=Millis::hours(24), ", or 0 for never")?;
            Ok(value.unwrap_or(Millis::seconds(default)))
        };
        let (needed, note) = (TimeoutsConfig::NEEDED, TimeoutsConfig::NEEDED_NOTE);
        within((names, "timeouts.close"), timeouts.close, "a duration", needed.clone(), note)?;
        within((names, "timeouts.reopen"), timeouts.reopen, "a duration", needed, note)?;
        let reopen = timeouts.reopen.unwrap_or(Millis::seconds(10)).duration();
        let ws = WsSettings {
            message,
            frame,
            ping: silence("timeouts.ping", timeouts.ping, 30)?.duration(),
            idle: silence("timeouts.idle", timeouts.idle, 75)?.duration(),
            close: timeouts.close.unwrap_or(Millis::seconds(10)).duration(),
        };
        let deflate = self.deflate.map(|deflate| deflate.resolve(names)).transpose()?.flatten();
        let slow = self.slow.unwrap_or_default();
        Ok(WebSocketSettings {
            origins,
            ws,
            deflate,
            send_buffer,
            backlog,
            receive_buffer,
            topics,
            state,
            reopen,
            slow,
        })
    }
}

/// `scheme://host[:port]`, as browsers write it.
fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let is_lower = |b: u8| b.is_ascii_graphic() && !b.is_ascii_uppercase() && !b"/?#@".contains(&b);
    scheme.bytes().all(|b| b.is_ascii_lowercase()) && !host.is_empty() && host.bytes().all(is_lower)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn has_defaults() {
        let settings = parse_websocket("ws()", json!({})).unwrap();
        assert_eq!(settings.ws, WsSettings::default());
        assert_eq!((settings.state, settings.reopen), (16 << 10, Duration::from_secs(10)));
        let WebSocketSettings { origins, send_buffer, backlog, receive_buffer, topics, slow, .. } = settings;
        assert_eq!((origins, topics, slow), (WsOrigins::Same, 100, SlowConsumer::Close));
        assert_eq!((send_buffer, backlog, receive_buffer), (64 << 10, 16 << 20, 64 << 10));
    }

    #[test]
    fn depends_on_what_is_set() {
        let options =
            json!({ "limits": { "message": "2mb", "sendBuffer": "32mb" }, "timeouts": { "idle": 0 } });
        let settings = parse_websocket("ws()", options).unwrap();
        assert_eq!((settings.ws.frame, settings.backlog), (2 << 20, 32 << 20));
        assert!(settings.ws.idle.is_zero());
    }

    #[test]
    fn refuses() {
        for (options, start) in [
            (json!({ "limits": { "message": 0 } }), "ws().limits.message: 0b is not a size from 1b to 256mb"),
            (json!({ "limits": { "frame": "2mb" } }), "ws().limits.frame: 2mb is not a size from 1b to 1mb"),
            (json!({ "limits": { "backlog": 1 } }), "ws().limits.backlog: 1b is not a size from 64kb"),
            (
                json!({ "limits": { "topics": 0 } }),
                "ws().limits.topics: 0 is not a whole number from 1 to 100000",
            ),
            (json!({ "timeouts": { "ping": 1 } }), "ws().timeouts.ping: 1ms is not a duration from 10ms"),
            (json!({ "timeouts": { "close": 0 } }), "ws().timeouts.close: 0ms is not a duration"),
            (json!({ "limits": { "state": 1 } }), "ws().limits.state: 1b is not a size from 64b to 16mb"),
            (json!({ "timeouts": { "reopen": 0 } }), "ws().timeouts.reopen: 0ms is not a duration"),
            (json!({ "origins": "https://a" }), "ws().origins: 'https://a' is not '*' or a list"),
            (json!({ "origins": ["a.example"] }), "ws().origins: 'a.example' is not an origin"),
            (json!({ "origins": ["https://a.example/"] }), "ws().origins: 'https://a.example/' is not"),
            (json!({ "slow": "drop" }), "ws().slow: 'drop' is not one of"),
            (json!({ "compress": true }), "ws().compress is not an option"),
        ] {
            let error = parse_websocket("ws()", options).unwrap_err().to_string();
            assert!(error.starts_with(start), "{error}");
        }
    }
}
