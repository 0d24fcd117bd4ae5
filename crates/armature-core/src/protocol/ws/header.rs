//! Frame headers as they arrive, byte by byte (RFC 6455 section 5.2).

use super::decode::Violation;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    pub fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A complete header of a client's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub fin: bool,
    /// RSV1 is set: a message that is compressed begins.
    pub compressed: bool,
    pub opcode: Opcode,
    pub len: u64,
    pub mask: [u8; 4],
}

/// Bytes of the largest header.
const MAX: usize = 14;
const RSV1: u8 = 0x40;
const RSV2: u8 = 0x20;
const RSV3: u8 = 0x10;

/// A header that has not arrived as a whole.
#[derive(Debug, Default)]
pub(super) struct Partial {
    bytes: [u8; MAX],
    len: u8,
}

impl Partial {
    /// Takes what belongs to the header from the front of `input`, and refuses what cannot become one as soon as that is
    /// certain. `deflates` where messages may be compressed.
    pub fn take(&mut self, input: &mut &mut [u8], deflates: bool) -> Result<Option<Header>, Violation> {
        if self.len == 0
            && let Some((header, len)) = parse(input, deflates)?
        {
            // Nearly always; nothing is copied.
            *input = &mut std::mem::take(input)[len..];
            return Ok(Some(header));
        }
        let n = input.len().min(MAX - usize::from(self.len));
        let had = usize::from(self.len);
        self.bytes[had..had + n].copy_from_slice(&input[..n]);
        match parse(&self.bytes[..had + n], deflates)? {
            Some((header, len)) => {
                *input = &mut std::mem::take(input)[len - had..];
                self.len = 0;
                Ok(Some(header))
            }
            None => {
                *input = &mut [];
                self.len = (had + n) as u8;
                Ok(None)
            }
        }
    }
}

/// The header at the front of `bytes` and its length, when it is all there.
fn parse(bytes: &[u8], deflates: bool) -> Result<Option<(Header, usize)>, Violation> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let compressed = first & RSV1 != 0;
    if first & (RSV2 | RSV3) != 0 || (compressed && !deflates) {
        return Err(Violation::RESERVED);
    }
    let opcode = Opcode::from_bits(first & 0x0f).ok_or(Violation::OPCODE)?;
    // Only the first frame of a message says that it is compressed (RFC 7692 section 6.1).
    if compressed && !matches!(opcode, Opcode::Text | Opcode::Binary) {
        return Err(Violation::RESERVED);
    }
    let fin = first & 0x80 != 0;
    if opcode.is_control() && !fin {
        return Err(Violation::CONTROL_FRAGMENT);
    }
    let Some(&second) = bytes.get(1) else { return Ok(None) };
    if second & 0x80 == 0 {
        return Err(Violation::MASK);
    }
    let short = second & 0x7f;
    if opcode.is_control() && short > 125 {
        return Err(Violation::CONTROL_LENGTH);
    }
    let (len, mask_at) = match short {
        126 => match bytes.get(2..4) {
            Some(two) => (u64::from(u16::from_be_bytes([two[0], two[1]])), 4),
            None => return Ok(None),
        },
        127 => match bytes.get(2..10).and_then(|eight| <[u8; 8]>::try_from(eight).ok()) {
            Some(eight) => (u64::from_be_bytes(eight), 10),
            None => return Ok(None),
        },
        short => (u64::from(short), 2),
    };
    let is_minimal = match short {
        126 => len > 125,
        127 => len > 0xffff && len >> 63 == 0,
        _ => true,
    };
    if !is_minimal {
        return Err(Violation::LENGTH);
    }
    let Some(mask) = bytes.get(mask_at..mask_at + 4) else { return Ok(None) };
    let mask = [mask[0], mask[1], mask[2], mask[3]];
    Ok(Some((Header { fin, compressed, opcode, len, mask }, mask_at + 4)))
}
