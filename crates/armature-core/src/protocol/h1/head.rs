//! Bytes to a request head: a line at a time, each looked at once however the bytes arrive.

use http::Method;
use memchr::memchr;

use super::framing::{Facts, Framing};
use super::grammar::{TOKEN, first_control, is_host, is_target, is_token, lower_token, trim};
use crate::config::Limits;
use crate::http::{Head, Problem, Version};

/// Longest method; longer ones are of no protocol that anybody speaks.
const METHOD_BYTES: usize = 32;
/// Names of fields up to this length are taken in at one go; longer ones need a closer look.
const NAME_BYTES: usize = 64;
/// What follows the target in its line.
const AFTER_TARGET: usize = " HTTP/1.1\r\n".len();

/// The limits of a head, and of trailers.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadLimits {
    /// Of the whole head.
    pub bytes: usize,
    pub fields: usize,
    /// Bytes of the target.
    pub target: usize,
}

impl From<&Limits> for HeadLimits {
    fn from(limits: &Limits) -> Self {
        Self { bytes: limits.header, fields: limits.headers, target: limits.url }
    }
}

/// A complete head.
#[derive(Debug)]
pub(super) struct Parsed {
    pub head: Head,
    pub framing: Framing,
    /// The client wants the connection to stay.
    pub persists: bool,
    /// The client waits for a 100 before it sends the body.
    pub expects: bool,
    /// The client asks for another protocol.
    pub upgrades: bool,
}

/// Reads one head.
#[derive(Debug, Default)]
pub(super) struct HeadParser {
    /// Where the line begins that is not complete yet.
    line: usize,
    /// How far that line has been looked at.
    seen: usize,
    head: Option<Head>,
    /// Memory for the next head.
    spare: Head,
    /// Field lines so far.
    fields: usize,
    facts: Facts,
    /// The authority of an absolute target has replaced Host.
    absolute: bool,
}

impl HeadParser {
    /// Continues with `input`, which begins with the first byte of the head in every call. Returns the head and how many
    /// bytes it had, or `None` when more are needed. After an error only [`HeadParser::take_head`] is of use.
    pub fn advance(&mut self, input: &[u8], limits: &HeadLimits) -> Result<Option<(Parsed, usize)>, Problem> {
        if !self.lines(input, limits)? {
            return Ok(None);
        }
        let (framing, persists) = self.complete()?;
        let used = self.line;
        let Some(head) = self.head.take() else { return Ok(None) };
        let http10 = head.version() == Version::Http10;
        let (expects, upgrades) = (self.facts.expects && !http10, self.facts.upgrades(http10));
        self.restart();
        Ok(Some((Parsed { head, framing, persists, expects, upgrades }, used)))
    }

    /// Forgets what it has seen; the next call of [`HeadParser::advance`] begins a head.
    pub fn restart(&mut self) {
        (self.line, self.seen, self.fields, self.absolute) = (0, 0, 0, false);
        self.facts = Facts::default();
        if let Some(head) = self.head.take() {
            self.spare = head;
        }
    }

    /// Takes the memory of a head that nobody reads any more.
    pub fn reuse(&mut self, head: Head) {
        self.spare = head;
    }

    /// Whether there is more than empty lines; `input` is that of the last call.
    pub fn has_begun(&self, input: &[u8]) -> bool {
        self.head.is_some() || !matches!(input.get(self.line..), None | Some([] | [b'\r']))
    }

    /// As much of the head as there is.
    pub fn take_head(&mut self) -> Option<Head> {
        self.head.take()
    }

    /// Takes in every complete line; true at the empty one that ends the head. What is wrong is found at the same byte, and
    /// called the same, however the bytes are cut into pieces.
    fn lines(&mut self, input: &[u8], limits: &HeadLimits) -> Result<bool, Problem> {
        loop {
            // One byte more than there may be: it tells that there are too many.
            let most = self.most(limits);
            let view = &input[..input.len().min(most + 1)];
            let rest = &view[self.seen..];
            let end = match first_control(rest).map(|at| (at, &rest[at..])) {
                Some((at, [b'\n', ..])) => Some(at),
                Some((at, [b'\r', b'\n', ..])) => Some(at + 1),
                // Its LF has not arrived.
                None | Some((_, [b'\r'])) => None,
                // Whoever speaks another protocol is told at once, not when his time is over.
                Some(_) if self.head.is_none() => return Err(Problem::BAD_REQUEST),
                Some(_) => return Err(Problem::BAD_FIELD),
            };
            if view.len() > most && end.is_none_or(|end| self.seen + end == most) {
                return Err(if self.head.is_none() {
                    Problem::URI_TOO_LONG
                } else {
                    Problem::HEADERS_TOO_LARGE
                });
            }
            let Some(end) = end.map(|end| self.seen + end) else {
                // The last byte may be the CR of a line's end.
                self.seen = view.len().saturating_sub(1).max(self.line);
                return Ok(false);
            };
            let line = view[self.line..end].strip_suffix(b"\r").ok_or(Problem::BARE_LF)?;
            self.line = end + 1;
            self.seen = self.line;
            match &self.head {
                // RFC 9112 section 2.2: empty lines before the request line are ignored.
                None if line.is_empty() => {}
                None => self.request_line(line, limits)?,
                Some(_) if line.is_empty() => return Ok(true),
                Some(_) => self.field(line, limits)?,
            }
        }
    }

    /// How many bytes there may be until the line is complete that is not complete yet.
    fn most(&self, limits: &HeadLimits) -> usize {
        match self.head {
            None => limits.bytes.min(self.line + METHOD_BYTES + 1 + limits.target + AFTER_TARGET),
            Some(_) => limits.bytes,
        }
    }

