//! `SecurityHeaders`: the fields that tell browsers what a page may do, those of helmet 8 by default.

mod csp;
mod options;

use std::rc::Rc;
use std::sync::Arc;

use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_DNS_PREFETCH_CONTROL, X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use http::{HeaderName, HeaderValue};

use crate::config::{Millis, TrustProxy};
use crate::error::{Error, Result};
use crate::http::{Forwarded, Headers, Problem, Request, Response};
use crate::io_loop::LoopHandle;
use crate::pipeline::{Layer, LayerFactory, LocalFuture, Next};
pub use csp::CspOptions;
use csp::Policy;
use options::Toggle;
pub use options::{HstsOptions, SecurityHeadersOptions};

/// What the nonce of a request is called for those inside; `src/request.ts` has the same name.
const NONCE_NOTE: &str = ":csp-nonce";
/// What lists of preloaded hosts ask for, which is the default too.
const YEAR: Millis = Millis::hours(365 * 24);
const MAX_AGE: Millis = Millis::hours(365 * 24 * 10);

/// Adds security headers to every answer that does not have them.
#[derive(Clone, Debug)]
pub struct SecurityHeaders {
    /// Those that are the same in every answer.
    fields: Arc<[(HeaderName, HeaderValue)]>,
    policy: Option<Policy>,
    hsts: Option<HeaderValue>,
    trust: TrustProxy,
}

impl SecurityHeaders {
    /// Validates `options`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` for a policy that is none, and for HSTS that no list of preloaded hosts takes.
    pub fn new(options: SecurityHeadersOptions) -> Result<Self> {
        let policy = match options.content_security_policy {
            Some(Toggle::Off) => None,
            Some(Toggle::On(csp)) => Some(Policy::new(csp)?),
            None => Some(Policy::new(CspOptions::default())?),
        };
        let hsts = match options.strict_transport_security {
            Some(Toggle::Off) => None,
            Some(Toggle::On(hsts)) => Some(hsts_value(&hsts)?),
            None => Some(hsts_value(&HstsOptions::default())?),
        };
        let mut fields = Vec::new();
        let mut add = |name: HeaderName, value: Option<&str>| {
            if let Some(Ok(value)) = value.map(HeaderValue::from_str) {
                fields.push((name, value));
            }
        };
        let custom = HeaderName::from_static;
        add(
            custom("cross-origin-embedder-policy"),
            word(&options.cross_origin_embedder_policy, |w| w.0, None),
        );
        add(
            custom("cross-origin-opener-policy"),
            word(&options.cross_origin_opener_policy, |w| w.0, Some("same-origin")),
        );
        add(
            custom("cross-origin-resource-policy"),
            word(&options.cross_origin_resource_policy, |w| w.0, Some("same-origin")),
        );
        add(custom("origin-agent-cluster"), flag(options.origin_agent_cluster, "?1"));
        add(REFERRER_POLICY, word(&options.referrer_policy, |w| &w.0, Some("no-referrer")));
        add(X_CONTENT_TYPE_OPTIONS, flag(options.x_content_type_options, "nosniff"));
        add(X_DNS_PREFETCH_CONTROL, word(&options.x_dns_prefetch_control, |w| w.0, Some("off")));
        add(custom("x-download-options"), flag(options.x_download_options, "noopen"));
        add(X_FRAME_OPTIONS, word(&options.x_frame_options, |w| w.0, Some("SAMEORIGIN")));
        let cross_domain = word(&options.x_permitted_cross_domain_policies, |w| w.0, Some("none"));
        add(custom("x-permitted-cross-domain-policies"), cross_domain);
        add(X_XSS_PROTECTION, flag(options.x_xss_protection, "0"));
        Ok(Self { fields: fields.into(), policy, hsts, trust: TrustProxy::default() })
    }

    /// Believes what the proxies in `trust` say about the client's connection.
    #[must_use]
    pub fn trusting(mut self, trust: TrustProxy) -> Self {
        self.trust = trust;
        self
    }

