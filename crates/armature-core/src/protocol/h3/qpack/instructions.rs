//! What a peer may say about a dynamic table that does not exist (RFC 9204 sections 4.3 and 4.4): next to nothing.

/// Whether `byte` of an encoder's stream is in order: only a capacity of zero may be set.
pub(in crate::protocol::h3) fn is_encoders(byte: u8) -> bool {
    byte == 0x20
}

/// Reads a decoder's stream.
#[derive(Default)]
pub(in crate::protocol::h3) struct Decoders {
    /// Bytes that the number of a stream has had beyond its first; `None` between instructions.
    inside: Option<u8>,
}

impl Decoders {
    /// Whether `byte` is in order: only cancellations may come, and mean nothing here.
    pub fn is_next(&mut self, byte: u8) -> bool {
        match &mut self.inside {
            None => {
                self.inside = (byte & 0x3f == 0x3f).then_some(0);
                byte & 0xc0 == 0x40
            }
            Some(count) => {
                *count += 1;
                let is_short = *count <= 9;
                if byte & 0x80 == 0 {
                    self.inside = None;
                }
                is_short
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_means_nothing_is_in_order() {
        assert!(is_encoders(0x20));
        // A capacity, an insertion, a duplicate.
        assert!([0x21, 0x3f, 0xc0, 0x40, 0x00].into_iter().all(|byte| !is_encoders(byte)));
        let all = |bytes: &[u8]| {
            let mut decoders = Decoders::default();
            bytes.iter().all(|byte| decoders.is_next(*byte))
        };
        assert!(all(&[0x40, 0x44, 0x7f, 0x80, 0x01, 0x48]));
        // An acknowledgement, an increment, a number without an end.
        for bytes in [&[0x80][..], &[0x01], &[0x7f, 0x01, 0x80], &[[0x7f].as_slice(), &[0x80; 10]].concat()] {
            assert!(!all(bytes), "{bytes:x?}");
        }
    }
}
