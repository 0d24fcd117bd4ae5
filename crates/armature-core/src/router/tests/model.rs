//! The router against a matcher that is too simple to be wrong.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Segments as they may be sent, with the canonical form.
const SENT: [(&str, &str); 13] = [
    ("a", "a"),
    ("b", "b"),
    ("ab", "ab"),
    ("%61", "a"),
    ("%61%62", "ab"),
    ("a%2Fb", "a%2Fb"),
    ("a%2fb", "a%2Fb"),
    ("é", "é"),
    ("%C3%A9", "é"),
    ("{p}", "{p}"),
    ("%7bp}", "{p}"),
    (":a", ":a"),
    ("", ""),
];

/// Segments as they may be registered, with what they match: text, or one (`:`) or more (`*`) segments.
const REGISTERED: [(&str, &str); 10] = [
    ("a", "a"),
    ("b", "b"),
    ("ab", "ab"),
    ("a%2fb", "a%2Fb"),
    ("é", "é"),
    ("%7Bp%7D", "{p}"),
    ("::a", ":a"),
    (":", ":"),
    (":", ":"),
    ("*", "*"),
];

const METHODS: [&str; 5] = ["ANY", "GET", "HEAD", "POST", "LINK"];

#[derive(Clone, Debug)]
struct ModelRoute {
    method: &'static str,
    text: String,
    matches: Vec<&'static str>,
}

fn route() -> impl Strategy<Value = ModelRoute> {
    let segments = prop::collection::vec(prop::sample::select(&REGISTERED[..]), 0..4);
    (prop::sample::select(&METHODS[..]), segments, any::<bool>()).prop_map(|(method, segments, slash)| {
        let (mut text, mut matches) = (String::new(), Vec::new());
        for (index, (written, meaning)) in segments.iter().enumerate() {
            text.push_str(&match *written {
                ":" => format!("/:p{index}"),
                "*" => format!("/*p{index}"),
                written => format!("/{written}"),
            });
            matches.push(*meaning);
            if *meaning == "*" {
                return ModelRoute { method, text, matches };
            }
        }
        if slash || text.is_empty() {
            text.push('/');
            matches.push("");
        }
        ModelRoute { method, text, matches }
    })
}

impl ModelRoute {
    fn matches(&self, path: &[&str]) -> bool {
        let wild = self.matches.last() == Some(&"*");
        let length = if wild { path.len() >= self.matches.len() } else { path.len() == self.matches.len() };
        length
            && self.matches.iter().enumerate().all(|(index, wanted)| match *wanted {
                ":" => !path[index].is_empty(),
                "*" => path[index..] != [""],
                text => text == path[index],
            })
    }

    /// Smaller is more specific.
    fn rank(&self) -> Vec<u8> {
        self.matches
            .iter()
            .map(|m| [":", "*"].iter().position(|w| w == m).map_or(0, |i| i as u8 + 1))
            .collect()
    }

    /// Smaller wins among routes with the same pattern.
    fn method_rank(&self, method: &str) -> Option<u8> {
        match self.method {
            own if own == method => Some(0),
            "GET" if method == "HEAD" => Some(1),
            "ANY" => Some(2),
            _ => None,
        }
    }
}

fn expected(routes: &[ModelRoute], mode: TrailingSlash, method: &str, path: &[&str]) -> String {
    let mut toggled = path.to_vec();
    match path {
        [""] => {}
        [.., ""] => _ = toggled.pop(),
        _ => toggled.push(""),
    }
    let on = |path: &[&str]| -> Option<String> {
        let candidates = routes.iter().filter(|r| r.matches(path));
        let best = candidates
            .filter_map(|r| Some((r.rank(), r.method_rank(method)?, r)))
            .min_by_key(|b| (b.0.clone(), b.1));
        best.map(|(_, _, route)| format!("{} {}", route.method, route.text))
    };
    let methods = |path: &[&str]| -> BTreeSet<&str> {
        routes.iter().filter(|r| r.matches(path)).map(|r| r.method).collect()
    };
    let mut known = methods(path);
    if let Some(found) = on(path) {
        return found;
    }
    if mode == TrailingSlash::Ignore {
        if let Some(found) = on(&toggled) {
            return found;
        }
        known.extend(methods(&toggled));
    }
    if known.is_empty() {
        let host_safe = !path.is_empty() && (path.len() == 1 || !path[0].is_empty());
        if mode == TrailingSlash::Redirect && host_safe && !methods(&toggled).is_empty() {
            return "redirect".into();
        }
        return "404 in 0".into();
    }
    known.insert("OPTIONS");
    if known.contains("GET") {
        known.insert("HEAD");
    }
    let allow = known.into_iter().collect::<Vec<_>>().join(", ");
    format!("{} {allow} in 0", if method == "OPTIONS" { 204 } else { 405 })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn finds_what_the_model_finds(
        mut routes in prop::collection::vec(route(), 1..12),
        paths in prop::collection::vec(prop::collection::vec(prop::sample::select(&SENT[..]), 1..5), 1..8),
        mode in prop::sample::select(&[TrailingSlash::Strict, TrailingSlash::Redirect, TrailingSlash::Ignore][..]),
    ) {
        let mut builder = RouterBuilder::new(mode);
        routes.retain(|route| builder.route(ScopeId::ROOT, method(route.method), &route.text).is_ok());
        let router = builder.build().unwrap();
        for path in &paths {
            let sent: String = path.iter().map(|(sent, _)| format!("/{sent}")).collect();
            let canonical: Vec<&str> = path.iter().map(|(_, canonical)| *canonical).collect();
            for token in ["GET", "HEAD", "POST", "LINK", "OPTIONS", "PROPFIND"] {
                let found = outcome(&router, &format!("{token} {sent}"));
                let wanted = expected(&routes, mode, token, &canonical);
                let head = found.split(" p").next().unwrap();
                let head = if head.starts_with("redirect") { "redirect" } else { head };
                prop_assert_eq!(head, wanted, "{} {} with {:?}", token, sent, mode);
            }
        }
    }

    #[test]
    fn never_panics(pattern in "[/a:*{}%?é0-9]{0,12}", path in "\\PC{0,20}") {
        let mut builder = RouterBuilder::new(TrailingSlash::Ignore);
        if builder.route(ScopeId::ROOT, MethodPattern::Any, &pattern).is_ok() {
            let router = builder.build().unwrap();
            if let Ok(Found::Route { params, .. }) = router.find(&Method::GET, &path) {
                prop_assert!(params.iter(&path).all(|value| !value.is_empty()));
            }
        }
    }
}
