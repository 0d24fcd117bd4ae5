//! What one WebSocket route allows.

use std::time::Duration;

/// Limits and times of the connections of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WsSettings {
    /// Bytes of the largest message.
    pub message: usize,
    /// Bytes of the largest frame.
    pub frame: usize,
    /// Silence of the peer after which it gets a ping; zero for never.
    pub ping: Duration,
    /// Silence of the peer after which the connection is closed; zero for never.
    pub idle: Duration,
    /// How long the peer may take to answer a Close frame, and to take what was sent before it.
    pub close: Duration,
}

/// How the messages of a route are compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeflateSettings {
    /// Bytes of the smallest message that is compressed.
    pub threshold: usize,
    /// How hard it tries, from 1 to 9.
    pub level: u8,
    /// Messages may refer to earlier ones.
    pub context_takeover: bool,
    /// How far back, as a power of two: from 8 to 15.
    pub window_bits: u8,
    /// Bytes that contexts may take on each loop.
    pub memory: usize,
}

impl Default for DeflateSettings {
    fn default() -> Self {
        Self { threshold: 1 << 10, level: 3, context_takeover: false, window_bits: 15, memory: 64 << 20 }
    }
}

impl Default for WsSettings {
    fn default() -> Self {
        Self {
            message: 1 << 20,
            frame: 1 << 20,
            ping: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            close: Duration::from_secs(10),
        }
    }
}
