use std::time::Duration;

use super::*;

#[test]
fn defaults() {
    let settings = settings("{}");
    let expected = Settings {
        trailing_slash: TrailingSlash::Strict,
        trust_proxy: TrustProxy::default(),
        secrets: Secrets::default(),
        limits: Limits {
            body: 1 << 20,
            header: 16 << 10,
            headers: 100,
            url: 8 << 10,
            connections: 100_000,
            connections_per_ip: None,
            in_flight: 10_000,
            pipeline: 32,
            streams: 128,
            resets: 500,
            control_frames: 1000,
            queue: 4096,
            queue_age: Duration::from_secs(10),
            response_buffer: 64 << 10,
            unsent: 256 << 20,
            request_buffer: 64 << 10,
            topics: 100_000,
            topic_name: 256,
            publish_buffer: 64 << 20,
        },
        timeouts: Timeouts {
            header: Duration::from_secs(10),
            body: Duration::from_secs(30),
            write: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            handler: Duration::from_secs(30),
            pre_drain: Duration::ZERO,
            shutdown: Duration::from_secs(10),
        },
        listen: vec![Listen {
            address: ListenAddress::Tcp { host: "127.0.0.1".into(), port: 3000 },
            proxy: None,
            tls: None,
            redirect: None,
            http3: None,
        }],
        io_threads: IoMode::Auto,
        workers: Workers::default(),
        watch: None,
        log: LogSettings {
            level: LogLevel::Info,
            format: LogStyle::Dev,
            output: LogOutput::Stdout,
            queue: Size::mb(1),
        },
        signals: true,
        name: None,
        files: FilesSettings::default(),
        async_resource: false,
    };
    assert_eq!(settings, expected);
    assert_eq!((Limits::default(), Timeouts::default()), (expected.limits, expected.timeouts));
}

