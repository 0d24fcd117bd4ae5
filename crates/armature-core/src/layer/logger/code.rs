//! What a problem (RFC 9457) says of itself.

use http::header::CONTENT_TYPE;
use serde::Deserialize;

use crate::http::{Body, Response};

/// Larger problems were made by an application, and are not read for a log.
const MAX_PROBLEM: usize = 16 * 1024;

#[derive(Deserialize)]
struct Problem {
    code: Option<String>,
}

/// The `code` of an answer that is a problem.
pub(super) fn problem_code(response: &Response) -> Option<String> {
    if response.status.as_u16() < 400 {
        return None;
    }
    let Body::Bytes(body) = &response.body else { return None };
    let is_problem = response.headers.get(&CONTENT_TYPE)? == "application/problem+json";
    if !is_problem || body.len() > MAX_PROBLEM {
        return None;
    }
    serde_json::from_slice::<Problem>(body).ok()?.code
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{HeaderValue, Problem as Refusal, StatusCode};

    #[test]
    fn only_a_problem_has_a_code() {
        let refusal = Refusal::OVERLOADED.response(None);
        assert_eq!(problem_code(&refusal).as_deref(), Some("ARMATURE_OVERLOADED"));
        let answer = |status: u16, kind: &'static str, body: &str| {
            let response = Response::new(StatusCode::from_u16(status).unwrap());
            response.with_body(body.to_owned()).with_header(CONTENT_TYPE, HeaderValue::from_static(kind))
        };
        let problem = "application/problem+json";
        assert_eq!(problem_code(&answer(409, problem, r#"{"code":"TAKEN"}"#)).as_deref(), Some("TAKEN"));
        for (status, kind, body) in [
            (200, problem, r#"{"code":"TAKEN"}"#),
            (409, "application/json", r#"{"code":"TAKEN"}"#),
            (409, problem, r#"{"status":409}"#),
            (409, problem, r#"{"code":7}"#),
            (409, problem, "{"),
        ] {
            assert_eq!(problem_code(&answer(status, kind, body)), None, "{status} {kind} {body}");
        }
        let long = format!(r#"{{"detail":"{}","code":"TAKEN"}}"#, "x".repeat(MAX_PROBLEM));
        assert_eq!(problem_code(&answer(409, problem, &long)), None);
    }
}
