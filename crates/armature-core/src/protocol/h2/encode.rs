//! The head of a response, and its trailers.

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::http::{Body, ContentLength, Response, SizeHint, TrailerField};

/// How much content follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protocol) enum Content {
    /// None.
    Nothing,
    /// So many bytes.
    Length(u64),
    /// As many as come.
    Open,
}

/// What follows the head of `response`; `head_only` when the method was HEAD.
pub(in crate::protocol) fn content(response: &Response, head_only: bool) -> Content {
    if head_only || response.is_bodiless() || matches!(response.body, Body::Empty) {
        return Content::Nothing;
    }
    match response.body.size_hint() {
        SizeHint::Exact(length) => Content::Length(length),
        SizeHint::Unknown => Content::Open,
    }
}

/// Fields that are the connection's in HTTP/1 and mean nothing here (RFC 9113 section 8.2.2).
pub(in crate::protocol) fn is_of_connection(name: &HeaderName) -> bool {
    *name == CONNECTION
        || *name == TRANSFER_ENCODING
        || *name == UPGRADE
        || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// The head of `response`; `None` when it has more fields than can be sent.
pub(super) fn head(
    response: &Response,
    head_only: bool,
    date: Option<HeaderValue>,
) -> Option<http::Response<()>> {
    let mut fields = HeaderMap::with_capacity(response.headers.len() + 2);
    for (name, value) in response.headers.iter() {
        if !is_of_connection(name) && *name != CONTENT_LENGTH {
            fields.try_append(name, value.clone()).ok()?;
        }
    }
    let length = match response.content_length(head_only) {
        ContentLength::Absent => None,
        ContentLength::Exact(length) => Some(HeaderValue::from(length)),
        ContentLength::AsSet => response.headers.get(&CONTENT_LENGTH).cloned(),
    };
    if let Some(length) = length {
        fields.try_insert(CONTENT_LENGTH, length).ok()?;
    }
    if let Some(date) = date.filter(|_| !fields.contains_key(DATE)) {
        fields.try_insert(DATE, date).ok()?;
    }
    let mut head = http::Response::new(());
    *head.status_mut() = response.status;
    *head.headers_mut() = fields;
    Some(head)
}

/// `trailers`, as far as they may be some.
pub(in crate::protocol) fn trailers(trailers: HeaderMap) -> HeaderMap {
    let mut name = None;
    let mut allowed = HeaderMap::new();
    for (next, value) in trailers {
        name = next.or(name);
        if let Some(name) = &name
            && TrailerField::of(name) == TrailerField::Allowed
            && !is_of_connection(name)
        {
            allowed.append(name.clone(), value);
        }
    }
    allowed
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;
    use http::header::{ETAG, SET_COOKIE};

    fn date() -> Option<HeaderValue> {
        Some(HeaderValue::from_static("now"))
    }

    #[test]
    fn fields_of_the_connection_are_left_out() {
        let mut response = Response::text("hello");
        for name in ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"] {
            response.headers.append(HeaderName::from_static(name), HeaderValue::from_static("x"));
        }
        response.headers.append(CONTENT_LENGTH, HeaderValue::from_static("99"));
        response.headers.append(SET_COOKIE, HeaderValue::from_static("a=1"));
        response.headers.append(SET_COOKIE, HeaderValue::from_static("b=2"));
        let head = head(&response, false, date()).unwrap();
        let fields: Vec<_> = head.headers().iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
        let expected = [
            ("content-type", "text/plain; charset=utf-8"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("content-length", "5"),
            ("date", "now"),
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn lengths_are_those_of_http_1() {
        let length = |response: &Response, head_only| {
            let head = head(response, head_only, None).unwrap();
            head.headers().get(CONTENT_LENGTH).map(|v| v.to_str().unwrap().to_owned())
        };
        let text = Response::text("hello");
        assert_eq!((length(&text, true).as_deref(), content(&text, true)), (Some("5"), Content::Nothing));
        assert_eq!(content(&text, false), Content::Length(5));
        let open = Response::new(StatusCode::OK).with_body(Body::chunks([]));
        assert_eq!((length(&open, false), content(&open, false)), (None, Content::Open));
        let none = Response::new(StatusCode::NO_CONTENT).with_body("x");
        assert_eq!((length(&none, false), content(&none, false)), (None, Content::Nothing));
        let empty = Response::new(StatusCode::OK);
        assert_eq!((length(&empty, false).as_deref(), content(&empty, false)), (Some("0"), Content::Nothing));
    }

    #[test]
    fn a_date_that_is_there_stays() {
        let response = Response::new(StatusCode::OK).with_header(DATE, HeaderValue::from_static("then"));
        assert_eq!(head(&response, false, date()).unwrap().headers()[DATE], "then");
    }

    #[test]
    fn trailers_are_those_that_may_be_some() {
        let mut all = HeaderMap::new();
        all.append("x-sum", HeaderValue::from_static("1"));
        all.append("x-sum", HeaderValue::from_static("2"));
        all.append(ETAG, HeaderValue::from_static("\"a\""));
        for name in ["content-length", "connection", "set-cookie", "upgrade"] {
            all.append(name, HeaderValue::from_static("x"));
        }
        let left = trailers(all);
        assert_eq!(left.get_all("x-sum").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(left.len(), 3);
    }
}
