//! What one routing decision costs: static text, one parameter, and a table of 500 routes.

use std::hint::black_box;

use armature_core::router::{MethodPattern, Router, RouterBuilder, ScopeId, TrailingSlash};
use criterion::{Criterion, criterion_group, criterion_main};
use http::Method;

fn router<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Router {
    let mut builder = RouterBuilder::new(TrailingSlash::Strict);
    for pattern in patterns {
        for method in [Method::GET, Method::POST] {
            builder.route(ScopeId::ROOT, MethodPattern::One(method), pattern).expect("a valid route");
        }
    }
    builder.build().expect("a valid router")
}

fn find(criterion: &mut Criterion) {
    let small = router(["/", "/health", "/users", "/users/:id", "/users/:id/posts/:post", "/assets/*rest"]);
    let patterns: Vec<String> = (0..100)
        .flat_map(|i| {
            let base = format!("/api/v{}/resource{i}", i % 3);
            let item = format!("{base}/:id");
            [
                format!("{item}/children/:child"),
                format!("{item}/children"),
                format!("{base}/search"),
                item,
                base,
            ]
        })
        .collect();
    assert_eq!(patterns.len(), 500);
    let large = router(patterns.iter().map(String::as_str));

    let mut bench = |name: &str, router: &Router, method: Method, path: &str| {
        criterion.bench_function(name, |b| b.iter(|| router.find(black_box(&method), black_box(path))));
    };
    bench("static route", &small, Method::GET, "/health");
    bench("one parameter", &small, Method::GET, "/users/42");
    bench("500 routes", &large, Method::GET, "/api/v1/resource73/42/children/7");
    bench("one escaped parameter", &small, Method::GET, "/users/J%C3%BCrgen");
    bench("not found", &large, Method::GET, "/wp-login.php");
    bench("method not allowed", &small, Method::DELETE, "/users/42");
}

criterion_group!(benches, find);
criterion_main!(benches);
