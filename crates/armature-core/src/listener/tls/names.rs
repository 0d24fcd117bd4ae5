//! Which certificate a client gets: that of the name it asks for, else the default.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// Certificates by the names in them.
#[derive(Debug, Default)]
pub(super) struct ByName {
    /// The first: for clients that ask for no name or another one.
    default: Option<Arc<CertifiedKey>>,
    /// `example.com` and `*.example.com`, in lower case. A name may have several, with keys of different kinds.
    names: HashMap<Box<str>, Vec<Arc<CertifiedKey>>>,
}

impl ByName {
    /// Adds a certificate for `names`. Of two for the same name the first is preferred.
    pub fn add<'a>(&mut self, certificate: &Arc<CertifiedKey>, names: impl Iterator<Item = &'a str>) {
        self.default.get_or_insert_with(|| certificate.clone());
        for name in names {
            self.names.entry(name.to_ascii_lowercase().into()).or_default().push(certificate.clone());
        }
    }

    /// Those for `name`: the exact ones, else those of a wildcard, which stands for one label (RFC 9525 section 6.3).
    fn find(&self, name: &str) -> &[Arc<CertifiedKey>] {
        let name = name.to_ascii_lowercase();
        if let Some(found) = self.names.get(&*name) {
            return found;
        }
        let wildcard = name.split_once('.').map(|(_, parent)| format!("*.{parent}"));
        wildcard.and_then(|wildcard| self.names.get(&*wildcard)).map_or(&[], Vec::as_slice)
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let found = hello.server_name().map_or(&[][..], |name| self.find(name));
        let usable = |certificate: &&Arc<CertifiedKey>| {
            certificate.key.choose_scheme(hello.signature_schemes()).is_some()
        };
        found.iter().find(usable).or(self.default.as_ref()).cloned()
    }
}
