//! Options of the access log.

use http::HeaderName;
use serde::Deserialize;

use super::redact::Redaction;
use super::sample::Sampling;
use crate::config::{LogOutput, Millis, Size, check_output};
use crate::error::{Error, Result};

/// Options of the access log.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct LoggerOptions {
    /// Form of a line. Default: that of the application's `log`.
    pub format: Option<LogFormat>,
    /// Where lines go: `'stdout'`, `'stderr'` or a file. Default: where the application's `log` goes.
    pub output: Option<LogOutput>,
    /// Bytes that may wait for the output. Lines beyond it are dropped and counted. Default: that of the application's `log`.
    pub queue: Option<Size>,
    /// Path prefixes that are not logged, such as `'/healthz'`. Default: none.
    pub skip: Option<Vec<String>>,
    /// The share of requests that is logged, from 0 to 1. Answers from 500 on and slow ones are logged in any case. Default 1.
    pub sample: Option<f64>,
    /// From when on an answer is slow for `sample`. Default 1s.
    pub slow: Option<Millis>,
    /// What else a line says of the request; only for `'json'` and `'dev'`. Default: nothing.
    pub fields: Option<Vec<LogField>>,
    /// Names of request headers that a line has; only for `'json'` and `'dev'`. Default: none.
    pub headers: Option<Vec<String>>,
    /// Names of response headers that a line has; only for `'json'` and `'dev'`. Default: none.
    pub response_headers: Option<Vec<String>>,
    /// What is replaced by `[redacted]`.
    pub redact: Option<RedactOptions>,
}

/// What an access log does not show.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct RedactOptions {
    /// Names of headers. Default `authorization`, `cookie`, `proxy-authorization` and `set-cookie`; an empty list shows these.
    pub headers: Option<Vec<String>>,
    /// Names of query parameters, in any case, of the target and of the referrer. Default: none.
    pub query: Option<Vec<String>>,
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

/// What a line may say of a request besides what it always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, ts(rename_all = "camelCase"))]
pub enum LogField {
    /// The pattern that matched.
    Route,
    /// Host and port that the client asked for.
    Host,
    /// Version of HTTP.
    Protocol,
    /// `http` or `https`, of our connection.
    Scheme,
    /// The address at the other end of our connection, proxy or not.
    RemoteAddress,
    /// Where the client comes from.
    Referrer,
    /// What the client says that it is.
    UserAgent,
}

/// Options that were checked.
#[derive(Debug)]
pub(super) struct Checked {
    pub format: Option<LogFormat>,
    pub output: Option<LogOutput>,
    pub queue: Option<Size>,
    pub skip: Vec<String>,
    pub sampling: Sampling,
    pub fields: Vec<LogField>,
    pub headers: Vec<HeaderName>,
    pub response_headers: Vec<HeaderName>,
    pub redact: Redaction,
}

impl LoggerOptions {
    pub(super) fn check(self) -> Result<Checked> {
        check_output("Logger", self.output.as_ref(), self.queue)?;
        let skip = self.skip.unwrap_or_default();
        if let Some(wrong) = skip.iter().find(|prefix| !prefix.starts_with('/')) {
            return Err(Error::option("Logger.skip", wrong, "path prefixes that start with '/'"));
        }
        let rate = self.sample.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&rate) {
            return Err(Error::option("Logger.sample", rate, "a number from 0 to 1"));
        }
        let slow = self.slow.unwrap_or(Millis::seconds(1));
        let fields = self.fields.unwrap_or_default();
        let headers = names("Logger.headers", self.headers)?;
        let response_headers = names("Logger.responseHeaders", self.response_headers)?;
        let more = [
            ("fields", !fields.is_empty()),
            ("headers", !headers.is_empty()),
            ("responseHeaders", !response_headers.is_empty()),
        ];
        let is_fixed = matches!(self.format, Some(LogFormat::Common | LogFormat::Combined));
        if let Some((option, _)) = more.into_iter().find(|(_, given)| *given && is_fixed) {
            return Err(Error::option_message(format!(
                "Logger.{option}: the formats 'common' and 'combined' have no place for more; use 'json'"
            )));
        }
        let redact = self.redact.unwrap_or_default();
        let hidden = match redact.headers {
            Some(list) => names("Logger.redact.headers", Some(list))?,
            None => ["authorization", "cookie", "proxy-authorization", "set-cookie"]
                .map(HeaderName::from_static)
                .to_vec(),
        };
        Ok(Checked {
            format: self.format,
            output: self.output,
            queue: self.queue,
            skip,
            sampling: Sampling { rate, slow: slow.duration() },
            fields,
            headers,
            response_headers,
            redact: Redaction::new(hidden, redact.query.unwrap_or_default()),
        })
    }
}

fn names(option: &str, list: Option<Vec<String>>) -> Result<Vec<HeaderName>> {
    let parse = |name: &String| {
        HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Error::option(option, name, "a list of header names"))
    };
    list.unwrap_or_default().iter().map(parse).collect()
}
