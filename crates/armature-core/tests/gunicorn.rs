//! The raw requests that gunicorn is tested with, sent to a server: what they ask for is served, what they break is
//! refused, except for what `support/gunicorn_deviations.txt` explains.
//!
//! They come out of gunicorn's source distribution, with python3 and pip. Without those the test is skipped, except in CI.

use std::collections::BTreeMap;
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use armature_core::http::{Frame, Request, Response, StatusCode};
use armature_core::pipeline::HandlerFn;
use armature_core::server::App;
use armature_core::testing::{Client, serve};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    valid: bool,
    data: String,
    requests: Vec<Seen>,
}

/// A request as a handler gets it; each character stands for a byte.
#[derive(Clone, Debug, Deserialize, PartialEq)]
struct Seen {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

fn cases() -> Option<Vec<Case>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/gunicorn.py");
    let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE")).map(PathBuf::from)?;
    let python = if cfg!(windows) { "python" } else { "python3" };
    let output = Command::new(python).arg(script).arg(home.join(".cache/armature/conformance")).output();
    match output {
        Ok(output) if output.status.success() => Some(serde_json::from_slice(&output.stdout).unwrap()),
        failed => {
            let reason =
                failed.map_or_else(|e| e.to_string(), |o| String::from_utf8_lossy(&o.stderr).into_owned());
            assert!(std::env::var_os("CI").is_none(), "gunicorn's requests are not to be had: {reason}");
            None
        }
    }
}

/// One reason for each case that is meant to come out otherwise.
fn deviations() -> BTreeMap<&'static str, &'static str> {
    let lines = include_str!("support/gunicorn_deviations.txt").lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|l| l.split_once(": "))
        .collect()
}

fn app(seen: Arc<Mutex<Vec<Seen>>>) -> App {
    App::new().fallback(HandlerFn(move |mut request: Request| {
        let seen = seen.clone();
        async move {
            let mut body = Vec::new();
            while let Some(frame) = request.body.frame().await {
                match frame {
                    Ok(Frame::Data(data)) => body.extend_from_slice(&data),
                    Ok(Frame::Trailers(_)) => {}
                    Err(_) => return Response::new(StatusCode::BAD_REQUEST),
                }
            }
            seen.lock().unwrap().push(Seen {
                method: request.method().to_string(),
                target: request.head.target().to_owned(),
                headers: request.head.iter().map(|(name, value)| (name.to_owned(), text(value))).collect(),
                body: text(&body),
            });
            Response::text("served")
        }
    }))
}

/// HTTP/1.1 has to name its host, which many cases do not: it is not what they are about. The first `requests` get one.
fn with_hosts(data: &str, requests: usize) -> String {
    let mut out = String::new();
    let mut rest = data;
    for _ in 0..requests {
        let Some(at) = rest.find(" HTTP/1.") else { break };
        let (line, after) = rest.split_at(rest[at..].find("\r\n").map_or(rest.len(), |end| at + end + 2));
        let head = after.split("\r\n\r\n").next().unwrap_or_default();
        out.push_str(line);
        if line.ends_with("HTTP/1.1\r\n")
            && !head.to_ascii_lowercase().lines().any(|line| line.starts_with("host"))
        {
            out.push_str("Host: inserted\r\n");
        }
        rest = after;
    }
    out + rest
}

/// As we show it: without Host and what gunicorn does not show, and with path and query of an absolute target.
fn comparable(mut request: Seen) -> Seen {
    request.headers.retain(|(name, _)| name != "host" && !name.contains('_'));
    if let Some((_, rest)) = request.target.split_once("://").filter(|(scheme, _)| scheme.len() < 6) {
        request.target = rest.find('/').map_or("/", |at| &rest[at..]).to_owned();
    }
    request
}

/// What is wrong with how the case came out.
fn judge(case: &Case, client: &mut Client, seen: &Mutex<Vec<Seen>>) -> Option<String> {
    seen.lock().unwrap().clear();
    // A server that refuses may close before everything is sent.
    let _ = client.send(bytes(&with_hosts(&case.data, case.requests.len().max(1))));
    let _ = client.socket().shutdown(Shutdown::Write);
    let mut statuses = Vec::new();
    let mut methods = case.requests.iter().map(|request| request.method.as_str());
    while let Ok(reply) = client.read_for(methods.next().unwrap_or("GET")) {
        statuses.push(reply.status);
    }
    if !matches!(client.is_closed(), Ok(true) | Err(_)) {
        return Some("the connection stays open".into());
    }
    let seen: Vec<_> = seen.lock().unwrap().drain(..).map(comparable).collect();
    if !case.valid {
        let refused = statuses.last().is_none_or(|status| *status >= 400);
        return (!refused).then(|| format!("served: {statuses:?} {seen:?}"));
    }
    let expected: Vec<_> = case.requests.iter().cloned().map(comparable).collect();
    let served = statuses.iter().all(|status| *status == 200) && statuses.len() == expected.len();
    (!served || seen != expected).then(|| format!("{statuses:?}, expected {expected:?}, got {seen:?}"))
}

#[test]
fn requests_of_gunicorn() {
    let Some(cases) = cases() else { return };
    assert!(cases.iter().filter(|case| case.valid).count() >= 60 && cases.len() >= 140, "{}", cases.len());
    let deviations = deviations();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let server = serve(app(seen.clone()), "{}").unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let mut client = Client::connect(&server).unwrap();
        match (judge(case, &mut client, &seen), deviations.get(case.name.as_str())) {
            (Some(problem), None) => wrong.push(format!("{}: {problem}", case.name)),
            (None, Some(_)) => wrong.push(format!("{}: comes out as expected, and is excused", case.name)),
            _ => {}
        }
    }
    for name in deviations.keys() {
        assert!(cases.iter().any(|case| case.name == *name), "there is no case {name}");
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
