//! `Cache-Control` of requests and of answers (RFC 9111 section 5.2).

/// The largest number of seconds: what is larger counts as this (RFC 9111 section 1.2.2).
const MOST: u64 = 1 << 31;

/// What a request wants of caches. All of it is advice (section 5.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RequestControl {
    pub no_store: bool,
    pub no_cache: bool,
    pub only_if_cached: bool,
    /// In seconds, as everything here.
    pub max_age: Option<u64>,
    pub min_fresh: Option<u64>,
    /// `Some(u64::MAX)` when any staleness will do.
    pub max_stale: Option<u64>,
    /// RFC 5861 section 4.
    pub stale_if_error: Option<u64>,
}

/// What an answer says to shared caches (section 5.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ResponseControl {
    pub no_store: bool,
    /// Also in the form that names fields, which may be treated as the one that does not (section 5.2.2.4).
    pub no_cache: bool,
    /// The same (section 5.2.2.7).
    pub private: bool,
    pub public: bool,
    pub must_revalidate: bool,
    pub proxy_revalidate: bool,
    pub must_understand: bool,
    /// In seconds; 0 for a value that is none, so that the answer counts as stale (section 4.2.1).
    pub max_age: Option<u64>,
    pub s_maxage: Option<u64>,
    /// RFC 5861 section 3.
    pub stale_while_revalidate: Option<u64>,
    /// RFC 5861 section 4.
    pub stale_if_error: Option<u64>,
}

impl RequestControl {
    pub fn read(&mut self, value: &[u8]) {
        for Directive { name, argument } in directives(value) {
            let seconds = argument.and_then(Argument::seconds);
            match Name(name) {
                n if n.is("no-store") => self.no_store = true,
                n if n.is("no-cache") => self.no_cache = true,
                n if n.is("only-if-cached") => self.only_if_cached = true,
                n if n.is("max-age") => self.max_age = self.max_age.or(seconds),
                n if n.is("min-fresh") => self.min_fresh = self.min_fresh.or(seconds),
                n if n.is("max-stale") && argument.is_none() => self.max_stale = Some(u64::MAX),
                n if n.is("max-stale") => self.max_stale = self.max_stale.or(seconds),
                n if n.is("stale-if-error") => self.stale_if_error = self.stale_if_error.or(seconds),
                _ => {}
            }
        }
    }
}

impl ResponseControl {
    pub fn of<'a>(values: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut control = Self::default();
        values.for_each(|value| control.read(value));
        control
    }

    fn read(&mut self, value: &[u8]) {
        for Directive { name, argument } in directives(value) {
            match Name(name) {
                n if n.is("no-store") => self.no_store = true,
                n if n.is("no-cache") => self.no_cache = true,
                n if n.is("private") => self.private = true,
                n if n.is("public") => self.public = true,
                n if n.is("must-revalidate") => self.must_revalidate = true,
                n if n.is("proxy-revalidate") => self.proxy_revalidate = true,
                n if n.is("must-understand") => self.must_understand = true,
                n if n.is("max-age") => lifetime(&mut self.max_age, argument),
                n if n.is("s-maxage") => lifetime(&mut self.s_maxage, argument),
                n if n.is("stale-while-revalidate") => lifetime(&mut self.stale_while_revalidate, argument),
                n if n.is("stale-if-error") => lifetime(&mut self.stale_if_error, argument),
                _ => {}
            }
        }
    }

    /// Whether answers to requests with credentials may be given to others.
    pub fn is_shared(&self) -> bool {
        self.public || self.s_maxage.is_some()
    }
}

/// One that is no number, or says something else than one before it, makes the answer stale (section 4.2.1).
fn lifetime(known: &mut Option<u64>, argument: Option<Argument<'_>>) {
    let seconds = argument.and_then(Argument::seconds).unwrap_or(0);
    *known = Some(known.map_or(seconds, |before| if before == seconds { before } else { 0 }));
}

struct Name<'a>(&'a [u8]);

impl Name<'_> {
    fn is(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name.as_bytes())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Directive<'a> {
    name: &'a [u8],
    argument: Option<Argument<'a>>,
}

