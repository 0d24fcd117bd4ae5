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
