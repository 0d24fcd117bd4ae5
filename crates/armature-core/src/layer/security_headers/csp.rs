//! Content-Security-Policy: directives from options, and a nonce for each request where one of them asks for it.

use std::collections::BTreeMap;

use aws_lc_rs::rand;
use http::HeaderValue;
use serde::Deserialize;

use crate::error::{Error, Result};

/// The source that stands for the nonce of the request.
const NONCE: &str = "'nonce'";
/// Random bytes of a nonce; the specification asks for 16 at least.
const NONCE_BYTES: usize = 16;

/// The policy of helmet 8.
const DEFAULTS: [(&str, &[&str]); 11] = [
    ("default-src", &["'self'"]),
    ("base-uri", &["'self'"]),
    ("font-src", &["'self'", "https:", "data:"]),
    ("form-action", &["'self'"]),
    ("frame-ancestors", &["'self'"]),
    ("img-src", &["'self'", "data:"]),
    ("object-src", &["'none'"]),
    ("script-src", &["'self'"]),
    ("script-src-attr", &["'none'"]),
    ("style-src", &["'self'", "https:", "'unsafe-inline'"]),
    ("upgrade-insecure-requests", &[]),
];

/// Sources that mean something only between quotes: without them they would be the names of hosts.
const QUOTED: [&str; 9] = [
    "self",
    "none",
    "unsafe-inline",
    "unsafe-eval",
    "unsafe-hashes",
    "strict-dynamic",
    "report-sample",
    "wasm-unsafe-eval",
    "nonce",
];

/// The Content-Security-Policy of the security headers.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[cfg_attr(test, ts(optional_fields = nullable))]
pub struct CspOptions {
    /// Sources by directive, such as `{ 'script-src': ["'self'", "'nonce'"] }`, instead of the default ones of these directives;
    /// `scriptSrc` is the same. An empty list is a directive without a value, `false` leaves it out. `"'nonce'"` stands for a nonce
    /// that is new with each request: `req.cspNonce`.
    #[cfg_attr(test, ts(inline))]
    pub directives: Option<Directives>,
    /// Whether directives that are not named have their defaults. Default `true`.
    pub use_defaults: Option<bool>,
    /// Sends the policy as `Content-Security-Policy-Report-Only`: violations are reported, nothing is blocked. Default `false`.
    pub report_only: Option<bool>,
}

/// Sources by directive.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "Readonly<Record<string, readonly string[] | false>>"))]
pub struct Directives(BTreeMap<String, Sources>);

/// Sources of one directive; `None` for `false`.
#[derive(Clone, Debug)]
pub struct Sources(Option<Vec<String>>);

impl<'de> Deserialize<'de> for Sources {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        super::options::false_or_list(deserializer, "false or a list of sources such as [\"'self'\"]")
            .map(Sources)
    }
}

/// A policy, as text around the places of its nonce.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub report_only: bool,
    /// The text between nonces: one part more than there are nonces.
    parts: Vec<String>,
    /// The whole of it, when there is no nonce.
    fixed: Option<HeaderValue>,
}

impl Policy {
    pub fn new(options: CspOptions) -> Result<Self> {
        let mut directives: Vec<(String, Vec<String>)> = Vec::new();
        if options.use_defaults.unwrap_or(true) {
            let owned = |sources: &[&str]| sources.iter().map(|s| (*s).to_owned()).collect();
            directives.extend(DEFAULTS.map(|(name, sources)| (name.to_owned(), owned(sources))));
        }
        let mut named = Vec::new();
        for (given, Sources(sources)) in options.directives.unwrap_or_default().0 {
            let name = kebab(&given).ok_or_else(|| {
                Error::option(
                    "SecurityHeaders.contentSecurityPolicy.directives",
                    &given,
                    "a name such as 'script-src'",
                )
            })?;
            if named.contains(&name) {
                let allowed = "named once, as 'script-src' or as 'scriptSrc'";
                return Err(Error::option(option_of(&given), &given, allowed));
            }
            named.push(name.clone());
            let at = directives.iter().position(|(other, _)| *other == name);
            match (sources, at) {
                (None, Some(at)) => drop(directives.remove(at)),
                (None, None) => {}
                (Some(sources), at) => {
                    for source in &sources {
                        check(&given, source)?;
                    }
                    match at {
                        Some(at) => directives[at].1 = sources,
                        None => directives.push((name, sources)),
                    }
                }
            }
        }
        if directives.is_empty() {
            let message = "SecurityHeaders.contentSecurityPolicy has no directive; use contentSecurityPolicy: false to send none";
            return Err(Error::option_message(message.to_owned()));
        }
        Ok(Self::of(&directives, options.report_only.unwrap_or(false)))
    }