#[test]
fn the_default_address() {
    let table = [
        ("{}", false, None, Ok("127.0.0.1:3000")),
        ("{}", true, None, Ok("[::]:3000")),
        ("{}", true, Some("8080"), Ok("[::]:8080")),
        ("{}", false, Some(" 8080 "), Ok("127.0.0.1:8080")),
        ("{}", false, Some(""), Ok("127.0.0.1:3000")),
        (r#"{ "listen": 80 }"#, true, Some("8080"), Ok("[::]:80")),
        (r#"{ "listen": "127.0.0.1:80" }"#, true, None, Ok("127.0.0.1:80")),
        (r#"{ "listen": 80 }"#, false, Some("nonsense"), Ok("127.0.0.1:80")),
        ("{}", false, Some("nonsense"), Err("PORT: 'nonsense' is not a port from 0 to 65535")),
        ("{}", false, Some("65536"), Err("PORT: '65536' is not a port from 0 to 65535")),
        ("{}", false, Some("+80"), Err("PORT: '+80' is not a port from 0 to 65535")),
        ("{}", false, Some("-1"), Err("PORT: '-1' is not a port from 0 to 65535")),
    ];
    for (json, production, port, expected) in table {
        let env = Environment { production, port: port.map(Into::into) };
        let settings = Settings::resolve(Config::from_json(json).unwrap(), &env);
        let found = settings.map(|s| s.listen[0].to_string()).map_err(|error| error.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{json} {env:?}");
    }
}

#[test]
fn layers() {
    let code = Config::from_json(
        r#"{ "listen": [1, 2], "limits": { "body": 1, "queue": 1 }, "timeouts": { "body": 1 }, "name": "code",
            "trustProxy": ["::1"], "signals": false, "io": 1, "trailingSlash": "ignore" }"#,
    );
    let env = Config::from_json(
        r#"{ "listen": 3, "limits": { "body": 2, "headers": 2 }, "timeouts": { "idle": 2 }, "name": "env", "io": 2,
            "workers": 1, "trustProxy": [] }"#,
    );
    let both = Config::from_json(
        r#"{ "listen": 3, "limits": { "body": 2, "headers": 2, "queue": 1 }, "timeouts": { "body": 1, "idle": 2 },
            "name": "env", "io": 2, "workers": 1, "trustProxy": [], "signals": false, "trailingSlash": "ignore" }"#,
    );
    let (code, env) = (code.unwrap(), env.unwrap());
    assert_eq!(code.clone().merge(env), both.unwrap());
    assert_eq!(code.clone().merge(Config::default()), code);
    assert_eq!(Config::default().merge(code.clone()), code);
}

#[test]
fn watch() {
    let json = |text| Config::from_json(text).unwrap();
    let resolved = |config| Settings::resolve(config, &Environment::default()).map(|settings| settings.watch);
    assert_eq!(resolved(json(r#"{ "watch": false }"#)).unwrap(), None);
    let default = resolved(json(r#"{ "watch": true }"#)).unwrap().unwrap();
    assert_eq!((default.paths.len(), default.delay), (0, Millis(100)));
    assert!(default.extensions.contains(&"mts".into()));
    let code = json(r#"{ "watch": { "paths": ["src"], "extensions": [".html", "ts"], "delay": "1s" } }"#);
    let own = Watch {
        paths: vec!["src".into()],
        extensions: vec!["html".into(), "ts".into()],
        delay: Millis(1000),
    };
    assert_eq!(resolved(code.clone()).unwrap(), Some(own.clone()));
    let from_env = |word: &str| Config::from_env([("ARMATURE_WATCH".into(), word.into())]).unwrap();
    assert_eq!(resolved(code.clone().merge(from_env("true"))).unwrap(), Some(own));
    assert_eq!(resolved(code.merge(from_env("false"))).unwrap(), None);
    let inline = resolved(json(r#"{ "watch": true, "io": "inline" }"#)).unwrap_err().to_string();
    assert!(inline.starts_with("watch: true is not possible with io: 'inline'"), "{inline}");
}

#[test]
fn workers() {
    let code = Config::from_json(r#"{ "workers": { "count": 2, "entry": "worker.mjs" } }"#).unwrap();
    let operator = Config::from_json(r#"{ "workers": 5 }"#).unwrap();
    let settings_of = |config| Settings::resolve(config, &Environment::default()).unwrap().workers;
    let merged = settings_of(code.clone().merge(operator));
    assert_eq!(merged, Workers { count: 5, entry: Some("worker.mjs".into()), ..Workers::default() });
    let times = r#""startTimeout": 1000, "stopTimeout": 1, "endTimeout": 2, "restartDelay": 3, "maxRestartDelay": 4,
        "lingerTimeout": 5"#;
    let operator = Config::from_json(&format!(r#"{{ "workers": {{ {times} }} }}"#)).unwrap();
    let expected = Workers {
        count: 2,
        entry: Some("worker.mjs".into()),
        start_timeout: Millis(1000),
        stop_timeout: Millis(1),
        end_timeout: Millis(2),
        restart_delay: Millis(3),
        max_restart_delay: Millis(4),
        linger_timeout: Millis(5),
    };
    assert_eq!(settings_of(code.clone().merge(operator)), expected);
    assert_eq!(settings_of(code).count, 2);
    assert_eq!(settings(r#"{ "workers": "auto" }"#).workers.count, crate::server::cores());
    let inline = |count| Config::from_json(&format!(r#"{{ "io": "inline", "workers": {count} }}"#)).unwrap();
    assert_eq!(settings_of(inline(256)).count, 256);
    assert_eq!(
        Settings::resolve(inline(257), &Environment::default()).unwrap_err().to_string(),
        "workers: 257 is not a number of JavaScript threads from 1 to 256 with io: 'inline'"
    );
}

#[test]
fn the_options_of_an_application_are_a_part_of_all_options() {
    let json = r#"{ "trailingSlash": "ignore", "trustProxy": ["::1"], "secrets": ["0123456789abcdef"],
        "limits": { "body": 1 }, "timeouts": { "body": 1 } }"#;
    assert_eq!(Config::from(parse::<AppConfig>(json).unwrap()), Config::from_json(json).unwrap());
    let error = parse::<AppConfig>(r#"{ "listen": 1 }"#).unwrap_err();
    assert!(error.to_string().starts_with("listen is not an option. Known: trailingSlash, "));
}

#[test]
fn the_request_line_is_a_part_of_the_head() {
    assert_eq!(settings(r#"{ "limits": { "header": "4kb" } }"#).limits.url, 4096);
    assert_eq!(settings(r#"{ "limits": { "header": "8kb", "url": "8kb" } }"#).limits.url, 8192);
    let config = Config::from_json(r#"{ "limits": { "header": "4kb", "url": "8kb" } }"#).unwrap();
    assert_eq!(
        Settings::resolve(config, &Environment::default()).unwrap_err().to_string(),
        "limits.url: 8kb is more than limits.header, 4kb, which counts the request line too; raise limits.header or \
         lower limits.url"
    );
}

#[test]
fn options_built_by_hand_are_checked_too() {
    let limits = LimitsConfig { body: Some(Size(0)), ..LimitsConfig::default() };
    let config = Config { limits: Some(limits), ..Config::default() };
    let error = Settings::resolve(config, &Environment::default()).unwrap_err();
    assert_eq!(error.to_string(), "limits.body: 0b is not a size from 1b to 1tb");
    let config = Config { io: Some(Io::Threads(0)), ..Config::default() };
    let error = Settings::resolve(config, &Environment::default()).unwrap_err();
    assert_eq!(error.to_string(), "io: 0 is not a number of IO threads from 1 to 256");
}
