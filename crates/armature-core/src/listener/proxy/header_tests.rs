use super::*;

fn ip(address: &str) -> Option<Announced> {
    Some(Announced { client: Some(address.parse().unwrap()), secure: false })
}

/// Version 2 with these bytes behind the signature, and a length that fits.
fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = (rest.len() as u16).to_be_bytes();
    [V2, &[command, family], &length, rest].concat()
}

const V4_ADDRESSES: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0x1f, 0x90, 1, 187];

/// What a header says, whether or not more follows, and that every beginning of it is incomplete.
#[track_caller]
fn says(header: &[u8], expected: &Announced) {
    assert_eq!(read(header), Ok(Some((expected.clone(), header.len()))), "{header:?}");
    let more = [header, b"GET / HTTP/1.1\r\n"].concat();
    assert_eq!(read(&more), Ok(Some((expected.clone(), header.len()))), "{header:?}");
    for end in 0..header.len() {
        assert_eq!(read(&header[..end]), Ok(None), "{:?}", &header[..end]);
    }
}

#[test]
fn lines_of_version_1() {
    let longest = ["ffff"; 8].join(":");
    let table = [
        ("PROXY TCP4 192.0.2.1 198.51.100.2 8080 443", ip("192.0.2.1:8080")),
        ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535", ip("255.255.255.255:65535")),
        ("PROXY TCP4 0.0.0.0 0.0.0.0 0 0", ip("0.0.0.0:0")),
        ("PROXY TCP6 2001:db8::1 ::1 8080 443", ip("[2001:db8::1]:8080")),
        ("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2", ip("[::ffff:192.0.2.1]:1")),
        ("PROXY UNKNOWN", None),
        ("PROXY UNKNOWN ", None),
        ("PROXY UNKNOWN a b c d e f g \r h", None),
        ("PROXY UNKNOWN <longest> <longest> 65535 65535", None),
    ];
    for (line, expected) in table {
        let line = line.replace("<longest>", &longest);
        says(format!("{line}\r\n").as_bytes(), &expected.unwrap_or(itself()));
    }
    let full = format!("PROXY UNKNOWN {}\r\n", "x".repeat(91));
    assert_eq!(full.len(), MAX_LINE);
    says(full.as_bytes(), &itself());
}

#[test]
fn what_is_no_line_of_version_1() {
    for line in [
        "GET / HTTP/1.1\r\n",
        "proxy TCP4 192.0.2.1 198.51.100.2 8080 443\r\n",
        " PROXY TCP4 192.0.2.1 198.51.100.2 8080 443\r\n",
        "PROXY\r\n",
        "PROXY \r\n",
        "PROXY  TCP4 192.0.2.1 198.51.100.2 8080 443\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.2 8080 443\r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 8080\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 8080 443 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 8080 443 1\r\n",
        "PROXY TCP4 192.0.2.1  198.51.100.2 8080 443\r\n",
        "PROXY TCP4 192.0.2.1\t198.51.100.2 8080 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 8080 443\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 8080 443\r \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 8080 44\r3\r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.2 8080 443\r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.2 8080 443\r\n",
        "PROXY TCP4 192.0.2 198.51.100.2 8080 443\r\n",
        "PROXY TCP4 ::1 ::1 8080 443\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.2 8080 443\r\n",
        "PROXY TCP6 [::1] ::1 8080 443\r\n",
        "PROXY TCP6 fe80::1%eth0 ::1 8080 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 08080 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 +80 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 -80 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 80 +443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 0x50 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.2 80 \r\n",
        "PROXY TCP4 192.0.2.1\0 198.51.100.2 80 443\r\n",
    ] {
        assert_eq!(read(line.as_bytes()), Err(Malformed), "{line:?}");
    }
    assert_eq!(read(b"PROXY TCP4 \xff\r\n"), Err(Malformed));
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(92));
    assert_eq!(read(long.as_bytes()), Err(Malformed));
    // It is known before the line has an end, and at the first byte that fits nothing.
    assert_eq!(read(&long.as_bytes()[..MAX_LINE]), Err(Malformed));
    for start in ["G", "PX", "\r\nG", "\n", "\x16\x03\x01"] {
        assert_eq!(read(start.as_bytes()), Err(Malformed), "{start:?}");
    }
}

