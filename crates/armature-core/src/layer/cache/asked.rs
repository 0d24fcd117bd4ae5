//! What a request says that matters to a cache, read in one pass over its fields.

use http::Method;

use super::control::RequestControl;
use super::options::Checked;
use crate::http::{Automatic, Head, Request};

/// A GET or HEAD that may be answered from the store, or whose answer may be stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub control: RequestControl,
    /// What the answer is may depend on who asks, and the key does not say who.
    pub credentials: bool,
    /// `If-None-Match` or `If-Modified-Since`.
    pub conditional: bool,
    pub head_only: bool,
}

impl Asked {
    /// `None` for a request that goes by: it is about a part of the content, about conditions that only the origin can check
    /// (RFC 9111 section 4.3.2), has content itself, leaves HTTP, forbids storing, or is refused.
    pub fn of(request: &Request, options: &Checked) -> Option<Self> {
        let head = &request.head;
        let mut asked = Self { head_only: head.method() == Method::HEAD, ..Self::default() };
        let is_refused = matches!(request.matched.automatic, Some(Automatic::Refuse(_)));
        if is_refused || !request.body.is_empty() {
            return None;
        }
        let tls = request.peer.tls.as_ref();
        asked.credentials = tls.is_some_and(|tls| tls.peer_certificate.is_some());
        for (name, value) in fields(head) {
            match name {
                b"cookie" => asked.credentials |= !options.rules.has_cookie,
                b"authorization" => asked.credentials |= !options.rules.has_authorization,
                b"if-none-match" | b"if-modified-since" => asked.conditional = true,
                b"cache-control" if options.client_control => asked.control.read(value),
                b"range" | b"if-range" | b"if-match" | b"if-unmodified-since" | b"upgrade" => return None,
                _ => {}
            }
        }
        (!asked.control.no_store).then_some(asked)
    }
}

/// The fields with their names as bytes, which nobody has to prove to be text.
fn fields(head: &Head) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = head.field_text();
    head.field_lengths().map_while(move |(name, value)| {
        let (name, after) = rest.split_at_checked(name as usize)?;
        let (value, after) = after.split_at_checked(value as usize)?;
        rest = after;
        Some((name, value))
    })
}