    fn of(directives: &[(String, Vec<String>)], report_only: bool) -> Self {
        let mut parts = vec![String::new()];
        for (number, (name, sources)) in directives.iter().enumerate() {
            let last = parts.len() - 1;
            parts[last] += if number == 0 { "" } else { ";" };
            parts[last] += name;
            for source in sources {
                let last = parts.len() - 1;
                if source == NONCE {
                    parts[last] += " 'nonce-";
                    parts.push("'".to_owned());
                } else {
                    parts[last] += " ";
                    parts[last] += source;
                }
            }
        }
        let fixed = if parts.len() == 1 { HeaderValue::from_str(&parts[0]).ok() } else { None };
        Self { report_only, parts, fixed }
    }

    pub fn has_nonce(&self) -> bool {
        self.fixed.is_none()
    }

    /// The value of the field. `nonce` is asked for when [`Policy::has_nonce`].
    pub fn value(&self, nonce: &str) -> Option<HeaderValue> {
        match &self.fixed {
            Some(value) => Some(value.clone()),
            None => HeaderValue::try_from(self.parts.join(nonce)).ok(),
        }
    }
}

/// A new nonce; `None` when the system has no randomness to give.
pub(super) fn nonce() -> Option<String> {
    let mut bytes = [0; NONCE_BYTES];
    rand::fill(&mut bytes).ok()?;
    // Hexadecimal digits are a base64-value of the grammar, and need no escaping in an attribute.
    let mut text = String::with_capacity(NONCE_BYTES * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    Some(text)
}

fn option_of(directive: &str) -> String {
    format!("SecurityHeaders.contentSecurityPolicy.directives.{directive}")
}

/// `scriptSrc` and `script-src` as `script-src`.
fn kebab(name: &str) -> Option<String> {
    let mut out = String::new();
    for c in name.chars() {
        match c {
            'A'..='Z' if !out.is_empty() => {
                out.push('-');
                out.push(c.to_ascii_lowercase());
            }
            'a'..='z' | '-' => out.push(c),
            _ => return None,
        }
    }
    (!out.is_empty() && !out.starts_with('-')).then_some(out)
}

/// A source that ends its directive or its field would add what nobody wrote.
fn check(directive: &str, source: &str) -> Result<()> {
    if QUOTED.contains(&source) || source.starts_with("nonce-") || source.starts_with("sha256-") {
        return Err(Error::option(
            option_of(directive),
            source,
            format_args!("\"'{source}'\", with quotes of its own"),
        ));
    }
    let is_source = |b: u8| b.is_ascii_graphic() && b != b';' && b != b',';
    if source.is_empty() || !source.bytes().all(is_source) {
        let allowed = "a source: visible ASCII without spaces, commas and semicolons";
        return Err(Error::option(option_of(directive), source, allowed));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(options: &str) -> Result<Policy> {
        Policy::new(crate::config::parse::<CspOptions>(options)?)
    }

    fn text(options: &str) -> String {
        policy(options).unwrap().value("N").unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn the_default_is_that_of_helmet() {
        let helmet = "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';\
             frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';\
             style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests";
        assert_eq!(text("{}"), helmet);
    }

    #[test]
    fn directives_replace_add_and_remove() {
        let only = r#"{ "useDefaults": false, "directives": { "defaultSrc": ["'none'"], "sandbox": [] } }"#;
        assert_eq!(text(only), "default-src 'none';sandbox");
        let changed = text(
            r#"{ "directives": { "img-src": ["*"], "upgradeInsecureRequests": false, "connect-src": ["wss://a"] } }"#,
        );
        assert!(
            changed.contains(";img-src *;") && changed.ends_with("'unsafe-inline';connect-src wss://a"),
            "{changed}"
        );
    }

    #[test]
    fn nonces_stand_where_they_are_asked_for() {
        let options = r#"{ "useDefaults": false, "directives": { "script-src": ["'nonce'", "'strict-dynamic'"], "style-src": ["'nonce'"] } }"#;
        assert!(policy(options).unwrap().has_nonce() && !policy("{}").unwrap().has_nonce());
        assert_eq!(text(options), "script-src 'nonce-N' 'strict-dynamic';style-src 'nonce-N'");
        let (one, other) = (nonce().unwrap(), nonce().unwrap());
        assert!(one != other && one.len() == 32, "{one}");
    }

    #[test]
    fn what_would_mean_something_else_is_refused() {
        for (options, message) in [
            (r#"{ "directives": { "script-src": ["self"] } }"#, "with quotes of its own"),
            (r#"{ "directives": { "script-src": ["'self'; object-src *"] } }"#, "a source: visible ASCII"),
            (r#"{ "directives": { "script-src": ["a,b"] } }"#, "a source: visible ASCII"),
            (r#"{ "directives": { "script src": [] } }"#, "a name such as 'script-src'"),
            (r#"{ "directives": { "script-src": [], "scriptSrc": [] } }"#, "named once"),
            (r#"{ "directives": { "script-src": true } }"#, "false or a list of sources"),
            (r#"{ "useDefaults": false }"#, "has no directive"),
        ] {
            let error = policy(options).unwrap_err().to_string();
            assert!(error.contains(message), "{options}: {error}");
        }
    }
}
