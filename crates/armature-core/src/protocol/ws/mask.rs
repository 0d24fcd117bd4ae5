//! Masking (RFC 6455 section 5.3).

/// Takes the mask off `bytes`, which begin `offset` bytes behind the beginning of their frame's content.
pub(super) fn unmask(bytes: &mut [u8], mask: [u8; 4], offset: u64) {
    let mut key = mask;
    key.rotate_left((offset % 4) as usize);
    let word = u64::from(u32::from_ne_bytes(key));
    let wide = (word | word << 32).to_ne_bytes();
    // A plain loop over words, which the compiler makes as wide as the machine allows.
    let mut words = bytes.chunks_exact_mut(8);
    for chunk in &mut words {
        for (byte, key) in chunk.iter_mut().zip(wide) {
            *byte ^= key;
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(wide) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_the_formula_of_the_rfc(bytes: Vec<u8>, mask: [u8; 4], offset in 0..9u64) {
            let mut unmasked = bytes.clone();
            unmask(&mut unmasked, mask, offset);
            for (i, byte) in bytes.iter().enumerate() {
                prop_assert_eq!(unmasked[i], byte ^ mask[(i + offset as usize) % 4]);
            }
        }
    }
}
