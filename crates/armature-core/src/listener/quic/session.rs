//! TLS of a connection (RFC 9001), by rustls. `quinn-proto` has the same, and keeps to itself which cipher was agreed on.

use std::any::Any;
use std::sync::Arc;

use quinn_proto::crypto::rustls::{NoInitialCipherSuite, QuicServerConfig};
use quinn_proto::crypto::{
    self, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, UnsupportedVersion,
};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectionId, Side, TransportError, TransportErrorCode};
use rustls::quic::{self, KeyChange, ServerConnection, Version};
use rustls::{HandshakeKind, ServerConfig};

use super::settings::VERSION;
use crate::listener::tls::TlsInfo;

/// Makes sessions of one set of certificates.
pub(super) struct Crypto {
    config: Arc<ServerConfig>,
    /// Keys of the first packets, and of packets that say to try again: those that anybody can know.
    initial: Arc<QuicServerConfig>,
}

/// What a handshake came to.
pub(super) struct Agreed {
    pub info: TlsInfo,
    /// An earlier session went on.
    pub resumed: bool,
}

impl Crypto {
    /// Sessions with `config`.
    ///
    /// # Errors
    /// When its provider lacks what QUIC begins with.
    pub fn new(config: Arc<ServerConfig>) -> Result<Self, NoInitialCipherSuite> {
        Ok(Self { initial: Arc::new(config.clone().try_into()?), config })
    }
}

impl crypto::ServerConfig for Crypto {
    fn initial_keys(&self, version: u32, dst_cid: &ConnectionId) -> Result<Keys, UnsupportedVersion> {
        if version != VERSION {
            return Err(UnsupportedVersion);
        }
        crypto::ServerConfig::initial_keys(&*self.initial, version, dst_cid)
    }

    fn retry_tag(&self, version: u32, orig_dst_cid: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        crypto::ServerConfig::retry_tag(&*self.initial, version, orig_dst_cid, packet)
    }

    fn start_session(
        self: Arc<Self>,
        version: u32,
        params: &TransportParameters,
    ) -> Box<dyn crypto::Session> {
        let mut own = Vec::new();
        params.write(&mut own);
        // What could fail here has been tried with the same configuration before; it would fail the handshake.
        let connection = ServerConnection::new(self.config.clone(), Version::V1, own).ok();
        Box::new(Session { crypto: self, connection, version, next: None })
    }
}

struct Session {
    crypto: Arc<Crypto>,
    connection: Option<ServerConnection>,
    version: u32,
    next: Option<quic::Secrets>,
}

impl crypto::Session for Session {
    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        debug_assert!(side.is_server());
        // A session begins with a version that was accepted.
        crypto::ServerConfig::initial_keys(&*self.crypto.initial, self.version, dst_cid)
            .unwrap_or_else(|_| unreachable!("a session has a version"))
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        let connection = self.connection.as_ref().filter(|connection| !connection.is_handshaking())?;
        Some(Box::new(Agreed {
            info: TlsInfo::of(connection, connection.server_name()),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        }))
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        None
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        // Requests that somebody may have recorded and sent again are not taken (RFC 9001 section 9.2).
        None
    }

    fn early_data_accepted(&self) -> Option<bool> {
        None
    }

    fn is_handshaking(&self) -> bool {
        self.connection.as_ref().is_none_or(|connection| connection.is_handshaking())
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        let Some(connection) = &mut self.connection else {
            return Err(failed(TransportErrorCode::INTERNAL_ERROR));
        };
        // Whoever asks waits for the end of the handshake, and learns nothing before.
        connection.read_hs(buf).map(|()| false).map_err(|_| {
            let alert = connection.alert().map(|alert| TransportErrorCode::crypto(alert.into()));
            failed(alert.unwrap_or(TransportErrorCode::PROTOCOL_VIOLATION))
        })
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        let given = self.connection.as_ref().and_then(|connection| connection.quic_transport_parameters());
        let Some(mut given) = given else { return Ok(None) };
        Ok(Some(TransportParameters::read(Side::Server, &mut given)?))
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        let keys = match self.connection.as_mut()?.write_hs(buf)? {
            KeyChange::Handshake { keys } => keys,
            KeyChange::OneRtt { keys, next } => {
                self.next = Some(next);
                keys
            }
        };
        let quic::Keys { local, remote } = keys;
        Some(Keys {
            header: KeyPair { local: Box::new(local.header), remote: Box::new(remote.header) },
            packet: KeyPair { local: Box::new(local.packet), remote: Box::new(remote.packet) },
        })
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        let keys = self.next.as_mut()?.next_packet_keys();
        Some(KeyPair { local: Box::new(keys.local), remote: Box::new(keys.remote) })
    }

    fn is_valid_retry(&self, _: &ConnectionId, _: &[u8], _: &[u8]) -> bool {
        // Only servers say so.
        false
    }

    fn export_keying_material(
        &self,
        _: &mut [u8],
        _: &[u8],
        _: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        // Nobody asks.
        Err(ExportKeyingMaterialError)
    }
}

/// What a peer is told; the reason is nobody's business.
fn failed(code: TransportErrorCode) -> TransportError {
    TransportError { code, frame: None, reason: String::new() }
}
