//! What the fields of a request say (RFC 9114 sections 4.2 and 4.3), judged all at once: slow, and written from the specification.

use super::head::most;
use crate::config::Limits;
use crate::protocol::h1::grammar::{has_control, is_host, is_target, is_token, number};

pub(super) type Field = (Vec<u8>, Vec<u8>);

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The stream is reset.
    Malformed,
    /// It is answered with an error.
    Refused,
    /// One of the two: there are more fields than anybody has to look at.
    TooMany,
    Request(ModelHead),
}

/// A request that is handled.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ModelHead {
    pub method: String,
    pub target: String,
    pub fields: Vec<Field>,
    pub length: Option<u64>,
    pub expects: bool,
}

pub(super) fn judge(fields: &[Field], limits: &Limits) -> Verdict {
    let size: usize = fields.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
    let begin = fields.iter().position(|(name, _)| name.first() != Some(&b':')).unwrap_or(fields.len());
    let (pseudo, regular) = fields.split_at(begin);
    if size > most(limits) || regular.len() > limits.headers {
        return Verdict::TooMany;
    }
    let all = |wanted: &'static [u8]| values(fields, wanted);
    let one = |wanted: &'static [u8]| values(fields, wanted).next();
    let known: [&[u8]; 4] = [b":method", b":scheme", b":authority", b":path"];
    let connect = one(b":method") == Some(&b"CONNECT"[..]);
    let path = one(b":path").unwrap_or_default();
    let is_whole = match connect {
        true => one(b":scheme").is_none() && one(b":path").is_none() && one(b":authority").is_some(),
        false => one(b":scheme").is_some() && !path.is_empty(),
    };
    let is_malformed =
        pseudo.iter().any(|(name, _)| !known.contains(&&name[..]) || values(fields, name).count() > 1)
            || fields.iter().any(|(_, value)| has_control(value))
            || !one(b":method").is_some_and(is_token)
            || !is_whole
            || regular.iter().any(|(name, value)| has_no_place(name, value));
    if is_malformed {
        return Verdict::Malformed;
    }
    let method = String::from_utf8_lossy(one(b":method").unwrap_or_default()).into_owned();
    let hosts: Vec<_> = all(b":authority").chain(all(b"host")).collect();
    let is_refused = connect
        || !(path.starts_with(b"/") || (path == b"*" && method == "OPTIONS"))
        || !is_target(path)
        || std::str::from_utf8(path).is_err()
        || !one(b":scheme").is_some_and(|scheme| {
            [&b"http"[..], b"https"].iter().any(|web| scheme.eq_ignore_ascii_case(web))
        })
        || hosts.is_empty()
        || all(b"host").count() > 1
        || hosts.iter().any(|host| !is_host(host) || !host.eq_ignore_ascii_case(hosts[0]))
        || regular.iter().any(|(_, value)| is_padded(value))
        || all(b"content-length").count() > 1
        || all(b"content-length").any(|value| number(value).is_none())
        || all(b"expect").any(|value| !value.eq_ignore_ascii_case(b"100-continue"));
    if is_refused {
        return Verdict::Refused;
    }
    // An authority is a host before all fields.
    let authority = one(b":authority").map(|authority| (b"host".to_vec(), authority.to_vec()));
    let is_seen = |name: &[u8]| name != b"cookie" && (name != b"host" || authority.is_none());
    let mut seen: Vec<_> =
        authority.iter().chain(regular.iter().filter(|(name, _)| is_seen(name))).cloned().collect();
    let cookies: Vec<_> = all(b"cookie").collect();
    if !cookies.is_empty() {
        seen.push((b"cookie".to_vec(), cookies.join(&b"; "[..])));
    }
    let target = String::from_utf8_lossy(path).into_owned();
    // As it would be in HTTP/1.
    let bytes: usize = seen.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    if method.len() + target.len() + 12 + bytes > limits.header {
        return Verdict::Refused;
    }
    Verdict::Request(ModelHead {
        method,
        target,
        fields: seen,
        length: one(b"content-length").and_then(number),
        expects: one(b"expect").is_some(),
    })
}

fn values<'a>(fields: &'a [Field], wanted: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| &value[..])
}

/// Whether HTTP/1 would trim `value`.
fn is_padded(value: &[u8]) -> bool {
    [value.first(), value.last()].into_iter().flatten().any(|byte| matches!(byte, b' ' | b'\t'))
}

/// Fields that belong to a connection, and names that are none.
fn has_no_place(name: &[u8], value: &[u8]) -> bool {
    let of_connections: [&[u8]; 5] =
        [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"];
    !is_token(name)
        || name.iter().any(u8::is_ascii_uppercase)
        || of_connections.contains(&name)
        || (name == b"te" && !value.eq_ignore_ascii_case(b"trailers"))
}
