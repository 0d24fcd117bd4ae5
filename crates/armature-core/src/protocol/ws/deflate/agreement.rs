//! What comes of an offer (RFC 7692 section 7.1).

use std::fmt::Write;
use std::rc::Rc;

use http::HeaderValue;

use super::budget::Held;
use super::offer::{self, Malformed, Offer};
use super::{Compressor, Deflate, Inflater};
use crate::http::{Problem, Request, Response};
use crate::protocol::ws::settings::DeflateSettings;

/// The largest window of deflate, in bits.
const MOST_BITS: u8 = 15;

/// Compression as it was agreed on with one client; holds the memory that this may take.
pub struct Agreement {
    deflate: Rc<Deflate>,
    terms: Terms,
    /// Memory for what the client may refer to.
    held: Option<Held>,
}

#[derive(Debug, PartialEq, Eq)]
struct Terms {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_window_bits: u8,
    client_window_bits: u8,
    /// The client has asked for less than the largest window, or is to know of it.
    says_server_bits: bool,
    says_client_bits: bool,
}

impl Deflate {
    /// What is agreed on with the client of `request`; `None` without an offer that can be met.
    ///
    /// # Errors
    /// The refusal: 400 when the offers are malformed.
    pub fn negotiate(self: &Rc<Self>, request: &Request) -> Result<Option<Agreement>, Response> {
        let offer = match offer::first(request.head.get_all("sec-websocket-extensions")) {
            Ok(Some(offer)) => offer,
            Ok(None) => return Ok(None),
            Err(Malformed) => return Err(Problem::BAD_EXTENSIONS.response(Some(&request.id))),
        };
        let mut terms = Terms::new(&offer, &self.settings);
        let held = match terms.client_no_context_takeover {
            true => None,
            false => self.budget.hold(1 << terms.client_window_bits),
        };
        // Where there is no memory left, the client does without a context.
        terms.client_no_context_takeover = held.is_none();
        Ok(Some(Agreement { deflate: self.clone(), terms, held }))
    }
}

impl Terms {
    fn new(offer: &Offer, settings: &DeflateSettings) -> Self {
        let ours = settings.window_bits;
        let most = |theirs: Option<u8>| theirs.unwrap_or(MOST_BITS).min(ours);
        let server_window_bits = most(offer.server_max_window_bits);
        // Who does not offer it uses the largest (RFC 7692 section 7.1.2.2).
        let client_window_bits = offer.client_max_window_bits.map_or(MOST_BITS, most);
        Self {
            server_no_context_takeover: offer.server_no_context_takeover || !settings.context_takeover,
            client_no_context_takeover: offer.client_no_context_takeover || !settings.context_takeover,
            server_window_bits,
            client_window_bits,
            says_server_bits: offer.server_max_window_bits.is_some() || server_window_bits < MOST_BITS,
            says_client_bits: client_window_bits < MOST_BITS,
        }
    }
}

impl Agreement {
    /// The `Sec-WebSocket-Extensions` field of the answer.
    pub(in crate::protocol::ws) fn answer(&self) -> Option<HeaderValue> {
        let Terms { server_window_bits, client_window_bits, .. } = self.terms;
        let mut text = String::from("permessage-deflate");
        if self.terms.server_no_context_takeover {
            text.push_str("; server_no_context_takeover");
        }
        if self.terms.client_no_context_takeover {
            text.push_str("; client_no_context_takeover");
        }
        if self.terms.says_server_bits {
            let _ = write!(text, "; server_max_window_bits={server_window_bits}");
        }
        if self.terms.says_client_bits {
            let _ = write!(text, "; client_max_window_bits={client_window_bits}");
        }
        HeaderValue::try_from(text).ok()
    }

