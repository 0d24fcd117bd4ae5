//! What options make of the fields; the wire is tested with the package.

use super::*;
use crate::config::parse_value;

fn layer(options: &str) -> Result<SecurityHeaders> {
    let options: SecurityHeadersOptions =
        parse_value("SecurityHeaders", serde_json::from_str(options).unwrap())?;
    SecurityHeaders::new(options)
}

fn fields(options: &str, secure: bool) -> Vec<(String, String)> {
    let layer = layer(options).unwrap();
    let policy = layer.policy.as_ref().and_then(|policy| policy.value("N"));
    let answer = Response::text("x").with_header(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    let response = layer.decorate(answer, policy, secure);
    response.headers.iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect()
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(n, _)| n == name).map(|(_, v)| &**v)
}

#[test]
fn hsts_is_for_tls() {
    let name = "strict-transport-security";
    assert_eq!(value(&fields("{}", false), name), None);
    assert_eq!(value(&fields("{}", true), name), Some("max-age=31536000; includeSubDomains"));
    let given = r#"{ "strictTransportSecurity": { "maxAge": "1h", "includeSubDomains": false } }"#;
    assert_eq!(value(&fields(given, true), name), Some("max-age=3600"));
    let preload = r#"{ "strictTransportSecurity": { "preload": true } }"#;
    assert_eq!(value(&fields(preload, true), name), Some("max-age=31536000; includeSubDomains; preload"));
    assert_eq!(value(&fields(r#"{ "strictTransportSecurity": false }"#, true), name), None);
}

#[test]
fn what_the_handler_says_stays() {
    let fields = fields("{}", false);
    assert_eq!(fields.iter().filter(|(n, _)| n == "x-frame-options").count(), 1);
    assert_eq!(value(&fields, "x-frame-options"), Some("DENY"));
}

#[test]
fn everything_can_be_turned_off() {
    let off = r#"{ "contentSecurityPolicy": false, "crossOriginOpenerPolicy": false, "crossOriginResourcePolicy": false,
        "originAgentCluster": false, "referrerPolicy": false, "strictTransportSecurity": false, "xContentTypeOptions": false,
        "xDnsPrefetchControl": false, "xDownloadOptions": false, "xFrameOptions": false,
        "xPermittedCrossDomainPolicies": false, "xXssProtection": false }"#;
    let names: Vec<_> = fields(off, true).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["content-type", "x-frame-options"]);
}

#[test]
fn wrong_options_name_themselves() {
    for (options, message) in [
        (
            r#"{ "xFrameOptions": true }"#,
            "SecurityHeaders.xFrameOptions: true is not false, 'SAMEORIGIN' or 'DENY'",
        ),
        (
            r#"{ "referrerPolicy": "none" }"#,
            "SecurityHeaders.referrerPolicy: 'none' is not false, a policy such as",
        ),
        (r#"{ "referrerPolicy": [] }"#, "SecurityHeaders.referrerPolicy: a list is not"),
        (r#"{ "contentSecurityPolicy": "x" }"#, "'x' is not false or an object with directives"),
        (r#"{ "contentSecurityPolicy": { "directive": {} } }"#, "did you mean"),
        (
            r#"{ "strictTransportSecurity": { "maxAge": "1h", "preload": true } }"#,
            ".preload: true is not false without",
        ),
        (
            r#"{ "strictTransportSecurity": { "maxAge": "99999h" } }"#,
            ".maxAge: 99999h is not a duration from",
        ),
        (r#"{ "hsts": false }"#, "SecurityHeaders.hsts is not an option"),
        (r#"{ "xXssProtection": 0 }"#, "0 is not true or false"),
    ] {
        let error = layer(options).unwrap_err().to_string();
        assert!(error.contains(message), "{options}: {error}");
    }
}
