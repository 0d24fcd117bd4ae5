//! Text that arrives in pieces: invalid UTF-8 is noticed with the first byte that nothing can make valid.

use super::decode::Violation;

/// What is known of a text so far.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    /// The beginning of a character.
    pending: [u8; 4],
    len: u8,
}

impl Utf8 {
    /// The next bytes.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Violation> {
        while self.len > 0 {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            self.pending[usize::from(self.len)] = byte;
            self.len += 1;
            match std::str::from_utf8(&self.pending[..usize::from(self.len)]) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(Violation::TEXT),
            }
        }
        match std::str::from_utf8(bytes) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_none() => {
                let tail = &bytes[error.valid_up_to()..];
                self.pending[..tail.len()].copy_from_slice(tail);
                self.len = tail.len() as u8;
                Ok(())
            }
            Err(_) => Err(Violation::TEXT),
        }
    }

    /// The text ends here.
    pub fn finish(&mut self) -> Result<(), Violation> {
        if std::mem::take(&mut self.len) == 0 { Ok(()) } else { Err(Violation::TEXT) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fed(pieces: &[&[u8]]) -> Result<(), Violation> {
        let mut utf8 = Utf8::default();
        pieces.iter().try_for_each(|piece| utf8.feed(piece))?;
        utf8.finish()
    }

    #[test]
    fn fails_with_the_first_byte_that_cannot_be() {
        // The first byte behind a valid beginning that makes it invalid, and before it nothing does.
        for (valid, wrong) in [
            (&b"\xf4"[..], 0x90),
            (b"\xe0", 0x9f),
            (b"\xed", 0xa0),
            (b"\xf0", 0x8f),
            (b"", 0xf5),
            (b"", 0xc1),
            (b"\xe2\x82", b'a'),
        ] {
            let mut utf8 = Utf8::default();
            utf8.feed(valid).unwrap();
            assert_eq!(utf8.feed(&[wrong]), Err(Violation::TEXT), "{valid:x?} {wrong:x}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_library(bytes: Vec<u8>, text: String, cut: prop::sample::Index) {
            for bytes in [&bytes[..], text.as_bytes(), &[text.as_bytes(), &bytes].concat()] {
                let at = cut.index(bytes.len() + 1);
                let valid = std::str::from_utf8(bytes).is_ok();
                prop_assert_eq!(fed(&[&bytes[..at], &bytes[at..]]).is_ok(), valid);
                let single: Vec<&[u8]> = bytes.chunks(1).collect();
                prop_assert_eq!(fed(&single).is_ok(), valid);
            }
        }
    }
}
