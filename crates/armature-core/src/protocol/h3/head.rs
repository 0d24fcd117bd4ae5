//! The head of a request: what its fields say, and what they may not say.

use http::Method;

use super::qpack::{self, Broken};
use crate::config::Limits;
use crate::http::{Head, Problem, Version};
use crate::protocol::h1::grammar::{has_control, is_host, is_target, is_token, number};

/// What every field counts beside its bytes (RFC 9114 section 4.2.2).
const FIELD: usize = 32;

/// Bytes of all fields of a section that the client is told of. Heads that are a little too large get an answer that says so.
pub(super) fn most(limits: &Limits) -> usize {
    limits.header + limits.headers * FIELD
}

/// What a head says.
#[derive(Debug)]
pub(super) struct Parsed {
    /// As much as could be understood, where there is a problem.
    pub head: Head,
    /// The length of the content, where the request says so.
    pub length: Option<u64>,
    /// The client waits for a 100 before it sends the content.
    pub expects: bool,
    pub problem: Option<Problem>,
}

/// Why there is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It is malformed (RFC 9114 section 4.1.2): the stream is reset.
    Malformed,
    /// It cannot be read: the connection is over (RFC 9204 section 2.2).
    Undecodable,
}

/// What stops the reading of fields.
enum Stop {
    Broken(Broken),
    Malformed,
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// What comes before the fields, each at most once.
#[derive(Default)]
struct Pseudo {
    method: Option<Method>,
    scheme: Option<Box<[u8]>>,
    authority: Option<Box<[u8]>>,
    path: Option<Box<[u8]>>,
}

/// A head as its fields come.
struct Reading<'a> {
    head: Head,
    limits: &'a Limits,
    pseudo: Pseudo,
    /// The fields have begun, and with them the head.
    begun: bool,
    /// Fields so far.
    count: usize,
    /// There is a host: an authority, or a field.
    has_host: bool,
    /// There is a field of that name.
    names_host: bool,
    cookie: Option<Vec<u8>>,
    length: Option<u64>,
    expects: bool,
    problem: Option<Problem>,
}

/// Takes in a section; the memory of `spare` is used for it.
pub(super) fn read(section: &[u8], spare: Head, limits: &Limits) -> Result<Parsed, Unusable> {
    let mut reading = Reading {
        head: spare,
        limits,
        pseudo: Pseudo::default(),
        begun: false,
        count: 0,
        has_host: false,
        names_host: false,
        cookie: None,
        length: None,
        expects: false,
        problem: None,
    };
    match qpack::decode(section, most(limits), |name, value| reading.take(name, value)) {
        Ok(()) => {}
        Err(Stop::Broken(Broken::TooLarge)) => reading.refuse(Problem::HEADERS_TOO_LARGE),
        Err(Stop::Broken(Broken::Malformed)) => return Err(Unusable::Undecodable),
        Err(Stop::Malformed) => return Err(Unusable::Malformed),
    }
    reading.finish()
}

/// A head that has not been read.
pub(super) fn unread(problem: Problem) -> Parsed {
    let head = Head::new(Method::GET, Version::H3, "");
    Parsed { head, length: None, expects: false, problem: Some(problem) }
}

