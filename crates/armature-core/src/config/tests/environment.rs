use super::*;

fn from_env(vars: &[(&str, &str)]) -> Result<Config, Error> {
    Config::from_env(vars.iter().map(|(name, value)| ((*name).into(), (*value).into())))
}

#[test]
fn every_option() {
    let env = from_env(&[
        ("PATH", "/bin"),
        ("ARMATURE", "x"),
        ("ARMATURE_TRAILING_SLASH", "ignore"),
        ("ARMATURE_TRUST_PROXY", "10.0.0.0/8, ::1"),
        ("ARMATURE_SECRETS", "0123456789abcdef,9999999999999999"),
        ("ARMATURE_LIMITS__BODY", "2mb"),
        ("ARMATURE_LIMITS__HEADERS", "50"),
        ("ARMATURE_LIMITS__IN_FLIGHT", " 7 "),
        ("ARMATURE_LIMITS__RESPONSE_BUFFER", "65536"),
        ("ARMATURE_LIMITS__QUEUE", ""),
        ("ARMATURE_TIMEOUTS__PRE_DRAIN", "5s"),
        ("ARMATURE_TIMEOUTS__IDLE", "1000"),
        ("ARMATURE_LISTEN", "8080,[::1]:8081,unix:/run/a.sock"),
        ("ARMATURE_IO", "4"),
        ("ARMATURE_WORKERS", "1"),
        ("ARMATURE_WATCH__PATHS", "src,lib"),
        ("ARMATURE_WATCH__DELAY", "1s"),
        ("ARMATURE_SIGNALS", "false"),
        ("ARMATURE_NAME", "123"),
        ("ARMATURE_ASYNC_RESOURCE", "true"),
    ]);
    let json = Config::from_json(
        r#"{ "trailingSlash": "ignore", "trustProxy": ["10.0.0.0/8", "::1"],
            "secrets": ["0123456789abcdef", "9999999999999999"],
            "limits": { "body": "2mb", "headers": 50, "inFlight": 7, "responseBuffer": "64kb" },
            "timeouts": { "preDrain": "5s", "idle": "1s" }, "listen": [8080, "[::1]:8081", "unix:/run/a.sock"],
            "io": 4, "workers": 1, "watch": { "paths": ["src", "lib"], "delay": "1s" }, "signals": false, "name": "123", "asyncResource": true }"#,
    );
    assert_eq!(env.unwrap(), json.unwrap());
    assert_eq!(from_env(&[("HOME", "/root")]).unwrap(), Config::default());
}

