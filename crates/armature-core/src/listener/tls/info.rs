//! What a request can know of the connection that it came over.

use std::cell::OnceCell;

use rustls::CommonState;

/// What was agreed on in a handshake, and with whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite, by its name in the registry of IANA.
    pub cipher: Box<str>,
    /// The name that the client asked for (RFC 6066 section 3).
    pub server_name: Option<Box<str>>,
    /// The protocol that was agreed on (RFC 7301).
    pub alpn: Option<Box<str>>,
    /// The client's certificate, verified, in DER.
    pub peer_certificate: Option<Box<[u8]>>,
    flat: OnceCell<Box<[u8]>>,
}

impl TlsInfo {
    pub(in crate::listener) fn of(connection: &CommonState, server_name: Option<&str>) -> Self {
        let version = match connection.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        };
        // rustls says TLS13_ where the registry says TLS_.
        let suite = connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
        let cipher = suite.unwrap_or_default().replacen("TLS13_", "TLS_", 1).into();
        let alpn = connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into());
        let chain = connection.peer_certificates();
        Self {
            version,
            cipher,
            server_name: server_name.map(Into::into),
            alpn,
            flat: OnceCell::new(),
            peer_certificate: chain.and_then(<[_]>::first).map(|certificate| certificate.to_vec().into()),
        }
    }

    /// All of it as bytes, made once: version, cipher, server name, protocol and the length of the certificate, each with a zero
    /// byte behind it, then the certificate.
    pub fn flat(&self) -> &[u8] {
        self.flat.get_or_init(|| {
            let certificate = self.peer_certificate.as_deref().unwrap_or_default();
            let name = self.server_name.as_deref().unwrap_or_default();
            let alpn = self.alpn.as_deref().unwrap_or_default();
            let text = format!("{}\0{}\0{name}\0{alpn}\0{}\0", self.version, self.cipher, certificate.len());
            [text.as_bytes(), certificate].concat().into()
        })
    }
}
