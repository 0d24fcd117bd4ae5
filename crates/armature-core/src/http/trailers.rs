//! Which fields may be trailers (RFC 9110 section 6.5.1).
//!
//! Trailers come when the message has been framed, routed and admitted. A field that does one of these says something else there
//! than in the head, and whoever merges the two - a proxy, a framework - believes it.

use http::HeaderName;

/// What becomes of a field in a trailer section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrailerField {
    /// It means something there.
    Allowed,
    /// It means nothing there, and is left out.
    Ignored,
    /// It frames or routes the message: whoever sends it means another message than a recipient sees.
    Forbidden,
}

impl TrailerField {
    /// What becomes of `name`.
    pub fn of(name: &HeaderName) -> Self {
        match name.as_str() {
            "content-length" | "transfer-encoding" | "host" => Self::Forbidden,
            // The connection's.
            "connection" | "keep-alive" | "proxy-connection" | "te" | "trailer" | "upgrade" => Self::Ignored,
            // Request modifiers: controls and conditionals.
            "cache-control"
            | "expect"
            | "max-forwards"
            | "pragma"
            | "range"
            | "if-match"
            | "if-none-match"
            | "if-modified-since"
            | "if-unmodified-since"
            | "if-range" => Self::Ignored,
            // Authentication. Authentication-Info may be one (section 11.6.3).
            "authorization"
            | "cookie"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "set-cookie"
            | "www-authenticate" => Self::Ignored,
            // Response control data.
            "age" | "date" | "expires" | "location" | "retry-after" | "vary" | "warning" => Self::Ignored,
            // How to process the content.
            "content-encoding" | "content-range" | "content-type" => Self::Ignored,
            _ => Self::Allowed,
        }
    }
}
