//! Which bytes may stand where (RFC 9110 section 5, RFC 9112 sections 2 to 3, RFC 3986 section 3.2).
//!
//! Whole values are looked at eight bytes at a time. Most have nothing to object to; what looks suspicious is looked at byte
//! by byte, which is what the rules are written for.

/// For each byte the lower-case letter that it means in a token, 0 where it may not stand in one.
pub(super) const TOKEN: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        let is_mark = matches!(
            b,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        );
        if b.is_ascii_alphanumeric() || is_mark {
            table[byte] = b.to_ascii_lowercase();
        }
        byte += 1;
    }
    table
};

/// Whether `bytes` is a token: at least one byte, no delimiters.
pub(in crate::protocol) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().fold(true, |good, &b| good & (TOKEN[usize::from(b)] != 0))
}

/// Whether a control character other than a tab is among `bytes`.
pub(in crate::protocol) fn has_control(bytes: &[u8]) -> bool {
    first_control(bytes).is_some()
}

fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

/// Where the first control character other than a tab is. A line ends with one, so one look finds its end and what may not
/// stand in it.
pub(super) fn first_control(bytes: &[u8]) -> Option<usize> {
    // So many that a compiler makes vector code of it.
    let (chunks, rest) = bytes.as_chunks::<16>();
    let clean = chunks.iter().position(|chunk| chunk.iter().fold(false, |found, &b| found | is_control(b)));
    let skipped = clean.unwrap_or(chunks.len()) * 16;
    let (words, rest) = match clean {
        Some(index) => chunks[index].as_chunks::<8>(),
        None => rest.as_chunks::<8>(),
    };
    for (index, word) in words.iter().enumerate() {
        // Exact for each byte: no carry leaves it.
        let all = u64::from_le_bytes(*word);
        let low = all & !HIGH;
        let tab = ((low ^ (ONES * u64::from(b'\t'))) + !HIGH) | all;
        let controls = (!(low + ONES * 0x60) | (low + ONES)) & !all & tab & HIGH;
        if controls != 0 {
            return Some(skipped + index * 8 + (controls.trailing_zeros() / 8) as usize);
        }
    }
    rest.iter().position(|&b| is_control(b)).map(|place| skipped + words.len() * 8 + place)
}

/// The token that `line` begins with, as far as there is room for it in `lower`, where it is put in lower case; its length.
pub(super) fn lower_token<const N: usize>(line: &[u8], lower: &mut [u8; N]) -> usize {
    let mut len = 0;
    // Nearly every name is made of letters and hyphens.
    for (from, to) in line.as_chunks::<8>().0.iter().zip(lower.as_chunks_mut::<8>().0) {
        let all = u64::from_le_bytes(*from);
        let small = all | (ONES * 0x20);
        *to = small.to_le_bytes();
        let low = small & !HIGH;
        let letters = (low + ONES * (0x80 - b'a' as u64)) & !(low + ONES * (0x7f - b'z' as u64));
        let hyphens = !(((all & !HIGH) ^ (ONES * u64::from(b'-'))) + !HIGH);
        let others = !((letters | hyphens) & !all) & HIGH;
        if others != 0 {
            len += (others.trailing_zeros() / 8) as usize;
            break;
        }
        len += 8;
    }
    for (to, from) in lower[len..].iter_mut().zip(&line[len..]) {
        *to = TOKEN[usize::from(*from)];
        if *to == 0 {
            break;
        }
        len += 1;
    }
    len
}

/// Whether all of `bytes` may stand in a request target: visible ASCII but `#`, which starts what is never sent.
/// Browsers send `|`, `{` and others that RFC 3986 would have escaped.
pub(in crate::protocol) fn is_target(bytes: &[u8]) -> bool {
    !(any_word(bytes, |word| below(word, b' ' + 1) | equal(word, 0x7f) | equal(word, b'#') | word & HIGH)
        && bytes.iter().any(|&b| b <= b' ' || b >= 0x7f || b == b'#'))
}

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES * 0x80;

/// Not zero exactly when one of the eight bytes of `word` is below `limit`, which is at most 0x80.
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH
}

/// Not zero exactly when one of the eight bytes of `word` is `byte`.
fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
}

/// Whether `suspicious` finds something in any eight bytes. The last ones are looked at together with some before them, or
/// with letters in their place.
fn any_word(bytes: &[u8], suspicious: impl Fn(u64) -> u64) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut found = words.iter().fold(0, |found, word| found | suspicious(u64::from_le_bytes(*word)));
    if !rest.is_empty() {
        let last = bytes.last_chunk::<8>().copied().unwrap_or_else(|| {
            let mut last = [b'a'; 8];
            last[..rest.len()].copy_from_slice(rest);
            last
        });
        found |= suspicious(u64::from_le_bytes(last));
    }
    found != 0
}

