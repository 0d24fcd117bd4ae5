use super::*;

#[test]
fn head_follows_get() {
    check(
        &router(
            TrailingSlash::Strict,
            &["GET /a", "GET /b", "HEAD /b", "ANY /c", "GET /c", "GET /:x/y", "HEAD /z/:y", "POST /p"],
        ),
        &[
            ("HEAD /a", "GET /a"),
            ("HEAD /b", "HEAD /b"),
            ("GET /b", "GET /b"),
            ("HEAD /c", "GET /c"),
            ("POST /c", "ANY /c"),
            // The more specific path wins before the method.
            ("HEAD /z/y", "HEAD /z/:y y=y"),
            ("GET /z/y", "GET /:x/y x=z"),
            ("HEAD /p", "405 OPTIONS, POST in 0"),
        ],
    );
}

#[test]
fn any_takes_what_nobody_else_has() {
    let routes = ["ANY /a", "GET /a", "PROPFIND /a", "ANY /:x", "GET /b", "ANY /w/*rest", "POST /w/:x"];
    check(
        &router(TrailingSlash::Strict, &routes),
        &[
            ("GET /a", "GET /a"),
            ("HEAD /a", "GET /a"),
            ("PROPFIND /a", "PROPFIND /a"),
            ("POST /a", "ANY /a"),
            ("MKCOL /a", "ANY /a"),
            ("OPTIONS /a", "ANY /a"),
            ("get /a", "ANY /a"),
            ("GET /b", "GET /b"),
            ("POST /b", "ANY /:x x=b"),
            ("POST /w/1", "POST /w/:x x=1"),
            ("GET /w/1", "ANY /w/*rest rest=1"),
            ("POST /w/1/2", "ANY /w/*rest rest=1/2"),
        ],
    );
}

#[test]
fn an_any_route_hides_less_specific_methods() {
    let router = router(TrailingSlash::Strict, &["GET /:x", "ANY /a", "GET /*rest"]);
    check(&router, &[("GET /a", "ANY /a"), ("GET /b", "GET /:x x=b"), ("GET /a/b", "GET /*rest rest=a/b")]);
}

#[test]
fn allow_lists_every_method_of_the_path() {
    let routes = [
        "POST /users",
        "GET /users",
        "LINK /users",
        "DELETE /users/:id",
        "GET /users/me",
        "PUT /users/*rest",
        "OPTIONS /own",
        "GET /own",
    ];
    check(
        &router(TrailingSlash::Strict, &routes),
        &[
            ("PUT /users", "405 GET, HEAD, LINK, OPTIONS, POST in 0"),
            ("OPTIONS /users", "204 GET, HEAD, LINK, OPTIONS, POST in 0"),
            ("PATCH /users/me", "405 DELETE, GET, HEAD, OPTIONS, PUT in 0"),
            ("PATCH /users/1", "405 DELETE, OPTIONS, PUT in 0"),
            ("PATCH /users/%6De", "405 DELETE, GET, HEAD, OPTIONS, PUT in 0"),
            ("OPTIONS /own", "OPTIONS /own"),
            ("POST /own", "405 GET, HEAD, OPTIONS in 0"),
            ("OPTIONS /nothing", "404 in 0"),
            ("FOO /users", "405 GET, HEAD, LINK, OPTIONS, POST in 0"),
        ],
    );
}

fn scoped() -> Router {
    let mut builder = RouterBuilder::new(TrailingSlash::Redirect);
    let api = builder.scope("/api").unwrap();
    let org = builder.scope("/api/:org").unwrap();
    let admin = builder.scope("/api/admin").unwrap();
    let twin = builder.scope("/api").unwrap();
    let beside_root = builder.scope("").unwrap();
    assert_eq!([api, org, admin, twin, beside_root].map(|scope| scope.0), [1, 2, 3, 4, 5]);
    let table = [
        (ScopeId::ROOT, "GET", "/"),
        (beside_root, "GET", "/health"),
        (api, "GET", "/api/users/list"),
        (org, "POST", "/api/:org/list"),
        (admin, "GET", "/api/admin"),
        (twin, "DELETE", "/api/users/list"),
        (twin, "GET", "/api/twin/"),
    ];
    for (scope, token, pattern) in table {
        let route = builder.route(scope, method(token), pattern).unwrap();
        assert_eq!(
            builder.route(scope, method(token), pattern).unwrap_err().code(),
            "ARMATURE_ROUTE_CONFLICT"
        );
        assert!(route.0 < 7);
    }
    builder.build().unwrap()
}

#[test]
fn a_miss_belongs_to_the_deepest_scope() {
    check(
        &scoped(),
        &[
            ("GET /nothing", "404 in 0"),
            ("GET /apis", "404 in 0"),
            ("GET /api", "404 in 1"),
            ("GET /api/", "404 in 1"),
            ("GET /%61pi", "404 in 1"),
            ("GET /api//x", "404 in 1"),
            ("GET /api/acme", "404 in 2 acme"),
            ("GET /api/acme/x/y", "404 in 2 acme"),
            ("GET /api/a%2Fb%20c/x%41", "404 in 2 a/b c"),
            ("GET /api/ac%41me", "404 in 2 acAme"),
            ("GET /api/admin/x", "404 in 3"),
            ("GET /api%2Fadmin", "404 in 0"),
            ("OPTIONS *", "404 in 0"),
        ],
    );
}

#[test]
fn a_known_path_belongs_to_the_scope_of_its_most_specific_route() {
    let router = scoped();
    check(
        &router,
        &[
            ("POST /health", "405 GET, HEAD, OPTIONS in 5"),
            // Of two equally specific routes the first registered.
            ("PUT /api/users/list", "405 DELETE, GET, HEAD, OPTIONS, POST in 1"),
            ("PUT /api/acme/list", "405 OPTIONS, POST in 2"),
            ("OPTIONS /api/acme/list", "204 OPTIONS, POST in 2"),
            ("GET /api/twin", "redirect /api/twin/ in 4"),
        ],
    );
    let ids: Vec<u32> = (0..router.len() as u32).map(|id| router.scope(RouteId(id)).0).collect();
    assert_eq!(ids, [0, 5, 1, 2, 3, 4, 4]);
}
