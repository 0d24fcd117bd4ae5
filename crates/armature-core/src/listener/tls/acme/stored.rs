//! A certificate that was obtained, now or by a process of before.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use webpki::EndEntityCert;

use super::storage::Storage;
use super::validity::Validity;
use crate::config::Acme;
use crate::error::{Error, Result};
use crate::listener::tls::load;

/// See the module.
#[derive(Clone, Debug)]
pub(in crate::listener::tls) struct Stored {
    pub key: Arc<CertifiedKey>,
    pub(super) validity: Validity,
}

impl Stored {
    /// What is in the folder of `acme`. What cannot be used is as good as nothing: it will be ordered again.
    ///
    /// # Errors
    /// `ARMATURE_TLS` when the folder, or the roots of the authority, cannot be used.
    pub fn find(acme: &Acme) -> Result<Option<Self>> {
        if let Some(ca) = &acme.ca {
            load::certificates(format!("{}.ca", acme.path), ca)?;
        }
        let storage = Storage::open(acme).and_then(|storage| storage.certificate());
        let pem = storage.map_err(|e| {
            let folder = acme.storage.display();
            Error::tls(format_args!("{}.storage", acme.path), format_args!("'{folder}' cannot be used: {e}"))
        })?;
        Ok(pem.and_then(|pem| Self::read(acme, &pem).ok()))
    }

    /// Reads a key and its certificate, which is for all names of `acme`.
    pub(super) fn read(acme: &Acme, pem: &[u8]) -> std::result::Result<Self, String> {
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|e| format!("its key: {e}"))?;
        let chain = CertificateDer::pem_slice_iter(pem).collect::<std::result::Result<Vec<_>, _>>();
        let chain = chain.map_err(|e| e.to_string())?;
        let first = chain.first().ok_or("there is none")?;
        let validity = Validity::of(first).ok_or("it does not say from when to when it is valid")?;
        let parsed = EndEntityCert::try_from(first).map_err(|e| e.to_string())?;
        for domain in &acme.domains {
            let name = ServerName::try_from(domain.as_str()).map_err(|e| format!("{domain}: {e}"))?;
            parsed.verify_is_valid_for_subject_name(&name).map_err(|_| format!("it is not for {domain}"))?;
        }
        let provider = aws_lc_rs::default_provider();
        let key = CertifiedKey::from_der(chain, key, &provider).map_err(|e| e.to_string())?;
        Ok(Self { key: Arc::new(key), validity })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use rcgen::{CertificateParams, KeyPair};

    use super::super::storage::tests::Folder;
    use super::*;
    use crate::config::AcmeChallenge;

    pub fn acme(storage: impl Into<PathBuf>) -> Acme {
        Acme {
            path: "listen.tls.acme".into(),
            domains: vec!["example.com".into(), "www.example.com".into()],
            email: None,
            directory: "https://authority.test/directory".into(),
            storage: storage.into(),
            ca: None,
            challenge: AcmeChallenge::TlsAlpn,
            renew_before: None,
            retry: Duration::from_secs(120),
            retry_max: Duration::from_secs(1000),
            timeout: Duration::from_secs(60),
        }
    }

    fn pem(names: &[&str], key: &KeyPair, of: &KeyPair) -> Vec<u8> {
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let certificate = CertificateParams::new(names).unwrap().self_signed(of).unwrap();
        format!("{}{}", key.serialize_pem(), certificate.pem()).into()
    }

    #[test]
    fn is_for_all_names_and_has_its_key() {
        let folder = Folder::new("stored");
        let acme = acme(&folder.0);
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let both = ["example.com", "www.example.com"];
        assert!(Stored::find(&acme).unwrap().is_none());
        let storage = Storage::open(&acme).unwrap();
        for (kept, expected) in [
            (pem(&both, &key, &key), true),
            (pem(&["example.com", "*.example.com", "more.test"], &key, &key), true),
            (pem(&both, &other, &key), false),
            (pem(&both[..1], &key, &key), false),
            (key.serialize_pem().into(), false),
            (b"-----BEGIN".to_vec(), false),
            (Vec::new(), false),
        ] {
            storage.keep_certificate(&kept).unwrap();
            assert_eq!(
                Stored::find(&acme).unwrap().is_some(),
                expected,
                "{}",
                String::from_utf8_lossy(&kept)
            );
        }
    }
}