/// Removes spaces and tabs from both ends.
pub(in crate::protocol) fn trim(bytes: &[u8]) -> &[u8] {
    let is_space = |b: &u8| matches!(b, b' ' | b'\t');
    let Some(start) = bytes.iter().position(|b| !is_space(b)) else { return &[] };
    let end = bytes.iter().rposition(|b| !is_space(b)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

/// The elements of a comma-separated list; empty ones are skipped (RFC 9110 section 5.6.1).
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(trim).filter(|element| !element.is_empty())
}

/// Digits only, and a number that fits.
pub(in crate::protocol) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |n, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

/// Bytes that may stand in a name or IPv4 address of a host, or in an IP literal but for its brackets.
const NAME: u8 = 1;
const LITERAL: u8 = 2;
const HOST: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        let is_mark = matches!(
            b,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
        );
        if b.is_ascii_alphanumeric() || is_mark {
            table[byte] = NAME | LITERAL;
        }
        byte += 1;
    }
    table[b'%' as usize] = NAME;
    table[b':' as usize] = LITERAL;
    table
};

fn all(bytes: &[u8], class: u8) -> bool {
    bytes.iter().fold(class, |good, &b| good & HOST[usize::from(b)]) != 0
}

/// `uri-host [ ":" port ]` without user information.
pub(in crate::protocol) fn is_host(value: &[u8]) -> bool {
    let (good, port) = match value.strip_prefix(b"[") {
        Some(rest) => {
            let Some(end) = rest.iter().position(|b| *b == b']') else { return false };
            let literal = &rest[..end];
            (all(literal, LITERAL) && literal.contains(&b':'), &rest[end + 1..])
        }
        None => {
            // What is no name must be the port.
            let is_name = |b: &u8| HOST[usize::from(*b)] & NAME != 0;
            let end = value.iter().position(|b| !is_name(b)).unwrap_or(value.len());
            (true, &value[end..])
        }
    };
    good && match port.strip_prefix(b":") {
        Some(digits) => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        None => port.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        assert!(is_token(b"GET") && is_token(b"x-a_b.c~1!#$%&'*+^`|"));
        for bad in
            [&b""[..], b"a b", b"a:", b"a\x80", b"a\0", b"(a)", b"\"a\"", b"a/b", b"{a}", b"a@b", b"a\t"]
        {
            assert!(!is_token(bad), "{bad:?}");
        }
        assert_eq!(TOKEN[usize::from(b'Q')], b'q');
    }

    #[test]
    fn values_and_targets() {
        assert!(!has_control(b"plain \t text \x80\xff"));
        for bad in [&b"a\0"[..], b"\x01", b"a\rb", b"a\nb", b"\x7f", b"\x0b"] {
            assert!(has_control(bad), "{bad:?}");
        }
        assert!(is_target(b"/a%20b?x={1}|2&y=\"^\""));
        for bad in [&b"/a b"[..], b"/\x80", b"/#x", b"/\x7f", b"/\t"] {
            assert!(!is_target(bad), "{bad:?}");
        }
    }

    #[test]
    fn every_byte_at_every_place_of_values_of_every_length() {
        for length in 0..40 {
            for place in 0..length {
                for byte in 0..=255 {
                    let mut value = vec![b'x'; length];
                    value[place] = byte;
                    let control = byte < b' ' && byte != b'\t' || byte == 0x7f;
                    assert_eq!(has_control(&value), control, "{byte} at {place} of {length}");
                    assert_eq!(first_control(&value), control.then_some(place), "{byte} of {length}");
                    let target = byte > b' ' && byte < 0x7f && byte != b'#';
                    assert_eq!(is_target(&value), target, "{byte} at {place} of {length}");
                }
            }
        }
        assert!(!has_control(b"") && is_target(b""));
        // Behind tabs, with more of them, and with bytes that look like them.
        for bytes in [
            &b"\t\t \t!\x80\xa0\t"[..],
            b"a\t\r\t\0",
            b"\t\x20\x7e\x7f",
            b"\xff\t\x8d\x0a\x80aaaaaaaaaa\t\t\r",
        ] {
            let slow = bytes.iter().position(|&b| b < b' ' && b != b'\t' || b == 0x7f);
            assert_eq!(first_control(bytes), slow, "{bytes:?}");
        }
    }

    #[test]
    fn every_byte_at_every_place_of_names_of_every_length() {
        for length in 0..40 {
            for place in 0..length {
                for byte in 0..=255 {
                    let mut line = [&b"X-Some-NAME".repeat(4)[..length], b": X-Value"].concat();
                    line[place] = byte;
                    let mut lower = [0xff; 32];
                    let len = lower_token(&line, &mut lower);
                    let expected: Vec<u8> = line
                        .iter()
                        .map(|b| TOKEN[usize::from(*b)])
                        .take_while(|b| *b != 0)
                        .take(32)
                        .collect();
                    assert_eq!(&lower[..len], expected, "{byte} at {place} of {length}");
                }
            }
        }
    }

    #[test]
    fn lists_and_numbers() {
        assert_eq!(list(b" a, ,b ,,\tc").collect::<Vec<_>>(), [b"a", b"b", b"c"]);
        assert_eq!(trim(b" \t "), b"");
        assert_eq!(number(b"0018"), Some(18));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for bad in [&b""[..], b"+1", b"-1", b"1 ", b"0x1", b"18446744073709551616", b"1_000"] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn hosts() {
        for good in
            ["", "a", "a.b:80", "127.0.0.1:", "[::1]", "[::1]:8080", "a_b-c%41", "xn--bcher-kva.example"]
        {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "a b", "a@b", "a/b", "a:b", "a:1:2", "[::1", "::1", "[]", "a?b", "a#b", "a:123456", "[::1]x",
            "a\\b",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }
}
