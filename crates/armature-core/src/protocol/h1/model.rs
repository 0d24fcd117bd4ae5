//! The same as `head` and `content`, read off the grammar of RFC 9112: slow, over the whole input at once, and too simple to
//! be wrong. Tests and fuzzers compare.

use super::framing::Framing;
use super::head::HeadLimits;

/// What an input comes to.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome<T> {
    /// It says too little, or too much of the wrong thing before its end: a parser may refuse or wait.
    Open,
    Refused,
    /// With the bytes it had.
    Whole(T, usize),
}

use Outcome::{Open, Refused, Whole};

#[derive(Debug, PartialEq)]
pub(super) struct ModelHead {
    pub method: String,
    pub target: String,
    pub fields: Vec<(String, Vec<u8>)>,
    pub framing: Framing,
    pub persists: bool,
    pub expects: bool,
    pub upgrades: bool,
}

pub(super) fn head(input: &[u8], limits: HeadLimits) -> Outcome<ModelHead> {
    let mut start = 0;
    while input[start..].starts_with(b"\r\n") {
        start += 2;
    }
    let Some(end) = find(&input[start..], b"\r\n\r\n") else { return Open };
    let used = start + end + 4;
    // Every byte for itself, so that it makes no difference to have split at CRLF.
    let text = &input[start..start + end];
    let lines = split(text, b"\r\n");
    if used > limits.bytes || text.iter().any(|b| (*b < 32 && !b"\r\n\t".contains(b)) || *b == 127) {
        return Refused;
    }
    if lines.iter().any(|line| line.contains(&b'\r') || line.contains(&b'\n')) {
        return Refused;
    }
    match judge(&lines, limits) {
        Some(head) => Whole(head, used),
        None => Refused,
    }
}

fn judge(lines: &[Vec<u8>], limits: HeadLimits) -> Option<ModelHead> {
    let words: Vec<&[u8]> = lines[0].split(|b| *b == b' ').collect();
    let [method, target, version] = words[..] else { return None };
    let visible = |b: &u8| (33..127).contains(b) && *b != b'#';
    if !token(method) || method.len() > 32 || target.is_empty() || !target.iter().all(visible) {
        return None;
    }
    let minor = match version.strip_prefix(b"HTTP/1.")? {
        [minor @ b'0'..=b'9'] => minor - b'0',
        _ => return None,
    };
    if target.len() > limits.target || lines.len() - 1 > limits.fields || method == b"CONNECT" {
        return None;
    }
    let mut fields = Vec::new();
    for line in &lines[1..] {
        let colon = line.iter().position(|b| *b == b':')?;
        if !token(&line[..colon]) {
            return None;
        }
        let name = String::from_utf8(line[..colon].to_ascii_lowercase()).ok()?;
        fields.push((name, spaces_off(&line[colon + 1..]).to_vec()));
    }
    let all = |name: &str| -> Vec<Vec<u8>> {
        fields.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect()
    };
    let tokens = |name: &str| -> Vec<Vec<u8>> {
        let joined = all(name).join(&b","[..]).to_ascii_lowercase();
        let parts = joined.split(|b| *b == b',').map(|part| spaces_off(part).to_vec());
        parts.filter(|part| !part.is_empty()).collect()
    };
    let hosts = all("host");
    if hosts.len() > 1 || (hosts.is_empty() && minor > 0) || !hosts.iter().all(|host| is_host(host)) {
        return None;
    }
    let lengths = all("content-length");
    let framing = if !all("transfer-encoding").is_empty() {
        if !lengths.is_empty() || minor == 0 || tokens("transfer-encoding") != [b"chunked"] {
            return None;
        }
        Framing::Chunked
    } else if lengths.is_empty() {
        if method == b"POST" && minor == 0 {
            return None;
        }
        Framing::Length(0)
    } else {
        if lengths.len() > 1 || !lengths[0].iter().all(u8::is_ascii_digit) {
            return None;
        }
        Framing::Length(String::from_utf8(lengths[0].clone()).ok()?.parse().ok()?)
    };
    let expectations = all("expect");
    if minor > 0 && expectations.iter().any(|e| !e.eq_ignore_ascii_case(b"100-continue")) {
        return None;
    }
    let options = tokens("connection");
    let says = |option: &[u8]| options.iter().any(|o| o == option);
    let upgrades = minor > 0 && says(b"upgrade") && !says(b"close") && !tokens("upgrade").is_empty();
    let target = String::from_utf8(target.to_vec()).ok()?;
    let (authority, target) = form(method, &target)?;
    if let Some(authority) = authority {
        fields.retain(|(name, _)| name != "host");
        fields.insert(0, ("host".into(), authority.into_bytes()));
    }
    Some(ModelHead {
        method: String::from_utf8(method.to_vec()).ok()?,
        target,
        fields,
        framing,
        persists: !says(b"close") && (minor > 0 || says(b"keep-alive")),
        expects: minor > 0 && !expectations.is_empty(),
        upgrades,
    })
}

/// RFC 9112 section 3.2, without authority-form: the authority, and what is asked of it.
fn form(method: &[u8], target: &str) -> Option<(Option<String>, String)> {
    if target.starts_with('/') || (target == "*" && method == b"OPTIONS") {
        return Some((None, target.to_owned()));
    }
    let (scheme, rest) = target.split_once("://")?;
    if !["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return None;
    }
    let authority: String = rest.chars().take_while(|c| !"/?".contains(*c)).collect();
    if authority.is_empty() || authority.starts_with(':') || !is_host(authority.as_bytes()) {
        return None;
    }
    let path = match &rest[authority.len()..] {
        "" if method == b"OPTIONS" => "*".to_owned(),
        query_only if !query_only.starts_with('/') => format!("/{query_only}"),
        path => path.to_owned(),
    };
    Some((Some(authority), path))
}

