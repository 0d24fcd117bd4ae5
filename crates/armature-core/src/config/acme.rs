//! The option `tls.acme` of a listener: a certificate that the server gets by itself.

use std::{collections::HashSet, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{address, millis::Millis, names::Names, pem::Pem, range::within};
use crate::error::{Error, Result};

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// What authorities put into one certificate at most.
const MAX_DOMAINS: usize = 100;
const RETRY: Millis = Millis::seconds(120);
const RETRY_MAX: Millis = Millis::hours(6);
const TIMEOUT: Millis = Millis::seconds(120);

/// A certificate from an authority that speaks ACME (RFC 8555), renewed before it expires. Whoever sets it agrees to the terms of
/// service of the authority.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "AcmeOptions", optional_fields = nullable))]
pub struct AcmeConfig {
    /// The names that the certificate is for, at most 100. The authority has to reach this server at each of them. No wildcards,
    /// which can only be proven in the DNS; international names in their ASCII form (`xn--`).
    pub domains: Vec<String>,
    /// Where the authority writes to, when it has a reason. By default nobody is written to.
    pub email: Option<String>,
    /// The URL of the authority's directory, with `https:`. By default that of Let's Encrypt.
    pub directory: Option<String>,
    /// A folder for keys and certificates, made if it is not there. It has to outlive the process: who orders at each start meets the
    /// limits of the authority soon.
    pub storage: String,
    /// The roots that the directory's own certificate leads to, in PEM: the path of a file, the text or its bytes. By default those of
    /// Mozilla.
    #[cfg_attr(test, ts(inline))]
    pub ca: Option<Pem>,
    /// How it is proven that the names are this server's: `'tls-alpn-01'` in a handshake at port 443, `'http-01'` by a request to a
    /// listener without `tls` at port 80. By default `'tls-alpn-01'`.
    #[cfg_attr(test, ts(inline))]
    pub challenge: Option<AcmeChallenge>,
    /// How long before its end a certificate is renewed, but never in the first half of its life. By default when a third of its life is
    /// left.
    pub renew_before: Option<Millis>,
    /// How long to wait after an order that failed; twice as long after each further one, at least as long as the authority asks for.
    /// By default 2 minutes.
    pub retry: Option<Millis>,
    /// What that time grows to. By default 6 hours.
    pub retry_max: Option<Millis>,
    /// How long an order may take. By default 2 minutes.
    pub timeout: Option<Millis>,
}

/// How it is proven that a name is this server's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum AcmeChallenge {
    /// RFC 8737.
    #[default]
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn,
    /// RFC 8555 section 8.3.
    #[serde(rename = "http-01")]
    Http,
}

/// The same, with the defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// What messages call it, such as `listen[1].tls.acme`.
    pub path: String,
    /// At least one, in lower case, each once.
    pub domains: Vec<String>,
    /// Where the authority writes to.
    pub email: Option<String>,
    /// URL of the directory.
    pub directory: String,
    /// Folder for keys and certificates.
    pub storage: PathBuf,
    /// Roots of the directory's certificate.
    pub ca: Option<Pem>,
    /// How names are proven.
    pub challenge: AcmeChallenge,
    /// How long before its end a certificate is renewed.
    pub renew_before: Option<Duration>,
    /// The first wait after a failure.
    pub retry: Duration,
    /// The longest one.
    pub retry_max: Duration,
    /// How long an order may take.
    pub timeout: Duration,
}

impl AcmeConfig {
    pub(super) fn check(&self, names: Names<'_>, path: &str) -> Result<()> {
        let wrong = |name: &str, value: &str, allowed: &str| {
            Err(Error::option(names.name(&format!("{path}.{name}")), format_args!("'{value}'"), allowed))
        };
        if self.domains.is_empty() || self.domains.len() > MAX_DOMAINS {
            let count = format_args!("a list of {}", self.domains.len());
            return Err(Error::option(
                names.name(&format!("{path}.domains")),
                count,
                "a list of 1 to 100 names",
            ));
        }
        for domain in &self.domains {
            if domain.starts_with("*.") {
                return wrong(
                    "domains",
                    domain,
                    "possible: a wildcard can only be proven in the DNS; name each host",
                );
            }
            let is_name = address::is_host(domain) && !domain.ends_with('.') && !domain.contains(':');
            if !is_name || domain.parse::<std::net::IpAddr>().is_ok() {
                let allowed =
                    "the name of a host, such as 'www.example.com' (international ones in ASCII: 'xn--…')";
                return wrong("domains", domain, allowed);
            }
        }
        match &self.email {
            Some(email) if !is_email(email) => {
                return wrong("email", email, "an address such as 'admin@example.com'");
            }
            _ => {}
        }
        match &self.directory {
            Some(url) if !is_https(url) => return wrong("directory", url, "a URL that begins with https://"),
            _ => {}
        }
        if self.storage.trim().is_empty() {
            return wrong("storage", &self.storage, "the path of a folder");
        }
        let within = |name: &str, value, range| {
            within((names, &*format!("{path}.{name}")), value, "a duration", range, "")
        };
        within("renewBefore", self.renew_before, Millis::seconds(1)..=Millis::hours(24 * 365))?;
        within("retry", self.retry, Millis(100)..=Millis::hours(24))?;
        within("retryMax", self.retry_max, Millis(100)..=Millis::hours(24 * 7))?;
        within("timeout", self.timeout, Millis::seconds(1)..=Millis::hours(1))?;
        let (retry, max) = (self.retry.unwrap_or(RETRY), self.retry_max.unwrap_or(RETRY_MAX));
        if retry > max {
            return Err(Error::option(
                names.name(&format!("{path}.retryMax")),
                max,
                format_args!("a duration of at least {path}.retry, {retry}"),
            ));
        }
        Ok(())
    }

    /// `path` is what messages call it.
    pub(super) fn resolve(&self, path: &str) -> Acme {
        let mut seen = HashSet::new();
        let domains = self.domains.iter().map(|domain| domain.to_ascii_lowercase());
        Acme {
            path: path.to_owned(),
            domains: domains.filter(|domain| seen.insert(domain.clone())).collect(),
            email: self.email.clone(),
            directory: self.directory.clone().unwrap_or_else(|| LETS_ENCRYPT.into()),
            storage: self.storage.clone().into(),
            ca: self.ca.clone(),
            challenge: self.challenge.unwrap_or_default(),
            renew_before: self.renew_before.map(Millis::duration),
            retry: self.retry.unwrap_or(RETRY).duration(),
            retry_max: self.retry_max.unwrap_or(RETRY_MAX).duration(),
            timeout: self.timeout.unwrap_or(TIMEOUT).duration(),
        }
    }
}

/// One `@` with something on both sides, and nothing that a `mailto:` URL would take for something else (RFC 8555 section 7.3).
fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'))
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | ',' | '%' | '&'))
}

fn is_https(url: &str) -> bool {
    let uri = url.parse::<http::Uri>();
    uri.is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some_and(|host| !host.is_empty()))
}
