//! What a client offers: the `Sec-WebSocket-Extensions` fields of its request (RFC 6455 section 9.1, RFC 7692 section 7.1).

/// One `permessage-deflate` with parameters that can be met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Offer {
    /// This side is to refer to nothing in earlier messages.
    pub server_no_context_takeover: bool,
    /// The client will refer to nothing in earlier messages.
    pub client_no_context_takeover: bool,
    /// The largest window that this side may use.
    pub server_max_window_bits: Option<u8>,
    /// The client can be told how large a window it may use; with the size that it would like, where it says so.
    pub client_max_window_bits: Option<Option<u8>>,
}

/// The field is not written as the grammar says: the handshake fails.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The first offer of `fields` that can be met.
pub(super) fn first<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Result<Option<Offer>, Malformed> {
    let mut found = None;
    for field in fields {
        let mut rest = Text { bytes: field };
        loop {
            rest.space();
            // Elements of a list may be empty (RFC 9110 section 5.6.1).
            if !rest.is_at(b',') && !rest.bytes.is_empty() {
                let offer = extension(&mut rest)?;
                found = found.or(offer);
            }
            if rest.bytes.is_empty() {
                break;
            }
            rest.expect(b',')?;
        }
    }
    Ok(found)
}

/// Reads one extension; `None` when it is another one, or cannot be met.
fn extension(rest: &mut Text<'_>) -> Result<Option<Offer>, Malformed> {
    let name = rest.token()?;
    let mut offer = Some(Offer::default()).filter(|_| name.eq_ignore_ascii_case(b"permessage-deflate"));
    loop {
        rest.space();
        if !rest.skip(b';') {
            return Ok(offer);
        }
        rest.space();
        let name = rest.token()?;
        rest.space();
        let value = match rest.skip(b'=') {
            false => None,
            true => {
                rest.space();
                Some(rest.value()?)
            }
        };
        offer = offer.and_then(|offer| offer.with(name, value));
    }
}

impl Offer {
    /// With one more parameter. `None` for one that is unknown, repeated or has a wrong value: the whole offer is declined then
    /// (RFC 7692 section 7).
    fn with(mut self, name: &[u8], value: Option<&[u8]>) -> Option<Self> {
        let is_new = match (name, value) {
            (b"server_no_context_takeover", None) => {
                !std::mem::replace(&mut self.server_no_context_takeover, true)
            }
            (b"client_no_context_takeover", None) => {
                !std::mem::replace(&mut self.client_no_context_takeover, true)
            }
            (b"server_max_window_bits", Some(value)) => {
                self.server_max_window_bits.replace(window_bits(value)?).is_none()
            }
            (b"client_max_window_bits", None) => self.client_max_window_bits.replace(None).is_none(),
            (b"client_max_window_bits", Some(value)) => {
                self.client_max_window_bits.replace(Some(window_bits(value)?)).is_none()
            }
            _ => false,
        };
        is_new.then_some(self)
    }
}

/// 8 to 15, without a zero before it.
fn window_bits(value: &[u8]) -> Option<u8> {
    match value {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

/// What is left of a field.
struct Text<'a> {
    bytes: &'a [u8],
}

impl<'a> Text<'a> {
    fn space(&mut self) {
        self.bytes = self.bytes.trim_ascii_start();
    }

    fn is_at(&self, byte: u8) -> bool {
        self.bytes.first() == Some(&byte)
    }

    fn skip(&mut self, byte: u8) -> bool {
        let is_there = self.is_at(byte);
        self.bytes = &self.bytes[usize::from(is_there)..];
        is_there
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.skip(byte) { Ok(()) } else { Err(Malformed) }
    }

    fn token(&mut self) -> Result<&'a [u8], Malformed> {
        let is_tchar = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
        let end = self.bytes.iter().position(|b| !is_tchar(b)).unwrap_or(self.bytes.len());
        let (token, rest) = self.bytes.split_at(end);
        self.bytes = rest;
        if token.is_empty() { Err(Malformed) } else { Ok(token) }
    }

    /// A token, also in quotes. None of the values that mean something needs an escape, so what has one is read as it stands.
    fn value(&mut self) -> Result<&'a [u8], Malformed> {
        if !self.skip(b'"') {
            return self.token();
        }
        let mut end = 0;
        loop {
            match self.bytes.get(end) {
                None => return Err(Malformed),
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
            }
        }
        let value = &self.bytes[..end];
        self.bytes = &self.bytes[end + 1..];
        // What it says has to be a token (RFC 6455 section 9.1).
        if value.is_empty() { Err(Malformed) } else { Ok(value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[&str]) -> Result<Option<Offer>, Malformed> {
        first(fields.iter().map(|field| field.as_bytes()))
    }

    #[test]
    fn reads_all_parameters() {
        let all = "permessage-deflate; server_no_context_takeover ;client_no_context_takeover; \
                   server_max_window_bits=8;client_max_window_bits = \"15\"";
        let offer = Offer {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: Some(8),
            client_max_window_bits: Some(Some(15)),
        };
        assert_eq!(read(&[all]), Ok(Some(offer)));
        assert_eq!(read(&["PERMESSAGE-DEFLATE"]), Ok(Some(Offer::default())));
        let hint = Offer { client_max_window_bits: Some(None), ..Offer::default() };
        assert_eq!(read(&["permessage-deflate; client_max_window_bits"]), Ok(Some(hint)));
    }

    #[test]
    fn takes_the_first_that_can_be_met() {
        let ten = Offer { server_max_window_bits: Some(10), ..Offer::default() };
        for fields in [
            &["permessage-deflate; unknown, permessage-deflate; server_max_window_bits=10"][..],
            &["x-other; a=b", "permessage-deflate;server_max_window_bits=10,permessage-deflate"],
            &[
                ", ,permessage-deflate; server_max_window_bits=7 , permessage-deflate;server_max_window_bits=10,",
            ],
        ] {
            assert_eq!(read(fields), Ok(Some(ten)), "{fields:?}");
        }
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["x-webkit-deflate-frame"]), Ok(None));
    }

    #[test]
    fn declines_what_has_no_meaning() {
        for parameters in [
            "server_no_context_takeover=1",
            "client_no_context_takeover; client_no_context_takeover",
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=08",
            "server_max_window_bits=16",
            "server_max_window_bits=9; server_max_window_bits=9",
            "client_max_window_bits=x",
            "client_max_window_bits; client_max_window_bits=10",
            "Server_No_Context_Takeover",
        ] {
            assert_eq!(read(&[&format!("permessage-deflate; {parameters}")]), Ok(None), "{parameters}");
        }
    }

    #[test]
    fn refuses_what_is_not_the_grammar() {
        for field in [
            ";",
            "permessage-deflate;",
            "permessage-deflate; =1",
            "permessage-deflate; server_max_window_bits=",
            "permessage-deflate; server_max_window_bits=\"10",
            "permessage-deflate; server_max_window_bits=\"10\\",
            "permessage-deflate; server_max_window_bits=\"\"",
            "permessage-deflate x",
            "permessage-deflate, (",
            "\"permessage-deflate\"",
        ] {
            assert_eq!(read(&[field]), Err(Malformed), "{field}");
        }
    }
}
