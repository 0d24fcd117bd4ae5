use std::rc::Rc;

use super::super::{Body, Head, Method, Peer, RequestId, Version};
use super::*;

fn resolve(peer: &str, fields: &[(&str, &str)]) -> Forwarded {
    let mut head = Head::new(Method::GET, Version::Http11, "/");
    for (name, value) in fields {
        head.push(name, value.as_bytes());
    }
    let address = match peer {
        "unix" => Address::Unix(None),
        ip => Address::Ip((ip.parse::<IpAddr>().unwrap(), 9).into()),
    };
    let request = Request::new(head, Body::Empty, Rc::new(Peer::new(address, false)), RequestId::Sequence(1));
    let trust =
        TrustProxy(["10.0.0.0/8", "127.0.0.1", "2001:db8::/32"].map(|cidr| cidr.parse().unwrap()).to_vec());
    Forwarded::resolve(&request, &trust)
}

#[test]
fn the_client_is_the_rightmost_untrusted_address() {
    for (peer, fields, ip) in [
        ("9.9.9.9", &[("x-forwarded-for", "1.1.1.1")][..], None),
        ("10.0.0.1", &[("x-forwarded-for", "6.6.6.6, 1.1.1.1, 10.0.0.2")], Some("1.1.1.1")),
        ("10.0.0.1", &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "1.1.1.1")], Some("1.1.1.1")),
        ("10.0.0.1", &[("x-forwarded-for", "10.0.0.3, 10.0.0.2")], Some("10.0.0.3")),
        ("10.0.0.1", &[("x-forwarded-for", "1.1.1.1, unknown, 10.0.0.2")], Some("10.0.0.2")),
        ("10.0.0.1", &[("x-forwarded-for", "[2001:db9::1]:443")], Some("2001:db9::1")),
        ("::ffff:10.0.0.1", &[("x-forwarded-for", "1.1.1.1:5000")], Some("1.1.1.1")),
        ("unix", &[("x-forwarded-for", "1.1.1.1")], Some("1.1.1.1")),
        (
            "10.0.0.1",
            &[("forwarded", "for=6.6.6.6, for=\"[2001:db9::1]:9\";proto=https, for=10.0.0.4")],
            Some("2001:db9::1"),
        ),
        ("10.0.0.1", &[("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "1.1.1.1")], Some("1.1.1.1")),
        ("10.0.0.1", &[], None),
    ] {
        assert_eq!(resolve(peer, fields).ip.as_deref(), ip, "{peer} {fields:?}");
    }
}

#[test]
fn scheme_and_host_come_from_trusted_peers_only() {
    let fields =
        [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "a.example")];
    let trusted = resolve("10.0.0.1", &fields);
    assert_eq!((trusted.secure, trusted.host.as_deref()), (true, Some("a.example")));
    let untrusted = resolve("9.9.9.9", &fields);
    assert_eq!((untrusted.secure, untrusted.host), (false, None));
    let forwarded = resolve("10.0.0.1", &[("forwarded", "for=1.1.1.1;host=\"b.example:8080\";proto=HTTPS")]);
    assert_eq!((forwarded.secure, forwarded.host.as_deref()), (true, Some("b.example:8080")));
    let spoofed = resolve(
        "10.0.0.1",
        &[
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-host", "evil.example, a.example"),
            ("x-forwarded-proto", "https, http"),
        ],
    );
    assert_eq!((spoofed.secure, spoofed.host.as_deref()), (false, Some("a.example")));
    let hostile = resolve("10.0.0.1", &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-host", "a/b")]);
    assert_eq!(hostile.host, None);
}
