//! Fields that tell a client what is left.

use std::fmt::Write;

use http::{HeaderName, HeaderValue};

use super::Verdict;
use crate::http::Headers;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `RateLimit-Policy` and `RateLimit`, lists of structured fields, as in draft-ietf-httpapi-ratelimit-headers since its
    /// eighth version.
    Draft,
    /// `RateLimit-Limit`, `-Remaining` and `-Reset`, as in its versions up to the sixth.
    Legacy,
}

/// The fields of one policy.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    style: Style,
    name: Box<str>,
    /// What does not change: `RateLimit-Policy`, or `RateLimit-Limit`.
    policy: HeaderValue,
}

impl Fields {
    /// Of a policy called `name`, which needs no quoting, that allows `limit` in `window` seconds.
    pub fn new(style: Style, name: &str, limit: u32, window: u64) -> Self {
        let policy = match style {
            Style::Draft => format!("\"{name}\";q={limit};w={window}"),
            Style::Legacy => limit.to_string(),
        };
        // Letters, digits and signs; see the option `name`.
        let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static(""));
        Self { style, name: name.into(), policy }
    }

    /// Adds them. Of several limits around one another each has its member of the lists; of the older fields there is one of
    /// each, and the innermost counts.
    pub fn add(&self, headers: &mut Headers, verdict: &Verdict) {
        let Verdict { remaining, reset, .. } = *verdict;
        match self.style {
            Style::Draft => {
                let mut text = String::with_capacity(self.name.len() + 32);
                let _ = write!(text, "\"{}\";r={remaining};t={reset}", self.name);
                headers.append(POLICY, self.policy.clone());
                if let Ok(state) = HeaderValue::try_from(text) {
                    headers.append(STATE, state);
                }
            }
            Style::Legacy if !headers.contains(&LIMIT) => {
                headers.append(LIMIT, self.policy.clone());
                headers.append(REMAINING, HeaderValue::from(remaining));
                headers.append(RESET, HeaderValue::from(reset));
            }
            Style::Legacy => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_as_the_drafts_say() {
        let verdict = Verdict { allowed: true, remaining: 7, reset: 12, retry: 0 };
        let shown = |styles: &[(Style, &str, u32)]| {
            let mut headers = Headers::new();
            for (style, name, limit) in styles {
                Fields::new(*style, name, *limit, 60).add(&mut headers, &verdict);
            }
            headers
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            shown(&[(Style::Draft, "login", 10), (Style::Draft, "all", 100)]),
            [
                "ratelimit-policy: \"login\";q=10;w=60",
                "ratelimit: \"login\";r=7;t=12",
                "ratelimit-policy: \"all\";q=100;w=60",
                "ratelimit: \"all\";r=7;t=12",
            ]
        );
        assert_eq!(
            shown(&[(Style::Legacy, "login", 10), (Style::Legacy, "all", 100)]),
            ["ratelimit-limit: 10", "ratelimit-remaining: 7", "ratelimit-reset: 12"]
        );
    }
}
