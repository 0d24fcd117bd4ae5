use std::time::Duration;

use super::*;

fn addresses(json: &str) -> String {
    let listen = settings(&format!(r#"{{ "listen": {json} }}"#)).listen;
    listen.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_form() {
    let table = [
        (r#""0.0.0.0:8080""#, "0.0.0.0:8080"),
        (r#"":8080""#, "127.0.0.1:8080"),
        (r#"" 8080 ""#, "127.0.0.1:8080"),
        ("8080", "127.0.0.1:8080"),
        ("0", "127.0.0.1:0"),
        (r#""localhost:3000""#, "localhost:3000"),
        (r#""my-host.example.com.:3000""#, "my-host.example.com.:3000"),
        (r#""[::1]:3000""#, "[::1]:3000"),
        (r#""[fe80::1%eth0]:3000""#, "[fe80::1%eth0]:3000"),
        (r#""unix:/run/app.sock""#, "unix:/run/app.sock"),
        (r#""unix:app.sock""#, "unix:app.sock"),
        (r#"{ "port": 80 }"#, "127.0.0.1:80"),
        (r#"{ "port": 80, "host": "::" }"#, "[::]:80"),
        (r#"{ "port": 80, "host": "example.com" }"#, "example.com:80"),
        (r#"{ "path": "/run/app.sock" }"#, "unix:/run/app.sock"),
        (r#"{ "fd": 3 }"#, "fd:3"),
        (r#""fd:12""#, "fd:12"),
        (
            r#"[8080, ":8081", { "port": 8082 }, "unix:/a"]"#,
            "127.0.0.1:8080 127.0.0.1:8081 127.0.0.1:8082 unix:/a",
        ),
    ];
    for (json, expected) in table {
        assert_eq!(addresses(json), expected, "{json}");
    }
}

#[test]
fn refusals() {
    let forms = "an address; use 'host:port', ':port', a port, '[ipv6]:port', 'unix:/path' or 'fd:3'";
    let text = [
        "localhost",
        "",
        ":",
        "[::1]",
        "[::1]:",
        "localhost:",
        ":65536",
        ":+80",
        "a b:80",
        "*:80",
        "unix:",
        "fd:",
        "fd:+3",
        "fd:-1",
        "fd:99999999999",
        "fd://3",
        "-1",
        "a..b:1",
        "1.2.3:80",
        "256.1.1.1:80",
        "[1.2.3.4]:80",
        "[::1%]:80",
        "a/b:80",
    ];
    for address in text {
        let message = format!("listen: '{address}' is not {forms}");
        check_refusals(&[(&format!(r#"{{ "listen": "{address}" }}"#), &message)]);
    }
    let any = "an address such as ':8080', a port, an object { port, host, path, fd } or a list of these";
    check_refusals(&[
        (
            r#"{ "listen": "::1:3000" }"#,
            "listen: '::1:3000' is not an address; put an IPv6 address in brackets: '[::1]:8080'",
        ),
        (
            r#"{ "listen": "http://localhost:3000/" }"#,
            "listen: 'http://localhost:3000/' is not an address; leave out the scheme and the path: 'host:port'",
        ),
        (r#"{ "listen": 65536 }"#, "listen: 65536 is not a port from 0 to 65535"),
        (r#"{ "listen": true }"#, &format!("listen: true is not {any}")),
        (r#"{ "listen": null }"#, &format!("listen: null is not {any}")),
        (r#"{ "listen": 1.5 }"#, &format!("listen: 1.5 is not {any}")),
        (
            r#"{ "listen": [1, null] }"#,
            "listen[1]: null is not an address such as ':8080', a port, or an object",
        ),
        (
            r#"{ "listen": [[1]] }"#,
            "listen[0]: a list is not an address such as ':8080', a port, or an object",
        ),
        (r#"{ "listen": [] }"#, "listen: an empty list is not enough; name at least one address"),
        (r#"{ "listen": { "host": "::1" } }"#, "listen: needs a port, the path of a socket or an fd"),
        (r#"{ "listen": [1, {}] }"#, "listen[1]: needs a port, the path of a socket or an fd"),
        (r#"{ "listen": { "port": 1, "path": "/a" } }"#, "listen: has a port and a path; leave one out"),
        (r#"{ "listen": { "fd": 3, "path": "/a" } }"#, "listen: has a path and an fd; leave one out"),
        (
            r#"{ "listen": { "fd": 3, "path": "/a", "port": 1 } }"#,
            "listen: has a port and a path and an fd; leave one out",
        ),
        (r#"{ "listen": { "fd": 3, "host": "::" } }"#, "listen.host: '::' is not allowed beside an fd"),
        (r#"{ "listen": { "fd": -1 } }"#, "listen.fd: -1 is not a whole number"),
        (
            r#"{ "listen": { "port": 1, "mode": "0660" } }"#,
            "listen.mode: 0660 is not allowed without a path: only that is a file",
        ),
        (r#"{ "listen": { "path": "" } }"#, "listen.path: '' is not a path"),
        (r#"{ "listen": { "path": "/a", "host": "::" } }"#, "listen.host: '::' is not allowed beside a path"),
        (
            r#"{ "listen": { "port": 1, "host": "[::1]" } }"#,
            "listen.host: '[::1]' is not an IP address (without brackets) or a name",
        ),
        (r#"{ "listen": { "port": "80" } }"#, "listen.port: '80' is not a whole number from 0 to 65535"),
        (r#"{ "listen": { "port": 70000 } }"#, "listen.port: 70000 is not a whole number from 0 to 65535"),
    ]);
}

#[test]
fn permissions_of_a_socket_file() {
    for (json, mode) in [
        ("432", 0o660),
        (r#""660""#, 0o660),
        (r#""0660""#, 0o660),
        (r#""777""#, 0o777),
        ("0", 0),
        ("511", 0o777),
    ] {
        let listen = settings(&format!(r#"{{ "listen": {{ "path": "/a", "mode": {json} }} }}"#)).listen;
        let expected = ListenAddress::Unix { path: "/a".into(), mode: Some(mode) };
        assert_eq!(listen[0].address, expected, "{json}");
    }
    let allowed = "permissions of a file; use octal digits such as '0660', or the number 0o660";
    for (json, shown) in [
        ("512", "512"),
        ("660", "660"),
        (r#""8""#, "'8'"),
        (r#""1777""#, "'1777'"),
        (r#""+7""#, "'+7'"),
        (r#""""#, "''"),
        (r#""rw-rw----""#, "'rw-rw----'"),
        ("true", "true"),
    ] {
        let json = format!(r#"{{ "listen": {{ "path": "/a", "mode": {json} }} }}"#);
        check_refusals(&[(&json, &format!("listen.mode: {shown} is not {allowed}"))]);
    }
}

#[test]
fn who_speaks_the_proxy_protocol() {
    let trusts = |json: &str, ip: &str| {
        let proxy = settings(json).listen[0].proxy.clone();
        proxy.map(|trusted| trusted.contains(ip.parse().unwrap()))
    };
    assert_eq!(trusts(r#"{ "listen": { "port": 1 } }"#, "10.0.0.1"), None);
    assert_eq!(trusts(r#"{ "listen": { "port": 1, "proxy": false } }"#, "10.0.0.1"), None);
    let listed = r#"{ "listen": { "port": 1, "proxy": ["10.0.0.0/8"] }, "trustProxy": ["::1"] }"#;
    assert_eq!((trusts(listed, "10.0.0.1"), trusts(listed, "::1")), (Some(true), Some(false)));
    let same = r#"{ "listen": { "port": 1, "proxy": true }, "trustProxy": ["::1"] }"#;
    assert_eq!((trusts(same, "10.0.0.1"), trusts(same, "::1")), (Some(false), Some(true)));
    let allowed = "a list of proxies such as ['10.0.0.0/8', '::1'], or true for those of trustProxy";
    check_refusals(&[
        (
            r#"{ "listen": { "port": 1, "proxy": [] } }"#,
            "listen.proxy: an empty list is not enough; name at least one proxy",
        ),
        (r#"{ "listen": { "port": 1, "proxy": "::1" } }"#, &format!("listen.proxy: '::1' is not {allowed}")),
        (
            r#"{ "listen": { "port": 1, "proxy": ["::1", "x"] } }"#,
            "listen.proxy[1]: 'x' is not an address or a network; use one such as '::1' or '10.0.0.0/8'",
        ),
    ]);
    let config = Config::from_json(r#"{ "listen": [1, { "port": 1, "proxy": true }] }"#).unwrap();
    let error = Settings::resolve(config, &Environment::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "listen[1].proxy: true trusts the proxies of trustProxy, and there are none; name those that may say for whom they \
         connect, such as ['10.0.0.0/8', '::1']"
    );
}

#[test]
fn certificates_of_a_listener() {
    let tls = |json: &str| {
        settings(&format!(r#"{{ "listen": [1, {{ "port": 2, "tls": {json} }}] }}"#)).listen[1].tls.clone()
    };
    let file = |path: &str| Pem::File(path.into());
    let certificate = |path: &str, cert, key| TlsCertificate { path: path.into(), cert, key };
    let expected = Tls {
        acme: None,
        path: "listen[1].tls".into(),
        certificates: vec![
            certificate("listen[1].tls", file("c"), Pem::Text(b"-----BEGIN PRIVATE KEY-----".into())),
            certificate("listen[1].tls.certificates[0]", Pem::Text(b"bytes".into()), file("k")),
        ],
        client_auth: Some((ClientAuth::Request, file("ca"))),
    };
    let json = r#"{
        "cert": "c", "key": "-----BEGIN PRIVATE KEY-----",
        "certificates": [{ "cert": { "\u0000bytes": "bytes" }, "key": "k" }],
        "clientAuth": "request", "ca": "ca"
    }"#;
    assert_eq!(tls(json), Some(expected.clone()));
    assert!(!format!("{expected:?}").contains("PRIVATE"), "{expected:?}");
    let ca = r#"{ "cert": "c", "key": "k", "clientAuth": "require", "ca": "r" }"#;
    assert_eq!(tls(ca).unwrap().client_auth, Some((ClientAuth::Require, file("r"))));
}

#[test]
fn certificates_that_are_incomplete_are_refused_without_showing_them() {
    let pem = "PEM; use the path of a file, its text or a Buffer";
    let table = [
        ("{}", "listen.tls: needs cert and key, certificates or acme".to_owned()),
        (r#"{ "cert": "c" }"#, "listen.tls: has a cert and no key; add its private key".into()),
        (r#"{ "key": "k" }"#, "listen.tls: has a key and no cert; add its certificate".into()),
        (
            r#"{ "certificates": [] }"#,
            "listen.tls: certificates is empty; name at least one { cert, key }".into(),
        ),
        (r#"{ "certificates": [{ "cert": "c" }] }"#, "listen.tls.certificates[0].key is missing".into()),
        (
            r#"{ "cert": "c", "key": "k", "clientAuth": "require" }"#,
            "listen.tls: clientAuth needs ca, the roots of the clients' certificates".into(),
        ),
        (
            r#"{ "cert": "c", "key": "k", "ca": "r" }"#,
            "listen.tls: ca is for clients' certificates; add clientAuth: 'request' or 'require'".into(),
        ),
        (
            r#"{ "cert": "c", "key": "k", "clientAuth": "required", "ca": "r" }"#,
            "listen.tls.clientAuth: 'required' is not one of 'request', 'require'; did you mean 'require'?"
                .into(),
        ),
        (r#"{ "cert": 1, "key": "k" }"#, format!("listen.tls.cert: 1 is not {pem}")),
        (r#"{ "cert": true, "key": "k" }"#, format!("listen.tls.cert: true is not {pem}")),
        (r#"{ "cert": {}, "key": "k" }"#, format!("listen.tls.cert: an object is not {pem}")),
        (
            r#"{ "cert": " ", "key": "k" }"#,
            "listen.tls.cert: an empty text is not PEM; use the path of a file, its text or a Buffer".into(),
        ),
        ("true", "listen.tls: true is not an object".into()),
    ];
    for (tls, message) in table {
        check_refusals(&[(&format!(r#"{{ "listen": {{ "port": 1, "tls": {tls} }} }}"#), &message)]);
    }
}

#[test]
fn certificates_of_an_authority() {
    let acme = |json: &str| {
        let listen = format!(r#"{{ "listen": [80, {{ "port": 443, "tls": {{ "acme": {json} }} }}] }}"#);
        settings(&listen).listen[1].tls.clone().unwrap()
    };
    let least = acme(r#"{ "domains": ["A.test", "b.test", "a.TEST"], "storage": "s" }"#);
    let expected = Acme {
        path: "listen[1].tls.acme".into(),
        domains: vec!["a.test".into(), "b.test".into()],
        email: None,
        directory: "https://acme-v02.api.letsencrypt.org/directory".into(),
        storage: "s".into(),
        ca: None,
        challenge: AcmeChallenge::TlsAlpn,
        renew_before: None,
        retry: Duration::from_secs(120),
        retry_max: Duration::from_secs(6 * 60 * 60),
        timeout: Duration::from_secs(120),
    };
    assert!(least.certificates.is_empty());
    assert_eq!(least.acme, Some(expected));
    let all = acme(
        r#"{
            "domains": ["a.test"], "email": "admin@a.test", "directory": "https://ca.test:14000/dir", "storage": "/s", "ca": "ca.pem",
            "challenge": "http-01", "renewBefore": "48h", "retry": "1s", "retryMax": "1m", "timeout": "10s"
        }"#,
    );
    let expected = Acme {
        path: "listen[1].tls.acme".into(),
        domains: vec!["a.test".into()],
        email: Some("admin@a.test".into()),
        directory: "https://ca.test:14000/dir".into(),
        storage: "/s".into(),
        ca: Some(Pem::File("ca.pem".into())),
        challenge: AcmeChallenge::Http,
        renew_before: Some(Duration::from_secs(48 * 60 * 60)),
        retry: Duration::from_secs(1),
        retry_max: Duration::from_secs(60),
        timeout: Duration::from_secs(10),
    };
    assert_eq!(all.acme, Some(expected));
}

#[test]
fn certificates_that_no_authority_can_issue_are_refused() {
    let name = "the name of a host, such as 'www.example.com' (international ones in ASCII: 'xn--…')";
    let table = [
        (r#""domains": []"#, "domains: a list of 0 is not a list of 1 to 100 names".to_owned()),
        (
            r#""domains": ["*.a.test"]"#,
            "domains: '*.a.test' is not possible: a wildcard can only be proven in the DNS; name each host"
                .into(),
        ),
        (r#""domains": ["a.test", "127.0.0.1"]"#, format!("domains: '127.0.0.1' is not {name}")),
        (r#""domains": ["::1"]"#, format!("domains: '::1' is not {name}")),
        (r#""domains": ["ä.test"]"#, format!("domains: 'ä.test' is not {name}")),
        (r#""domains": ["a.test."]"#, format!("domains: 'a.test.' is not {name}")),
        (r#""domains": ["https://a.test"]"#, format!("domains: 'https://a.test' is not {name}")),
        (r#""email": "admin""#, "email: 'admin' is not an address such as 'admin@example.com'".into()),
        (
            r#""email": "a@b.test?x""#,
            "email: 'a@b.test?x' is not an address such as 'admin@example.com'".into(),
        ),
        (
            r#""directory": "http://ca.test/dir""#,
            "directory: 'http://ca.test/dir' is not a URL that begins with https://".into(),
        ),
        (r#""storage": " ""#, "storage: ' ' is not the path of a folder".into()),
        (r#""challenge": "dns-01""#, "challenge: 'dns-01' is not one of 'tls-alpn-01', 'http-01'".into()),
        (r#""renewBefore": 1"#, "renewBefore: 1ms is not a duration from 1s to 8760h".into()),
        (r#""retry": 1"#, "retry: 1ms is not a duration from 100ms to 24h".into()),
        (
            r#""retry": "1h", "retryMax": "1m""#,
            "retryMax: 1m is not a duration of at least listen.tls.acme.retry, 1h".into(),
        ),
        (r#""timeout": "2h""#, "timeout: 2h is not a duration from 1s to 1h".into()),
    ];
    for (option, message) in table {
        let mut json: serde_json::Value =
            serde_json::from_str(r#"{ "domains": ["a.test"], "storage": "s" }"#).unwrap();
        let given: serde_json::Value = serde_json::from_str(&format!("{{ {option} }}")).unwrap();
        json.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
        let config = format!(r#"{{ "listen": {{ "port": 1, "tls": {{ "acme": {json} }} }} }}"#);
        check_refusals(&[(&config, &format!("listen.tls.acme.{message}"))]);
    }
    check_refusals(&[(
        r#"{ "listen": { "port": 1, "tls": { "acme": { "domains": ["a.test"] } } } }"#,
        "listen.tls.acme.storage is missing",
    )]);
    let http = r#"{ "listen": { "port": 1, "tls": { "acme": { "domains": ["a.test"], "storage": "s", "challenge": "http-01" } } } }"#;
    let error = Settings::resolve(Config::from_json(http).unwrap(), &Environment::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "listen.tls.acme.challenge: 'http-01' is proven by a request to a listener without tls, and there is none; add one, such \
         as { port: 80, redirectHttps: true }"
    );
}

#[test]
fn who_is_sent_to_https() {
    let redirect = |json: &str| {
        let tls = r#"{ "port": 443, "tls": { "cert": "c", "key": "k" } }"#;
        settings(&format!(r#"{{ "listen": [{{ "port": 80, "redirectHttps": {json} }}, {tls}] }}"#)).listen[0]
            .redirect
    };
    assert_eq!(redirect("false"), None);
    assert_eq!(redirect("true"), Some(RedirectHttps::ToTls));
    assert_eq!(redirect("8443"), Some(RedirectHttps::ToPort(8443)));
    let allowed = "true, or the port that clients reach HTTPS at, from 1 to 65535";
    check_refusals(&[
        (
            r#"{ "listen": { "port": 1, "redirectHttps": 0 } }"#,
            &format!("listen.redirectHttps: 0 is not {allowed}"),
        ),
        (
            r#"{ "listen": { "port": 1, "redirectHttps": "443" } }"#,
            &format!("listen.redirectHttps: '443' is not {allowed}"),
        ),
        (
            r#"{ "listen": { "port": 1, "redirectHttps": true, "tls": { "cert": "c", "key": "k" } } }"#,
            "listen: redirectHttps is for a listener without tls; make it one of its own, such as { port: 80, redirectHttps: \
             true }",
        ),
    ]);
    let config = Config::from_json(r#"{ "listen": [{ "port": 1, "redirectHttps": true }, 2] }"#).unwrap();
    let error = Settings::resolve(config, &Environment::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "listen[0].redirectHttps: true sends clients to the port of a listener with tls, and there is none; add one, or name \
         the port that they reach HTTPS at"
    );
}
