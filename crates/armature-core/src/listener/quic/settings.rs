//! What connections of an endpoint are offered.

use std::sync::Arc;
use std::time::Duration;

use quinn_proto::congestion::CubicConfig;
use quinn_proto::{EndpointConfig, IdleTimeout, ServerConfig, TransportConfig, VarInt};

/// The version of QUIC that is spoken (RFC 9000).
pub(super) const VERSION: u32 = 1;
/// Streams in one direction that a client may have open: three are needed, and browsers open one more to see whether that is allowed.
const UNI_STREAMS: u32 = 8;
/// Handshake data that may arrive out of order.
const CRYPTO_BUFFER: usize = 64 * 1024;
/// Bytes for connections that have not begun yet, which is before the next datagram is looked at.
const INCOMING_BUFFER: u64 = 64 * 1024;

/// Limits of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Requests at the same time.
    pub streams: usize,
    /// Bytes of one stream that may arrive unread.
    pub stream_window: usize,
    /// Bytes of all streams that may arrive unread.
    pub window: usize,
    /// Bytes that are kept until the peer has them.
    pub send_window: usize,
    /// How long nothing may be heard of the peer.
    pub idle: Duration,
}

impl Terms {
    pub(super) fn transport(&self) -> TransportConfig {
        let var = |value: usize| VarInt::from_u64(value as u64).unwrap_or(VarInt::MAX);
        let mut transport = TransportConfig::default();
        transport
            .max_concurrent_bidi_streams(var(self.streams))
            .max_concurrent_uni_streams(VarInt::from_u32(UNI_STREAMS))
            .stream_receive_window(var(self.stream_window))
            .receive_window(var(self.window))
            .send_window(self.send_window as u64)
            .crypto_buffer_size(CRYPTO_BUFFER)
            // HTTP has no datagrams unless both sides agree on them (RFC 9297).
            .datagram_receive_buffer_size(None)
            .datagram_send_buffer_size(0)
            .max_idle_timeout(IdleTimeout::try_from(self.idle).ok())
            .congestion_controller_factory(Arc::new(CubicConfig::default()));
        transport
    }
}

pub(super) fn endpoint() -> EndpointConfig {
    let mut config = EndpointConfig::default();
    config.supported_versions(vec![VERSION]);
    config
}

/// What all connections of an endpoint share; `crypto` is only asked for keys that anybody can know.
pub(super) fn server(crypto: Arc<dyn quinn_proto::crypto::ServerConfig>, terms: &Terms) -> ServerConfig {
    let mut config = ServerConfig::with_crypto(crypto);
    config
        .transport_config(Arc::new(terms.transport()))
        .incoming_buffer_size(INCOMING_BUFFER)
        .incoming_buffer_size_total(INCOMING_BUFFER);
    config
}
