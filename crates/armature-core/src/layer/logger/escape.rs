//! Bytes of clients inside a line: nothing in them may end it, or look like another part of it.

pub(super) const REDACTED: &[u8] = b"[redacted]";

const HEX: &[u8; 16] = b"0123456789abcdef";

/// As Apache does inside quotes (`ap_escape_logitem`): quotes and backslashes with a backslash, white space as in C, and what
/// is not printable ASCII as `\xhh`.
pub(super) fn clf(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            0x08 => out.extend(b"\\b"),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x0b => out.extend(b"\\v"),
            b' '..=b'~' => out.push(byte),
            _ => out.extend([b'\\', b'x', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
}

/// For a terminal: what could move its cursor or end the line as `\xhh`, other text as it is.
pub(super) fn dev(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            0..=0x1f | 0x7f => {
                out.extend([b'\\', b'x', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]])
            }
            _ => out.push(byte),
        }
    }
}

/// A JSON string (RFC 8259 section 7), with its quotes. What is not UTF-8 becomes U+FFFD.
pub(super) fn json(out: &mut Vec<u8>, bytes: &[u8]) {
    let plain = |byte: &u8| matches!(byte, b' ' | b'!' | b'#'..=b'[' | b']'..=b'~');
    if bytes.iter().all(plain) {
        out.push(b'"');
        out.extend_from_slice(bytes);
        out.push(b'"');
    } else {
        // Writing to a Vec cannot fail.
        let _ = serde_json::to_writer(out, &String::from_utf8_lossy(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(escape: impl Fn(&mut Vec<u8>, &[u8]), bytes: &[u8]) -> String {
        let mut out = Vec::new();
        escape(&mut out, bytes);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn as_apache_does() {
        for (bytes, shown) in [
            (&b"/a b~"[..], r"/a b~"),
            (b"\"\\", r#"\"\\"#),
            (b"\x08\n\r\t\x0b", r"\b\n\r\t\v"),
            (b"\0\x0c\x1b[2J\x7f", r"\x00\x0c\x1b[2J\x7f"),
            ("é\u{85}".as_bytes(), r"\xc3\xa9\xc2\x85"),
        ] {
            assert_eq!(with(clf, bytes), shown);
        }
        assert_eq!(with(dev, b"a\x1b[2J\n\"\xc3\xa9"), "a\\x1b[2J\\x0a\"é");
    }

    proptest! {
        #[test]
        fn nothing_ends_a_line(bytes: Vec<u8>) {
            let shown = with(clf, &bytes);
            prop_assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert!(!shown.replace("\\\\", "").replace("\\\"", "").contains('"'));
            prop_assert!(with(dev, &bytes).chars().all(|c| !c.is_ascii_control()));
            let shown = with(json, &bytes);
            prop_assert!(!shown.contains('\n'));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), String::from_utf8_lossy(&bytes));
        }
    }
}
