//! What an authority looks for to make sure that a name is ours.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, NoServerSessionStorage};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::failure::Failure;
use crate::listener::tls::Alpn;

/// Where tokens are asked for (RFC 8555 section 8.3).
pub const TOKENS_BELOW: &str = "/.well-known/acme-challenge/";

/// The answers of a server to the authorities that it waits for. All listeners share them: which of them an authority reaches is not
/// known here.
#[derive(Default)]
pub struct Challenges {
    /// Whether there is an answer for handshakes, so that the others need not ask for the lock.
    handshakes: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By token.
    requests: HashMap<String, String>,
    /// By name.
    handshakes: HashMap<String, Arc<ServerConfig>>,
}

impl Challenges {
    /// The answer to a request for `path`, when it is one of an authority that is waited for.
    pub fn answer(&self, path: &str) -> Option<String> {
        let token = path.strip_prefix(TOKENS_BELOW)?;
        self.lock().requests.get(token).cloned()
    }

    /// Whether an authority may come to shake hands.
    pub(in crate::listener::tls) fn await_handshakes(&self) -> bool {
        self.handshakes.load(Ordering::Acquire)
    }

    /// What to shake hands with, when `hello` is that of an authority that is waited for: it names nothing but its protocol
    /// (RFC 8737 section 3).
    pub(in crate::listener::tls) fn shake_with(&self, hello: &ClientHello<'_>) -> Option<Arc<ServerConfig>> {
        let mut protocols = hello.alpn()?;
        if protocols.next() != Some(Alpn::ACME) || protocols.next().is_some() {
            return None;
        }
        let name = hello.server_name()?.to_ascii_lowercase();
        self.lock().handshakes.get(&name).cloned()
    }

    /// Answers requests for `token` with `authorization` until what is returned is dropped.
    pub(super) fn offer_request(self: &Arc<Self>, token: &str, authorization: &str) -> Offer {
        self.lock().requests.insert(token.to_owned(), authorization.to_owned());
        Offer { challenges: self.clone(), key: token.to_owned() }
    }

    /// Shakes hands for `name` with a certificate that has `digest` in it, until what is returned is dropped.
    pub(super) fn offer_handshake(self: &Arc<Self>, name: &str, digest: &[u8]) -> Result<Offer, Failure> {
        let config = proof(name, digest).map_err(|e| Failure::new(format!("no proof can be made: {e}")))?;
        let mut state = self.lock();
        state.handshakes.insert(name.to_owned(), config);
        self.handshakes.store(true, Ordering::Release);
        drop(state);
        Ok(Offer { challenges: self.clone(), key: name.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tokens are for those who know them.
impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenges").finish_non_exhaustive()
    }
}

/// An answer that is there as long as this.
pub(super) struct Offer {
    challenges: Arc<Challenges>,
    key: String,
}

impl Drop for Offer {
    fn drop(&mut self) {
        let mut state = self.challenges.lock();
        state.requests.remove(&self.key);
        state.handshakes.remove(&self.key);
        self.challenges.handshakes.store(!state.handshakes.is_empty(), Ordering::Release);
    }
}

/// RFC 8737 section 3: a certificate for `name` alone, signed by itself, with `digest` in a critical extension.
fn proof(name: &str, digest: &[u8]) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error>> {
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let key = aws_lc_rs::sign::any_ecdsa_type(&PrivateKeyDer::Pkcs8(key.serialize_der().into()))?;
    // Whoever does not know the extension has to refuse it, and rustls' own check of certificates does not.
    let proof = CertifiedKey::new(vec![certificate.der().clone()], key);
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(proof)));
    config.alpn_protocols = vec![Alpn::ACME.to_vec()];
    // There is no second time.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;
    use rustls::server::Acceptor;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    #[test]
    fn answers_requests_as_long_as_they_are_offered() {
        let challenges = Arc::new(Challenges::default());
        let path = |token: &str| format!("{TOKENS_BELOW}{token}");
        let one = challenges.offer_request("one", "one.thumb");
        let two = challenges.offer_request("two", "two.thumb");
        assert_eq!(challenges.answer(&path("one")).as_deref(), Some("one.thumb"));
        for nobody in ["", "three", "one/", "one?", "../one"] {
            assert_eq!(challenges.answer(&path(nobody)), None, "{nobody}");
        }
        assert_eq!(challenges.answer("/one"), None);
        drop(one);
        assert_eq!(challenges.answer(&path("one")), None);
        assert_eq!(challenges.answer(&path("two")).as_deref(), Some("two.thumb"));
        assert!(!challenges.await_handshakes());
        drop(two);
    }

    /// What is shaken with for a client that says that it speaks `protocols` and wants `name`.
    fn chosen(challenges: &Challenges, name: &str, protocols: &[&[u8]]) -> Option<Arc<ServerConfig>> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        let mut acceptor = Acceptor::default();
        acceptor.read_tls(&mut &*hello).unwrap();
        challenges.shake_with(&acceptor.accept().ok().flatten().unwrap().client_hello())
    }

    #[test]
    fn shakes_hands_with_who_names_nothing_but_the_protocol_of_authorities() {
        let challenges = Arc::new(Challenges::default());
        let _offer = challenges.offer_handshake("one.test", &[1; 32]).unwrap();
        let config = chosen(&challenges, "ONE.test", &[b"acme-tls/1"]).unwrap();
        assert_eq!(config.alpn_protocols, [b"acme-tls/1"]);
        for (name, protocols) in [
            ("two.test", &[&b"acme-tls/1"[..]][..]),
            ("one.test", &[b"h2"]),
            ("one.test", &[b"acme-tls/1", b"h2"]),
            ("one.test", &[b"h2", b"acme-tls/1"]),
            ("one.test", &[]),
            ("127.0.0.1", &[b"acme-tls/1"]),
        ] {
            assert!(chosen(&challenges, name, protocols).is_none(), "{name} {protocols:?}");
        }
    }

    #[test]
    fn awaits_handshakes_as_long_as_they_are_offered() {
        let challenges = Arc::new(Challenges::default());
        let one = challenges.offer_handshake("one.test", &[1; 32]).unwrap();
        let two = challenges.offer_handshake("two.test", &[2; 32]).unwrap();
        assert!(challenges.await_handshakes());
        drop(one);
        assert!(challenges.await_handshakes());
        drop(two);
        assert!(!challenges.await_handshakes());
    }
}
