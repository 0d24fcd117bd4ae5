//! Frames of a server: unmasked, in one piece (RFC 6455 section 5).

use super::close::CloseCode;
use super::header::Opcode;

/// Bytes of the largest header.
pub(super) const MAX_HEADER: usize = 10;
const FIN: u8 = 0x80;
/// The message is compressed (RFC 7692 section 6).
const RSV1: u8 = 0x40;

/// Appends a frame with `content` to `out`.
pub(super) fn frame(out: &mut Vec<u8>, opcode: Opcode, content: &[u8]) {
    write(out, FIN | opcode.bits(), content);
}

/// Appends a frame with a message that has been compressed to `content`.
pub(super) fn compressed_frame(out: &mut Vec<u8>, opcode: Opcode, content: &[u8]) {
    write(out, FIN | RSV1 | opcode.bits(), content);
}

fn write(out: &mut Vec<u8>, first: u8, content: &[u8]) {
    out.reserve(MAX_HEADER + content.len());
    out.push(first);
    match content.len() {
        len @ 0..=125 => out.push(len as u8),
        len @ 126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(content);
}

/// Appends a Close frame; one without a code when `code` may not be sent. A `reason` that is too long ends earlier.
pub(super) fn close(out: &mut Vec<u8>, code: CloseCode, reason: &str) {
    if !code.may_be_sent() {
        return frame(out, Opcode::Close, &[]);
    }
    let mut content = code.0.to_be_bytes().to_vec();
    content.extend_from_slice(&reason.as_bytes()[..reason.floor_char_boundary(123)]);
    frame(out, Opcode::Close, &content);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_minimal() {
        for (len, header) in [
            (0, &[0x82, 0][..]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (65_535, &[0x82, 126, 255, 255]),
            (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            frame(&mut out, Opcode::Binary, &vec![7; len]);
            assert_eq!(&out[..header.len()], header);
            assert_eq!(out.len(), header.len() + len);
        }
    }

    #[test]
    fn a_close_frame_fits() {
        let mut out = Vec::new();
        close(&mut out, CloseCode(4000), &"ä".repeat(100));
        assert_eq!((out[0], out[1]), (0x88, 124));
        assert!(std::str::from_utf8(&out[4..]).is_ok());
        out.clear();
        close(&mut out, CloseCode::NONE, "x");
        assert_eq!(out, [0x88, 0]);
    }
}
