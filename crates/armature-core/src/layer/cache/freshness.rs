//! How old an answer is and what that means (RFC 9111 section 4.2; RFC 5861). Times are milliseconds, moments those since 1970.

use std::time::{Duration, SystemTime};

use http::header::{AGE, DATE, EXPIRES};
use http::{HeaderName, StatusCode};

use super::control::{RequestControl, ResponseControl, seconds};
use crate::http::Headers;

/// Statuses that may be stored although nothing says for how long (RFC 9110 section 15.1), without 206.
const HEURISTIC: [u16; 11] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];

/// What the options say where an answer says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Defaults {
    pub ttl: u64,
    pub stale_while_revalidate: u64,
    pub stale_if_error: u64,
}

/// Times and permissions of a stored answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Freshness {
    /// When it came.
    pub at: u64,
    /// How old it was then.
    pub initial_age: u64,
    pub lifetime: u64,
    /// For how long it may be given while a new one is fetched, beyond its lifetime.
    pub stale_while_revalidate: u64,
    /// For how long it may be given in the place of an error.
    pub stale_if_error: u64,
    /// `no-cache`: never given unless its origin says that it is current.
    pub validate: bool,
    /// Not given stale because a client wants it so (section 4.2.4).
    pub strict: bool,
    /// `public` or `s-maxage`: requests with credentials may get it.
    pub shared: bool,
}

/// What may be done with a stored answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usable {
    /// It is given.
    Fresh,
    /// It is given, and is stale, by so many milliseconds.
    Stale(u64),
    /// The same, and a new one is fetched.
    Meanwhile(u64),
    /// Its origin is asked first.
    Validate,
}

/// Now.
pub(super) fn now() -> u64 {
    millis(SystemTime::now())
}

