use super::*;

const ROUTES: [&str; 8] = [
    "GET /",
    "GET /a",
    "GET /b/",
    "POST /b",
    "GET /users/:id",
    "PUT /users/:id/",
    "GET /files/*rest",
    "ANY /any/",
];

#[test]
fn strict() {
    check(
        &router(TrailingSlash::Strict, &ROUTES),
        &[
            ("GET /", "GET /"),
            ("GET /a", "GET /a"),
            ("GET /a/", "404 in 0"),
            ("GET /b", "405 OPTIONS, POST in 0"),
            ("POST /b/", "405 GET, HEAD, OPTIONS in 0"),
            ("GET /users/1/", "405 OPTIONS, PUT in 0"),
            ("GET /files", "404 in 0"),
            ("GET /any", "404 in 0"),
        ],
    );
}

#[test]
fn ignore() {
    check(
        &router(TrailingSlash::Ignore, &ROUTES),
        &[
            ("GET /", "GET /"),
            ("GET //", "GET /"),
            ("GET /a/", "GET /a"),
            ("GET /a//", "404 in 0"),
            ("GET /b", "GET /b/"),
            ("GET /b/", "GET /b/"),
            ("POST /b/", "POST /b"),
            ("PUT /b", "405 GET, HEAD, OPTIONS, POST in 0"),
            ("PUT /a/", "405 GET, HEAD, OPTIONS in 0"),
            ("OPTIONS /a/", "204 GET, HEAD, OPTIONS in 0"),
            ("GET /users/1/", "GET /users/:id id=1"),
            ("PUT /users/1", "PUT /users/:id/ id=1"),
            ("PUT /users/%41%2F", "PUT /users/:id/ id=A/"),
            ("GET /files", "404 in 0"),
            ("GET /files/", "404 in 0"),
            ("GET /files/a/", "GET /files/*rest rest=a/"),
            ("PROPFIND /any", "ANY /any/"),
        ],
    );
}

#[test]
fn redirect() {
    check(
        &router(TrailingSlash::Redirect, &ROUTES),
        &[
            ("GET /", "GET /"),
            ("GET /a", "GET /a"),
            ("GET /a/", "redirect /a in 0"),
            ("POST /a/", "redirect /a in 0"),
            ("OPTIONS /a/", "redirect /a in 0"),
            ("GET /%61/", "redirect /%61 in 0"),
            ("GET /a//", "404 in 0"),
            // The exact path is known, if for another method.
            ("GET /b", "405 OPTIONS, POST in 0"),
            ("GET /users/a%2Fb/", "405 OPTIONS, PUT in 0"),
            ("GET /files/", "404 in 0"),
            ("PROPFIND /any", "redirect /any/ in 0"),
            ("GET /nothing/", "404 in 0"),
        ],
    );
}

#[test]
fn a_redirect_never_leaves_the_host() {
    let routes = ["GET /:a", "GET /x/*rest", "GET /:a/:b"];
    let router = router(TrailingSlash::Redirect, &routes);
    check(
        &router,
        &[
            ("GET /evil.com/", "redirect /evil.com in 0"),
            ("GET //evil.com/", "404 in 0"),
            ("GET //evil.com/a/", "404 in 0"),
            ("GET /\\evil.com/", "404 in 0"),
            ("GET /\t/evil.com/", "404 in 0"),
            ("GET /%2Fevil.com/", "redirect /%2Fevil.com in 0"),
            ("GET /%5Cevil.com/", "redirect /%5Cevil.com in 0"),
        ],
    );
}
