//! The forms of a log line: what is known of the request before the handler takes it, and what the answer adds.

use std::io::Write;
use std::time::Duration;

use http::HeaderName;

use super::clock::Clock;
use super::code::problem_code;
use super::escape::{REDACTED, clf, dev, json};
use super::options::{LogField, LogFormat};
use super::redact::Redaction;
use crate::config::TrustProxy;
use crate::http::{Request, Response, Version, client_ip};

/// What all lines of one log have in common.
#[derive(Debug)]
pub(super) struct Form {
    pub format: LogFormat,
    pub fields: Vec<LogField>,
    pub headers: Vec<HeaderName>,
    pub response_headers: Vec<HeaderName>,
    pub redact: Redaction,
    pub trust: TrustProxy,
    /// Patterns by the number of the route.
    pub routes: std::sync::Arc<[String]>,
    /// Whether the output is a terminal that shows colours.
    pub colors: bool,
}

/// What a line says of the request, in pieces: between them stands what the answer adds.
#[derive(Debug, Default)]
pub(super) struct Noted {
    pub text: Vec<u8>,
    first: usize,
    second: usize,
}

/// What a line says of the answer.
#[derive(Debug)]
pub(super) struct Entry {
    /// Since 1970.
    pub time: Duration,
    pub took: Duration,
    pub status: u16,
    /// Bytes of the content that were sent.
    pub bytes: u64,
    /// The client left before the end, or the producer failed.
    pub cut_off: bool,
    /// Of an answer that is a problem, and its headers: `,"code":"…"`, for [`LogFormat::Json`]; for people in theirs.
    pub more: Vec<u8>,
}

impl Form {
    /// Notes `request` in `text`, which is empty.
    pub fn note(&self, request: &Request, text: Vec<u8>) -> Noted {
        let mut noted = Noted { text, first: 0, second: 0 };
        match self.format {
            LogFormat::Dev => self.note_dev(request, &mut noted),
            LogFormat::Json => self.note_json(request, &mut noted),
            LogFormat::Common | LogFormat::Combined => self.note_clf(request, &mut noted),
        }
        noted
    }

    fn note_dev(&self, request: &Request, noted: &mut Noted) {
        let out = &mut noted.text;
        out.extend_from_slice(request.method().as_str().as_bytes());
        out.push(b' ');
        let mut url = Vec::new();
        self.redact.url(&mut url, request.head.target().as_bytes());
        dev(out, &url);
        noted.first = out.len();
        self.each_field(request, |name, value| pair(out, name, value));
        for name in &self.headers {
            if let Some(value) = self.header(name, request.head.get_all(name.as_str())) {
                pair(out, name.as_str(), &value);
            }
        }
    }

