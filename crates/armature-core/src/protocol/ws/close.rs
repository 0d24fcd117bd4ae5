//! Close codes and the content of Close frames (RFC 6455 sections 5.5.1 and 7.4).

use super::decode::Violation;

/// A status code of RFC 6455 section 7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The server goes away.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// The Close frame had no code. Never sent.
    pub const NONE: Self = Self(1005);
    /// There was no Close frame. Never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// Text that is not UTF-8.
    pub const INVALID: Self = Self(1007);
    /// More than somebody allows.
    pub const POLICY: Self = Self(1008);
    /// A message that is too large.
    pub const TOO_BIG: Self = Self(1009);
    /// The server failed.
    pub const INTERNAL: Self = Self(1011);
    /// The server restarts what served the connection.
    pub const RESTART: Self = Self(1012);

    /// Whether it may stand in a Close frame: registered and not reserved, or of a library or application.
    pub fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// What the peer said, or what it was told when it broke the protocol; 1005 without a code, 1006 without a Close frame.
    pub code: CloseCode,
    /// At most 123 bytes.
    pub reason: String,
}

impl Farewell {
    /// The connection was cut.
    pub fn cut() -> Self {
        Self { code: CloseCode::ABNORMAL, reason: String::new() }
    }

    /// Reads the content of a Close frame.
    pub(super) fn parse(content: &[u8]) -> Result<Self, Violation> {
        let (code, reason) = match content {
            [] => return Ok(Self { code: CloseCode::NONE, reason: String::new() }),
            [_] => return Err(Violation::CLOSE),
            [high, low, reason @ ..] => (CloseCode(u16::from_be_bytes([*high, *low])), reason),
        };
        if !code.may_be_sent() {
            return Err(Violation::CLOSE_CODE);
        }
        let reason = std::str::from_utf8(reason).map_err(|_| Violation::TEXT)?;
        Ok(Self { code, reason: reason.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_may_be_sent() {
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4999]
        {
            assert!(CloseCode(code).may_be_sent(), "{code}");
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, u16::MAX] {
            assert!(!CloseCode(code).may_be_sent(), "{code}");
        }
    }

    #[test]
    fn reads_contents() {
        assert_eq!(Farewell::parse(b"").unwrap().code, CloseCode::NONE);
        let bye = Farewell::parse(b"\x03\xe8bye").unwrap();
        assert_eq!((bye.code, bye.reason.as_str()), (CloseCode::NORMAL, "bye"));
        assert_eq!(Farewell::parse(b"\x03"), Err(Violation::CLOSE));
        assert_eq!(Farewell::parse(b"\x03\xed"), Err(Violation::CLOSE_CODE));
        assert_eq!(Farewell::parse(b"\x03\xe8\xff"), Err(Violation::TEXT));
    }
}