    /// The two directions.
    pub(in crate::protocol::ws) fn split(self) -> (Compressor, Inflater) {
        let Self { deflate, terms, held } = self;
        let takeover = !terms.server_no_context_takeover;
        let compressor = Compressor::new(deflate.clone(), terms.server_window_bits, takeover);
        (compressor, Inflater::new(deflate, terms.client_window_bits, held))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::budget::Budget;
    use super::super::codecs::Codecs;
    use super::*;
    use crate::http::{Address, Body, Head, Method, Peer, RequestId, Version};

    fn deflate(settings: DeflateSettings) -> Rc<Deflate> {
        let budget = Budget::new(settings.memory);
        Rc::new(Deflate { settings, codecs: Rc::new(Codecs::default()), budget })
    }

    pub fn negotiate(deflate: &Rc<Deflate>, offer: &str) -> Result<Option<Agreement>, Response> {
        let mut head = Head::new(Method::GET, Version::Http11, "/");
        head.push("sec-websocket-extensions", offer.as_bytes());
        let peer = Rc::new(Peer::new(Address::Unix(None), false));
        deflate.negotiate(&Request::new(head, Body::Empty, peer, RequestId::Sequence(1)))
    }

    /// The answer to `permessage-deflate` with `parameters`, without its name.
    fn answer(deflate: &Rc<Deflate>, parameters: &str) -> Option<String> {
        let agreement = negotiate(deflate, &format!("permessage-deflate{parameters}")).unwrap()?;
        let text = agreement.answer().unwrap().to_str().unwrap().to_owned();
        Some(text.strip_prefix("permessage-deflate").unwrap().to_owned())
    }

    #[test]
    fn without_contexts() {
        let deflate = deflate(DeflateSettings::default());
        let none = "; server_no_context_takeover; client_no_context_takeover";
        for (offer, terms) in [
            ("", ""),
            ("; client_max_window_bits", ""),
            ("; client_max_window_bits=15; server_max_window_bits=15", "; server_max_window_bits=15"),
            ("; client_max_window_bits=10", "; client_max_window_bits=10"),
            ("; server_max_window_bits=8", "; server_max_window_bits=8"),
        ] {
            assert_eq!(answer(&deflate, offer), Some(format!("{none}{terms}")), "{offer}");
        }
        assert_eq!(deflate.held(), 0);
    }

    #[test]
    fn with_contexts() {
        let settings =
            DeflateSettings { context_takeover: true, window_bits: 12, ..DeflateSettings::default() };
        let deflate = deflate(settings);
        for (offer, terms) in [
            ("", "; server_max_window_bits=12"),
            ("; client_max_window_bits", "; server_max_window_bits=12; client_max_window_bits=12"),
            ("; client_max_window_bits=9", "; server_max_window_bits=12; client_max_window_bits=9"),
            ("; server_max_window_bits=10", "; server_max_window_bits=10"),
            ("; server_no_context_takeover", "; server_no_context_takeover; server_max_window_bits=12"),
            ("; client_no_context_takeover", "; client_no_context_takeover; server_max_window_bits=12"),
        ] {
            assert_eq!(answer(&deflate, offer), Some(terms.to_owned()), "{offer}");
        }
        assert_eq!(answer(&deflate, "; unknown"), None);
    }

    #[test]
    fn contexts_end_where_memory_does() {
        let settings =
            DeflateSettings { context_takeover: true, memory: 5 << 14, ..DeflateSettings::default() };
        let deflate = deflate(settings);
        let offer = "permessage-deflate; client_max_window_bits=14, permessage-deflate";
        let mut agreements: Vec<_> = (0..6).map(|_| negotiate(&deflate, offer).unwrap().unwrap()).collect();
        let says_no = |agreement: &Agreement| {
            agreement.answer().unwrap().to_str().unwrap().contains("; client_no_context_takeover")
        };
        assert_eq!(
            agreements.iter().map(says_no).collect::<Vec<_>>(),
            [false, false, false, false, false, true]
        );
        assert_eq!(deflate.held(), 5 << 14);
        // Held by the connection, until that is over.
        let (compressor, inflater) = agreements.remove(0).split();
        drop(compressor);
        assert_eq!(deflate.held(), 5 << 14);
        drop(inflater);
        assert_eq!(deflate.held(), 4 << 14);
        drop(agreements);
        assert_eq!(deflate.held(), 0);
    }

    #[test]
    fn malformed_offers_are_refused() {
        let deflate = deflate(DeflateSettings::default());
        let refusal = negotiate(&deflate, "permessage-deflate;;").err().unwrap();
        assert_eq!(refusal.status.as_u16(), 400);
        assert!(negotiate(&deflate, "x-other").unwrap().is_none());
    }
}