impl Reading<'_> {
    fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), Stop> {
        if name.first() == Some(&b':') {
            return self.pseudo(name, value);
        }
        self.begin()?;
        if !is_token(name) || name.iter().any(u8::is_ascii_uppercase) || has_control(value) {
            return Err(Stop::Malformed);
        }
        self.count += 1;
        if self.count > self.limits.headers {
            self.refuse(Problem::HEADERS_TOO_LARGE);
            return Ok(());
        }
        // RFC 9114 section 4.2: what HTTP/1 would trim is no part of a value.
        if matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t']) {
            self.refuse(Problem::BAD_FIELD);
        }
        match name {
            b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => {
                return Err(Stop::Malformed);
            }
            b"te" if !value.eq_ignore_ascii_case(b"trailers") => return Err(Stop::Malformed),
            b"host" => {
                if std::mem::replace(&mut self.names_host, true) {
                    self.refuse(Problem::BAD_HOST);
                }
                self.host(value);
                return Ok(());
            }
            b"cookie" => {
                // Clients may cut it into pieces; applications see one field (RFC 9114 section 4.2.1).
                match &mut self.cookie {
                    Some(cookie) => {
                        cookie.extend_from_slice(b"; ");
                        cookie.extend_from_slice(value);
                    }
                    None => self.cookie = Some(value.to_vec()),
                }
                return Ok(());
            }
            b"content-length" => match (self.length, number(value)) {
                (None, Some(length)) => self.length = Some(length),
                _ => self.refuse(Problem::BAD_LENGTH),
            },
            b"expect" if value.eq_ignore_ascii_case(b"100-continue") => self.expects = true,
            b"expect" => self.refuse(Problem::EXPECTATION_FAILED),
            _ => {}
        }
        self.head.push_bytes(name, value);
        Ok(())
    }

    fn pseudo(&mut self, name: &[u8], value: &[u8]) -> Result<(), Stop> {
        // RFC 9114 section 4.3: before the fields, once, and no other.
        if self.begun || has_control(value) {
            return Err(Stop::Malformed);
        }
        let place = match name {
            b":method" if self.pseudo.method.is_none() => {
                self.pseudo.method = Some(Method::from_bytes(value).map_err(|_| Stop::Malformed)?);
                return Ok(());
            }
            b":scheme" => &mut self.pseudo.scheme,
            b":authority" => &mut self.pseudo.authority,
            b":path" => &mut self.pseudo.path,
            _ => return Err(Stop::Malformed),
        };
        if place.is_some() {
            return Err(Stop::Malformed);
        }
        *place = Some(value.into());
        Ok(())
    }

    /// What came before the fields is all of it; the head begins.
    fn begin(&mut self) -> Result<(), Stop> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let Pseudo { method, scheme, authority, path } = std::mem::take(&mut self.pseudo);
        let method = method.ok_or(Stop::Malformed)?;
        let is_connect = method == Method::CONNECT;
        // RFC 9114 section 4.4.
        if is_connect && (scheme.is_some() || path.is_some() || authority.is_none()) {
            return Err(Stop::Malformed);
        }
        let path = path.as_deref().unwrap_or_default();
        if !is_connect && (scheme.is_none() || path.is_empty()) {
            return Err(Stop::Malformed);
        }
        let is_path = path.first() == Some(&b'/') || (path == b"*" && method == Method::OPTIONS);
        let target = std::str::from_utf8(path).ok().filter(|path| is_target(path.as_bytes()));
        if is_connect {
            self.refuse(Problem::NO_TUNNEL);
        } else if !is_path || target.is_none() || !is_web(scheme.as_deref().unwrap_or_default()) {
            self.refuse(Problem::BAD_TARGET);
        }
        self.head.restart(method, Version::H3, target.unwrap_or_default());
        if let Some(authority) = authority {
            self.host(&authority);
        }
        Ok(())
    }

    /// The authority, which is that of `Host` when both are there (RFC 9114 section 4.3.1).
    fn host(&mut self, host: &[u8]) {
        if !self.has_host {
            self.has_host = true;
            self.head.push_bytes(b"host", host);
        } else if !self.is_host_the_same(host) {
            self.refuse(Problem::BAD_HOST);
        }
        if !is_host(host) {
            self.refuse(Problem::BAD_HOST);
        }
    }

    fn is_host_the_same(&self, host: &[u8]) -> bool {
        self.head.get("host").is_some_and(|known| known.eq_ignore_ascii_case(host))
    }

    /// The first problem is the one that the client hears of.
    fn refuse(&mut self, problem: Problem) {
        self.problem.get_or_insert(problem);
    }

    fn finish(mut self) -> Result<Parsed, Unusable> {
        let was_cut = self.problem.is_some();
        match self.begin() {
            Ok(()) => {}
            // What was cut before the fields began says too little for anything else.
            Err(_) if was_cut => self.head.restart(Method::GET, Version::H3, ""),
            Err(_) => return Err(Unusable::Malformed),
        }
        if !self.has_host {
            self.refuse(Problem::BAD_HOST);
        }
        if let Some(cookie) = &self.cookie {
            self.head.push_bytes(b"cookie", cookie);
        }
        if self.head.wire_len() > self.limits.header {
            self.refuse(Problem::HEADERS_TOO_LARGE);
        }
        let Self { head, length, expects, problem, .. } = self;
        Ok(Parsed { head, length, expects, problem })
    }
}