#[derive(Debug, PartialEq)]
pub(super) struct ModelContent {
    pub content: Vec<u8>,
    pub trailers: Vec<(String, Vec<u8>)>,
}

/// Chunked content (RFC 9112 section 7.1).
pub(super) fn content(input: &[u8], limits: HeadLimits) -> Outcome<ModelContent> {
    let mut content = Vec::new();
    let (mut at, mut extensions) = (0, 0);
    loop {
        let Some(end) = find(&input[at..], b"\n") else { return Open };
        if end > 1024 || end == 0 || input[at + end - 1] != b'\r' {
            return Refused;
        }
        let line = &input[at..at + end - 1];
        let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let size = std::str::from_utf8(&line[..digits]).ok().and_then(|d| u64::from_str_radix(d, 16).ok());
        let Some(size) = size.filter(|_| digits <= 15) else { return Refused };
        extensions += line.len() - digits;
        if extensions > 16 * 1024 || !are_extensions(&line[digits..]) {
            return Refused;
        }
        at += end + 1;
        if size == 0 {
            break;
        }
        if size > (input.len() - at) as u64 {
            return Open;
        }
        content.extend_from_slice(&input[at..at + size as usize]);
        at += size as usize;
        match &input[at..] {
            [b'\r', b'\n', ..] => at += 2,
            [] | [b'\r'] => return Open,
            _ => return Refused,
        }
    }
    let mut trailers = Vec::new();
    let (mut bytes, mut fields) = (0, 0);
    loop {
        let Some(end) = find(&input[at..], b"\n") else { return Open };
        if end == 0 || input[at + end - 1] != b'\r' || end > limits.bytes {
            return Refused;
        }
        let line = &input[at..at + end - 1];
        at += end + 1;
        if line.is_empty() {
            return Whole(ModelContent { content, trailers }, at);
        }
        bytes += line.len() + 2;
        let colon = line.iter().position(|b| *b == b':').unwrap_or(0);
        let value = spaces_off(&line[(colon + 1).min(line.len())..]);
        let controls = value.iter().any(|b| (*b < 32 && *b != b'\t') || *b == 127);
        if bytes > limits.bytes || fields == limits.fields || !token(&line[..colon]) || controls {
            return Refused;
        }
        fields += 1;
        let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
        if ["content-length", "transfer-encoding", "host"].contains(&&*name) {
            return Refused;
        }
        let of_the_head = "connection keep-alive proxy-connection te trailer upgrade cache-control expect max-forwards pragma \
            range if-match if-none-match if-modified-since if-unmodified-since if-range authorization cookie \
            proxy-authenticate proxy-authorization set-cookie www-authenticate age date expires location retry-after vary \
            warning content-encoding content-range content-type";
        if !of_the_head.split_whitespace().any(|other| other == name) {
            trailers.push((name, value.to_vec()));
        }
    }
}

/// `*( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )`, by trying every length of every part.
fn are_extensions(text: &[u8]) -> bool {
    if text.is_empty() {
        return true;
    }
    let Some(rest) = spaces_off_start(text).strip_prefix(b";") else { return false };
    let rest = spaces_off_start(rest);
    (1..=rest.len()).take_while(|n| token(&rest[..*n])).any(|n| {
        let after = &rest[n..];
        are_extensions(after)
            || spaces_off_start(after).strip_prefix(b"=").is_some_and(|value| {
                let value = spaces_off_start(value);
                (1..=value.len())
                    .any(|n| (token(&value[..n]) || is_quoted(&value[..n])) && are_extensions(&value[n..]))
            })
    })
}

fn is_quoted(text: &[u8]) -> bool {
    let Some(inner) = text.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")) else { return false };
    let mut bytes = inner.iter();
    while let Some(b) = bytes.next() {
        let control = |b: u8| (b < 32 && b != b'\t') || b == 127;
        match b {
            b'"' => return false,
            b'\\' => match bytes.next() {
                Some(next) if !control(*next) => {}
                _ => return false,
            },
            b if control(*b) => return false,
            _ => {}
        }
    }
    true
}

fn token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

fn is_host(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let (name, port) = match text.find(']') {
        Some(end) if text.starts_with('[') => (&text[..=end], &text[end + 1..]),
        _ => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=".contains(c);
    let good = match name.strip_prefix('[') {
        Some(literal) => {
            let literal = literal.strip_suffix(']').unwrap_or("/");
            literal.contains(':') && literal.chars().all(|c| unreserved(c) || c == ':')
        }
        None => name.chars().all(|c| unreserved(c) || c == '%'),
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    good && (port.is_empty() || port.starts_with(':'))
        && digits.len() <= 5
        && digits.chars().all(|c| c.is_ascii_digit())
}

fn spaces_off_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

fn spaces_off(bytes: &[u8]) -> &[u8] {
    let mut bytes = spaces_off_start(bytes);
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn split(text: &[u8], at: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = find(rest, at) {
        lines.push(rest[..end].to_vec());
        rest = &rest[end + at.len()..];
    }
    lines.push(rest.to_vec());
    lines
}