    fn is_secure(&self, request: &Request) -> bool {
        // Reading what proxies say costs more than everything else here.
        request.peer.secure || !self.trust.0.is_empty() && Forwarded::resolve(request, &self.trust).secure
    }

    fn decorate(&self, mut response: Response, policy: Option<HeaderValue>, secure: bool) -> Response {
        let headers = &mut response.headers;
        headers.reserve(self.fields.len() + 2);
        if let (Some(Policy { report_only, .. }), Some(value)) = (&self.policy, policy) {
            let name =
                if *report_only { CONTENT_SECURITY_POLICY_REPORT_ONLY } else { CONTENT_SECURITY_POLICY };
            add_missing(headers, &name, &value);
        }
        if let (true, Some(value)) = (secure, &self.hsts) {
            add_missing(headers, &STRICT_TRANSPORT_SECURITY, value);
        }
        for (name, value) in &*self.fields {
            add_missing(headers, name, value);
        }
        response
    }
}

impl Layer for SecurityHeaders {
    fn call(self: Rc<Self>, mut request: Request, next: Next) -> LocalFuture<Response> {
        let secure = self.hsts.is_some() && self.is_secure(&request);
        let mut nonce = String::new();
        if self.policy.as_ref().is_some_and(Policy::has_nonce) {
            // One for each request, however many layers name it.
            if let Some(outer) = request.head.get_str(NONCE_NOTE) {
                nonce.push_str(outer);
            } else if let Some(new) = csp::nonce() {
                request.head.push(NONCE_NOTE, new.as_bytes());
                nonce = new;
            } else {
                // A nonce that can be guessed protects nobody.
                return LocalFuture::ready(Problem::INTERNAL.response(Some(&request.id)));
            }
        }
        let policy = self.policy.as_ref().and_then(|policy| policy.value(&nonce));
        match next.run(request) {
            LocalFuture::Ready(Some(response)) => LocalFuture::ready(self.decorate(response, policy, secure)),
            future => LocalFuture::new(async move { self.decorate(future.await, policy, secure) }),
        }
    }
}

impl LayerFactory for SecurityHeaders {
    fn build(&self, _: &LoopHandle) -> Rc<dyn Layer> {
        Rc::new(self.clone())
    }
}

/// What a handler has said about itself counts.
fn add_missing(headers: &mut Headers, name: &HeaderName, value: &HeaderValue) {
    if !headers.contains(name) {
        headers.append(name.clone(), value.clone());
    }
}

fn flag(option: Option<bool>, value: &'static str) -> Option<&'static str> {
    option.unwrap_or(true).then_some(value)
}

fn word<'a, T>(
    option: &'a Option<Toggle<T>>,
    text: impl Fn(&'a T) -> &'a str,
    default: Option<&'static str>,
) -> Option<&'a str> {
    match option {
        Some(Toggle::On(value)) => Some(text(value)),
        Some(Toggle::Off) => None,
        None => default,
    }
}

fn hsts_value(options: &HstsOptions) -> Result<HeaderValue> {
    const NAME: &str = "SecurityHeaders.strictTransportSecurity";
    let age = options.max_age.unwrap_or(YEAR);
    if age > MAX_AGE {
        return Err(Error::option(
            format!("{NAME}.maxAge"),
            age,
            format_args!("a duration from 0ms to {MAX_AGE}"),
        ));
    }
    let sub_domains = options.include_sub_domains.unwrap_or(true);
    let preload = options.preload.unwrap_or(false);
    if preload && (!sub_domains || age < YEAR) {
        let allowed = "false without includeSubDomains and a maxAge of '8760h' at least, which the lists of browsers ask for";
        return Err(Error::option(format!("{NAME}.preload"), "true", allowed));
    }
    let mut text = format!("max-age={}", age.0 / 1000);
    text += if sub_domains { "; includeSubDomains" } else { "" };
    text += if preload { "; preload" } else { "" };
    HeaderValue::try_from(text).map_err(|_| Error::option(NAME, "it", "visible ASCII"))
}

#[cfg(test)]
mod tests;
