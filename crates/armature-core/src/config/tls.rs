//! The option `tls` of a listener: certificates, and those of clients.

use std::path::Path;

use serde::Deserialize;

use super::{
    acme::{Acme, AcmeConfig},
    names::Names,
    parse::parse_value,
    pem::Pem,
};
use crate::error::{Error, Result};

/// HTTPS on this listener: TLS 1.2 and 1.3. `cert` and `key`, `certificates`, `acme`, or several of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "TlsOptions", optional_fields = nullable))]
pub struct TlsConfig {
    /// The certificate, in PEM, followed by those that lead to a root: the path of a file, the text or its bytes.
    #[cfg_attr(test, ts(inline))]
    pub cert: Option<Pem>,
    /// The private key of `cert`, in PEM, not encrypted: the path of a file, the text or its bytes.
    #[cfg_attr(test, ts(inline))]
    pub key: Option<Pem>,
    /// Several certificates: a client gets that with the name it asks for, else the first of all, which is `cert` where
    /// there is one.
    pub certificates: Option<Vec<CertificateConfig>>,
    /// A certificate that the server gets by itself and renews; it comes behind the others.
    pub acme: Option<AcmeConfig>,
    /// Whether clients are asked for a certificate: `'request'` serves those without one as well, `'require'` does not. Either
    /// way one that `ca` does not lead to is refused. By default nobody is asked.
    #[cfg_attr(test, ts(inline))]
    pub client_auth: Option<ClientAuth>,
    /// The roots of clients' certificates, in PEM: the path of a file, the text or its bytes. Only with `clientAuth`.
    #[cfg_attr(test, ts(inline))]
    pub ca: Option<Pem>,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "TlsCertificate"))]
pub struct CertificateConfig {
    /// The certificate, in PEM, followed by those that lead to a root. Clients that ask for one of its names get it.
    #[cfg_attr(test, ts(inline))]
    pub cert: Pem,
    /// Its private key, in PEM, not encrypted.
    #[cfg_attr(test, ts(inline))]
    pub key: Pem,
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename_all = "camelCase"))]
pub enum ClientAuth {
    /// They may have one.
    Request,
    /// They must have one.
    Require,
}

/// Resolved TLS of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// What messages call it, such as `listen[1].tls`.
    pub path: String,
    /// The first is the default; none only with `acme`.
    pub certificates: Vec<TlsCertificate>,
    /// A certificate that the server gets by itself.
    pub acme: Option<Acme>,
    /// Whether clients are asked for a certificate, and the roots of theirs.
    pub client_auth: Option<(ClientAuth, Pem)>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsCertificate {
    /// What messages call it.
    pub path: String,
    /// The chain.
    pub cert: Pem,
    /// The key.
    pub key: Pem,
}

impl Tls {
    /// Reads options that come by themselves; `path` is what messages call them.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID`.
    pub fn parse(path: &str, value: serde_json::Value) -> Result<Self> {
        let config: TlsConfig = parse_value(path, value)?;
        if config.acme.is_some() {
            let why = "acme begins when the server starts; give it to run(), or others than it here";
            return Err(Error::option_message(format!("{path}: {why}")));
        }
        config.check(Names::OPTIONS, path)?;
        Ok(config.resolve(path))
    }

    /// The files that it is in.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let own = self.certificates.iter().flat_map(|one| [&one.cert, &one.key]);
        own.chain(self.client_auth.iter().map(|(_, ca)| ca)).filter_map(|pem| match pem {
            Pem::File(path) => Some(path.as_path()),
            Pem::Text(_) => None,
        })
    }
}

impl TlsConfig {
    pub(super) fn check(&self, names: Names<'_>, path: &str) -> Result<()> {
        let wrong = |what: String| Err(Error::option_message(format!("{}: {what}", names.name(path))));
        match (&self.cert, &self.key, &self.certificates) {
            (Some(_), None, _) => return wrong("has a cert and no key; add its private key".into()),
            (None, Some(_), _) => return wrong("has a key and no cert; add its certificate".into()),
            (None, None, None) if self.acme.is_none() => {
                return wrong("needs cert and key, certificates or acme".into());
            }
            (_, _, Some(list)) if list.is_empty() => {
                return wrong("certificates is empty; name at least one { cert, key }".into());
            }
            _ => {}
        }
        self.acme.as_ref().map_or(Ok(()), |acme| acme.check(names, &format!("{path}.acme")))?;
        match (self.client_auth, &self.ca) {
            (Some(_), None) => wrong("clientAuth needs ca, the roots of the clients' certificates".into()),
            (None, Some(_)) => {
                wrong("ca is for clients' certificates; add clientAuth: 'request' or 'require'".into())
            }
            _ => Ok(()),
        }
    }

    /// `path` is what messages call it.
    pub(super) fn resolve(&self, path: &str) -> Tls {
        let own = self.cert.iter().zip(&self.key).map(|(cert, key)| TlsCertificate {
            path: path.to_owned(),
            cert: cert.clone(),
            key: key.clone(),
        });
        let listed = self.certificates.iter().flatten().enumerate().map(|(i, one)| TlsCertificate {
            path: format!("{path}.certificates[{i}]"),
            cert: one.cert.clone(),
            key: one.key.clone(),
        });
        Tls {
            path: path.to_owned(),
            certificates: own.chain(listed).collect(),
            acme: self.acme.as_ref().map(|acme| acme.resolve(&format!("{path}.acme"))),
            client_auth: self.client_auth.zip(self.ca.clone()),
        }
    }
}
