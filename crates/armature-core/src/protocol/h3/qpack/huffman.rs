//! The code of strings (RFC 7541 appendix B). It is canonical: the lengths of its words say all of it.

/// Lengths of the words for each byte; that of the end, which never comes, is 30.
#[rustfmt::skip]
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

const SHORTEST: usize = 5;
const LONGEST: usize = 30;

/// The words of one length, which follow each other.
#[derive(Clone, Copy)]
struct Words {
    /// The first word that is longer, as the beginning of 32 bits.
    end: u32,
    /// What has to be taken from a word of this length to have its place in `SYMBOLS`, without wrapping.
    first: u32,
    /// The place of the first one.
    place: u16,
}

const TABLES: ([Words; LONGEST + 1], [u8; 256]) = tables();
const WORDS: [Words; LONGEST + 1] = TABLES.0;
/// The bytes, the shortest words first.
const SYMBOLS: [u8; 256] = TABLES.1;

const fn tables() -> ([Words; LONGEST + 1], [u8; 256]) {
    let mut words = [Words { end: 0, first: 0, place: 0 }; LONGEST + 1];
    let mut symbols = [0; 256];
    let (mut word, mut place, mut length) = (0_u32, 0_usize, SHORTEST);
    while length <= LONGEST {
        words[length].first = word;
        words[length].place = place as u16;
        let mut byte = 0;
        while byte < 256 {
            if LENGTHS[byte] as usize == length {
                symbols[place] = byte as u8;
                place += 1;
                word += 1;
            }
            byte += 1;
        }
        words[length].end = word << (32 - length as u32);
        word <<= 1;
        length += 1;
    }
    (words, symbols)
}

/// Appends what `coded` stands for; `None` when it is no code, or when it would be longer than `most`.
pub(super) fn decode(coded: &[u8], most: usize, out: &mut Vec<u8>) -> Option<()> {
    let end = out.len() + most;
    let mut rest = coded.iter();
    // The bits to come, from the highest; `count` of them are real.
    let (mut bits, mut count) = (0_u64, 0_u32);
    loop {
        while count <= 32 {
            let Some(byte) = rest.next() else { break };
            bits |= u64::from(*byte) << (56 - count);
            count += 8;
        }
        let next = (bits >> 32) as u32;
        let length = (SHORTEST..=LONGEST).find(|length| next < WORDS[*length].end);
        let Some(length) = length.filter(|length| *length as u32 <= count) else {
            // What is left is padding: less than a byte of ones (RFC 7541 section 5.2).
            let is_padding = count < 8 && (bits >> (64 - count.max(1))) == (1 << count.max(1)) - 1;
            return (count == 0 || is_padding).then_some(());
        };
        let words = &WORDS[length];
        let place = usize::from(words.place) + ((next >> (32 - length)) - words.first) as usize;
        if out.len() == end {
            return None;
        }
        out.push(*SYMBOLS.get(place)?);
        bits <<= length;
        count -= length as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(coded: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        decode(coded, 1000, &mut out).map(|()| out)
    }

    fn encode(text: &[u8]) -> Vec<u8> {
        let (mut bits, mut count, mut out) = (0_u64, 0_u32, Vec::new());
        for byte in text {
            let length = usize::from(LENGTHS[usize::from(*byte)]);
            let words = &WORDS[length];
            let place = SYMBOLS.iter().position(|symbol| symbol == byte).unwrap();
            let word = words.first + (place - usize::from(words.place)) as u32;
            bits = bits << length | u64::from(word);
            count += length as u32;
            while count >= 8 {
                count -= 8;
                out.push((bits >> count) as u8);
            }
        }
        if count > 0 {
            out.push((bits << (8 - count)) as u8 | (0xff >> count));
        }
        out
    }

    #[test]
    fn examples_of_the_rfc() {
        let example = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(decoded(&example).unwrap(), b"www.example.com");
        assert_eq!(decoded(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]).unwrap(), b"no-cache");
        assert_eq!(decoded(&[0x64, 0x02]).unwrap(), b"302");
        assert_eq!(decoded(&[]).unwrap(), b"");
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decoded(&encode(&all)).unwrap(), all);
        for byte in all {
            assert_eq!(decoded(&encode(&[byte])).unwrap(), [byte]);
        }
    }

    #[test]
    fn what_is_no_code() {
        // Eight bits of padding, padding that is not ones, the end of a string.
        for coded in [&[0xff][..], &[0x64, 0x02, 0xff], &[0x18], &[0xff, 0xff, 0xff, 0xff]] {
            assert_eq!(decoded(coded), None, "{coded:x?}");
        }
        let mut out = b"before".to_vec();
        assert!(decode(&encode(b"abc"), 2, &mut out).is_none());
        assert!(decode(&encode(b"abc"), 3, &mut Vec::new()).is_some());
    }

    proptest::proptest! {
        #[test]
        fn bytes_never_break_it(coded: Vec<u8>) {
            let _ = decoded(&coded);
        }

        #[test]
        fn texts_come_back(text: Vec<u8>) {
            let mut out = Vec::new();
            decode(&encode(&text), text.len(), &mut out).unwrap();
            proptest::prop_assert_eq!(out, text);
        }
    }
}
