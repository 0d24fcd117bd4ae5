//! What becomes of an answer that wants to leave HTTP.

use http::header::{CONTENT_TYPE, UPGRADE, VARY};
use http::{HeaderName, Method};

use super::*;
use crate::http::{Address, Head, Peer, SizeHint, Version};

fn request(upgrades: &[&str]) -> Request {
    let mut head = Head::new(Method::GET, Version::Http11, "/");
    for value in upgrades {
        head.push("upgrade", value.as_bytes());
    }
    let peer = Peer::new(Address::Unix(None), false);
    let request = Request::new(head, Body::Empty, Rc::new(peer), RequestId::Sequence(1));
    if !upgrades.is_empty() {
        request.note_upgrade();
    }
    request
}

fn answer(protocol: &str) -> Response {
    Response::upgrade(protocol, |_| async {})
}

#[test]
fn protocols_are_listed_whatever_their_case() {
    let request = request(&["foo/2,\tWebSocket ", "", ",bar"]);
    for (protocol, listed) in [
        ("websocket", true),
        ("WEBSOCKET", true),
        ("foo/2", true),
        ("bar", true),
        ("foo", false),
        ("websocket/13", false),
        ("", false),
        ("web", false),
    ] {
        assert_eq!(request.asks_for_upgrade(protocol), listed, "{protocol:?}");
    }
}

#[test]
fn only_what_was_asked_for_is_permitted() {
    let asks = request(&["echo"]);
    let permitted = answer("Echo").permitted(&asks.context, Some(&asks.id));
    assert_eq!(permitted.status, StatusCode::SWITCHING_PROTOCOLS);
    assert!(matches!(permitted.body, Body::Upgrade(_)));
    assert_eq!(permitted.body.size_hint(), SizeHint::Exact(0));
    for asks in [request(&[]), request(&["other"])] {
        let response = answer("echo")
            .with_header(VARY, HeaderValue::from_static("origin"))
            .with_header(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        let refused = response.permitted(&asks.context, Some(&asks.id));
        assert_eq!(refused.status, StatusCode::UPGRADE_REQUIRED);
        let field = |name: HeaderName| {
            refused.headers.get_all(&name).map(|v| v.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(field(UPGRADE), ["echo"]);
        assert_eq!(field(VARY), ["origin"]);
        assert_eq!(field(CONTENT_TYPE), ["application/problem+json"]);
        let Body::Bytes(bytes) = &refused.body else { panic!("a problem document") };
        let json: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        assert_eq!((&json["status"], &json["code"]), (&426.into(), &"ARMATURE_UPGRADE_REQUIRED".into()));
        assert_eq!(json["requestId"], asks.id.to_string());
    }
}

#[test]
fn an_answer_that_is_not_final_leads_nowhere() {
    let asks = request(&["echo"]);
    let mut replaced = answer("echo").with_body("text");
    assert_eq!(replaced.status, StatusCode::SWITCHING_PROTOCOLS);
    replaced = replaced.permitted(&asks.context, None);
    assert_eq!(replaced.status, StatusCode::INTERNAL_SERVER_ERROR);
    for status in [StatusCode::SWITCHING_PROTOCOLS, StatusCode::CONTINUE] {
        let answer = Response::new(status).permitted(&asks.context, None);
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[test]
fn a_protocol_has_a_name() {
    for good in ["echo", "h2c", "TLS/1.0", "a~b", "websocket"] {
        assert_eq!(answer(good).status, StatusCode::SWITCHING_PROTOCOLS, "{good:?}");
    }
    for bad in ["", "a b", "a,b", "a/", "/1", "a/b/c", "a\r\nb: c", "\u{e9}", "a:b"] {
        assert_eq!(answer(bad).status, StatusCode::INTERNAL_SERVER_ERROR, "{bad:?}");
    }
}
