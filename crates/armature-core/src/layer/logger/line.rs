//! The forms of a log line.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use super::LogFormat;
use super::code::problem_code;
use crate::config::TrustProxy;
use crate::http::{Request, Response, SizeHint, Version, client_ip};

/// What is noted of a request before the handler takes it.
pub(super) struct Peeked {
    method: http::Method,
    target: String,
    version: Version,
    id: String,
    ip: Box<str>,
    referrer: Option<String>,
    user_agent: Option<String>,
}

pub(super) struct Entry {
    pub time: SystemTime,
    pub took: Duration,
    pub status: u16,
    /// `None` when the body is streamed.
    pub bytes: Option<u64>,
    /// Of an answer that is a problem, for [`LogFormat::Json`].
    pub code: Option<String>,
}

impl Entry {
    pub fn new(format: LogFormat, took: Duration, response: &Response) -> Self {
        let bytes = match response.body.size_hint() {
            SizeHint::Exact(n) => Some(n),
            SizeHint::Unknown => None,
        };
        let code = if format == LogFormat::Json { problem_code(response) } else { None };
        Self { time: SystemTime::now(), took, status: response.status.as_u16(), bytes, code }
    }
}

impl Peeked {
    pub fn new(request: &Request, format: LogFormat, trust: &TrustProxy) -> Self {
        let field = |name: &str| {
            (format == LogFormat::Combined)
                .then(|| request.head.get(name).map(|v| String::from_utf8_lossy(v).into_owned()))
                .flatten()
        };
        Self {
            method: request.method().clone(),
            target: request.head.target().to_owned(),
            version: request.head.version(),
            id: if format == LogFormat::Json { request.id.to_string() } else { String::new() },
            ip: client_ip(request, trust)
                .map_or_else(|| request.peer.remote_ip.clone(), String::into_boxed_str),
            referrer: field("referer"),
            user_agent: field("user-agent"),
        }
    }
}

pub(super) fn format(format: LogFormat, request: &Peeked, entry: &Entry) -> String {
    let mut line = String::with_capacity(160);
    // Writing to a String cannot fail.
    let _ = match format {
        LogFormat::Dev => dev(&mut line, request, entry),
        LogFormat::Json => json(&mut line, request, entry),
        LogFormat::Common => common(&mut line, request, entry).and_then(|()| line.write_char('\n')),
        LogFormat::Combined => combined(&mut line, request, entry),
    };
    line
}

fn dev(line: &mut String, request: &Peeked, entry: &Entry) -> std::fmt::Result {
    let millis = entry.took.as_secs_f64() * 1000.0;
    writeln!(line, "{} {} {} {millis:.1} ms", request.method, request.target, entry.status)
}

fn json(line: &mut String, request: &Peeked, entry: &Entry) -> std::fmt::Result {
    let unix = entry.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let text = |text: &str| serde_json::Value::from(text).to_string();
    write!(
        line,
        r#"{{"level":"info","time":{},"requestId":{},"method":{},"url":{},"status":{},"durationMs":{:.3},"ip":{}"#,
        unix.as_millis(),
        text(&request.id),
        text(request.method.as_str()),
        text(&request.target),
        entry.status,
        entry.took.as_secs_f64() * 1000.0,
        text(&request.ip),
    )?;
    if let Some(bytes) = entry.bytes {
        write!(line, r#","bytes":{bytes}"#)?;
    }
    if let Some(code) = &entry.code {
        write!(line, r#","code":{}"#, text(code))?;
    }
    line.write_str("}\n")
}

fn common(line: &mut String, request: &Peeked, entry: &Entry) -> std::fmt::Result {
    let ip = if request.ip.is_empty() { "-" } else { &request.ip };
    write!(line, "{ip} - - [{}] \"{} ", clf_time(entry.time), request.method)?;
    quoted(line, &request.target)?;
    let version = match request.version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
        Version::H2 => "HTTP/2",
        Version::H3 => "HTTP/3",
    };
    write!(line, " {version}\" {} ", entry.status)?;
    match entry.bytes {
        Some(bytes) => write!(line, "{bytes}"),
        None => line.write_char('-'),
    }
}

fn combined(line: &mut String, request: &Peeked, entry: &Entry) -> std::fmt::Result {
    common(line, request, entry)?;
    for field in [&request.referrer, &request.user_agent] {
        line.write_str(" \"")?;
        quoted(line, field.as_deref().unwrap_or("-"))?;
        line.write_char('"')?;
    }
    line.write_char('\n')
}

/// Quotes, backslashes and control bytes come from the client and must not forge a line.
fn quoted(line: &mut String, text: &str) -> std::fmt::Result {
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(line, "\\{c}")?,
            c if c.is_control() => write!(line, "\\x{:02x}", c as u32)?,
            c => line.write_char(c)?,
        }
    }
    Ok(())
}