    fn note_json(&self, request: &Request, noted: &mut Noted) {
        let out = &mut noted.text;
        match &request.id {
            id @ crate::http::RequestId::Sequence(_) => {
                // Made of letters, digits and a dash.
                let _ = write!(out, r#","requestId":"{id}""#);
            }
            crate::http::RequestId::Given(id) => member(out, r#","requestId":"#, id.as_bytes()),
        }
        member(out, r#","method":"#, request.method().as_str().as_bytes());
        if request.head.query().is_some() {
            let mut url = Vec::new();
            self.redact.url(&mut url, request.head.target().as_bytes());
            member(out, r#","url":"#, &url);
        } else {
            member(out, r#","url":"#, request.head.target().as_bytes());
        }
        match client_ip(request, &self.trust) {
            Some(ip) => member(out, r#","ip":"#, ip.to_string().as_bytes()),
            None => member(out, r#","ip":"#, request.peer.remote_ip.as_bytes()),
        }
        self.each_field(request, |name, value| {
            out.push(b',');
            json(out, name.as_bytes());
            out.push(b':');
            json(out, value);
        });
        let values = |name: &HeaderName| self.header(name, request.head.get_all(name.as_str()));
        object(out, r#","headers":{"#, &self.headers, values);
    }

    fn note_clf(&self, request: &Request, noted: &mut Noted) {
        let out = &mut noted.text;
        let told = client_ip(request, &self.trust).map(|ip| ip.to_string());
        let ip = told.as_deref().unwrap_or(&request.peer.remote_ip);
        out.extend_from_slice(if ip.is_empty() { b"-" } else { ip.as_bytes() });
        out.extend_from_slice(b" - - ");
        noted.first = out.len();
        out.extend_from_slice(b" \"");
        out.extend_from_slice(request.method().as_str().as_bytes());
        out.push(b' ');
        let mut url = Vec::new();
        self.redact.url(&mut url, request.head.target().as_bytes());
        clf(out, &url);
        out.push(b' ');
        out.extend_from_slice(version(request.head.version()).as_bytes());
        out.extend_from_slice(b"\" ");
        noted.second = out.len();
        if self.format == LogFormat::Combined {
            for name in ["referer", "user-agent"] {
                out.extend_from_slice(b" \"");
                match request.head.get(name) {
                    Some(value) if name == "referer" => {
                        url.clear();
                        self.redact.url(&mut url, value);
                        clf(out, &url);
                    }
                    Some(value) => clf(out, value),
                    None => out.push(b'-'),
                }
                out.push(b'"');
            }
        }
    }

    fn each_field(&self, request: &Request, mut tell: impl FnMut(&str, &[u8])) {
        let head = &request.head;
        for field in &self.fields {
            match field {
                LogField::Route => {
                    let route = request.matched.route.and_then(|id| self.routes.get(id.0 as usize));
                    tell("route", route.map_or(&b""[..], |pattern| pattern.as_bytes()));
                }
                LogField::Host => tell("host", head.get("host").unwrap_or_default()),
                LogField::Protocol => tell("protocol", version(head.version()).as_bytes()),
                LogField::Scheme => tell("scheme", if request.peer.secure { b"https" } else { b"http" }),
                LogField::RemoteAddress => tell("remoteAddress", request.peer.remote_ip.as_bytes()),
                LogField::Referrer => {
                    let mut url = Vec::new();
                    self.redact.url(&mut url, head.get("referer").unwrap_or_default());
                    tell("referrer", &url);
                }
                LogField::UserAgent => tell("userAgent", head.get("user-agent").unwrap_or_default()),
            }
        }
    }

    /// The values of a header as one, `None` where there is none.
    fn header<'v>(&self, name: &HeaderName, values: impl Iterator<Item = &'v [u8]>) -> Option<Vec<u8>> {
        let values: Vec<_> = values.collect();
        match values.is_empty() {
            true => None,
            false if self.redact.hides(name) => Some(REDACTED.to_vec()),
            false => Some(values.join(&b", "[..])),
        }
    }

    /// What a line says of the answer besides numbers.
    pub fn more(&self, response: &Response) -> Vec<u8> {
        let mut out = Vec::new();
        let values =
            |name: &HeaderName| self.header(name, response.headers.get_all(name).map(|v| v.as_bytes()));
        match self.format {
            LogFormat::Json => {
                if let Some(code) = problem_code(response) {
                    out.extend_from_slice(br#","code":"#);
                    json(&mut out, code.as_bytes());
                }
                object(&mut out, r#","responseHeaders":{"#, &self.response_headers, values);
            }
            LogFormat::Dev => {
                for name in &self.response_headers {
                    if let Some(value) = values(name) {
                        pair(&mut out, name.as_str(), &value);
                    }
                }
            }
            LogFormat::Common | LogFormat::Combined => {}
        }
        out
    }

    /// Appends the line.
    pub fn write(&self, out: &mut Vec<u8>, noted: &Noted, entry: &Entry, clock: &Clock) {
        let Noted { text, first, second } = noted;
        let Entry { status, bytes, more, .. } = entry;
        let millis = entry.took.as_secs_f64() * 1000.0;
        // Writing to a Vec cannot fail.
        let _ = match self.format {
            LogFormat::Dev => {
                out.extend_from_slice(&text[..*first]);
                let color = match status {
                    500.. => "\x1b[31m",
                    400.. => "\x1b[33m",
                    300.. => "\x1b[36m",
                    _ => "\x1b[32m",
                };
                let written = match self.colors {
                    true => write!(out, " {color}{status}\x1b[0m {millis:.1} ms"),
                    false => write!(out, " {status} {millis:.1} ms"),
                };
                out.extend_from_slice(&text[*first..]);
                out.extend_from_slice(more);
                written
            }
            LogFormat::Json => {
                let level = if *status >= 500 { "error" } else { "info" };
                let _ = write!(out, r#"{{"level":"{level}","time":{}"#, entry.time.as_millis());
                out.extend_from_slice(text);
                let written = write!(out, r#","status":{status},"durationMs":{millis:.3},"bytes":{bytes}"#);
                if entry.cut_off {
                    out.extend_from_slice(br#","aborted":true"#);
                }
                out.extend_from_slice(more);
                out.push(b'}');
                written
            }
            LogFormat::Common | LogFormat::Combined => {
                out.extend_from_slice(&text[..*first]);
                clock.clf(out, entry.time);
                out.extend_from_slice(&text[*first..*second]);
                let written = match bytes {
                    0 => write!(out, "{status} -"),
                    bytes => write!(out, "{status} {bytes}"),
                };
                out.extend_from_slice(&text[*second..]);
                written
            }
        };
        out.push(b'\n');
    }
}

fn member(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    json(out, value);
}

/// `,"headers":{…}`, unless there is none.
fn object(
    out: &mut Vec<u8>,
    start: &str,
    names: &[HeaderName],
    value: impl Fn(&HeaderName) -> Option<Vec<u8>>,
) {
    let mut separator = start;
    for name in names {
        let Some(value) = value(name) else { continue };
        out.extend_from_slice(separator.as_bytes());
        json(out, name.as_str().as_bytes());
        out.push(b':');
        json(out, &value);
        separator = ",";
    }
    if separator == "," {
        out.push(b'}');
    }
}

fn pair(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    if !value.is_empty() {
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        dev(out, value);
    }
}

fn version(version: Version) -> &'static str {
    match version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
        Version::H2 => "HTTP/2.0",
        Version::H3 => "HTTP/3.0",
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
