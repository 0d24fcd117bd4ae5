//! `Logger`: one line per request, written by a thread of its own.

mod code;
mod line;
mod writer;

use std::rc::Rc;
use std::time::Instant;

use serde::Deserialize;

use crate::config::TrustProxy;
use crate::error::{Error, Result};
use crate::http::{Request, Response};
use crate::io_loop::LoopHandle;
use crate::pipeline::{Layer, LayerFactory, LocalFuture, Next};
use line::{Entry, Peeked};
use writer::Writer;
pub use writer::flush;

/// Options of the access log.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct LoggerOptions {
    /// Form of a line. Default `'json'` in production, `'dev'` otherwise.
    pub format: Option<LogFormat>,
    /// Where lines go. Default `'stdout'`.
    pub output: Option<LogOutput>,
    /// Path prefixes that are not logged, such as `'/healthz'`. Default: none.
    pub skip: Option<Vec<String>>,
}

/// Form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, ts(rename_all = "lowercase"))]
pub enum LogFormat {
    /// For people: `GET /users/1 200 1.2 ms`.
    #[default]
    Dev,
    /// One JSON object per line.
    Json,
    /// NCSA Common Log Format.
    Common,
    /// Common with referrer and user agent.
    Combined,
}

/// Where log lines go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, ts(rename_all = "lowercase"))]
pub enum LogOutput {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}

/// Logs every request that passes.
#[derive(Clone, Debug)]
pub struct Logger {
    format: LogFormat,
    writer: Writer,
    skip: Vec<String>,
    trust: TrustProxy,
}

impl Logger {
    /// Validates `options`.
    ///
    /// # Errors
    /// `ARMATURE_OPTION_INVALID` when a prefix of `skip` does not start with `/`.
    pub fn new(options: LoggerOptions, production: bool) -> Result<Self> {
        let skip = options.skip.unwrap_or_default();
        if let Some(wrong) = skip.iter().find(|prefix| !prefix.starts_with('/')) {
            return Err(Error::option("Logger.skip", wrong, "path prefixes that start with '/'"));
        }
        let by_default = if production { LogFormat::Json } else { LogFormat::Dev };
        Ok(Self {
            format: options.format.unwrap_or(by_default),
            writer: Writer::to(options.output.unwrap_or_default()),
            skip,
            trust: TrustProxy::default(),
        })
    }

    /// Shows the address that proxies in `trust` tell, in place of theirs.
    #[must_use]
    pub fn trusting(mut self, trust: TrustProxy) -> Self {
        self.trust = trust;
        self
    }

    fn log(&self, peeked: Peeked, started: Instant, response: &Response) {
        let entry = Entry::new(self.format, started.elapsed(), response);
        self.writer.write(line::format(self.format, &peeked, &entry));
    }
}

impl Layer for Logger {
    fn call(self: Rc<Self>, request: Request, next: Next) -> LocalFuture<Response> {
        if self.skip.iter().any(|prefix| request.path().starts_with(prefix.as_str())) {
            return next.run(request);
        }
        let started = Instant::now();
        let peeked = Peeked::new(&request, self.format, &self.trust);
        match next.run(request) {
            LocalFuture::Ready(Some(response)) => {
                self.log(peeked, started, &response);
                LocalFuture::ready(response)
            }
            future => LocalFuture::new(async move {
                let response = future.await;
                self.log(peeked, started, &response);
                response
            }),
        }
    }
}

impl LayerFactory for Logger {
    fn build(&self, _: &LoopHandle) -> Rc<dyn Layer> {
        Rc::new(self.clone())
    }
}
