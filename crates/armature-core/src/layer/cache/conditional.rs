//! Conditions of a request that the cache answers: what the handler is asked, and what the client has already.

use http::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderValue, StatusCode};

use super::entry::Entry;
use crate::http::{Body, Head, Response, Verdict, judge};

/// Has the handler answer in full, or say that `stale` is current. Conditions of the client are compared with what comes of it.
/// Returns whether the handler is asked about `stale`.
pub(super) fn ask_for_validation(head: &mut Head, stale: Option<&Entry>) -> bool {
    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE] {
        if head.get(name.as_str()).is_some() {
            head.remove(name.as_str());
        }
    }
    let Some(stale) = stale else { return false };
    let fields = [(IF_NONE_MATCH, stale.etag()), (IF_MODIFIED_SINCE, stale.last_modified())];
    let mut validates = false;
    for (name, value) in fields {
        if let Some(value) = value {
            head.push(name.as_str(), value.as_bytes());
            validates = true;
        }
    }
    validates
}

/// 304 in the place of an answer that the client has.
pub(super) fn conditional(response: Response, head: &Head) -> Response {
    if response.status != StatusCode::OK || matches!(response.body, Body::Upgrade(_)) {
        return response;
    }
    let etag = response.headers.get(&ETAG).map(HeaderValue::as_bytes);
    let modified = response.headers.get(&LAST_MODIFIED).and_then(|value| value.to_str().ok());
    let modified = modified.and_then(|text| httpdate::parse_http_date(text.trim()).ok());
    match judge(head, etag, modified) {
        Verdict::NotModified => crate::layer::etag::not_modified(response),
        Verdict::Proceed | Verdict::Failed => response,
    }
}
