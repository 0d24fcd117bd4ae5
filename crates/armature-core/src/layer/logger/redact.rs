//! What a log does not show.

use http::HeaderName;

use super::escape::REDACTED;

/// Headers and query parameters whose values are replaced.
#[derive(Clone, Debug)]
pub(super) struct Redaction {
    headers: Vec<HeaderName>,
    /// In lower case.
    query: Vec<String>,
}

impl Redaction {
    pub fn new(headers: Vec<HeaderName>, query: Vec<String>) -> Self {
        Self { headers, query: query.iter().map(|name| name.to_ascii_lowercase()).collect() }
    }

    pub fn hides(&self, header: &HeaderName) -> bool {
        self.headers.contains(header)
    }

    /// Appends a target or a URL without what its query hides.
    pub fn url(&self, out: &mut Vec<u8>, url: &[u8]) {
        let query = if self.query.is_empty() { None } else { memchr::memchr(b'?', url) };
        let Some(at) = query else { return out.extend_from_slice(url) };
        let end = memchr::memchr(b'#', &url[at..]).map_or(url.len(), |end| at + end);
        out.extend_from_slice(&url[..=at]);
        for (index, pair) in url[at + 1..end].split(|byte| *byte == b'&').enumerate() {
            if index > 0 {
                out.push(b'&');
            }
            match memchr::memchr(b'=', pair) {
                Some(equals) if self.hides_parameter(&pair[..equals]) => {
                    out.extend_from_slice(&pair[..=equals]);
                    out.extend_from_slice(REDACTED);
                }
                _ => out.extend_from_slice(pair),
            }
        }
        out.extend_from_slice(&url[end..]);
    }

    /// As servers read it: `%74oken` is `token`.
    fn hides_parameter(&self, name: &[u8]) -> bool {
        let mut plain = Vec::with_capacity(name.len());
        let mut rest = name;
        while let [first, more @ ..] = rest {
            rest = more;
            plain.push(match (first, more) {
                (b'+', _) => b' ',
                (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                    (Some(high), Some(low)) => {
                        rest = after;
                        (high << 4 | low).to_ascii_lowercase()
                    }
                    _ => b'%',
                },
                (byte, _) => byte.to_ascii_lowercase(),
            });
        }
        self.query.iter().any(|hidden| hidden.as_bytes() == plain)
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_hidden_parameters_are_not_shown() {
        let redaction = Redaction::new(Vec::new(), vec!["Token".into(), "api key".into()]);
        for (url, shown) in [
            ("/a", "/a"),
            ("/a?b=1", "/a?b=1"),
            ("/a?token=s", "/a?token=[redacted]"),
            ("/a?b=1&TOKEN=s&c=2", "/a?b=1&TOKEN=[redacted]&c=2"),
            ("/a?%74o%6Ben=s=t", "/a?%74o%6Ben=[redacted]"),
            ("/a?api+key=s&api%20key=t", "/a?api+key=[redacted]&api%20key=[redacted]"),
            ("/a?token", "/a?token"),
            ("/a?%=1&tokens=2&%zz=3&%4", "/a?%=1&tokens=2&%zz=3&%4"),
            ("/a?token=s&", "/a?token=[redacted]&"),
            ("https://x/?token=s#f", "https://x/?token=[redacted]#f"),
            ("/a?b?token=s", "/a?b?token=s"),
        ] {
            let mut out = Vec::new();
            redaction.url(&mut out, url.as_bytes());
            assert_eq!(String::from_utf8(out).unwrap(), shown);
        }
    }
}
