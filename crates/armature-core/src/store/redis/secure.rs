//! TLS to a Redis: `rediss://`.

use std::io;
use std::sync::Arc;

use ::rustls::crypto::aws_lc_rs;
use ::rustls::pki_types::ServerName;
use ::rustls::{ClientConfig, ConfigBuilder, WantsVerifier};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::RedisOptions;
use crate::error::{Error, Result};
use crate::listener::tls;

/// How the server is known, and what it knows us by. Cheap to clone.
#[derive(Clone)]
pub(super) struct Secure(Arc<ClientConfig>);

impl Secure {
    /// What `options` say; messages call them `name`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` for a certificate without its key, `ARMATURE_TLS` for what cannot be read or is no PEM.
    pub fn new(options: &RedisOptions, name: &str) -> Result<Self> {
        let builder = builder(name)?;
        let verified = match &options.ca {
            Some(ca) => builder.with_root_certificates(tls::roots(&format!("{name}.ca"), ca)?),
            None => {
                let system = builder.with_platform_verifier();
                system.map_err(|error| Error::tls(format!("{name}.ca"), no_roots(&error)))?
            }
        };
        let config = match (&options.cert, &options.key) {
            (Some(cert), Some(key)) => {
                let (chain, key) = tls::chain_and_key(name, cert, key)?;
                let config = verified.with_client_auth_cert(chain, key);
                config
                    .map_err(|error| Error::tls(format!("{name}.key"), format!("cannot be used: {error}")))?
            }
            (None, None) => verified.with_no_client_auth(),
            (cert, _) => {
                let (has, lacks) = if cert.is_some() { ("cert", "key") } else { ("key", "cert") };
                let message =
                    format!("{name}.{has}: it is of no use without {name}.{lacks}; set both or none");
                return Err(Error::option_message(message));
            }
        };
        Ok(Self(Arc::new(config)))
    }

    pub async fn connect<T>(&self, host: &str, stream: T) -> io::Result<TlsStream<T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(self.0.clone()).connect(name, stream).await
    }
}

fn builder(name: &str) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::tls(format!("{name}.url"), format!("cannot use TLS: {error}")))
}

fn no_roots(error: &::rustls::Error) -> String {
    format!(
        "the system has no certificates that could be used ({error}); set it to those that sign the server's"
    )
}
