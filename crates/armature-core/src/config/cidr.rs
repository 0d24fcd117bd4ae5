//! An address or a network.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected},
};

/// An address or a network, such as `::1` or `10.0.0.0/8`. IPv4-mapped IPv6 is the same as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Whether `address` is in this network, or is this address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let ((network, width), (address, other)) = (bits_of(self.network), bits_of(address.to_canonical()));
        let host_bits = width.saturating_sub(self.prefix);
        width == other && network == without_low_bits(address, host_bits)
    }
}

/// The bits of an address and how many they are.
fn bits_of(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (v4.to_bits().into(), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

fn without_low_bits(bits: u128, count: u8) -> u128 {
    bits.unbounded_shr(count.into()).unbounded_shl(count.into())
}

/// Why a text is no [`Cidr`]: what is allowed instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotACidr(String);

impl fmt::Display for NotACidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotACidr {}

impl FromStr for Cidr {
    type Err = NotACidr;

    fn from_str(text: &str) -> Result<Self, NotACidr> {
        let malformed = || NotACidr("an address or a network; use one such as '::1' or '10.0.0.0/8'".into());
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let mut network: IpAddr = address.parse().map_err(|_| malformed())?;
        let (mut bits, mut width) = bits_of(network);
        let mut prefix = match prefix {
            None => width,
            Some(digits) if digits.starts_with('+') => return Err(malformed()),
            Some(digits) => digits.parse().ok().filter(|prefix| *prefix <= width).ok_or_else(malformed)?,
        };
        if network.to_canonical() != network && prefix >= 96 {
            network = network.to_canonical();
            prefix -= 96;
            (bits, width) = bits_of(network);
        }
        let kept = without_low_bits(bits, width - prefix);
        if kept != bits {
            // A forgotten digit of the prefix must not widen the trust silently.
            let kept = if width == 32 { IpAddr::V4((kept as u32).into()) } else { IpAddr::V6(kept.into()) };
            return Err(NotACidr(format!(
                "a network, as it has bits beyond its prefix; use '{kept}/{prefix}' or '{network}'"
            )));
        }
        Ok(Self { network, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.trim()
            .parse()
            .map_err(|NotACidr(allowed)| D::Error::invalid_value(Unexpected::Str(&text), &&*allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_members() {
        let table = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("10.1.2.2/31", "10.1.2.3", true),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "1.2.3.4", false),
            ("::/0", "::ffff:1.2.3.4", false),
            ("::1", "::1", true),
            ("::1/128", "::2", false),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::ffff:10.0.0.0/104", "10.9.9.9", true),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("::ffff:0:0/96", "9.9.9.9", true),
        ];
        for (cidr, address, expected) in table {
            let parsed: Cidr = cidr.parse().unwrap();
            assert_eq!(parsed.contains(address.parse().unwrap()), expected, "{address} in {cidr}");
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
    }

    #[test]
    fn refuses() {
        for text in [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "localhost",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
        ] {
            let NotACidr(allowed) = text.parse::<Cidr>().unwrap_err();
            assert!(allowed.starts_with("an address or a network"), "{text}");
        }
        let NotACidr(allowed) = "10.0.0.1/8".parse::<Cidr>().unwrap_err();
        assert_eq!(allowed, "a network, as it has bits beyond its prefix; use '10.0.0.0/8' or '10.0.0.1'");
        let NotACidr(allowed) = "2001:db8::1/32".parse::<Cidr>().unwrap_err();
        assert!(allowed.ends_with("use '2001:db8::/32' or '2001:db8::1'"));
    }
}