#[test]
fn headers_of_version_2() {
    let v6: Vec<u8> = [
        &std::net::Ipv6Addr::from_bits(0x2001_0db8 << 96 | 1).octets()[..],
        &std::net::Ipv6Addr::LOCALHOST.octets(),
        &[0x1f, 0x90, 1, 187],
    ]
    .concat();
    let unix = [b'/'; 216];
    says(&v2(0x21, 0x11, &V4_ADDRESSES), &ip("192.0.2.1:8080").unwrap());
    says(&v2(0x21, 0x21, &v6), &ip("[2001:db8::1]:8080").unwrap());
    says(&v2(0x21, 0x31, &unix), &itself());
    for (what, header) in [
        ("LOCAL", v2(0x20, 0, &[])),
        ("LOCAL, of any family and with anything behind it", v2(0x20, 0xff, &[1, 2, 3])),
        ("LOCAL, with addresses", v2(0x20, 0x11, &V4_ADDRESSES)),
        ("of no family", v2(0x21, 0, &[])),
        ("of no family, with anything behind it", v2(0x21, 0, &[1, 2, 3])),
        ("a datagram", v2(0x21, 0x12, &V4_ADDRESSES)),
        ("of no transport", v2(0x21, 0x10, &V4_ADDRESSES)),
    ] {
        let all = read(&header);
        assert_eq!(all, Ok(Some((itself(), header.len()))), "{what}");
        says(&header, &itself());
    }
}

#[test]
fn additions_of_version_2() {
    let with = |additions: &[u8]| v2(0x21, 0x11, &[&V4_ADDRESSES[..], additions].concat());
    let plain = ip("192.0.2.1:8080").unwrap();
    let secure = Announced { secure: true, ..plain.clone() };
    says(&with(&[0x01, 0, 2, b'h', b'2']), &plain);
    says(&with(&[0x04, 0, 0, 0xea, 0, 1, 9]), &plain);
    // PP2_TYPE_SSL: the client spoke TLS, or did not.
    says(&with(&[0x20, 0, 5, 1, 0, 0, 0, 0]), &secure);
    says(&with(&[0x04, 0, 1, 0, 0x20, 0, 5, 7, 0, 0, 0, 0]), &secure);
    says(&with(&[0x20, 0, 5, 0, 0, 0, 0, 0]), &plain);
    says(&with(&[0x20, 0, 0]), &plain);
    let most = vec![0x04; MAX_BYTES - V2_FIXED - V4_ADDRESSES.len() - 3];
    let length = (most.len() as u16).to_be_bytes();
    says(&with(&[&[0x04, length[0], length[1]][..], &most].concat()), &plain);
    for broken in [&[1][..], &[1, 0], &[1, 0, 1], &[1, 0, 2, 9], &[4, 0, 0, 1, 0xff, 0xff]] {
        assert_eq!(read(&with(broken)), Err(Malformed), "{broken:?}");
    }
}

#[test]
fn what_is_no_header_of_version_2() {
    for (what, header) in [
        ("version 1 in it", v2(0x11, 0x11, &V4_ADDRESSES)),
        ("version 3", v2(0x31, 0x11, &V4_ADDRESSES)),
        ("an unknown command", v2(0x22, 0x11, &V4_ADDRESSES)),
        ("an unknown family", v2(0x21, 0x41, &V4_ADDRESSES)),
        ("an unknown transport", v2(0x21, 0x13, &V4_ADDRESSES)),
        ("too short for IPv4", v2(0x21, 0x11, &V4_ADDRESSES[..11])),
        ("too short for IPv6", v2(0x21, 0x21, &[0; 35])),
        ("too short for Unix", v2(0x21, 0x31, &[0; 215])),
        ("longer than it may be", v2(0x20, 0, &vec![0; MAX_BYTES - V2_FIXED + 1])),
    ] {
        assert_eq!(read(&header), Err(Malformed), "{what}");
    }
    // Neither is waited for: the length is refused as soon as it is there, and the version.
    assert_eq!(read(&[V2, &[0x21, 0x11, 0xff, 0xff]].concat()), Err(Malformed));
    assert_eq!(read(&[V2, &[0x11]].concat()), Err(Malformed));
}