fn millis(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

pub(super) fn time(moment: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(moment)
}

impl Freshness {
    /// Of an answer that was asked for at `asked` and came at `came`; `None` when nothing says that it may be stored (section 3).
    pub fn of(
        status: StatusCode,
        headers: &Headers,
        control: &ResponseControl,
        defaults: &Defaults,
        (asked, came): (u64, u64),
    ) -> Option<Self> {
        let explicit = lifetime(headers, control, came);
        let heuristic = defaults.ttl > 0 && HEURISTIC.contains(&status.as_u16());
        let lifetime = match explicit {
            Some(lifetime) => lifetime,
            None if heuristic => defaults.ttl,
            // `public` allows storing; without a lifetime it is stale from the start.
            None if control.public => 0,
            None => return None,
        };
        let must = control.must_revalidate || control.proxy_revalidate || control.no_cache;
        let strict = must || control.s_maxage.is_some();
        // What an answer permits by name goes before what `s-maxage` forbids by the way; an option does not.
        let window = |own: Option<u64>, default| match own {
            _ if must => 0,
            Some(own) => own * 1000,
            None if strict => 0,
            None => default,
        };
        Some(Self {
            at: came,
            initial_age: initial_age(headers, asked, came),
            lifetime,
            stale_while_revalidate: window(control.stale_while_revalidate, defaults.stale_while_revalidate),
            stale_if_error: window(control.stale_if_error, defaults.stale_if_error),
            validate: control.no_cache,
            strict,
            shared: control.is_shared(),
        })
    }

    /// Section 4.2.3.
    pub fn age(&self, now: u64) -> u64 {
        self.initial_age.saturating_add(now.saturating_sub(self.at))
    }

    /// Whether it can be given without asking, to somebody.
    pub fn is_fresh(&self, now: u64) -> bool {
        !self.validate && self.age(now) < self.lifetime
    }

    /// What a request that wants `control` may get of it.
    pub fn usable(&self, now: u64, control: &RequestControl) -> Usable {
        let age = self.age(now);
        if self.validate || control.no_cache || control.max_age.is_some_and(|most| age > most * 1000) {
            return Usable::Validate;
        }
        if age < self.lifetime {
            let left = self.lifetime - age;
            let lasts = control.min_fresh.is_none_or(|least| left >= least * 1000);
            return if lasts { Usable::Fresh } else { Usable::Validate };
        }
        let stale = age - self.lifetime;
        if !self.strict && control.max_stale.is_some_and(|most| stale <= most.saturating_mul(1000)) {
            return Usable::Stale(stale);
        }
        // Who says how fresh it has to be does not want what is not.
        let asks = control.max_age.is_some() || control.min_fresh.is_some();
        if stale < self.stale_while_revalidate && !asks { Usable::Meanwhile(stale) } else { Usable::Validate }
    }

    /// Whether a request that wants `control` may get it in the place of an error.
    pub fn covers_error(&self, now: u64, control: &RequestControl) -> bool {
        let stale = self.age(now).saturating_sub(self.lifetime);
        let asked = control.stale_if_error.filter(|_| !self.strict).unwrap_or(0) * 1000;
        !self.validate && !control.no_cache && stale < self.stale_if_error.max(asked)
    }
}

/// What the answer says about its lifetime (section 4.2.1).
fn lifetime(headers: &Headers, control: &ResponseControl, came: u64) -> Option<u64> {
    if let Some(seconds) = control.s_maxage.or(control.max_age) {
        return Some(seconds * 1000);
    }
    // What is no date has expired (section 5.3), and so has what two fields disagree about.
    let mut values = headers.get_all(&EXPIRES);
    let first = values.next()?;
    let expires = if values.any(|other| other != first) { None } else { parse_date(first.as_bytes()) };
    let date = date(headers, &DATE).unwrap_or(came);
    Some(expires.map_or(0, |expires| expires.saturating_sub(date)))
}

/// How old it was when it came. What says nothing of itself was made here, now.
fn initial_age(headers: &Headers, asked: u64, came: u64) -> u64 {
    let date = date(headers, &DATE);
    let age = headers.get(&AGE).and_then(|value| seconds(value.as_bytes()));
    if date.is_none() && age.is_none() {
        return 0;
    }
    let apparent = date.map_or(0, |date| came.saturating_sub(date));
    let corrected = age.unwrap_or(0) * 1000 + came.saturating_sub(asked);
    apparent.max(corrected)
}

fn date(headers: &Headers, name: &HeaderName) -> Option<u64> {
    headers.get(name).and_then(|value| parse_date(value.as_bytes()))
}

fn parse_date(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    httpdate::parse_http_date(text.trim()).ok().map(millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const CAME: u64 = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
    const DATE_OF_IT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const MINUTE_LATER: &str = "Sun, 06 Nov 1994 08:50:37 GMT";
    const MINUTE_EARLIER: &str = "Sun, 06 Nov 1994 08:48:37 GMT";

    fn of(status: u16, fields: &[(&'static str, &str)], ttl: u64) -> Option<Freshness> {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let control =
            ResponseControl::of(headers.get_all(&http::header::CACHE_CONTROL).map(HeaderValue::as_bytes));
        let defaults = Defaults { ttl, stale_while_revalidate: 7000, stale_if_error: 8000 };
        Freshness::of(
            StatusCode::from_u16(status).unwrap(),
            &headers,
            &control,
            &defaults,
            (CAME - 500, CAME),
        )
    }

    #[test]
    fn lifetimes_in_their_order() {
        let cc = "cache-control";
        for (fields, ttl, expected) in [
            (&[(cc, "max-age=5")][..], 0, Some(5000)),
            (&[(cc, "max-age=5, s-maxage=9")], 0, Some(9000)),
            (&[(cc, "max-age=5"), ("expires", MINUTE_LATER)], 0, Some(5000)),
            (&[("expires", MINUTE_LATER)], 0, Some(60_000)),
            (&[("expires", MINUTE_LATER), ("date", MINUTE_EARLIER)], 0, Some(120_000)),
            (&[("expires", MINUTE_EARLIER)], 9000, Some(0)),
            (&[("expires", "0")], 9000, Some(0)),
            (&[("expires", MINUTE_LATER), ("expires", DATE_OF_IT)], 0, Some(0)),
            (&[("expires", MINUTE_LATER), ("expires", MINUTE_LATER)], 0, Some(60_000)),
            (&[(cc, "public")], 0, Some(0)),
            (&[], 9000, Some(9000)),
            (&[], 0, None),
            (&[(cc, "must-revalidate")], 0, None),
        ] {
            assert_eq!(of(200, fields, ttl).map(|f| f.lifetime), expected, "{fields:?} {ttl}");
        }
        assert_eq!(of(500, &[], 9000), None, "not a status that may be stored without a word");
        assert_eq!(of(500, &[(cc, "max-age=5")], 0).map(|f| f.lifetime), Some(5000));
        assert_eq!(of(404, &[], 9000).map(|f| f.lifetime), Some(9000));
    }

    #[test]
    fn ages() {
        for (fields, expected) in [
            (&[][..], 0),
            // 500 ms passed between the question and the answer.
            (&[("age", "10")], 10_500),
            (&[("age", "x"), ("date", DATE_OF_IT)], 500),
            (&[("date", MINUTE_EARLIER)], 60_000),
            (&[("date", MINUTE_EARLIER), ("age", "70")], 70_500),
            (&[("date", MINUTE_LATER)], 500),
        ] {
            let mut all = vec![("cache-control", "max-age=100")];
            all.extend_from_slice(fields);
            let freshness = of(200, &all, 0).unwrap();
            assert_eq!(freshness.age(CAME), expected, "{fields:?}");
            assert_eq!(freshness.age(CAME + 3000), expected + 3000);
            assert_eq!(freshness.age(CAME - 3000), expected, "a clock that was set back");
        }
    }

    #[test]
    fn what_a_request_may_get() {
        let control = |text: &str| {
            let mut control = RequestControl::default();
            control.read(text.as_bytes());
            control
        };
        let plain = "max-age=10";
        for (answer, age, request, expected) in [
            (plain, 0, "", Usable::Fresh),
            (plain, 9999, "", Usable::Fresh),
            (plain, 10_000, "", Usable::Meanwhile(0)),
            (plain, 16_999, "", Usable::Meanwhile(6999)),
            (plain, 17_000, "", Usable::Validate),
            (plain, 5000, "no-cache", Usable::Validate),
            (plain, 5000, "max-age=5", Usable::Fresh),
            (plain, 5001, "max-age=5", Usable::Validate),
            (plain, 0, "max-age=0", Usable::Fresh),
            (plain, 5000, "min-fresh=5", Usable::Fresh),
            (plain, 5001, "min-fresh=5", Usable::Validate),
            (plain, 12_000, "min-fresh=1", Usable::Validate),
            (plain, 12_000, "max-stale", Usable::Stale(2000)),
            (plain, 12_000, "max-stale=2", Usable::Stale(2000)),
            (plain, 12_000, "max-stale=1", Usable::Meanwhile(2000)),
            (plain, 12_000, "max-stale=1, max-age=20", Usable::Validate),
            ("max-age=10, must-revalidate", 12_000, "max-stale", Usable::Validate),
            ("max-age=10, proxy-revalidate", 12_000, "", Usable::Validate),
            ("s-maxage=10", 12_000, "max-stale", Usable::Validate),
            ("s-maxage=10, stale-while-revalidate=5", 12_000, "", Usable::Meanwhile(2000)),
            ("max-age=10, stale-while-revalidate=0", 12_000, "", Usable::Validate),
            ("max-age=10, must-revalidate, stale-while-revalidate=5", 12_000, "", Usable::Validate),
            ("max-age=10, no-cache", 0, "", Usable::Validate),
        ] {
            let freshness = of(200, &[("cache-control", answer)], 0).unwrap();
            assert_eq!(freshness.usable(CAME + age, &control(request)), expected, "{answer} {age} {request}");
        }
    }

    #[test]
    fn what_covers_an_error() {
        for (answer, age, asked, expected) in [
            ("max-age=10", 17_999, None, true),
            ("max-age=10", 18_000, None, false),
            ("max-age=10", 18_000, Some(9), true),
            ("max-age=10, stale-if-error=1", 10_999, None, true),
            ("max-age=10, stale-if-error=1", 11_000, None, false),
            ("max-age=10, must-revalidate, stale-if-error=9", 11_000, Some(9), false),
            ("max-age=10, no-cache", 11_000, Some(9), false),
            ("s-maxage=10", 11_000, Some(9), false),
            ("s-maxage=10, stale-if-error=9", 11_000, None, true),
        ] {
            let freshness = of(200, &[("cache-control", answer)], 0).unwrap();
            let control = RequestControl { stale_if_error: asked, ..RequestControl::default() };
            assert_eq!(freshness.covers_error(CAME + age, &control), expected, "{answer} {age} {asked:?}");
        }
    }
}