fn is_web(scheme: &[u8]) -> bool {
    scheme.eq_ignore_ascii_case(b"https") || scheme.eq_ignore_ascii_case(b"http")
}

#[cfg(test)]
mod tests {
    use super::qpack::Section;
    use super::*;

    const GET: [(&str, &str); 4] =
        [(":method", "GET"), (":scheme", "https"), (":authority", "h"), (":path", "/a%20b?x=1")];

    fn parsed(fields: &[(&str, &str)]) -> Result<Parsed, Unusable> {
        let mut section = Section::new();
        for (name, value) in fields {
            section.field(name, value.as_bytes());
        }
        read(&section.into_bytes(), Head::default(), &Limits { headers: 10, ..Limits::default() })
    }

    fn get(fields: &[(&str, &str)]) -> Result<Parsed, Unusable> {
        parsed(&[&GET[..], fields].concat())
    }

    #[track_caller]
    fn refused(parsed: Result<Parsed, Unusable>, problem: Problem) {
        assert_eq!(parsed.unwrap().problem.map(|p| p.detail), Some(problem.detail));
    }

    #[test]
    fn a_request_is_the_same_as_in_http_1() {
        let fields = [("cookie", "a=1"), ("accept", "*/*"), ("cookie", "b=2"), ("content-length", "5")];
        let parsed = get(&fields).unwrap();
        assert!(parsed.problem.is_none());
        let head = &parsed.head;
        assert_eq!((head.method(), head.version(), head.target()), (&Method::GET, Version::H3, "/a%20b?x=1"));
        let seen: Vec<_> = head.iter().map(|(n, v)| (n, std::str::from_utf8(v).unwrap())).collect();
        let expected = [("host", "h"), ("accept", "*/*"), ("content-length", "5"), ("cookie", "a=1; b=2")];
        assert_eq!(seen, expected);
        assert_eq!((parsed.length, parsed.expects), (Some(5), false));
        assert!(get(&[("expect", "100-Continue")]).unwrap().expects);
        assert!(get(&[]).unwrap().problem.is_none());
    }

    #[test]
    fn pseudo_fields_come_once_and_first() {
        for late in GET {
            // Twice.
            assert_eq!(get(&[late]).unwrap_err(), Unusable::Malformed);
            // Behind a field.
            let without: Vec<_> = GET.into_iter().filter(|field| *field != late).collect();
            assert_eq!(
                parsed(&[&without[..], &[("x", "1"), late]].concat()).unwrap_err(),
                Unusable::Malformed
            );
        }
        for other in [(":status", "200"), (":protocol", "websocket"), (":x", ""), (":path", "")] {
            assert_eq!(get(&[other]).unwrap_err(), Unusable::Malformed);
        }
        for missing in [":method", ":scheme", ":path"] {
            let some: Vec<_> = GET.into_iter().filter(|(name, _)| *name != missing).collect();
            assert_eq!(parsed(&some).unwrap_err(), Unusable::Malformed, "{missing}");
        }
        let empty = [(":method", "GET"), (":scheme", "https"), (":authority", "h"), (":path", "")];
        assert_eq!(parsed(&empty).unwrap_err(), Unusable::Malformed);
    }

