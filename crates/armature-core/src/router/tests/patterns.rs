use super::*;

fn refusal(routes: &[&str]) -> String {
    let error = try_router(TrailingSlash::Strict, routes).unwrap_err();
    assert!(error.is_route());
    format!("{} {error}", error.code().strip_prefix("ARMATURE_ROUTE_").unwrap())
}

#[test]
fn malformed_patterns() {
    let table = [
        ("users", "a path starts with '/'; did you mean '/users'?"),
        ("", "a path starts with '/'; did you mean '/'?"),
        ("/users/{id}", "write ':id' instead of '{id}'"),
        ("/files/{*rest}", "write '*rest' instead of '{*rest}'"),
        ("/users/{id:[0-9]+}", "write ':id' instead of '{id:[0-9]+}'"),
        ("/a}", "braces have no meaning here; write ':name' for a parameter"),
        ("/{}", "braces have no meaning here; write ':name' for a parameter"),
        ("/users/:id?", "'?' has no meaning here; for an optional part register two routes"),
        ("/:id(\\d+)", "parentheses have no meaning here; check the value of the parameter in the handler"),
        ("/a#b", "'#' never reaches a server; write '%23' for an escaped one"),
        ("/a\nb", "it has a control character; write it escaped ('%0A')"),
        ("/a//b", "it has an empty segment ('//')"),
        ("//", "it has an empty segment ('//')"),
        ("/:", "':' needs a name, as in ':id'; write '::' for a literal colon"),
        ("/*", "'*' needs a name, as in '*rest'"),
        ("/*rest/a", "'*rest' is a wildcard, which must be the last segment"),
        ("/*rest/", "'*rest' is a wildcard, which must be the last segment"),
        (
            "/v:version",
            "'v:version' mixes text and a parameter, which must be a whole segment; write '::' for a literal colon",
        ),
        (
            "/:::id",
            "':::id' mixes text and a parameter, which must be a whole segment; write '::' for a literal colon",
        ),
        ("/a*", "'a*' is not a wildcard; only a whole last segment such as '*rest' is"),
        (
            "/:id.json",
            "':id.json' is not a parameter; it must be a whole segment, and its name letters, digits and '_', not \
             starting with a digit",
        ),
        (
            "/:1",
            "':1' is not a parameter; it must be a whole segment, and its name letters, digits and '_', not \
             starting with a digit",
        ),
        (
            "/:é",
            "':é' is not a parameter; it must be a whole segment, and its name letters, digits and '_', not \
             starting with a digit",
        ),
        ("/:id/a/:id", "it has two parameters named 'id'"),
        ("/:id/*id", "it has two parameters named 'id'"),
        ("/100%", "'100%' has an invalid escape; write '%25' for a percent sign"),
        ("/%FF", "'%FF' has an invalid escape; write '%25' for a percent sign"),
    ];
    for (pattern, why) in table {
        assert_eq!(refusal(&[&format!("GET {pattern}")]), format!("PATTERN route GET {pattern}: {why}"));
    }
}

#[test]
fn the_number_of_parameters_is_bounded() {
    let pattern = |count: usize| (0..count).map(|i| format!("/:p{i}")).collect::<String>();
    let router = router(TrailingSlash::Strict, &[&format!("GET {}", pattern(25))]);
    let path = "/x".repeat(25);
    assert!(outcome(&router, &format!("GET {path}")).ends_with("p24=x"));
    assert!(
        refusal(&[&format!("GET {}", pattern(26))])
            .ends_with("it has 26 parameters; at most 25 are supported")
    );
    let wild = format!("GET {}/*rest", pattern(25));
    assert!(refusal(&[&wild]).ends_with("it has 26 parameters; at most 25 are supported"));
}

#[test]
fn conflicts_name_both_routes_as_written() {
    let table = [
        ["GET /users/:id", "GET /users/:name"],
        ["GET /", "GET /"],
        ["ANY /a/*rest", "ANY /a/*path"],
        ["LINK /a::b", "LINK /a::b"],
        ["GET /café", "GET /caf%c3%a9"],
        ["GET /a", "GET /%61"],
        ["GET /a%2fb", "GET /a%2Fb"],
        ["GET /:a/b/:c", "GET /:c/b/:a"],
    ];
    for [first, second] in table {
        assert_eq!(
            refusal(&[first, second]),
            format!("CONFLICT route {second} conflicts with {first}: both match the same requests")
        );
    }
}

#[test]
fn neighbours_are_no_conflicts() {
    let routes = [
        "GET /users/:id",
        "POST /users/:user",
        "HEAD /users/:id",
        "ANY /users/:any",
        "GET /users/:id/",
        "GET /users/:name/posts",
        "GET /users/:user/posts/:post",
        "GET /users/:a/:b/:c",
        "GET /users/me",
        "GET /users/*rest",
        "GET /users/:id/*rest",
        "GET /*rest",
        "GET /:anything",
        "GET /a%2Fb",
        "GET /a/b",
        "GET /A/b",
        "get /a/b",
    ];
    assert_eq!(router(TrailingSlash::Strict, &routes).len(), routes.len());
}

#[test]
fn malformed_prefixes() {
    let table = [
        ("api", "a path starts with '/'; did you mean '/api'?"),
        ("/", "a prefix does not end with '/'; write ''"),
        ("/api/", "a prefix does not end with '/'; write '/api'"),
        ("/api/*rest", "a prefix has no wildcard; everything below it belongs to the scope anyway"),
        ("/{org}", "write ':org' instead of '{org}'"),
    ];
    for (prefix, why) in table {
        let error = RouterBuilder::new(TrailingSlash::Strict).scope(prefix).unwrap_err();
        assert_eq!(error.to_string(), format!("scope {prefix}: {why}"));
        assert_eq!(error.code(), "ARMATURE_ROUTE_PATTERN");
    }
}

#[test]
fn an_unknown_scope_is_refused() {
    let mut builder = RouterBuilder::new(TrailingSlash::Strict);
    let error = builder.route(ScopeId(1), MethodPattern::Any, "/a").unwrap_err();
    assert_eq!(error.to_string(), "route ANY /a: scope 1 does not exist");
}
