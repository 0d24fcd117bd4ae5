//! Why an order did not come to its end.

use std::fmt;
use std::time::Duration;

/// See the module.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    /// How long the authority wants to be left alone.
    pub retry_after: Option<Duration>,
    /// What it calls the problem, without what all have in common (RFC 8555 section 6.7).
    kind: Option<String>,
    /// The server ends; nobody has to hear of it.
    pub stopped: bool,
}

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), retry_after: None, kind: None, stopped: false }
    }

    pub fn stopped() -> Self {
        Self { stopped: true, ..Self::new("the server has ended") }
    }

    /// Whether the authority calls the problem `kind`.
    pub fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }

    /// With what was being done.
    pub fn while_doing(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl From<instant_acme::Error> for Failure {
    fn from(error: instant_acme::Error) -> Self {
        let kind = match &error {
            instant_acme::Error::Api(problem) => problem.r#type.as_deref(),
            _ => None,
        };
        let kind = kind.and_then(|kind| kind.strip_prefix("urn:ietf:params:acme:error:")).map(str::to_owned);
        let message = match &error {
            // Not in our words, but those of the authority.
            instant_acme::Error::Api(problem) => problem.to_string().replacen("API error: ", "", 1),
            error => error.to_string(),
        };
        Self { kind, ..Self::new(shortened(message)) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// An authority may say a lot, and it goes into a log.
fn shortened(message: String) -> String {
    const MOST: usize = 1000;
    let message: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match message.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_the_authority_said() {
        let problem = r#"{ "type": "urn:ietf:params:acme:error:badNonce", "detail": "no\nthanks" }"#;
        let failure = Failure::from(instant_acme::Error::Api(serde_json::from_str(problem).unwrap()));
        assert!(failure.is("badNonce") && !failure.is("unauthorized"));
        assert_eq!(
            failure.while_doing("asking").to_string(),
            "asking: no thanks (urn:ietf:params:acme:error:badNonce)"
        );
        assert_eq!(shortened("é".repeat(2000)).chars().count(), 1001);
    }
}
