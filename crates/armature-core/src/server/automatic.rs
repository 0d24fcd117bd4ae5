//! Answers that the server gives by itself: refusals, 405, OPTIONS, redirects.

use std::rc::Rc;

use http::header::{ALLOW, LOCATION};
use http::{HeaderValue, StatusCode};

use crate::http::{Automatic, Problem, Request, Response};
use crate::pipeline::{Handler, LocalFuture};

/// Gives the answer that dispatch decided on; it runs inside the layers of the scope.
pub(super) struct AutomaticHandler;

impl Handler for AutomaticHandler {
    fn call(self: Rc<Self>, request: Request) -> LocalFuture<Response> {
        let id = Some(&request.id);
        LocalFuture::ready(match &request.matched.automatic {
            Some(Automatic::Refuse(problem)) => problem.response(id),
            Some(Automatic::MethodNotAllowed(allow)) => Problem::method_not_allowed(allow.as_str(), id),
            Some(Automatic::Options(allow)) => options(allow.as_ref().map(|allow| allow.as_str())),
            Some(Automatic::Redirect(location)) => redirect(location, &request),
            None => Problem::NOT_FOUND.response(id),
        })
    }
}

fn options(allow: Option<&str>) -> Response {
    let mut response = Response::new(StatusCode::NO_CONTENT);
    if let Some(Ok(value)) = allow.map(HeaderValue::from_str) {
        response.headers.append(ALLOW, value);
    }
    response
}

fn redirect(location: &str, request: &Request) -> Response {
    match HeaderValue::from_str(location) {
        Ok(value) => Response::new(StatusCode::PERMANENT_REDIRECT).with_header(LOCATION, value),
        Err(_) => Problem::BAD_REQUEST.response(Some(&request.id)),
    }
}