/// `10/Oct/2000:13:55:36 +0000`, from the RFC 9110 form `Tue, 10 Oct 2000 13:55:36 GMT`.
fn clf_time(time: SystemTime) -> String {
    let date = httpdate::fmt_http_date(time);
    let part = |range| date.get(range).unwrap_or("");
    format!("{}/{}/{}:{} +0000", part(5..7), part(8..11), part(12..16), part(17..25))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Peeked, Entry) {
        let request = Peeked {
            method: http::Method::GET,
            target: "/a\"b".into(),
            version: Version::Http11,
            id: "id-1".into(),
            ip: "127.0.0.1".into(),
            referrer: None,
            user_agent: Some("curl \u{1}".into()),
        };
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(971_186_136);
        (request, Entry { time, took: Duration::from_micros(1234), status: 200, bytes: Some(5), code: None })
    }

    #[test]
    fn every_form() {
        let (request, mut entry) = sample();
        assert_eq!(format(LogFormat::Dev, &request, &entry), "GET /a\"b 200 1.2 ms\n");
        assert_eq!(
            format(LogFormat::Common, &request, &entry),
            "127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] \"GET /a\\\"b HTTP/1.1\" 200 5\n"
        );
        assert!(format(LogFormat::Combined, &request, &entry).ends_with(" 200 5 \"-\" \"curl \\x01\"\n"));
        let json: serde_json::Value =
            serde_json::from_str(&format(LogFormat::Json, &request, &entry)).unwrap();
        assert_eq!(json["url"], "/a\"b");
        assert_eq!(json["durationMs"], 1.234);
        assert_eq!(json["time"], 971_186_136_000_u64);
        assert!(json.get("code").is_none());
        entry.code = Some("TAKEN\"".into());
        let json: serde_json::Value =
            serde_json::from_str(&format(LogFormat::Json, &request, &entry)).unwrap();
        assert_eq!(json["code"], "TAKEN\"");
    }

    #[test]
    fn the_address_is_the_one_that_trusted_proxies_tell() {
        let ip = |trust: &[&str], forwarded: &str| {
            let mut head = crate::http::Head::new(http::Method::GET, Version::Http11, "/");
            head.push("x-forwarded-for", forwarded.as_bytes());
            let remote = crate::http::Address::Ip("10.0.0.9:1".parse().unwrap());
            let peer = std::rc::Rc::new(crate::http::Peer::new(remote, false));
            let id = crate::http::RequestId::Sequence(1);
            let request = Request::new(head, crate::http::Body::Empty, peer, id);
            let trust = TrustProxy(trust.iter().map(|cidr| cidr.parse().unwrap()).collect());
            Peeked::new(&request, LogFormat::Json, &trust).ip.into_string()
        };
        assert_eq!(ip(&["10.0.0.0/8"], "192.0.2.1, 10.0.0.8"), "192.0.2.1");
        assert_eq!(ip(&["10.0.0.9"], "192.0.2.1, 10.0.0.8"), "10.0.0.8");
        assert_eq!(ip(&["127.0.0.1"], "192.0.2.1"), "10.0.0.9");
        assert_eq!(ip(&[], "192.0.2.1"), "10.0.0.9");
        assert_eq!(ip(&["10.0.0.0/8"], "what?"), "10.0.0.9");
    }
}
