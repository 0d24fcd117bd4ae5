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
    let forms = "an address; use 'host:port', ':port', a port, '[ipv6]:port' or 'unix:/path'";
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
    let any = "an address such as ':8080', a port, an object { port, host, path } or a list of these";
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
        (r#"{ "listen": { "host": "::1" } }"#, "listen: needs a port, or the path of a socket"),
        (r#"{ "listen": [1, {}] }"#, "listen[1]: needs a port, or the path of a socket"),
        (r#"{ "listen": { "port": 1, "path": "/a" } }"#, "listen: has a port and a path; leave one out"),
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