#[test]
fn words_become_what_is_asked_for() {
    let signals = |word| from_env(&[("ARMATURE_SIGNALS", word)]).map(|config| config.signals);
    assert_eq!(signals("1").unwrap(), Some(true));
    assert_eq!(signals("0").unwrap(), Some(false));
    assert_eq!(signals("true").unwrap(), Some(true));
    let io = |word| from_env(&[("ARMATURE_IO", word)]).map(|config| config.io);
    assert_eq!(io("auto").unwrap(), Some(Io::Auto));
    let listen =
        from_env(&[("ARMATURE_LISTEN__PORT", "80"), ("ARMATURE_LISTEN__HOST", "127.0.0.1")]).unwrap();
    assert_eq!(listen, Config::from_json(r#"{ "listen": "127.0.0.1:80" }"#).unwrap());
}

#[test]
fn refusals_name_the_variable() {
    let table = [
        ("ARMATURE_LIMITS__BODY", "1xb", "'1xb' is not a size; use bytes or a string such as '512kb', '1mb'"),
        ("ARMATURE_LIMITS__BODY", "0", "0b is not a size from 1b to 1tb"),
        ("ARMATURE_LIMITS__IN_FLIGHT", "many", "'many' is not a whole number"),
        ("ARMATURE_LIMITS__IN_FLIGHT", "0", "0 is not a whole number from 1 to 10000000"),
        ("ARMATURE_LIMITS", "1mb", "'1mb' is not an object"),
        ("ARMATURE_TIMEOUTS__IDLE", "0", "0ms is not a duration from 1ms to 24h; it cannot be turned off"),
        ("ARMATURE_SIGNALS", "no", "'no' is not true or false"),
        ("ARMATURE_TRAILING_SLASH", "x", "'x' is not one of 'strict', 'redirect', 'ignore'"),
        (
            "ARMATURE_TRUST_PROXY",
            "::1,x",
            "'x' is not an address or a network; use one such as '::1' or '10.0.0.0/8'",
        ),
        ("ARMATURE_IO", "many", "'many' is not 'auto', 'inline' or a number of IO threads from 1 to 256"),
        (
            "ARMATURE_LISTEN",
            "80,",
            "'' is not an address; use 'host:port', ':port', a port, '[ipv6]:port', 'unix:/path' or 'fd:3'",
        ),
        ("ARMATURE_LISTEN__PORT", "x", "'x' is not a whole number from 0 to 65535"),
    ];
    for (variable, value, message) in table {
        let error = from_env(&[(variable, value)]).unwrap_err();
        assert_eq!(show(error), format!("OPTION_INVALID: {variable}: {message}"));
    }
    let error = from_env(&[("ARMATURE_SECRETS", "hunter2")]).unwrap_err().to_string();
    assert!(error.starts_with("ARMATURE_SECRETS: secret number 1 has 7 bytes") && !error.contains("hunter2"));
}

#[test]
fn workers() {
    let from = |variables: &[(&str, &str)]| from_env(variables).unwrap().workers.unwrap();
    let exactly = |count| Some(WorkerCount::Exactly(count));
    assert_eq!(
        from(&[("ARMATURE_WORKERS", "2")]),
        WorkersConfig { count: exactly(2), ..WorkersConfig::default() }
    );
    assert_eq!(from(&[("ARMATURE_WORKERS", "auto")]).count, Some(WorkerCount::Auto));
    let several = [
        ("ARMATURE_WORKERS__COUNT", "3"),
        ("ARMATURE_WORKERS__ENTRY", "a.mjs"),
        ("ARMATURE_WORKERS__START_TIMEOUT", "1m"),
        ("ARMATURE_WORKERS__MAX_RESTART_DELAY", "1s"),
    ];
    let expected = WorkersConfig {
        count: exactly(3),
        entry: Some("a.mjs".into()),
        start_timeout: Some(Millis::seconds(60)),
        max_restart_delay: Some(Millis::seconds(1)),
        ..WorkersConfig::default()
    };
    assert_eq!(from(&several), expected);
    let error = from_env(&[("ARMATURE_WORKERS", "0")]).unwrap_err();
    assert_eq!(
        show(error),
        "OPTION_INVALID: ARMATURE_WORKERS: 0 is not a number of JavaScript threads from 1 to 1024"
    );
}

#[test]
fn unknown_variables() {
    let table = [
        (
            "ARMATURE_TRAILING_SLAHS",
            "; did you mean ARMATURE_TRAILING_SLASH? Known: ARMATURE_TRAILING_SLASH, ARMATURE_TRUST_PROXY, \
             ARMATURE_SECRETS, ARMATURE_LIMITS, ARMATURE_TIMEOUTS, ARMATURE_LISTEN, ARMATURE_IO, ARMATURE_WORKERS, \
             ARMATURE_WATCH, ARMATURE_LOG, ARMATURE_FILES, ARMATURE_SIGNALS, ARMATURE_NAME, ARMATURE_ASYNC_RESOURCE",
        ),
        (
            "ARMATURE_LIMITS__INFLIGHT",
            "; did you mean ARMATURE_LIMITS__IN_FLIGHT? Known: ARMATURE_LIMITS__BODY, ARMATURE_LIMITS__HEADER, \
             ARMATURE_LIMITS__HEADERS, ARMATURE_LIMITS__URL, ARMATURE_LIMITS__CONNECTIONS, \
             ARMATURE_LIMITS__CONNECTIONS_PER_IP, ARMATURE_LIMITS__IN_FLIGHT, ARMATURE_LIMITS__PIPELINE, \
             ARMATURE_LIMITS__STREAMS, ARMATURE_LIMITS__RESETS, ARMATURE_LIMITS__CONTROL_FRAMES, \
             ARMATURE_LIMITS__QUEUE, ARMATURE_LIMITS__QUEUE_AGE, ARMATURE_LIMITS__RESPONSE_BUFFER, \
             ARMATURE_LIMITS__UNSENT, ARMATURE_LIMITS__REQUEST_BUFFER, ARMATURE_LIMITS__TOPICS, \
             ARMATURE_LIMITS__TOPIC_NAME, ARMATURE_LIMITS__PUBLISH_BUFFER",
        ),
    ];
    for (variable, rest) in table {
        let error = from_env(&[(variable, "1")]).unwrap_err();
        assert_eq!(error.to_string(), format!("{variable} is not an option{rest}"));
    }
    for variable in
        ["ARMATURE_", "ARMATURE___X", "ARMATURE_LIMITS__", "ARMATURE_LIMITS_BODY", "ARMATURE_IO__X"]
    {
        assert!(from_env(&[(variable, "1")]).unwrap_err().is_option(), "{variable}");
    }
}

#[test]
fn a_variable_and_a_part_of_it() {
    let pair = [("ARMATURE_LISTEN", "80"), ("ARMATURE_LISTEN__PORT", "80")];
    let message = "contradicts another variable: one sets a part of the other";
    assert_eq!(from_env(&pair).unwrap_err().to_string(), format!("ARMATURE_LISTEN__PORT {message}"));
    let pair = [pair[1], pair[0]];
    assert_eq!(from_env(&pair).unwrap_err().to_string(), format!("ARMATURE_LISTEN {message}"));
}
