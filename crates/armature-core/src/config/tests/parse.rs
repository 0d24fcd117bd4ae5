//! The helper as native layers use it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct CorsOptions {
    origin: Vec<String>,
    max_age: Option<Millis>,
    status: u16,
    ratio: f32,
    credentials: bool,
    mode: Mode,
    extra: Value,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Mode {
    #[default]
    Off,
    Custom {
        level: u8,
    },
}

#[test]
fn reads_every_kind_of_value() {
    let value = json!({
        "origin": ["a", "b"], "maxAge": "10m", "status": 204, "ratio": 0.5, "credentials": true,
        "mode": { "custom": { "level": 3 } }, "extra": { "a": [1, -1, null, "x"] },
    });
    let expected = CorsOptions {
        origin: vec!["a".into(), "b".into()],
        max_age: Some(Millis::seconds(600)),
        status: 204,
        ratio: 0.5,
        credentials: true,
        mode: Mode::Custom { level: 3 },
        extra: json!({ "a": [1, -1, null, "x"] }),
    };
    assert_eq!(parse_value::<CorsOptions>("Cors", value.clone()).unwrap(), expected);
    assert_eq!(parse::<CorsOptions>(&value.to_string()).unwrap(), expected);
    assert_eq!(parse_value::<CorsOptions>("Cors", json!({})).unwrap(), CorsOptions::default());
}

#[test]
fn refusals_start_with_the_root() {
    let table = [
        (json!([]), "Cors: a list is not an object"),
        (
            json!({ "maxage": 1 }),
            "Cors.maxage is not an option; did you mean Cors.maxAge? Known: origin, maxAge, status, ratio, credentials, \
             mode, extra",
        ),
        (json!({ "origin": "a" }), "Cors.origin: 'a' is not a list"),
        (json!({ "origin": ["a", 1] }), "Cors.origin[1]: 1 is not a string"),
        (json!({ "status": -1 }), "Cors.status: -1 is not a whole number from 0 to 65535"),
        (json!({ "ratio": "x" }), "Cors.ratio: 'x' is not a number"),
        (json!({ "mode": "of" }), "Cors.mode: 'of' is not one of 'off', 'custom'; did you mean 'off'?"),
        (json!({ "mode": { "custom": {} } }), "Cors.mode.custom.level is missing"),
        (
            json!({ "mode": { "custom": { "level": 256 } } }),
            "Cors.mode.custom.level: 256 is not a whole number from 0 to 255",
        ),
        (
            json!({ "maxAge": "z".repeat(61) }),
            &format!(
                "Cors.maxAge: '{}…' is not a duration; use milliseconds or a string such as '500ms', '10s', '2m'",
                "z".repeat(60)
            ),
        ),
    ];
    for (value, message) in table {
        assert_eq!(parse_value::<CorsOptions>("Cors", value).unwrap_err().to_string(), message);
    }
    assert_eq!(
        parse_value::<Vec<u8>>("codes", json!([1, "x"])).unwrap_err().to_string(),
        "codes[1]: 'x' is not a whole number from 0 to 255"
    );
}
