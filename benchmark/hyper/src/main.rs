//! One thread, a constant answer for each route, an echo. `pipeline_flush` makes it an upper bound: finished answers may
//! wait for more requests, which a real server must not let them do. `--http2`: that protocol instead, without TLS.

use std::cell::Cell;
use std::convert::Infallible;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::Notify;

thread_local! {
    /// Requests that wait in `/wait/:id`.
    static WAITING: Cell<usize> = const { Cell::new(0) };
}
static RELEASE: Notify = Notify::const_new();

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let is_http2 = std::env::args().any(|arg| arg == "--http2");
    println!("port {}", listener.local_addr().expect("an address").port());
    tokio::task::LocalSet::new()
        .run_until(async {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let _ = stream.set_nodelay(true);
                tokio::task::spawn_local(async move {
                    if is_http2 {
                        let connection = http2::Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(stream), service_fn(answer));
                        let _ = connection.await;
                        return;
                    }
                    let connection = http1::Builder::new()
                        .pipeline_flush(true)
                        .serve_connection(TokioIo::new(stream), service_fn(answer));
                    let _ = connection.await;
                });
            }
        })
        .await;
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path();
    Ok(match (request.method(), path) {
        (&Method::GET, "/" | "/fixed") => respond("text/plain; charset=utf-8", Bytes::from_static(b"hello")),
        (&Method::POST, "/echo") => match request.into_body().collect().await {
            Ok(body) => respond("application/json", body.to_bytes()),
            Err(_) => status(StatusCode::BAD_REQUEST),
        },
        (&Method::GET, "/waiting") => count(WAITING.get()),
        (&Method::GET, "/release") => {
            RELEASE.notify_waiters();
            count(WAITING.replace(0))
        }
        (&Method::GET, _) => {
            if let Some(id) = path.strip_prefix("/users/") {
                respond("application/json", Bytes::from(format!(r#"{{"id":"{id}","name":"Alice"}}"#)))
            } else if let Some(id) = path.strip_prefix("/wait/") {
                WAITING.set(WAITING.get() + 1);
                RELEASE.notified().await;
                respond("application/json", Bytes::from(format!(r#"{{"id":"{id}"}}"#)))
            } else {
                status(StatusCode::NOT_FOUND)
            }
        }
        _ => status(StatusCode::NOT_FOUND),
    })
}

fn count(number: usize) -> Response<Full<Bytes>> {
    respond("text/plain; charset=utf-8", Bytes::from(number.to_string()))
}

fn respond(content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn status(code: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = code;
    response
}
