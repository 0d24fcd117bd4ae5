use super::*;

#[test]
fn every_option() {
    let config = Config::from_json(
        r#"{
            "trailingSlash": "redirect",
            "trustProxy": ["10.0.0.0/8", "::1"],
            "secrets": ["0123456789abcdef", "fedcba9876543210"],
            "limits": { "body": "200mb", "header": "32kb", "headers": 50, "url": 4096, "connections": 1000,
                "connectionsPerIp": 20, "inFlight": 100, "pipeline": 16, "streams": 64,
                "resets": 50, "controlFrames": 200, "queue": 10, "queueAge": "2s",
                "responseBuffer": "1mb", "unsent": "1gb", "requestBuffer": "128kb",
                "topics": 7, "topicName": 64, "publishBuffer": "2mb" },
            "timeouts": { "header": "5s", "body": 1000, "write": "1m", "idle": "2m", "handler": "1h", "preDrain": 0,
                "shutdown": "0s" },
            "listen": ":8080",
            "io": 4,
            "workers": { "count": 1 },
            "signals": false,
            "name": "api",
            "asyncResource": true
        }"#,
    )
    .unwrap();
    assert_eq!(config.trailing_slash, Some(TrailingSlash::Redirect));
    assert_eq!(config.secrets.as_ref().map(|s| s.iter().len()), Some(2));
    let expected = LimitsConfig {
        body: Some(Size::mb(200)),
        header: Some(Size::kb(32)),
        headers: Some(50),
        url: Some(Size(4096)),
        connections: Some(1000),
        connections_per_ip: Some(20),
        in_flight: Some(100),
        pipeline: Some(16),
        streams: Some(64),
        resets: Some(50),
        control_frames: Some(200),
        queue: Some(10),
        queue_age: Some(Millis::seconds(2)),
        response_buffer: Some(Size::mb(1)),
        unsent: Some(Size(1 << 30)),
        request_buffer: Some(Size::kb(128)),
        topics: Some(7),
        topic_name: Some(Size(64)),
        publish_buffer: Some(Size::mb(2)),
    };
    assert_eq!(config.limits, Some(expected));
    let expected = TimeoutsConfig {
        header: Some(Millis::seconds(5)),
        body: Some(Millis(1000)),
        write: Some(Millis::seconds(60)),
        idle: Some(Millis::seconds(120)),
        handler: Some(Millis::hours(1)),
        pre_drain: Some(Millis(0)),
        shutdown: Some(Millis(0)),
    };
    assert_eq!(config.timeouts, Some(expected));
    assert_eq!(config.io, Some(Io::Threads(4)));
    assert_eq!(config.signals, Some(false));
    assert_eq!(config.name.as_deref(), Some("api"));
    assert_eq!(config.async_resource, Some(true));
    assert_eq!(Config::from_json("{}").unwrap(), Config::default());
    assert_eq!(Config::from_json(r#"{ "io": "auto", "workers": 1 }"#).unwrap().io, Some(Io::Auto));
    assert_eq!(Config::from_json(r#"{ "io": "inline" }"#).unwrap().io, Some(Io::Inline));
}

#[test]
fn unknown_names() {
    check_refusals(&[
        (
            r#"{ "limits": { "boody": 1 } }"#,
            "limits.boody is not an option; did you mean limits.body? Known: body, header, headers, url, connections, \
             connectionsPerIp, inFlight, pipeline, streams, resets, controlFrames, queue, queueAge, responseBuffer, \
             unsent, requestBuffer, topics, topicName, publishBuffer",
        ),
        (
            r#"{ "timeouts": { "pre_drain": 1 } }"#,
            "timeouts.pre_drain is not an option; did you mean timeouts.preDrain? Known: header, body, write, idle, \
             handler, preDrain, shutdown",
        ),
        (
            r#"{ "port": 1 }"#,
            "port is not an option. Known: trailingSlash, trustProxy, secrets, limits, timeouts, listen, io, workers, \
             watch, log, files, signals, name, asyncResource",
        ),
        (
            r#"{ "listen": [8080, { "prot": 1 }] }"#,
            "listen[1].prot is not an option; did you mean listen[1].port? Known: port, host, path, mode, fd, \
             proxy, tls, redirectHttps, http3",
        ),
        (
            r#"{ "trailingSlash": "redirct" }"#,
            "trailingSlash: 'redirct' is not one of 'strict', 'redirect', 'ignore'; did you mean 'redirect'?",
        ),
        (r#"{ "trailingSlash": "no" }"#, "trailingSlash: 'no' is not one of 'strict', 'redirect', 'ignore'"),
        (r#"{ "trailingSlash": true }"#, "trailingSlash: true is not one of 'strict', 'redirect', 'ignore'"),
        (
            r#"{ "trailingSlash": {} }"#,
            "trailingSlash: an object is not one of 'strict', 'redirect', 'ignore'",
        ),
    ]);
}

#[test]
fn wrong_types() {
    check_refusals(&[
        (r#"{ "limits": "1mb" }"#, "limits: '1mb' is not an object"),
        (r#"{ "limits": { "headers": "100" } }"#, "limits.headers: '100' is not a whole number"),
        (r#"{ "limits": { "headers": 1.5 } }"#, "limits.headers: 1.5 is not a whole number"),
        (r#"{ "limits": { "queue": -1 } }"#, "limits.queue: -1 is not a whole number"),
        (r#"{ "signals": "no" }"#, "signals: 'no' is not true or false"),
        (r#"{ "name": 7 }"#, "name: 7 is not a string"),
        (r#"{ "name": " " }"#, "name: ' ' is not a name"),
        (
            r#"{ "io": "threads" }"#,
            "io: 'threads' is not 'auto', 'inline' or a number of IO threads from 1 to 256",
        ),
        (r#"{ "io": 0 }"#, "io: 0 is not a number of IO threads from 1 to 256"),
        (r#"{ "io": 257 }"#, "io: 257 is not a number of IO threads from 1 to 256"),
        (r#"{ "io": 1.5 }"#, "io: 1.5 is not 'auto', 'inline' or a number of IO threads from 1 to 256"),
        (r#"{ "watch": 1 }"#, "watch: 1 is not true, false or an object { paths, extensions, delay }"),
        (r#"{ "watch": { "delay": 0 } }"#, "watch.delay: 0ms is not a duration from 1ms to 1m"),
        (r#"{ "watch": { "paths": [] } }"#, "watch.paths: [] is not a list of names"),
        (r#"{ "workers": 1025 }"#, "workers: 1025 is not a number of JavaScript threads from 1 to 1024"),
        (r#"{ "workers": { "entry": " " } }"#, "workers.entry: ' ' is not the path of a module"),
        (
            r#"{ "workers": { "startTimeout": 99 } }"#,
            "workers.startTimeout: 99ms is not a duration from 100ms to 1h",
        ),
        (
            r#"{ "workers": { "stopTimeout": "61m" } }"#,
            "workers.stopTimeout: 61m is not a duration from 0ms to 1h",
        ),
        (
            r#"{ "workers": { "endTimeout": "61m" } }"#,
            "workers.endTimeout: 61m is not a duration from 0ms to 1h",
        ),
        (
            r#"{ "workers": { "restartDelay": 0 } }"#,
            "workers.restartDelay: 0ms is not a duration from 1ms to 1h",
        ),
        (
            r#"{ "workers": { "restartDelay": "20s" } }"#,
            "workers.maxRestartDelay: 10s is not a duration from 20s to 1h",
        ),
        (
            r#"{ "workers": { "lingerTimeout": "169h" } }"#,
            "workers.lingerTimeout: 169h is not a duration from 0ms to 168h",
        ),
        (r#"{ "workers": 0 }"#, "workers: 0 is not a number of JavaScript threads from 1 to 1024"),
        (
            r#"{ "workers": "all" }"#,
            "workers: 'all' is not 'auto' or a number of JavaScript threads from 1 to 1024, or an object { count, \
             entry, ... }",
        ),
        (
            r#"{ "workers": { "count": "all" } }"#,
            "workers.count: 'all' is not 'auto' or a number of JavaScript threads from 1 to 1024",
        ),
        (r#"{ "limits": ["1mb"] }"#, "limits: a list is not an object"),
        ("[]", "options: a list is not an object"),
        ("7", "options: 7 is not an object"),
        ("{", "options are not valid JSON: EOF while parsing an object at line 1 column 1"),
    ]);
}

#[test]
fn null_is_not_absent() {
    check_refusals(&[
        (r#"{ "limits": null }"#, "limits: null is not an object"),
        (r#"{ "name": null }"#, "name: null is not a string"),
        (r#"{ "io": null }"#, "io: null is not 'auto', 'inline' or a number of IO threads from 1 to 256"),
        (
            r#"{ "limits": { "body": null } }"#,
            "limits.body: null is not a size; use bytes or a string such as '512kb', '1mb'",
        ),
    ]);
}

#[test]
fn sizes_and_durations() {
    check_refusals(&[
        (
            r#"{ "limits": { "body": "1xb" } }"#,
            "limits.body: '1xb' is not a size; use bytes or a string such as '512kb', '1mb'",
        ),
        (
            r#"{ "limits": { "url": -1 } }"#,
            "limits.url: -1 is not a size; use bytes or a string such as '512kb', '1mb'",
        ),
        (
            r#"{ "limits": { "url": 1e21 } }"#,
            "limits.url: 1000000000000000000000 is not a size; use bytes or a string such as '512kb', '1mb'",
        ),
        (
            r#"{ "timeouts": { "idle": "soon" } }"#,
            "timeouts.idle: 'soon' is not a duration; use milliseconds or a string such as '500ms', '10s', '2m'",
        ),
        (
            r#"{ "timeouts": { "idle": false } }"#,
            "timeouts.idle: false is not a duration; use milliseconds or a string such as '500ms', '10s', '2m'",
        ),
    ]);
}

#[test]
fn ranges() {
    check_refusals(&[
        (r#"{ "limits": { "body": 0 } }"#, "limits.body: 0b is not a size from 1b to 1tb"),
        (
            r#"{ "files": { "keptOpen": 1000001 } }"#,
            "files.keptOpen: 1000001 is not a number from 0 to 1000000",
        ),
        (r#"{ "limits": { "body": "2tb" } }"#, "limits.body: 2tb is not a size from 1b to 1tb"),
        (r#"{ "limits": { "header": 1000 } }"#, "limits.header: 1000b is not a size from 1kb to 1mb"),
        (r#"{ "limits": { "header": "2mb" } }"#, "limits.header: 2mb is not a size from 1kb to 1mb"),
        (r#"{ "limits": { "headers": 0 } }"#, "limits.headers: 0 is not a whole number from 1 to 10000"),
        (
            r#"{ "limits": { "headers": 10001 } }"#,
            "limits.headers: 10001 is not a whole number from 1 to 10000",
        ),
        (r#"{ "limits": { "url": 63 } }"#, "limits.url: 63b is not a size from 64b to 1mb"),
        (
            r#"{ "limits": { "connections": 0 } }"#,
            "limits.connections: 0 is not a whole number from 1 to 10000000",
        ),
        (
            r#"{ "limits": { "connectionsPerIp": 0 } }"#,
            "limits.connectionsPerIp: 0 is not a whole number from 1 to 10000000",
        ),
        (r#"{ "limits": { "inFlight": 0 } }"#, "limits.inFlight: 0 is not a whole number from 1 to 10000000"),
        (r#"{ "limits": { "queue": 0 } }"#, "limits.queue: 0 is not a whole number from 1 to 1000000"),
        (
            r#"{ "limits": { "queueAge": 0 } }"#,
            "limits.queueAge: 0ms is not a duration from 1ms to 24h; it cannot be turned off",
        ),
        (
            r#"{ "limits": { "responseBuffer": 1 } }"#,
            "limits.responseBuffer: 1b is not a size from 1kb to 256mb",
        ),
        (r#"{ "limits": { "unsent": "1kb" } }"#, "limits.unsent: 1kb is not a size from 1mb to 1tb"),
        (
            r#"{ "limits": { "requestBuffer": "1gb" } }"#,
            "limits.requestBuffer: 1gb is not a size from 1kb to 256mb",
        ),
        (r#"{ "limits": { "topics": 0 } }"#, "limits.topics: 0 is not a whole number from 1 to 10000000"),
        (r#"{ "limits": { "topicName": 0 } }"#, "limits.topicName: 0b is not a size from 1b to 4kb"),
        (
            r#"{ "limits": { "publishBuffer": "1kb" } }"#,
            "limits.publishBuffer: 1kb is not a size from 64kb to 1gb",
        ),
        (
            r#"{ "timeouts": { "shutdown": "25h" } }"#,
            "timeouts.shutdown: 25h is not a duration from 0ms to 24h",
        ),
    ]);
    for name in ["header", "body", "write", "idle", "handler"] {
        let message =
            format!("timeouts.{name}: 0ms is not a duration from 1ms to 24h; it cannot be turned off");
        check_refusals(&[(&format!(r#"{{ "timeouts": {{ "{name}": 0 }} }}"#), &message)]);
    }
}

#[test]
fn http3_has_needs() {
    let tls = r#""tls": { "cert": "c.pem", "key": "k.pem" }"#;
    let table = [
        (
            r#"[1, { "port": 1, "http3": true }]"#.into(),
            "listen[1].http3: needs tls: QUIC is always encrypted",
        ),
        (
            format!(r#"{{ "fd": 3, {tls}, "http3": {{}} }}"#),
            "listen.http3: needs a port: an inherited socket or one with a path has none for UDP",
        ),
        (
            format!(r#"{{ "port": 1, {tls}, "proxy": ["::1"], "http3": true }}"#),
            "listen.http3: cannot be used beside proxy: the PROXY protocol is none of UDP; make it a listener of its own",
        ),
        (
            format!(r#"{{ "port": 1, {tls}, "http3": {{ "strangers": 1000001 }} }}"#),
            "listen.http3.strangers: 1000001 is not a whole number from 0 to 1000000",
        ),
        (
            format!(r#"{{ "port": 1, {tls}, "http3": {{ "announce": 0 }} }}"#),
            "listen.http3.announce: 0 is not true, false, or the port that clients reach HTTP/3 at, from 1 to 65535",
        ),
        (
            format!(r#"{{ "port": 1, {tls}, "http3": "on" }}"#),
            "listen.http3: 'on' is not true, false or an object { announce, strangers }",
        ),
        (
            format!(r#"{{ "port": 1, {tls}, "http3": {{ "strange": 1 }} }}"#),
            "listen.http3.strange is not an option; did you mean listen.http3.strangers? Known: announce, strangers",
        ),
    ];
    for (listen, message) in table {
        check_refusals(&[(&format!(r#"{{ "listen": {listen} }}"#), message)]);
    }
}

#[test]
fn secrets_are_never_shown() {
    let table = [
        (
            r#"{ "secrets": ["0123456789abcdef", "hunter2"] }"#,
            "secrets: secret number 2 has 7 bytes, fewer than 16; make one with `openssl rand -base64 32`",
        ),
        (
            r#"{ "secrets": "hunter2hunter2hunter2" }"#,
            "secrets: not a list of strings of at least 16 bytes each (values are not shown)",
        ),
        (
            r#"{ "secrets": ["0123456789abcdef", 72727272] }"#,
            "secrets[1]: not a list of strings of at least 16 bytes each (values are not shown)",
        ),
    ];
    check_refusals(&table);
    let config = Config::from_json(r#"{ "secrets": ["hunter2hunter2hunter2"] }"#).unwrap();
    let settings = Settings::resolve(config.clone(), &Environment::default()).unwrap();
    assert_eq!(settings.secrets.iter().collect::<Vec<_>>(), ["hunter2hunter2hunter2"]);
    assert!(!format!("{config:?} {settings:?}").contains("hunter2"));
    assert!(format!("{settings:?}").contains("[1 redacted]"));
}

#[test]
fn trusted_proxies() {
    check_refusals(&[
        (
            r#"{ "trustProxy": true }"#,
            "trustProxy: true is not a list of trusted proxies such as ['10.0.0.0/8', '::1']",
        ),
        (
            r#"{ "trustProxy": ["::1", "proxy"] }"#,
            "trustProxy[1]: 'proxy' is not an address or a network; use one such as '::1' or '10.0.0.0/8'",
        ),
        (
            r#"{ "trustProxy": ["10.0.0.1/8"] }"#,
            "trustProxy[0]: '10.0.0.1/8' is not a network, as it has bits beyond its prefix; use '10.0.0.0/8' or \
             '10.0.0.1'",
        ),
    ]);
    let trusted = settings(r#"{ "trustProxy": ["10.0.0.0/8", "::1"] }"#).trust_proxy;
    assert!(trusted.contains("10.1.1.1".parse().unwrap()) && trusted.contains("::1".parse().unwrap()));
    assert!(!trusted.contains("127.0.0.1".parse().unwrap()));
    assert!(!TrustProxy::default().contains("127.0.0.1".parse().unwrap()));
}

#[test]
fn what_json_does_not_have_is_named() {
    check_refusals(&[
        (
            r#"{ "limits": { "body": { "\u0000": "Infinity" } } }"#,
            "limits.body: Infinity is not a size; use bytes or a string such as '512kb', '1mb'",
        ),
        (r#"{ "limits": { "headers": { "\u0000": "NaN" } } }"#, "limits.headers: NaN is not a whole number"),
        (r#"{ "limits": { "\u0000": "a function" } }"#, "limits: a function is not an object"),
        (r#"{ "name": { "\u0000": "NaN" } }"#, "name: NaN is not a string"),
        (r#"{ "signals": { "\u0000": "NaN" } }"#, "signals: NaN is not true or false"),
        (
            r#"{ "trailingSlash": { "\u0000": "NaN" } }"#,
            "trailingSlash: NaN is not one of 'strict', 'redirect', 'ignore'",
        ),
        (
            r#"{ "listen": { "port": 1, "tls": { "cert": { "\u0000": "a function" } } } }"#,
            "listen.tls.cert: a function is not PEM; use the path of a file, its text or a Buffer",
        ),
    ]);
}
