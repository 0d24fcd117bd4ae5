//! `Health`: liveness and readiness, answered from the last results of checks that others run.

mod options;
mod vitals;

use std::rc::Rc;
use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};

use crate::error::{Error, Result};
use crate::http::{Problem, Request, Response};
use crate::io_loop::LoopHandle;
use crate::pipeline::{Layer, LayerFactory, LocalFuture, Next};
pub use options::{HealthCheck, HealthCheckOptions, HealthOptions, Probe};
pub use vitals::{CheckState, Vitals};

/// Answers probes.
#[derive(Clone, Debug)]
pub struct Health {
    liveness: Box<str>,
    readiness: Box<str>,
    details: bool,
    vitals: Arc<Vitals>,
}

impl Health {
    /// Validates `options`; `vitals` is what it answers from.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` for what is no path, and for two probes at the same one.
    pub fn new(options: HealthOptions, vitals: Arc<Vitals>) -> Result<Self> {
        let path = |name: &str, value: Option<String>, default: &str| {
            let path = value.unwrap_or_else(|| default.to_owned());
            let is_path = path.starts_with('/')
                && path.bytes().all(|b| b.is_ascii_graphic() && !b"?#%\"<>\\^`{|}".contains(&b));
            match is_path {
                true => Ok(path.into_boxed_str()),
                false => Err(Error::option(
                    name,
                    format_args!("'{path}'"),
                    "a path such as '/healthz', without escapes and query",
                )),
            }
        };
        let liveness = path("Health.liveness", options.liveness, "/healthz")?;
        let readiness = path("Health.readiness", options.readiness, "/readyz")?;
        if liveness == readiness {
            let allowed = "another path than Health.liveness";
            return Err(Error::option("Health.readiness", format_args!("'{readiness}'"), allowed));
        }
        Ok(Self { liveness, readiness, details: options.details.unwrap_or(false), vitals })
    }

    fn answer(&self, probe: Probe) -> Response {
        let passes = self.vitals.passes(probe);
        let status = if passes { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let mut json = serde_json::json!({ "status": if passes { "pass" } else { "fail" } });
        if probe == Probe::Readiness && self.vitals.is_ending() {
            json["output"] = "the server is shutting down".into();
        }
        if self.details {
            let checks = self.vitals.checks().into_iter().filter(|(check, _)| check.probe == probe);
            json["checks"] = checks.map(|(check, state)| (check.name.clone(), detail(state))).collect();
        }
        // The format of draft-inadarei-api-health-check.
        Response::new(status)
            .with_body(json.to_string())
            .with_header(CONTENT_TYPE, HeaderValue::from_static("application/health+json"))
            .with_header(CACHE_CONTROL, HeaderValue::from_static("no-store"))
    }
}

fn detail(state: CheckState) -> serde_json::Value {
    match state {
        CheckState::Passed => serde_json::json!([{ "status": "pass" }]),
        state => serde_json::json!([{ "status": "fail", "output": state.name() }]),
    }
}

impl Layer for Health {
    fn call(self: Rc<Self>, request: Request, next: Next) -> LocalFuture<Response> {
        let path = request.path();
        let probe = match () {
            () if path == &*self.liveness => Probe::Liveness,
            () if path == &*self.readiness => Probe::Readiness,
            () => return next.run(request),
        };
        LocalFuture::ready(match *request.method() {
            Method::GET | Method::HEAD => self.answer(probe),
            _ => Problem::method_not_allowed("GET, HEAD", Some(&request.id)),
        })
    }
}

impl LayerFactory for Health {
    fn build(&self, _: &LoopHandle) -> Rc<dyn Layer> {
        Rc::new(self.clone())
    }
}
