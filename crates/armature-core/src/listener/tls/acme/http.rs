//! Requests to an authority, one at a time, on the thread that asks.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::crypto::aws_lc_rs;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use super::patience::Patience;
use crate::config::Acme;
use crate::listener::tls::load;

/// Who asks (RFC 8555 section 6.1).
const NAME: &str = concat!("armature/", env!("CARGO_PKG_VERSION"), " instant-acme");
/// A single request that takes longer is given up.
const LONGEST: Duration = Duration::from_secs(30);
/// No answer of an authority is larger.
const LARGEST: u64 = 1 << 20;

/// See the module.
#[derive(Clone)]
pub(super) struct Http {
    agent: Agent,
    patience: Patience,
    asked: Arc<Mutex<Option<Duration>>>,
}

impl Http {
    /// # Errors
    /// `ARMATURE_TLS` when the roots cannot be read.
    pub fn new(acme: &Acme, patience: &Patience) -> crate::error::Result<Self> {
        let roots = match &acme.ca {
            None => RootCerts::WebPki,
            Some(ca) => {
                let roots = load::certificates(format!("{}.ca", acme.path), ca)?;
                let roots: Vec<_> = roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
                RootCerts::Specific(Arc::new(roots))
            }
        };
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            // What is signed is signed for one URL.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // Errors have bodies that say why.
            .http_status_as_error(false)
            .build();
        Ok(Self { agent: config.new_agent(), patience: patience.clone(), asked: Arc::default() })
    }

    /// How long the authority asked to be left alone with its last answer.
    pub fn retry_after(&self) -> Option<Duration> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, mut request: Request<Bytes>) -> Result<BytesResponse, Error> {
        let left = self.patience.left().map_err(|failure| Error::Other(failure.to_string().into()))?;
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(NAME));
        let url = request.uri().clone();
        let timeout = Some(left.min(LONGEST));
        let failed = |error: ureq::Error| Error::Other(format!("{url}: {error}").into());
        let response = if request.body().is_empty() {
            let request = self.agent.configure_request(request.map(|_| ()));
            self.agent.run(request.timeout_global(timeout).build())
        } else {
            let request = self.agent.configure_request(request.map(Vec::from));
            self.agent.run(request.timeout_global(timeout).build())
        };
        let (parts, mut body) = response.map_err(failed)?.into_parts();
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = retry_after(&parts.headers);
        let body = body.with_config().limit(LARGEST).read_to_vec().map_err(failed)?;
        if is_refused(parts.status) && serde_json::from_slice::<instant_acme::Problem>(&body).is_err() {
            // A proxy in front of the authority.
            return Err(Error::Other(format!("{url}: {}", parts.status).into()));
        }
        Ok(BytesResponse { parts, body: Box::new(Bytes::from(body)) })
    }
}

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let http = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            // The way to its bytes that the crate has.
            let mut body = BytesResponse::from(Response::new(body)).body;
            let body = body.into_bytes().await.map_err(Error::Other)?;
            http.send(Request::from_parts(parts, body))
        })
    }
}

fn is_refused(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// RFC 9110 section 10.2.3.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_how_long_to_wait() {
        let of = |text: &'static str| {
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]))
        };
        assert_eq!(of(" 120 "), Some(Duration::from_secs(120)));
        assert!(of("Fri, 31 Dec 2100 23:59:59 GMT").unwrap() > Duration::from_secs(1_000_000_000));
        for nothing in ["", "-1", "soon", "Fri, 31 Dec 1999 23:59:59 GMT"] {
            assert_eq!(of(nothing), None, "{nothing}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
