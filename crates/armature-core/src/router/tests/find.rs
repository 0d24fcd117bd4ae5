use super::*;

#[test]
fn static_then_parameter_then_wildcard() {
    let router = router(
        TrailingSlash::Strict,
        &[
            "GET /*rest",
            "GET /:x",
            "GET /",
            "GET /a/*rest",
            "GET /a/:x/c",
            "GET /a/b/d",
            "GET /a/b",
            "GET /a/:x",
            "GET /a/:x/",
            "GET /a/b/:y/e",
            "GET /:x/b/:y",
            "GET /:x/b/*rest",
            "GET /files/:id",
            "GET /files/*path",
        ],
    );
    check(
        &router,
        &[
            ("GET /", "GET /"),
            ("GET /x", "GET /:x x=x"),
            ("GET /x/", "GET /*rest rest=x/"),
            ("GET /x/y", "GET /*rest rest=x/y"),
            ("GET //", "GET /*rest rest=/"),
            ("GET /a", "GET /:x x=a"),
            ("GET /a/", "GET /*rest rest=a/"),
            ("GET /a/b", "GET /a/b"),
            ("GET /a/bb", "GET /a/:x x=bb"),
            ("GET /a/bb/", "GET /a/:x/ x=bb"),
            ("GET /a/b/", "GET /a/:x/ x=b"),
            // Back from the static branch to the parameter beside it, and further back to the wildcards.
            ("GET /a/b/c", "GET /a/:x/c x=b"),
            ("GET /a/b/d", "GET /a/b/d"),
            ("GET /a/b/x", "GET /a/*rest rest=b/x"),
            ("GET /a/b/x/e", "GET /a/b/:y/e y=x"),
            ("GET /a/b/x/f", "GET /a/*rest rest=b/x/f"),
            ("GET /z/b/x", "GET /:x/b/:y x=z y=x"),
            ("GET /z/b/x/y", "GET /:x/b/*rest x=z rest=x/y"),
            ("GET /z/c/x/y", "GET /*rest rest=z/c/x/y"),
            ("GET /files/1", "GET /files/:id id=1"),
            ("GET /files/1/2", "GET /files/*path path=1/2"),
            ("GET /files//", "GET /files/*path path=/"),
            ("GET /files/", "GET /*rest rest=files/"),
        ],
    );
}

#[test]
fn names_may_differ_in_the_same_position() {
    let routes =
        ["GET /users/:id", "GET /users/:name/posts", "GET /users/:user/posts/:post", "PUT /users/:who"];
    check(
        &router(TrailingSlash::Strict, &routes),
        &[
            ("GET /users/1", "GET /users/:id id=1"),
            ("GET /users/1/posts", "GET /users/:name/posts name=1"),
            ("GET /users/1/posts/2", "GET /users/:user/posts/:post user=1 post=2"),
            ("PUT /users/1", "PUT /users/:who who=1"),
        ],
    );
}

#[test]
fn parameters_and_wildcards_are_never_empty() {
    let router =
        router(TrailingSlash::Strict, &["GET /users/:id", "GET /users/:id/posts", "GET /files/*rest"]);
    for path in ["/users/", "/users", "/users//posts", "/files/", "/files"] {
        assert_eq!(outcome(&router, &format!("GET {path}")), "404 in 0", "{path}");
    }
}

#[test]
fn paths_are_taken_as_they_are() {
    let routes = ["GET /a/b", "GET /users/:id", "GET /:a/:b/:c/:d/:e/:f"];
    check(
        &router(TrailingSlash::Strict, &routes),
        &[
            ("GET /A/b", "404 in 0"),
            ("GET /a//b", "404 in 0"),
            ("GET //a/b", "404 in 0"),
            ("GET /a/./b", "404 in 0"),
            ("GET /users/..", "GET /users/:id id=.."),
            ("GET /users/%2E%2e", "GET /users/:id id=.."),
            ("GET /users/a;v=1,b", "GET /users/:id id=a;v=1,b"),
            ("GET /1/2/3/4/5/66", "GET /:a/:b/:c/:d/:e/:f a=1 b=2 c=3 d=4 e=5 f=66"),
            ("GET *", "404 in 0"),
            ("GET a/b", "404 in 0"),
        ],
    );
}

#[test]
fn escapes() {
    let routes = [
        "GET /users/:id",
        "GET /users/:id/a b",
        "GET /café",
        "GET /time/12::30",
        "GET /::id",
        "GET /a%2fb",
        "GET /100%25",
        "GET /%7bp%7d",
        "GET /x%7B%7d",
        "GET /%7b%7b",
        "GET /files/*rest",
    ];
    let router = router(TrailingSlash::Strict, &routes);
    check(
        &router,
        &[
            ("GET /%75sers/%41", "GET /users/:id id=A"),
            ("GET /users/a%2Fb", "GET /users/:id id=a/b"),
            ("GET /users/a%2fb%2F", "GET /users/:id id=a/b/"),
            ("GET /users%2Fa", "404 in 0"),
            ("GET /users/%2541", "GET /users/:id id=%41"),
            ("GET /users/50%25", "GET /users/:id id=50%"),
            ("GET /users/%e2%82%AC", "GET /users/:id id=€"),
            ("GET /users/€", "GET /users/:id id=€"),
            ("GET /users/a+b%2Bc", "GET /users/:id id=a+b+c"),
            ("GET /users/%00", "GET /users/:id id=\0"),
            ("GET /users/%7Bp%7D", "GET /users/:id id={p}"),
            ("GET /users/x/a%20b", "GET /users/:id/a b id=x"),
            ("GET /caf%C3%a9", "GET /café"),
            ("GET /café", "GET /café"),
            ("GET /time/12:30", "GET /time/12::30"),
            ("GET /time/12%3A30", "404 in 0"),
            ("GET /:id", "GET /::id"),
            ("GET /a%2Fb", "GET /a%2fb"),
            ("GET /a/b", "404 in 0"),
            ("GET /100%25", "GET /100%25"),
            ("GET /{p}", "GET /%7bp%7d"),
            ("GET /%7Bp}", "GET /%7bp%7d"),
            ("GET /{q}", "404 in 0"),
            ("GET /x{}", "GET /x%7B%7d"),
            ("GET /{{", "GET /%7b%7b"),
            ("GET /files/a%2Fb/c%20d", "GET /files/*rest rest=a/b/c d"),
        ],
    );
    let bad = [
        "/%",
        "/users/%",
        "/users/%4",
        "/users/%zz",
        "/%ff",
        "/users/%C3",
        "/nowhere/%C3%28",
        "/users/%C3/%A9",
    ];
    for path in bad {
        assert_eq!(outcome(&router, &format!("GET {path}")), "bad path", "{path}");
    }
}

#[test]
fn an_unescaped_path_lends_its_bytes() {
    let router = router(TrailingSlash::Strict, &["GET /users/:id/*rest"]);
    let Ok(Found::Route { params, .. }) = router.find(&Method::GET, "/users/7/a/b") else { panic!() };
    assert_eq!(params.ranges(), [(7, 8), (9, 12)]);
    assert_eq!(params.decoded(), None);
    let Ok(Found::Route { params, .. }) = router.find(&Method::GET, "/users/%20/a/b") else { panic!() };
    assert_eq!(params.ranges(), [(0, 1), (1, 4)]);
    assert_eq!(params.decoded(), Some(" a/b"));
}
