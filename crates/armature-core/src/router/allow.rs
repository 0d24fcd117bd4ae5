//! The value of an `Allow` field.

use std::{collections::BTreeSet, fmt};

use bytes::Bytes;
use http::{HeaderValue, Method};

/// The methods that a path exists for, as the value of an `Allow` field (RFC 9110 10.2.1): sorted, separated
/// by `, `, always with `OPTIONS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow(String);

impl Allow {
    pub(super) fn new<'a>(methods: impl Iterator<Item = &'a Method>) -> Self {
        let names: BTreeSet<&str> = methods.chain([&Method::OPTIONS]).map(Method::as_str).collect();
        Self(names.into_iter().collect::<Vec<_>>().join(", "))
    }

    /// The field value, such as `GET, HEAD, OPTIONS`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Allow> for HeaderValue {
    fn from(allow: Allow) -> Self {
        // Method tokens, commas and spaces are always a valid field value.
        Self::from_maybe_shared(Bytes::from(allow.0)).unwrap_or_else(|_| Self::from_static("OPTIONS"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_unique_and_with_options() {
        let link = Method::from_bytes(b"LINK").unwrap();
        let allow = Allow::new([&Method::POST, &link, &Method::GET, &Method::POST].into_iter());
        assert_eq!(allow.as_str(), "GET, LINK, OPTIONS, POST");
        assert_eq!(allow.to_string(), allow.as_str());
        assert_eq!(HeaderValue::from(allow), "GET, LINK, OPTIONS, POST");
        assert_eq!(Allow::new([&Method::OPTIONS].into_iter()).as_str(), "OPTIONS");
    }
}
