//! Handlers that tests hold on to, and waiting without sleeping.

#![allow(dead_code, reason = "each file of tests uses a part")]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use armature_core::http::{Frame, Request, Response, StatusCode};
use armature_core::pipeline::HandlerFn;
use armature_core::router::MethodPattern;
use armature_core::server::{App, Server};
use armature_core::testing::{Client, serve};
use tokio::sync::Semaphore;

pub mod files;
pub mod http2;
pub mod http3;
pub mod redis;
pub mod tls;
pub mod tracked;

/// A server whose handlers tell that they have begun, and wait until they may answer.
pub struct Stage {
    pub server: Server,
    begun: Receiver<String>,
    gates: Arc<[Semaphore; 10]>,
}

impl Stage {
    pub fn new(options: &str) -> Self {
        Self::with(App::new(), options)
    }

    pub fn with(app: App, options: &str) -> Self {
        let (tell, begun) = channel();
        let gates: Arc<[Semaphore; 10]> = Arc::new(std::array::from_fn(|_| Semaphore::new(0)));
        let server = serve(routes(app, tell, gates.clone()), options).unwrap();
        Self { server, begun, gates }
    }

    pub fn connect(&self) -> Client {
        Client::connect(&self.server).unwrap()
    }

    /// Lets the handler of `/gate/<n>` answer.
    pub fn open(&self, n: usize) {
        self.gates[n].add_permits(1);
    }

    /// The path of the next request that a handler gets.
    #[track_caller]
    pub fn next(&self) -> String {
        self.begun.recv_timeout(Duration::from_secs(10)).expect("no further request began")
    }

    /// Asserts that no handler has got a request, once the loop has done what it had to do.
    #[track_caller]
    pub fn nothing_begins(&self) {
        let reply = self.connect().get("/now/barrier").unwrap();
        assert_eq!(reply.text(), "/now/barrier");
        assert_eq!(self.next(), "/now/barrier");
    }
}

fn routes(app: App, tell: Sender<String>, gates: Arc<[Semaphore; 10]>) -> App {
    let tell = Arc::new(Mutex::new(tell));
    let begin = move |request: &Request| {
        let path = request.path().to_owned();
        let _ = tell.lock().unwrap().send(path.clone());
        path
    };
    let (now, read) = (begin.clone(), begin.clone());
    app.route(
        MethodPattern::Any,
        "/now/:name",
        HandlerFn(move |request: Request| {
            let path = now(&request);
            async move { Response::text(path) }
        }),
    )
    .route(
        MethodPattern::Any,
        "/gate/:n",
        HandlerFn(move |request: Request| {
            let path = begin(&request);
            let gates = gates.clone();
            let n: usize = request.param(0).unwrap().parse().unwrap();
            async move {
                gates[n].acquire().await.unwrap().forget();
                Response::text(path)
            }
        }),
    )
    .route(
        MethodPattern::Any,
        "/read",
        HandlerFn(move |mut request: Request| {
            read(&request);
            async move {
                let mut len = 0;
                while let Some(frame) = request.body.frame().await {
                    match frame {
                        Ok(Frame::Data(data)) => len += data.len(),
                        Ok(Frame::Trailers(_)) => {}
                        Err(error) => {
                            return Response::new(StatusCode::BAD_REQUEST).with_body(error.code());
                        }
                    }
                }
                Response::text(len.to_string())
            }
        }),
    )
}

/// A request without a body.
pub fn request(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: t\r\n\r\n")
}

/// Waits for something that another thread does; bounded, without a fixed sleep.
#[track_caller]
pub fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "timed out");
        std::thread::yield_now();
    }
}
