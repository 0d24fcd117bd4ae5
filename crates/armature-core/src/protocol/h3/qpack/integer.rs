//! Integers with a prefix (RFC 7541 section 5.1).

/// Takes one off the front of `input`, whose first byte has `prefix` bits of it. `None` when it is not there as a whole, or larger
/// than anything that is accepted.
pub(super) fn take(input: &mut &[u8], prefix: u32) -> Option<u64> {
    let (first, mut rest) = input.split_first()?;
    let most = (1_u64 << prefix) - 1;
    let mut value = u64::from(*first) & most;
    if value == most {
        let mut shift = 0;
        loop {
            let (byte, after) = rest.split_first()?;
            rest = after;
            // RFC 9204 section 4.1.1: 62 bits are enough for everybody.
            if shift > 56 {
                return None;
            }
            value = value.checked_add(u64::from(byte & 0x7f) << shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    *input = rest;
    Some(value)
}

/// Appends `value`; `flags` are the bits before the prefix.
pub(super) fn put(out: &mut Vec<u8>, flags: u8, prefix: u32, value: usize) {
    let most = (1_usize << prefix) - 1;
    if value < most {
        out.push(flags | value as u8);
        return;
    }
    out.push(flags | most as u8);
    let mut left = value - most;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_of_the_rfc() {
        let mut out = Vec::new();
        put(&mut out, 0, 5, 10);
        put(&mut out, 0xe0, 5, 1337);
        put(&mut out, 0, 8, 42);
        assert_eq!(out, [10, 0xff, 154, 10, 42]);
        let mut input = &out[..];
        assert_eq!(take(&mut input, 5), Some(10));
        assert_eq!(take(&mut input, 5), Some(1337));
        assert_eq!(take(&mut input, 8), Some(42));
        assert_eq!(take(&mut input, 8), None);
    }

    #[test]
    fn what_is_cut_or_too_large() {
        assert_eq!(take(&mut &[0x1f][..], 5), None);
        assert_eq!(take(&mut &[0x1f, 0x80][..], 5), None);
        assert_eq!(take(&mut &[[0x1f].as_slice(), &[0xff; 9], &[1]].concat()[..], 5), None);
    }
}
