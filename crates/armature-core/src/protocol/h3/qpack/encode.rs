//! Writing a field section.
//!
//! Values are written as they are: coding them would save a quarter of a head, and cost more than writing it.

use super::{fixed, integer};

/// A section that grows.
pub(in crate::protocol::h3) struct Section {
    bytes: Vec<u8>,
}

impl Section {
    /// One without fields.
    pub fn new() -> Self {
        let mut bytes = Vec::with_capacity(256);
        // Nothing that it would have to wait for.
        bytes.extend_from_slice(&[0, 0]);
        Self { bytes }
    }

    /// Appends a field.
    pub fn field(&mut self, name: &str, value: &[u8]) {
        match fixed::find(name, value) {
            Some((index, true)) => integer::put(&mut self.bytes, 0xc0, 6, index),
            Some((index, false)) => {
                integer::put(&mut self.bytes, 0x50, 4, index);
                self.value(value);
            }
            None => {
                integer::put(&mut self.bytes, 0x20, 3, name.len());
                self.bytes.extend_from_slice(name.as_bytes());
                self.value(value);
            }
        }
    }

    fn value(&mut self, value: &[u8]) {
        integer::put(&mut self.bytes, 0, 7, value.len());
        self.bytes.extend_from_slice(value);
    }

    /// The section.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_the_table_are_used() {
        let mut section = Section::new();
        section.field(":status", b"200");
        section.field(":status", b"418");
        section.field("x", b"1");
        assert_eq!(section.into_bytes(), b"\x00\x00\xd9\x5f\x09\x03418\x21x\x011");
    }
}
