//! Where frames begin and end in a stream of bytes (RFC 9113 section 4.1).

/// Types of frames, and flags, that somebody here asks for.
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const CONTINUATION: u8 = 9;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

const HEAD: usize = 9;
const CODE: usize = 4;

/// What is known of a frame when its payload begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    /// Of the payload.
    pub length: u32,
    /// Of RST_STREAM.
    pub code: u32,
}

/// Follows the frames of one direction.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The beginning of the current frame, with the code of RST_STREAM.
    bytes: [u8; HEAD + CODE],
    have: usize,
    head: FrameHead,
    /// Bytes of the payload to come.
    left: usize,
    /// Bytes to come before the first frame.
    preface: usize,
}

impl Frames {
    /// Frames behind `preface` other bytes.
    pub fn behind(preface: usize) -> Self {
        Self { preface, ..Self::default() }
    }

    /// Tells `each` of every frame whose payload begins in `bytes`, which follow those of the last call.
    pub fn pass(&mut self, mut bytes: &[u8], mut each: impl FnMut(&FrameHead)) {
        let skipped = self.preface.min(bytes.len());
        self.preface -= skipped;
        bytes = &bytes[skipped..];
        while !bytes.is_empty() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len());
                self.left -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            let most = if self.have >= HEAD { HEAD + CODE } else { HEAD };
            let taken = (most - self.have).min(bytes.len());
            self.bytes[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == HEAD {
                self.head = parse(&self.bytes);
                if self.head.kind == RST_STREAM && self.head.length as usize == CODE {
                    continue;
                }
                self.begin(self.head.length as usize, &mut each);
            } else if self.have == HEAD + CODE {
                let [.., a, b, c, d] = self.bytes;
                self.head.code = u32::from_be_bytes([a, b, c, d]);
                self.begin(0, &mut each);
            }
        }
    }

    fn begin(&mut self, left: usize, each: &mut impl FnMut(&FrameHead)) {
        self.have = 0;
        self.left = left;
        each(&self.head);
    }

    /// Whether the last frame is complete and no other has begun.
    pub fn is_between(&self) -> bool {
        self.have == 0 && self.left == 0
    }

    /// The frame of which a part of the payload is missing.
    pub fn unfinished(&self) -> Option<&FrameHead> {
        (self.have == 0 && self.left > 0).then_some(&self.head)
    }
}

fn parse(bytes: &[u8; HEAD + CODE]) -> FrameHead {
    let [l0, l1, l2, kind, flags, s0, s1, s2, s3, ..] = *bytes;
    FrameHead {
        kind,
        flags,
        stream: u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]),
        length: u32::from_be_bytes([0, l0, l1, l2]),
        code: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn finds_every_frame_however_the_bytes_are_cut() {
        let bytes = [
            b"preface".to_vec(),
            frame(4, 0, 0, b""),
            frame(HEADERS, END_HEADERS, 1, &[7; 300]),
            frame(RST_STREAM, 0, 1, &[0, 0, 1, 8]),
            frame(RST_STREAM, 0, 3, b"?"),
            frame(DATA, END_STREAM, 5, b"hello"),
        ]
        .concat();
        let expected = [(4, 0, 0, 0), (1, 1, 300, 0), (3, 1, 4, 0x108), (3, 3, 1, 0), (0, 5, 5, 0)];
        for step in [1, 2, 3, 8, 9, 10, 13, 300, 1000] {
            let mut frames = Frames::behind(7);
            let mut seen = Vec::new();
            for part in bytes.chunks(step) {
                frames.pass(part, |head| seen.push((head.kind, head.stream, head.length, head.code)));
            }
            assert_eq!(seen, expected, "{step} bytes at a time");
            assert!(frames.is_between());
        }
    }

    #[test]
    fn knows_what_is_unfinished() {
        let mut frames = Frames::default();
        let bytes = frame(DATA, 0, 3, b"hello");
        frames.pass(&bytes[..5], |_| panic!("its payload has not begun"));
        assert!(!frames.is_between() && frames.unfinished().is_none());
        frames.pass(&bytes[5..11], |_| {});
        assert_eq!(frames.unfinished().map(|head| (head.kind, head.stream)), Some((DATA, 3)));
        frames.pass(&bytes[11..], |_| {});
        assert!(frames.is_between());
    }
}
