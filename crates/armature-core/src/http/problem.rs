//! `application/problem+json` (RFC 9457) for every answer that the engine gives by itself.

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, UPGRADE};
use http::{HeaderValue, StatusCode};

use super::{RequestId, Response};

/// A refusal with a stable code and a sentence that says what to do.
#[derive(Clone, Copy, Debug)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable code, listed in the error reference.
    pub code: &'static str,
    /// One sentence for the client.
    pub detail: &'static str,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $code:literal, $detail:literal;)*) => {
        impl Problem {
            $($(#[$doc])* pub const $name: Problem =
                Problem { status: StatusCode::$status, code: $code, detail: $detail };)*
        }
    };
}

problems! {
    /// Malformed escape in the path, or another request that breaks the protocol.
    BAD_REQUEST = BAD_REQUEST, "ARMATURE_BAD_REQUEST", "The request is malformed.";
    /// The path has an invalid percent-escape.
    BAD_PATH = BAD_REQUEST, "ARMATURE_BAD_REQUEST", "The path contains an invalid percent-escape.";
    /// No Host field, several, or one that is no host.
    BAD_HOST = BAD_REQUEST, "ARMATURE_BAD_REQUEST", "The request needs one valid Host header.";
    /// A line that ends in LF alone.
    BARE_LF = BAD_REQUEST, "ARMATURE_BAD_REQUEST", "Lines end in CR LF.";
    /// HTTP where TLS is spoken.
    PLAIN_HTTP = BAD_REQUEST, "ARMATURE_BAD_REQUEST", "This port speaks HTTPS; use https:// instead of http://.";
    /// Not method, target and version with one space between them.
    BAD_REQUEST_LINE = BAD_REQUEST, "ARMATURE_BAD_REQUEST", "The request line is malformed.";
    /// A target in none of the forms of RFC 9112 section 3.2, or with bytes that need escaping.
    BAD_TARGET = BAD_REQUEST, "ARMATURE_BAD_REQUEST", "The request target is malformed.";
    /// A field line without a colon, with a name that is no token, or a value with control characters.
    BAD_FIELD = BAD_REQUEST, "ARMATURE_BAD_REQUEST", "A header field is malformed.";
    /// A Content-Length that is no number, or more than one.
    BAD_LENGTH = BAD_REQUEST, "ARMATURE_BAD_REQUEST", "The request needs at most one Content-Length, a number.";
    /// Transfer-Encoding beside Content-Length, or in HTTP/1.0.
    BAD_FRAMING = BAD_REQUEST, "ARMATURE_BAD_REQUEST",
        "Transfer-Encoding cannot be used with Content-Length or HTTP/1.0.";
    /// A Transfer-Encoding that does not end in one `chunked`.
    BAD_CODING = BAD_REQUEST, "ARMATURE_BAD_REQUEST", "Transfer-Encoding has to end in chunked, once.";
    /// A transfer coding other than `chunked`.
    UNKNOWN_CODING = NOT_IMPLEMENTED, "ARMATURE_NOT_IMPLEMENTED", "The only transfer coding this server knows is chunked.";
    /// A method that is longer than any.
    UNKNOWN_METHOD = NOT_IMPLEMENTED, "ARMATURE_NOT_IMPLEMENTED", "The server does not know this method.";
    /// A body without a length.
    LENGTH_REQUIRED = LENGTH_REQUIRED, "ARMATURE_LENGTH_REQUIRED", "The request needs a Content-Length.";
    /// An Expect other than `100-continue`.
    EXPECTATION_FAILED = EXPECTATION_FAILED, "ARMATURE_EXPECTATION_FAILED",
        "The only expectation this server meets is 100-continue.";
    /// A version other than HTTP/1.
    VERSION_NOT_SUPPORTED = HTTP_VERSION_NOT_SUPPORTED, "ARMATURE_VERSION_NOT_SUPPORTED",
        "This connection speaks HTTP/1.1 and HTTP/1.0.";
    /// CONNECT.
    NO_TUNNEL = NOT_IMPLEMENTED, "ARMATURE_NOT_IMPLEMENTED", "This server is not a proxy and opens no tunnels.";
    /// An extended CONNECT for something that is not spoken there.
    UNKNOWN_PROTOCOL = NOT_IMPLEMENTED, "ARMATURE_NOT_IMPLEMENTED", "This path does not speak what :protocol asks for.";
    /// No route has this path.
    NOT_FOUND = NOT_FOUND, "ARMATURE_NOT_FOUND", "Nothing is served at this path.";
    /// The path exists for other methods.
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED, "ARMATURE_METHOD_NOT_ALLOWED",
        "This path does not accept the method; see the Allow header.";
    /// The path speaks another protocol, and the request did not ask for it.
    UPGRADE_REQUIRED = UPGRADE_REQUIRED, "ARMATURE_UPGRADE_REQUIRED",
        "This path speaks another protocol; see the Upgrade header.";
    /// A request for a WebSocket without one well-formed key.
    BAD_WEBSOCKET = BAD_REQUEST, "ARMATURE_WEBSOCKET_HANDSHAKE", "The request needs one Sec-WebSocket-Key of 16 bytes.";
    /// A request for a WebSocket whose extensions cannot be read.
    BAD_EXTENSIONS = BAD_REQUEST, "ARMATURE_WEBSOCKET_HANDSHAKE", "Sec-WebSocket-Extensions is malformed.";
    /// A page of another origin asks for a WebSocket.
    ORIGIN_FORBIDDEN = FORBIDDEN, "ARMATURE_ORIGIN_FORBIDDEN", "Pages of this origin may not connect.";
    /// `If-Match` or `If-Unmodified-Since` does not hold.
    PRECONDITION_FAILED = PRECONDITION_FAILED, "ARMATURE_PRECONDITION_FAILED",
        "What the request expects of the resource does not hold any more.";
    /// What may not be had, as a file whose name begins with a dot.
    FORBIDDEN = FORBIDDEN, "ARMATURE_FORBIDDEN", "This may not be read.";
    /// A `Range` of which the file has nothing.
    RANGE_NOT_SATISFIABLE = RANGE_NOT_SATISFIABLE, "ARMATURE_RANGE_INVALID",
        "The file has none of the bytes that the request asks for; see the Content-Range header.";
    /// A content coding that is not undone.
    CODING_UNSUPPORTED = UNSUPPORTED_MEDIA_TYPE, "ARMATURE_CODING_UNSUPPORTED",
        "The request body has a content coding that is not accepted; see the Accept-Encoding header.";
    /// More than a `RateLimit` allows.
    RATE_LIMITED = TOO_MANY_REQUESTS, "ARMATURE_RATE_LIMITED", "Too many requests; see the Retry-After header.";
    /// What has to be asked before a request is served cannot be reached.
    STORE_UNAVAILABLE = SERVICE_UNAVAILABLE, "ARMATURE_STORE_UNAVAILABLE",
        "The server cannot reach what it needs to serve this; try again.";
    /// A request that wants nothing but what is stored, and nothing is.
    NOT_CACHED = GATEWAY_TIMEOUT, "ARMATURE_NOT_CACHED", "The request asks for a stored answer only, and there is none.";
    /// The head did not arrive within `timeouts.header`.
    REQUEST_TIMEOUT = REQUEST_TIMEOUT, "ARMATURE_REQUEST_TIMEOUT", "The request head took too long to arrive.";
    /// No byte of the body within `timeouts.body`.
    BODY_TIMEOUT = REQUEST_TIMEOUT, "ARMATURE_BODY_TIMEOUT", "The request body stopped arriving.";
    /// More than `limits.body`.
    BODY_TOO_LARGE = PAYLOAD_TOO_LARGE, "ARMATURE_BODY_TOO_LARGE", "The request body is larger than this route accepts.";
    /// More than `limits.url`.
    URI_TOO_LONG = URI_TOO_LONG, "ARMATURE_URI_TOO_LONG", "The request target is longer than the server accepts.";
    /// More than `limits.header` bytes or `limits.headers` fields.
    HEADERS_TOO_LARGE = REQUEST_HEADER_FIELDS_TOO_LARGE, "ARMATURE_HEADERS_TOO_LARGE",
        "The request head is larger than the server accepts.";
    /// More than `limits.connections`, `limits.inFlight` `limits.queue` or `limits.queueAge`.
    OVERLOADED = SERVICE_UNAVAILABLE, "ARMATURE_OVERLOADED", "The server is at its limit; try again later.";
    /// The server is shutting down.
    CLOSING = SERVICE_UNAVAILABLE, "ARMATURE_SERVER_CLOSED", "The server is shutting down; try again.";
    /// The thread that had the request ended.
    WORKER_LOST = SERVICE_UNAVAILABLE, "ARMATURE_WORKER_LOST", "The thread that handled the request ended; try again.";
    /// No answer within `timeouts.handler`.
    HANDLER_TIMEOUT = SERVICE_UNAVAILABLE, "ARMATURE_HANDLER_TIMEOUT", "The handler did not answer in time.";
    /// The handler failed.
    INTERNAL = INTERNAL_SERVER_ERROR, "ARMATURE_INTERNAL", "The server failed to answer.";
}

