mod find;
mod methods;
mod model;
mod patterns;
mod slashes;

use http::Method;

use super::*;
use crate::error::Error;

/// `ANY` or a method token.
fn method(token: &str) -> MethodPattern {
    match token {
        "ANY" => MethodPattern::Any,
        token => MethodPattern::One(Method::from_bytes(token.as_bytes()).unwrap()),
    }
}

/// A router of `"METHOD /pattern"` routes in the root scope.
fn router(trailing_slash: TrailingSlash, routes: &[&str]) -> Router {
    try_router(trailing_slash, routes).unwrap()
}

fn try_router(trailing_slash: TrailingSlash, routes: &[&str]) -> Result<Router, Error> {
    let mut builder = RouterBuilder::new(trailing_slash);
    for route in routes {
        let (token, pattern) = route.split_once(' ').unwrap();
        builder.route(ScopeId::ROOT, method(token), pattern)?;
    }
    builder.build()
}

/// The outcome of `"METHOD /path"` as text: the route as written and its parameters, or the kind of miss.
fn outcome(router: &Router, request: &str) -> String {
    let (token, path) = request.split_once(' ').unwrap();
    let method = Method::from_bytes(token.as_bytes()).unwrap();
    match router.find(&method, path) {
        Err(BadPath) => "bad path".into(),
        Ok(Found::Route { route, params }) => {
            let names = router.param_names(route);
            assert_eq!(names.len(), params.len());
            let mut text = format!("{} {}", router.method(route), router.pattern(route));
            for (name, value) in names.iter().zip(params.iter(path)) {
                text.push_str(&format!(" {name}={value}"));
            }
            text
        }
        Ok(Found::Redirect { path, scope }) => format!("redirect {path} in {}", scope.0),
        Ok(Found::MethodNotAllowed { scope, allow }) => format!("405 {allow} in {}", scope.0),
        Ok(Found::Options { scope, allow }) => format!("204 {allow} in {}", scope.0),
        Ok(Found::NotFound { scope, params }) => {
            let values: String = params.iter(path).map(|value| format!(" {value}")).collect();
            format!("404 in {}{values}", scope.0)
        }
    }
}

fn check(router: &Router, table: &[(&str, &str)]) {
    for (request, expected) in table {
        assert_eq!(outcome(router, request), *expected, "{request}");
    }
}