    #[test]
    fn fields_that_have_no_place_are_malformed() {
        let fields = [
            ("connection", "close"),
            ("keep-alive", "1"),
            ("proxy-connection", "close"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("te", "gzip"),
            ("Accept", "*/*"),
            ("a b", "1"),
            ("", "1"),
            ("x", "a\r\nb: c"),
            ("x", "a\0b"),
        ];
        for field in fields {
            assert_eq!(get(&[field]).unwrap_err(), Unusable::Malformed, "{field:?}");
        }
        assert!(get(&[("te", "trailers")]).unwrap().problem.is_none());
    }

    #[test]
    fn hosts_agree() {
        let no_authority = [GET[0], GET[1], GET[3]];
        assert!(get(&[("host", "H")]).unwrap().problem.is_none());
        assert!(get(&[("x", "1"), ("host", "h")]).unwrap().problem.is_none());
        let only_host = parsed(&[&no_authority[..], &[("x", "1"), ("host", "h:80")]].concat()).unwrap();
        assert!(only_host.problem.is_none());
        assert_eq!(only_host.head.get("host"), Some(&b"h:80"[..]));
        refused(get(&[("host", "other")]), Problem::BAD_HOST);
        refused(get(&[("host", "h"), ("host", "h")]), Problem::BAD_HOST);
        refused(parsed(&no_authority), Problem::BAD_HOST);
        refused(parsed(&[&no_authority[..], &[("host", "h"), ("host", "h")]].concat()), Problem::BAD_HOST);
        refused(parsed(&[&no_authority[..], &[("host", "a b")]].concat()), Problem::BAD_HOST);
        refused(parsed(&[&no_authority[..], &[("host", "user@h")]].concat()), Problem::BAD_HOST);
    }

    #[test]
    fn targets_lengths_and_expectations() {
        let with = |method, scheme, path| {
            parsed(&[(":method", method), (":scheme", scheme), (":authority", "h"), (":path", path)])
        };
        for path in ["a", "*", "/ ", "/\u{e9}", "http://h/"] {
            refused(with("GET", "https", path), Problem::BAD_TARGET);
        }
        refused(with("GET", "ftp", "/"), Problem::BAD_TARGET);
        assert_eq!(with("OPTIONS", "https", "*").unwrap().head.target(), "*");
        refused(parsed(&[(":method", "CONNECT"), (":authority", "h:443")]), Problem::NO_TUNNEL);
        assert_eq!(with("CONNECT", "https", "/").unwrap_err(), Unusable::Malformed);
        refused(get(&[("content-length", "5"), ("content-length", "5")]), Problem::BAD_LENGTH);
        refused(get(&[("content-length", "+5")]), Problem::BAD_LENGTH);
        refused(get(&[("expect", "tea")]), Problem::EXPECTATION_FAILED);
    }

    #[test]
    fn fields_have_limits() {
        for value in [" a", "a ", "\ta", "a\t"] {
            refused(get(&[("x", value)]), Problem::BAD_FIELD);
        }
        assert!(get(&[("x", ""), ("y", "a b")]).unwrap().problem.is_none());
        refused(get(&[("x", "1"); 11]), Problem::HEADERS_TOO_LARGE);
        refused(get(&[("x", &"1".repeat(16_370))]), Problem::HEADERS_TOO_LARGE);
        refused(get(&[("x", &"1".repeat(20_000))]), Problem::HEADERS_TOO_LARGE);
        refused(parsed(&[(":method", "GET"), (":path", &"/".repeat(20_000))]), Problem::HEADERS_TOO_LARGE);
    }

    #[test]
    fn what_is_no_section() {
        let undecodable = read(&[2, 0, 0x80], Head::default(), &Limits::default());
        assert_eq!(undecodable.unwrap_err(), Unusable::Undecodable);
    }
}
