//! Which content coding a client likes best (RFC 9110 section 12.5.3).

use serde::Deserialize;

use crate::http::Head;

/// A content coding that answers can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, ts(rename_all = "lowercase"))]
pub enum Coding {
    /// zstd (RFC 8878).
    Zstd,
    /// Brotli (RFC 7932).
    Br,
    /// gzip (RFC 1952).
    Gzip,
}

impl Coding {
    pub(super) const ALL: [Self; 3] = [Self::Zstd, Self::Br, Self::Gzip];

    /// Its registered name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Br => "br",
            Self::Gzip => "gzip",
        }
    }
}

impl Coding {
    /// What the names of files with it end with.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Zstd => ".zst",
            Self::Br => ".br",
            Self::Gzip => ".gz",
        }
    }
}

/// What a request accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// The best of the codings that are offered; `None` to leave the content as it is.
    pub coding: Option<Coding>,
    /// Whether the content may be left as it is.
    pub identity: bool,
}

impl Accepted {
    /// Of a request that does not say.
    pub(super) const ANY: Self = Self { coding: None, identity: true };

    /// Picks from `offered`, the best first, by the qualities in the `Accept-Encoding` fields of `head`.
    pub fn of(head: &Head, offered: &[Coding]) -> Self {
        let Some(asked) = Asked::of(head) else { return Self::ANY };
        // Of equals the first that is offered.
        let mut best: Option<(Coding, u16)> = None;
        for coding in offered {
            let quality = asked.quality(*coding);
            if quality > best.map_or(0, |(_, best)| best) {
                best = Some((*coding, quality));
            }
        }
        // Content as it is is acceptable unless it is excluded; preferred only when the client says so.
        let as_it_is = asked.identity.or(asked.rest);
        let preferred = asked.identity.is_some_and(|identity| best.is_none_or(|(_, best)| identity > best));
        let coding = best.filter(|_| !preferred).map(|(coding, _)| coding);
        Self { coding, identity: as_it_is != Some(0) || coding.is_none() }
    }

    /// All of `offered` that the client likes no less than the content as it is, the best first.
    pub(crate) fn ranked(head: &Head, offered: &[Coding]) -> Vec<Coding> {
        let Some(asked) = Asked::of(head) else { return Vec::new() };
        let least = asked.identity.unwrap_or(0).max(1);
        let mut ranked: Vec<_> = offered
            .iter()
            .map(|coding| (*coding, asked.quality(*coding)))
            .filter(|(_, q)| *q >= least)
            .collect();
        // Stable: of equals the first that is offered.
        ranked.sort_by_key(|(_, quality)| std::cmp::Reverse(*quality));
        ranked.into_iter().map(|(coding, _)| coding).collect()
    }
}

/// Qualities in thousandths, as far as a request has them.
struct Asked {
    qualities: [Option<u16>; Coding::ALL.len()],
    identity: Option<u16>,
    /// Of what is not named.
    rest: Option<u16>,
}

impl Asked {
    /// `None` when the request does not say.
    fn of(head: &Head) -> Option<Self> {
        let mut said = false;
        let mut qualities: [Option<u16>; Coding::ALL.len()] = [None; Coding::ALL.len()];
        let (mut identity, mut rest) = (None, None);
        for value in head.get_all("accept-encoding") {
            said = true;
            for item in value.split(|b| *b == b',') {
                let Some((name, quality)) = parse(item) else { continue };
                let slot = Coding::ALL.iter().position(|coding| is_named(*coding, name));
                match slot {
                    Some(slot) => qualities[slot] = Some(quality),
                    None if name == b"*" => rest = Some(quality),
                    None if name.eq_ignore_ascii_case(b"identity") => identity = Some(quality),
                    None => {}
                }
            }
        }
        said.then_some(Self { qualities, identity, rest })
    }

    fn quality(&self, coding: Coding) -> u16 {
        let slot = Coding::ALL.iter().position(|other| *other == coding);
        slot.and_then(|slot| self.qualities[slot]).or(self.rest).unwrap_or(0)
    }
}

