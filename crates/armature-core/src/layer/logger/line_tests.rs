use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::LoggerOptions;
use super::*;
use crate::http::{Address, Body, Head, HeaderValue, Method, Peer, RequestId, StatusCode};
use crate::router::RouteId;

const QUICK: Duration = Duration::from_micros(1234);

fn form(options: Value) -> Form {
    let options: LoggerOptions = serde_json::from_value(options).unwrap();
    let checked = options.check().unwrap();
    Form {
        format: checked.format.unwrap(),
        fields: checked.fields,
        headers: checked.headers,
        response_headers: checked.response_headers,
        redact: checked.redact,
        trust: TrustProxy::default(),
        routes: Arc::from(["/a/:b".to_owned()]),
        colors: false,
    }
}

fn request(target: &str, fields: &[(&str, &str)]) -> Request {
    let mut head = Head::new(Method::GET, Version::Http11, target);
    for (name, value) in fields {
        head.push(name, value.as_bytes());
    }
    let peer = Rc::new(Peer::new(Address::Ip("127.0.0.1:1".parse().unwrap()), false));
    let mut request = Request::new(head, Body::Empty, peer, RequestId::Given("id-\"1".into()));
    request.matched.route = Some(RouteId(0));
    request
}

fn line(form: &Form, request: &Request, response: &Response, bytes: u64) -> String {
    let noted = form.note(request, Vec::new());
    let entry = Entry {
        time: Duration::from_secs(971_186_136),
        took: QUICK,
        status: response.status.as_u16(),
        bytes,
        cut_off: bytes == 1,
        more: form.more(response),
    };
    let mut out = Vec::new();
    form.write(&mut out, &noted, &entry, &Clock::default());
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.matches('\n').count(), 1, "{text}");
    text.strip_suffix('\n').unwrap().to_owned()
}

fn ok() -> Response {
    Response::new(StatusCode::OK)
}

