//! `Cors`: cross-origin requests by the Fetch standard. Preflights are answered here.

mod origins;

use std::rc::Rc;
use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, VARY,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;

use crate::config::Millis;
use crate::error::{Error, Result};
use crate::http::{Headers, Request, Response};
use crate::io_loop::LoopHandle;
use crate::metrics::Counter;
use crate::pipeline::{Layer, LayerFactory, LocalFuture, Next};
use origins::AllowedOrigins;
pub use origins::Origins;

/// Not in the `http` crate: <https://wicg.github.io/private-network-access/>.
const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// Options of the CORS layer.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct CorsOptions {
    /// Origins that may read answers: `'*'`, or a list such as `['https://app.example.com', 'https://*.example.com']`.
    /// Default: none.
    pub origins: Option<Origins>,
    /// Methods that a preflight allows; `['*']` are all, without credentials. Default `GET, HEAD, POST, PUT, PATCH, DELETE`.
    pub methods: Option<Vec<String>>,
    /// Request headers that a preflight allows; `['*']` are all but `Authorization`, without credentials. Default: those that
    /// the preflight asks for.
    pub headers: Option<Vec<String>>,
    /// Response headers that scripts may read besides the safelisted ones; `['*']` are all, without credentials. Default: none.
    pub expose_headers: Option<Vec<String>>,
    /// Whether requests may carry cookies and other credentials. Not with `origins: '*'`. Default `false`.
    pub credentials: Option<bool>,
    /// How long a browser may remember a preflight. Default: the browser's own choice.
    pub max_age: Option<Millis>,
    /// Whether pages of public networks may reach this server when it is in a private one. Default `false`.
    pub private_network: Option<bool>,
}

/// Adds the CORS fields and answers preflights.
#[derive(Clone, Debug)]
pub struct Cors {
    /// `None` is every origin.
    origins: Option<AllowedOrigins>,
    methods: HeaderValue,
    headers: Option<HeaderValue>,
    expose: Option<HeaderValue>,
    credentials: bool,
    max_age: Option<HeaderValue>,
    private_network: bool,
    counters: Arc<CorsCounters>,
}

/// What CORS layers do.
#[derive(Debug, Default)]
pub struct CorsCounters {
    /// Preflights that were answered, with or without leave.
    pub preflights: Counter,
    /// Requests, preflights among them, of origins that are not allowed.
    pub refused: Counter,
}

impl Cors {
    /// Validates `options`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` for a value that is no origin, method or header name, and for credentials with `'*'` of any
    /// of them.
    pub fn new(options: CorsOptions) -> Result<Self> {
        let credentials = options.credentials.unwrap_or(false);
        let origins = match options.origins {
            Some(Origins::Any) if credentials => {
                return Err(Error::option(
                    "Cors.credentials",
                    "true",
                    "false with origins: '*'; list the origins that may send credentials",
                ));
            }
            Some(Origins::Any) => None,
            Some(Origins::List(list)) => Some(AllowedOrigins::new(&list)?),
            None => Some(AllowedOrigins::default()),
        };
        let default_methods = || ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].map(String::from).to_vec();
        let methods = options.methods.unwrap_or_else(default_methods);
        for method in &methods {
            Method::from_bytes(method.as_bytes())
                .map_err(|_| Error::option("Cors.methods", method, "a list of method names"))?;
        }
        let lists = [
            ("Cors.methods", Some(&methods)),
            ("Cors.headers", options.headers.as_ref()),
            ("Cors.exposeHeaders", options.expose_headers.as_ref()),
        ];
        for (option, list) in lists {
            // With credentials a browser looks for something that is called `*`.
            if credentials && list.is_some_and(|list| list.iter().any(|name| name == "*")) {
                return Err(Error::option(option, "*", "a list of names with credentials: true"));
            }
        }
        Ok(Self {
            origins,
            methods: join("Cors.methods", &methods)?,
            headers: names("Cors.headers", options.headers)?,
            expose: names("Cors.exposeHeaders", options.expose_headers)?,
            credentials,
            max_age: options.max_age.map(|age| HeaderValue::from(age.0 / 1000)),
            private_network: options.private_network.unwrap_or(false),
            counters: Arc::default(),
        })
    }

    /// Counts what it does in `counters`.
    #[must_use]
    pub fn counting(self, counters: Arc<CorsCounters>) -> Self {
        Self { counters, ..self }
    }

    /// What the answer to `request` says about its origin.
    fn allow_origin(&self, request: &Request) -> Option<HeaderValue> {
        let origin = request.head.get("origin")?;
        let allowed = match &self.origins {
            None => Some(HeaderValue::from_static("*")),
            Some(list) => list.find(origin),
        };
        if allowed.is_none() {
            self.counters.refused.add(1);
        }
        allowed
    }

    fn preflight(&self, request: &Request) -> Response {
        let mut response = Response::new(StatusCode::NO_CONTENT);
        let headers = &mut response.headers;
        self.vary(headers);
        headers.append_token(VARY, "access-control-request-method");
        headers.append_token(VARY, "access-control-request-headers");
        if self.private_network {
            headers.append_token(VARY, "access-control-request-private-network");
        }
        self.counters.preflights.add(1);
        // Without the fields the browser refuses; the status says nothing about the resource.
        let Some(origin) = self.allow_origin(request) else { return response };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        let asked = request.head.get("access-control-request-headers");
        let headers_allowed =
            self.headers.clone().or_else(|| asked.and_then(|asked| HeaderValue::from_bytes(asked).ok()));
        if let Some(value) = headers_allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, value);
        }
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if let Some(age) = &self.max_age {
            headers.insert(ACCESS_CONTROL_MAX_AGE, age.clone());
        }
        if self.private_network && request.head.get("access-control-request-private-network") == Some(b"true")
        {
            headers.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
        }
        response
    }

    /// A cache must not give one origin's answer to another.
    fn vary(&self, headers: &mut Headers) {
        if self.origins.is_some() {
            headers.append_token(VARY, "origin");
        }
    }

    fn decorate(&self, mut response: Response, origin: Option<HeaderValue>) -> Response {
        self.vary(&mut response.headers);
        if let Some(origin) = origin {
            response.headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            if self.credentials {
                response.headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
            if let Some(expose) = &self.expose {
                response.headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
            }
        }
        response
    }
}

impl Layer for Cors {
    fn call(self: Rc<Self>, request: Request, next: Next) -> LocalFuture<Response> {
        let is_preflight = request.head.method() == Method::OPTIONS
            && request.head.get("origin").is_some()
            && request.head.get("access-control-request-method").is_some();
        if is_preflight {
            return LocalFuture::ready(self.preflight(&request));
        }
        let origin = self.allow_origin(&request);
        match next.run(request) {
            LocalFuture::Ready(Some(response)) => LocalFuture::ready(self.decorate(response, origin)),
            future => LocalFuture::new(async move { self.decorate(future.await, origin) }),
        }
    }
}

impl LayerFactory for Cors {
    fn build(&self, _: &LoopHandle) -> Rc<dyn Layer> {
        Rc::new(self.clone())
    }
}

fn names(option: &'static str, list: Option<Vec<String>>) -> Result<Option<HeaderValue>> {
    let Some(list) = list.filter(|list| !list.is_empty()) else { return Ok(None) };
    for name in &list {
        HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Error::option(option, name, "a list of header names"))?;
    }
    join(option, &list).map(Some)
}

fn join(option: &'static str, list: &[String]) -> Result<HeaderValue> {
    let joined = list.join(", ");
    HeaderValue::from_str(&joined).map_err(|_| Error::option(option, &joined, "visible ASCII"))
}
