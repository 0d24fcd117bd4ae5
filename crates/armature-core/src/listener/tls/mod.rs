//! TLS 1.2 and 1.3 with rustls: certificates, handshakes, and the encrypted stream.
//!
//! * `load` makes what a listener needs of the options: files, keys, names
//! * `names` chooses the certificate
//! * `handshake` is the time before the first byte of HTTP, `session` everything behind it
//! * `info` is what a request can know of its connection

mod handshake;
mod info;
mod load;
mod names;
mod session;

pub use handshake::{Failed, Handshake, Secured};
pub use info::TlsInfo;
pub use session::TlsStream;

use std::sync::{Arc, Mutex, PoisonError};

use rustls::{ServerConfig, ServerConnection};

use super::Transport;
use crate::config::Tls;
use crate::error::Result;

/// The protocol that both sides have agreed on (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/1.1, also without an agreement.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Alpn {
    /// The names that are offered, the best first.
    const OFFERED: [&'static [u8]; 2] = [b"h2", b"http/1.1"];

    fn of(agreed: Option<&[u8]>) -> Self {
        if agreed == Some(b"h2") { Self::Http2 } else { Self::Http1 }
    }
}

/// The certificates of a listener. All loops share it; new ones are for the handshakes that begin then.
#[derive(Debug)]
pub struct Certificates {
    current: Mutex<Arc<ServerConfig>>,
}

impl Certificates {
    /// Reads what `tls` names.
    ///
    /// # Errors
    /// `ARMATURE_TLS`, naming the option and the file.
    pub fn load(tls: &Tls) -> Result<Self> {
        Ok(Self { current: Mutex::new(load::server_config(tls)?) })
    }

    /// Begins the handshake of a connection, of which `early` has been read already.
    ///
    /// # Errors
    /// When what was read is no handshake.
    pub fn greet(&self, transport: Transport, early: &[u8]) -> std::result::Result<Handshake, Failed> {
        let config = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let connection =
            ServerConnection::new(config).map_err(|error| Failed::Refused(std::io::Error::other(error)))?;
        Handshake::new(transport, connection, early)
    }
}