impl Problem {
    /// The answer, with the id of the request where there is one. 503 carries `Retry-After`.
    pub fn response(self, id: Option<&RequestId>) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let mut json = format!(
            r#"{{"title":"{title}","status":{},"detail":"{}","code":"{}""#,
            self.status.as_u16(),
            self.detail,
            self.code
        );
        if let Some(id) = id {
            json.push_str(r#","requestId":"#);
            json.push_str(&serde_json::Value::String(id.to_string()).to_string());
        }
        json.push('}');
        let mut response = Response::new(self.status).with_body(json);
        response.headers.append(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers.append(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    /// 405 with its `Allow` field (RFC 9110 section 15.5.6).
    pub fn method_not_allowed(allow: &str, id: Option<&RequestId>) -> Response {
        let mut response = Self::METHOD_NOT_ALLOWED.response(id);
        if let Ok(value) = HeaderValue::from_str(allow) {
            response.headers.append(ALLOW, value);
        }
        response
    }

    /// 426 with its `Upgrade` field (RFC 9110 section 15.5.22).
    pub fn upgrade_required(protocol: &HeaderValue, id: Option<&RequestId>) -> Response {
        let mut response = Self::UPGRADE_REQUIRED.response(id);
        response.headers.append(UPGRADE, protocol.clone());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_valid_json_and_escapes_the_id() {
        let id = RequestId::Given("a\"b".into());
        let response = Problem::OVERLOADED.response(Some(&id));
        assert_eq!(response.headers.get(&RETRY_AFTER).unwrap(), "1");
        let super::super::Body::Bytes(bytes) = response.body else { panic!("expected bytes") };
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["requestId"], "a\"b");
        assert_eq!(json["status"], 503);
        assert_eq!(json["code"], "ARMATURE_OVERLOADED");
    }
}