/// Aliases are those of section 8.4.1.3.
fn is_named(coding: Coding, name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(coding.name().as_bytes())
        || coding == Coding::Gzip && name.eq_ignore_ascii_case(b"x-gzip")
}

/// A coding and its quality in thousandths; `None` for what is neither.
fn parse(item: &[u8]) -> Option<(&[u8], u16)> {
    let mut parts = item.split(|b| *b == b';');
    let name = parts.next()?.trim_ascii();
    if name.is_empty() {
        return None;
    }
    let mut quality = 1000;
    for parameter in parts {
        let parameter = parameter.trim_ascii();
        if let [b'q' | b'Q', b'=', value @ ..] = parameter {
            quality = thousandths(value.trim_ascii())?;
        }
    }
    Some((name, quality))
}

/// `qvalue` of section 12.4.2.
fn thousandths(text: &[u8]) -> Option<u16> {
    let (whole, fraction) = match text {
        [whole] | [whole, b'.'] => (*whole, &[][..]),
        [whole, b'.', fraction @ ..] => (*whole, fraction),
        _ => return None,
    };
    if fraction.len() > 3 || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |at: usize| fraction.get(at).map_or(0, |b| u16::from(b - b'0'));
    let thousandths = digit(0) * 100 + digit(1) * 10 + digit(2);
    match (whole, thousandths) {
        (b'0', thousandths) => Some(thousandths),
        (b'1', 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Coding::{Br, Gzip, Zstd};
    use super::*;
    use crate::http::{Method, Version};

    fn accepted(fields: &[&str]) -> Accepted {
        let mut head = Head::new(Method::GET, Version::Http11, "/");
        for value in fields {
            head.push("accept-encoding", value.as_bytes());
        }
        Accepted::of(&head, &Coding::ALL)
    }

    #[test]
    fn qualities_decide_and_then_the_server() {
        for (value, coding, identity) in [
            ("gzip", Some(Gzip), true),
            ("x-gzip", Some(Gzip), true),
            ("GZIP;Q=1", Some(Gzip), true),
            ("deflate, gzip, br, zstd", Some(Zstd), true),
            ("gzip;q=1.0, br;q=0.9", Some(Gzip), true),
            ("gzip;q=0.001", Some(Gzip), true),
            ("gzip;q=0", None, true),
            ("gzip;q=0.000, br ; q=0.5", Some(Br), true),
            ("*", Some(Zstd), true),
            ("*;q=0.5, zstd;q=0.1", Some(Br), true),
            ("zstd;q=0, *", Some(Br), true),
            ("identity", None, true),
            ("identity, gzip;q=0.5", None, true),
            ("identity;q=0.5, gzip;q=0.5", Some(Gzip), true),
            ("identity;q=0.5, gzip", Some(Gzip), true),
            ("identity;q=0, gzip", Some(Gzip), false),
            ("*;q=0", None, true),
            ("*;q=0, br", Some(Br), false),
            ("*;q=0, identity", None, true),
            ("*;q=0, br, identity;q=0.1", Some(Br), true),
            ("deflate", None, true),
            ("", None, true),
            (", ,gzip", Some(Gzip), true),
            ("gzip;q=1.1, br;q=2, zstd;q=x", None, true),
            ("gzip;q=0.0001", None, true),
        ] {
            assert_eq!(accepted(&[value]), Accepted { coding, identity }, "{value:?}");
        }
        assert_eq!(accepted(&[]), Accepted::ANY);
        assert_eq!(accepted(&["gzip;q=0.1", "br"]).coding, Some(Br));
    }

    #[test]
    fn only_what_is_offered() {
        let mut head = Head::new(Method::GET, Version::Http11, "/");
        head.push("accept-encoding", b"gzip, br, zstd;q=0.9");
        assert_eq!(Accepted::of(&head, &[Zstd]).coding, Some(Zstd));
        assert_eq!(Accepted::of(&head, &[Gzip, Br]).coding, Some(Gzip));
    }
}