    /// `method SP request-target SP HTTP-version` (RFC 9112 section 3), one space each.
    fn request_line(&mut self, line: &[u8], limits: &HeadLimits) -> Result<(), Problem> {
        let (method, rest) = match line {
            // Most requests; the others need a closer look.
            [b'G', b'E', b'T', b' ', rest @ ..] => (Ok(Method::GET), rest),
            _ => {
                let space = memchr(b' ', line).ok_or(Problem::BAD_REQUEST_LINE)?;
                (method(&line[..space]), &line[space + 1..])
            }
        };
        let space = memchr(b' ', rest).ok_or(Problem::BAD_REQUEST_LINE)?;
        let (target, version) = (&rest[..space], &rest[space + 1..]);
        let method = method?;
        if target.is_empty() || !is_target(target) {
            return Err(Problem::BAD_TARGET);
        }
        let version = match version {
            b"HTTP/1.1" => Version::Http11,
            b"HTTP/1.0" => Version::Http10,
            // RFC 9112 section 2.3: a later minor version is answered as the latest that is known.
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => Version::Http11,
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                return Err(Problem::VERSION_NOT_SUPPORTED);
            }
            _ => return Err(Problem::BAD_REQUEST_LINE),
        };
        if target.len() > limits.target {
            return Err(Problem::URI_TOO_LONG);
        }
        let (authority, target) = split_target(&method, target)?;
        // Checked above: visible ASCII.
        let target = std::str::from_utf8(target).map_err(|_| Problem::BAD_TARGET)?;
        let target = if target.starts_with('?') { &format!("/{target}") } else { target };
        let mut head = std::mem::take(&mut self.spare);
        head.restart(method, version, target);
        if let Some(authority) = authority {
            // RFC 9112 section 3.2.2: it replaces what Host says.
            head.push("host", authority);
            self.absolute = true;
        }
        self.head = Some(head);
        Ok(())
    }

    fn field(&mut self, line: &[u8], limits: &HeadLimits) -> Result<(), Problem> {
        let Some(head) = &mut self.head else { return Ok(()) };
        if self.fields == limits.fields {
            return Err(Problem::HEADERS_TOO_LARGE);
        }
        self.fields += 1;
        let (mut short, mut long) = ([0; NAME_BYTES], Vec::new());
        let len = lower_token(line, &mut short);
        let mut name = &short[..len];
        if len == NAME_BYTES {
            let rest =
                line[len..].iter().map(|byte| TOKEN[usize::from(*byte)]).take_while(|lower| *lower != 0);
            long.extend(short.iter().copied().chain(rest));
            name = &long;
        }
        // A name with a space before the colon or a folded line is no token.
        let value = match &line[name.len()..] {
            [b':', value @ ..] if !name.is_empty() => trim(value),
            _ => return Err(Problem::BAD_FIELD),
        };
        head.push_bytes(name, value);
        self.facts.note(name, value)?;
        if self.absolute && name == b"host" {
            head.pop();
        }
        Ok(())
    }

    fn complete(&mut self) -> Result<(Framing, bool), Problem> {
        let Some(head) = &self.head else { return Err(Problem::BAD_REQUEST) };
        let http10 = head.version() == Version::Http10;
        // RFC 9112 section 3.2: HTTP/1.1 always names its host.
        if !self.facts.has_host() && !http10 {
            return Err(Problem::BAD_HOST);
        }
        let framing = self.facts.framing(http10)?;
        if *head.method() == Method::CONNECT {
            return Err(Problem::NO_TUNNEL);
        }
        if self.facts.unknown_expectation && !http10 {
            return Err(Problem::EXPECTATION_FAILED);
        }
        // RFC 1945 section 8.3: without a length the body of an HTTP/1.0 request has no end.
        if http10 && *head.method() == Method::POST && !self.facts.has_length() {
            return Err(Problem::LENGTH_REQUIRED);
        }
        Ok((framing, self.facts.persists(http10)))
    }
}

fn method(name: &[u8]) -> Result<Method, Problem> {
    if !is_token(name) {
        return Err(Problem::BAD_REQUEST_LINE);
    }
    if name.len() > METHOD_BYTES {
        return Err(Problem::UNKNOWN_METHOD);
    }
    Method::from_bytes(name).map_err(|_| Problem::BAD_REQUEST_LINE)
}

/// The authority of an absolute target, and what is left: path and query (RFC 9112 section 3.2).
fn split_target<'a>(method: &Method, target: &'a [u8]) -> Result<(Option<&'a [u8]>, &'a [u8]), Problem> {
    if target[0] == b'/' || *method == Method::CONNECT {
        return Ok((None, target));
    }
    if target == b"*" {
        return if *method == Method::OPTIONS { Ok((None, target)) } else { Err(Problem::BAD_TARGET) };
    }
    let rest = strip_scheme(target, b"http://").or_else(|| strip_scheme(target, b"https://"));
    let rest = rest.ok_or(Problem::BAD_TARGET)?;
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() || authority[0] == b':' || !is_host(authority) {
        return Err(Problem::BAD_HOST);
    }
    let path = match path.is_empty() {
        // RFC 9112 section 3.2.4: OPTIONS for a whole server.
        true if *method == Method::OPTIONS => b"*",
        true => b"/",
        false => path,
    };
    Ok((Some(authority), path))
}

fn strip_scheme<'a>(target: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let start = target.get(..scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then(|| &target[scheme.len()..])
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