#[test]
fn common_and_combined_are_those_of_apache() {
    let common = form(json!({ "format": "common" }));
    let combined = form(json!({ "format": "combined" }));
    let plain = request("/apache_pb.gif", &[]);
    assert_eq!(
        line(&common, &plain, &ok(), 2326),
        r#"127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "GET /apache_pb.gif HTTP/1.1" 200 2326"#
    );
    assert_eq!(
        line(&combined, &plain, &ok(), 0),
        r#"127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "GET /apache_pb.gif HTTP/1.1" 200 - "-" "-""#
    );
    let told = request("/a", &[("referer", "http://x/?\"a\\"), ("user-agent", "curl\n\u{1}é\" 200 5")]);
    assert!(
        line(&combined, &told, &ok(), 5)
            .ends_with(r#" 200 5 "http://x/?\"a\\" "curl\n\x01\xc3\xa9\" 200 5""#)
    );
    for (version, shown) in [(Version::Http10, "1.0"), (Version::H2, "2.0"), (Version::H3, "3.0")] {
        let mut request = request("/a", &[]);
        request.head = Head::new(Method::POST, version, "/a");
        assert!(line(&common, &request, &ok(), 5).contains(&format!("\"POST /a HTTP/{shown}\" 200")));
    }
    let mut unix = request("/a", &[]);
    unix.peer = Rc::new(Peer::new(Address::Unix(None), false));
    assert!(line(&common, &unix, &ok(), 5).starts_with("- - - ["));
}

#[test]
fn for_people() {
    let dev = form(json!({ "format": "dev", "fields": ["route", "userAgent"], "responseHeaders": ["x-a"] }));
    let with = ok().with_header("x-a".parse().unwrap(), HeaderValue::from_static("1"));
    let plain = request("/a/7", &[("user-agent", "a\x1bb")]);
    assert_eq!(line(&dev, &plain, &with, 5), "GET /a/7 200 1.2 ms route=/a/:b userAgent=a\\x1bb x-a=1");
    let colored = Form { colors: true, ..form(json!({ "format": "dev" })) };
    assert_eq!(line(&colored, &plain, &ok(), 5), "GET /a/7 \x1b[32m200\x1b[0m 1.2 ms");
}

#[test]
fn json_is_json() {
    let plain = form(json!({ "format": "json" }));
    let read = |form: &Form, request: &Request, response: &Response, bytes| {
        serde_json::from_str::<Value>(&line(form, request, response, bytes)).unwrap()
    };
    let expected = json!({
        "level": "info", "time": 971_186_136_000_u64, "requestId": "id-\"1", "method": "GET", "url": "/a\"b",
        "ip": "127.0.0.1", "status": 200, "durationMs": 1.234, "bytes": 5,
    });
    assert_eq!(read(&plain, &request("/a\"b", &[]), &ok(), 5), expected);
    let refusal = crate::http::Problem::OVERLOADED.response(None);
    let shown = read(&plain, &request("/", &[]), &refusal, 1);
    assert_eq!((&shown["level"], &shown["code"]), (&json!("error"), &json!("ARMATURE_OVERLOADED")));
    assert_eq!(shown["aborted"], true);
}

#[test]
fn secrets_are_not_shown_unless_asked_for() {
    let all = json!(["authorization", "Cookie", "x-a", "x-none"]);
    let sent =
        [("authorization", "s1"), ("cookie", "s2"), ("x-a", "1"), ("x-a", "2"), ("referer", "/r?key=s4")];
    let request = request("/a?key=s3&b=1", &sent);
    let response = ok().with_header(http::header::SET_COOKIE, HeaderValue::from_static("s5"));
    let read = |redact: Value| {
        let options = json!({
            "format": "json", "headers": all, "responseHeaders": ["set-cookie"], "fields": ["referrer"], "redact": redact,
        });
        serde_json::from_str::<Value>(&line(&form(options), &request, &response, 5)).unwrap()
    };
    let hidden = "[redacted]";
    let shown = read(json!({ "query": ["key"] }));
    assert_eq!(shown["headers"], json!({ "authorization": hidden, "cookie": hidden, "x-a": "1, 2" }));
    assert_eq!(shown["responseHeaders"], json!({ "set-cookie": hidden }));
    assert_eq!(shown["url"], "/a?key=[redacted]&b=1");
    assert_eq!(shown["referrer"], "/r?key=[redacted]");
    let shown = read(json!({ "headers": ["x-a"] }));
    assert_eq!(shown["headers"], json!({ "authorization": "s1", "cookie": "s2", "x-a": hidden }));
    let dev = form(json!({ "format": "dev", "headers": all }));
    let shown = line(&dev, &request, &response, 5);
    assert!(shown.ends_with("ms authorization=[redacted] cookie=[redacted] x-a=1, 2"), "{shown}");
}

#[test]
fn the_address_is_the_one_that_trusted_proxies_tell() {
    let ip = |trust: &[&str], forwarded: &str| {
        let mut request = request("/", &[("x-forwarded-for", forwarded)]);
        request.peer = Rc::new(Peer::new(Address::Ip("10.0.0.9:1".parse().unwrap()), false));
        let trust = TrustProxy(trust.iter().map(|cidr| cidr.parse().unwrap()).collect());
        let form = Form { trust, ..form(json!({ "format": "json" })) };
        let shown: Value = serde_json::from_str(&line(&form, &request, &ok(), 5)).unwrap();
        shown["ip"].as_str().unwrap().to_owned()
    };
    assert_eq!(ip(&["10.0.0.0/8"], "192.0.2.1, 10.0.0.8"), "192.0.2.1");
    assert_eq!(ip(&["10.0.0.9"], "192.0.2.1, 10.0.0.8"), "10.0.0.8");
    assert_eq!(ip(&["127.0.0.1"], "192.0.2.1"), "10.0.0.9");
    assert_eq!(ip(&[], "192.0.2.1"), "10.0.0.9");
    assert_eq!(ip(&["10.0.0.0/8"], "what?"), "10.0.0.9");
}

#[test]
fn options_are_refused_with_their_names() {
    let refused = |options: Value| {
        let options: LoggerOptions = serde_json::from_value(options).unwrap();
        options.check().unwrap_err().to_string()
    };
    for (options, message) in [
        (json!({ "skip": ["healthz"] }), "Logger.skip: healthz is not path prefixes that start with '/'"),
        (json!({ "sample": 1.5 }), "Logger.sample: 1.5 is not a number from 0 to 1"),
        (json!({ "headers": ["a b"] }), "Logger.headers: a b is not a list of header names"),
        (json!({ "redact": { "headers": [""] } }), "Logger.redact.headers:  is not a list of header names"),
        (
            json!({ "format": "common", "fields": ["host"] }),
            "Logger.fields: the formats 'common' and 'combined' have no place for more; use 'json'",
        ),
        (json!({ "queue": "1kb" }), "Logger.queue: 1kb is not a size from 4kb to 256mb"),
        (json!({ "output": { "path": "" } }), "Logger.output.path: '' is not the path of a file"),
        (
            json!({ "output": { "path": "/a", "keep": 3 } }),
            "Logger.output.keep is about files that were put aside, and this one never is: give Logger.output.maxSize or \
             Logger.output.every",
        ),
    ] {
        assert_eq!(refused(options), message);
    }
}