/// What stands behind the `=`, as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Argument<'a>(&'a [u8]);

impl Argument<'_> {
    /// Digits, which may be quoted (section 5.2).
    fn seconds(self) -> Option<u64> {
        let text = self.0.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(self.0);
        seconds(text)
    }
}

/// `delta-seconds` (section 1.2.2).
pub(super) fn seconds(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| text.iter().fold(0_u64, |sum, digit| (sum * 10 + u64::from(digit - b'0')).min(MOST)))
}

/// The members of a list, of which quoted commas are part.
fn directives(mut rest: &[u8]) -> impl Iterator<Item = Directive<'_>> {
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let end = end_of_member(rest);
            let member = rest[..end].trim_ascii();
            rest = rest.get(end + 1..).unwrap_or_default();
            if member.is_empty() {
                continue;
            }
            let (name, argument) = match member.iter().position(|byte| *byte == b'=') {
                // Blanks around the `=` are not allowed: no number is read there, and `no-store = 1` still forbids.
                Some(at) => (member[..at].trim_ascii_end(), Some(Argument(&member[at + 1..]))),
                None => (member, None),
            };
            return Some(Directive { name, argument });
        }
    })
}

fn end_of_member(text: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn answer(value: &str) -> ResponseControl {
        ResponseControl::of([value.as_bytes()].into_iter())
    }

    #[test]
    fn lifetimes() {
        for (value, expected) in [
            ("max-age=60", Some(60)),
            ("Max-Age=060", Some(60)),
            ("max-age=\"60\"", Some(60)),
            ("public, , max-age=60,", Some(60)),
            ("a=\"x,max-age=1\", max-age=2", Some(2)),
            ("a=\"\\\",max-age=1\", max-age=2", Some(2)),
            ("a=\"max-age=1", None),
            ("xmax-age=60", None),
            ("max-age=2147483648", Some(MOST)),
            ("max-age=99999999999999999999999999", Some(MOST)),
            ("max-age", Some(0)),
            ("max-age=", Some(0)),
            ("max-age=-1", Some(0)),
            ("max-age=+1", Some(0)),
            ("max-age=1.5", Some(0)),
            ("max-age=1s", Some(0)),
            ("max-age= 60", Some(0)),
            ("max-age=\"60", Some(0)),
            ("max-age='60'", Some(0)),
            ("max-age=60, max-age=60", Some(60)),
            ("max-age=60, max-age=1", Some(0)),
        ] {
            assert_eq!(answer(value).max_age, expected, "{value}");
        }
    }

    #[test]
    fn what_forbids_is_seen_however_it_is_written() {
        for value in
            ["no-store", "NO-STORE", "max-age=1 , no-store", "no-store=1", "no-store =1", "\t no-store\t"]
        {
            assert!(answer(value).no_store, "{value}");
        }
        assert!(answer("private=\"set-cookie, x\"").private);
        assert!(answer("no-cache=\"x\"").no_cache);
        assert!(!answer("x=\"no-store\"").no_store);
        assert!(!answer("no-storex, xno-store").no_store);
    }

    #[test]
    fn who_may_be_given_what_was_for_others() {
        assert!(answer("public").is_shared());
        assert!(answer("s-maxage=0").is_shared());
        assert!(!answer("max-age=60, must-revalidate").is_shared());
    }

    #[test]
    fn requests() {
        let mut control = RequestControl::default();
        control.read(b"max-age=1, max-age=2, min-fresh=x, max-stale, only-if-cached, stale-if-error=9");
        let expected = RequestControl {
            max_age: Some(1),
            max_stale: Some(u64::MAX),
            only_if_cached: true,
            stale_if_error: Some(9),
            ..RequestControl::default()
        };
        assert_eq!(control, expected);
        control.read(b"no-store,no-cache");
        assert!(control.no_store && control.no_cache);
        let mut bounded = RequestControl::default();
        bounded.read(b"max-stale=5");
        assert_eq!(bounded.max_stale, Some(5));
    }
}
