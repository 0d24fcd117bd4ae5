//! From the options of a listener to what a handshake needs: files are read, keys compared, names collected.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, Ticketer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use webpki::EndEntityCert;

use super::Alpn;
use super::names::ByName;
use crate::config::{ClientAuth, Pem, Tls, TlsCertificate};
use crate::error::{Error, Result};

/// What the options of a listener name, read.
#[derive(Debug)]
pub(super) struct Material {
    path: String,
    provider: Arc<CryptoProvider>,
    certificates: Vec<Arc<CertifiedKey>>,
    /// Judges clients' certificates.
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

impl Material {
    /// Reads what `tls` names.
    ///
    /// # Errors
    /// `ARMATURE_TLS`, naming the option, and the file if there is one.
    pub fn read(tls: &Tls) -> Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let certificates = tls
            .certificates
            .iter()
            .map(|certificate| certified(certificate, &provider).map(Arc::new))
            .collect::<Result<_>>()?;
        let clients = tls.client_auth.as_ref().map(|(auth, ca)| clients(tls, *auth, ca, &provider));
        Ok(Self { path: tls.path.clone(), certificates, clients: clients.transpose()?, provider })
    }

    /// Whether clients get something until a certificate has been obtained.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// What handshakes are made with. `obtained` is a certificate that is in no option; `tickets` are those of before, whose sessions
    /// go on.
    ///
    /// # Errors
    /// `ARMATURE_TLS`.
    pub fn config(
        &self,
        obtained: Option<&Arc<CertifiedKey>>,
        tickets: Option<Arc<dyn ProducesTickets>>,
    ) -> Result<Arc<ServerConfig>> {
        let internal = |error: rustls::Error| Error::tls(&self.path, error.to_string());
        let mut resolver = ByName::default();
        for certificate in self.certificates.iter().chain(obtained) {
            let first = certificate.end_entity_cert().map_err(internal)?;
            let parsed = EndEntityCert::try_from(first).map_err(|e| Error::tls(&self.path, e.to_string()))?;
            resolver.add(certificate, parsed.valid_dns_names());
        }
        let versions = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(internal)?;
        let clients = match &self.clients {
            None => versions.with_no_client_auth(),
            Some(verifier) => versions.with_client_cert_verifier(verifier.clone()),
        };
        let mut config = clients.with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = Alpn::OFFERED.iter().map(|name| name.to_vec()).collect();
        // Sessions are resumed with tickets, which clients keep: nothing is kept for them here. Their keys change every six hours.
        config.ticketer = match tickets {
            Some(tickets) => tickets,
            None => Ticketer::new().map_err(internal)?,
        };
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Arc::new(config))
    }
}

fn clients(
    tls: &Tls,
    auth: ClientAuth,
    ca: &Pem,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>> {
    let path = format!("{}.ca", tls.path);
    let roots = Arc::new(roots(&path, ca)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
    let builder = match auth {
        ClientAuth::Request => builder.allow_unauthenticated(),
        ClientAuth::Require => builder,
    };
    builder.build().map_err(|e| Error::tls(&path, e.to_string()))
}

fn certified(certificate: &TlsCertificate, provider: &CryptoProvider) -> Result<CertifiedKey> {
    let (cert, key) = (Source::new(&certificate.path, "cert"), Source::new(&certificate.path, "key"));
    let (chain, private) = chain_and_key(&certificate.path, &certificate.cert, &certificate.key)?;
    CertifiedKey::from_der(chain, private, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            let of = cert.shown(&certificate.cert);
            key.error(&certificate.key, format!("is not the key of the first certificate in {of}"))
        }
        error => key.error(&certificate.key, format!("cannot be used: {error}")),
    })
}

/// A certificate with its chain, not empty, and its key, the options `cert` and `key` of what messages call `path`. Whether they
/// belong together is not looked at.
///
/// # Errors
/// `ARMATURE_TLS`.
pub(crate) fn chain_and_key(
    path: &str,
    cert: &Pem,
    key: &Pem,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = Source::new(path, "cert").certificates(cert)?;
    let source = Source::new(path, "key");
    let text = source.read(key)?;
    let private = PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        let why = if text.windows(9).any(|part| part == b"ENCRYPTED") {
            "holds an encrypted key; decrypt it with `openssl pkey -in key.pem -out plain.pem`"
        } else {
            "holds no private key in PEM (-----BEGIN PRIVATE KEY-----)"
        };
        source.error(key, why)
    })?;
    Ok((chain, private))
}

/// The certificates in `ca`, which messages call `path`. Not empty.
///
/// # Errors
/// `ARMATURE_TLS`.
pub(super) fn certificates(path: String, ca: &Pem) -> Result<Vec<CertificateDer<'static>>> {
    Source(path).certificates(ca)
}

/// Those whom `ca`, which messages call `path`, says to trust.
///
/// # Errors
/// `ARMATURE_TLS`.
pub(crate) fn roots(path: &str, ca: &Pem) -> Result<RootCertStore> {
    let source = Source(path.to_owned());
    let mut roots = RootCertStore::empty();
    for certificate in source.certificates(ca)? {
        roots
            .add(certificate)
            .map_err(|e| source.error(ca, format!("holds a certificate that is none: {e}")))?;
    }
    Ok(roots)
}

/// An option that holds PEM, by its name.
struct Source(String);

impl Source {
    fn new(path: &str, name: &str) -> Self {
        Self(format!("{path}.{name}"))
    }

    fn read(&self, pem: &Pem) -> Result<Vec<u8>> {
        match pem {
            Pem::Text(text) => Ok(text.clone()),
            Pem::File(file) => {
                std::fs::read(file).map_err(|e| self.error(pem, format!("cannot be read: {e}")))
            }
        }
    }

    /// Not empty.
    fn certificates(&self, pem: &Pem) -> Result<Vec<CertificateDer<'static>>> {
        let text = self.read(pem)?;
        let chain = CertificateDer::pem_slice_iter(&text).collect::<std::result::Result<Vec<_>, _>>();
        let chain = chain.map_err(|e| self.error(pem, format!("is not well-formed PEM: {e}")))?;
        if chain.is_empty() {
            return Err(self.error(pem, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"));
        }
        for certificate in &chain {
            EndEntityCert::try_from(certificate)
                .map_err(|e| self.error(pem, format!("holds a certificate that is none: {e}")))?;
        }
        Ok(chain)
    }

    fn shown(&self, pem: &Pem) -> String {
        match pem {
            Pem::Text(_) => format!("{} (text)", self.0),
            Pem::File(file) => format!("'{}'", file.display()),
        }
    }

    /// `why` is a predicate.
    fn error(&self, pem: &Pem, why: impl std::fmt::Display) -> Error {
        match pem {
            Pem::Text(_) => Error::tls(&self.0, format!("the text {why}")),
            Pem::File(file) => Error::tls(&self.0, format!("'{}' {why}", file.display())),
        }
    }
}
