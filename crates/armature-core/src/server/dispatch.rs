//! The way of one request: limits, router, chain.

use std::rc::Rc;

use http::Method;

use super::generation::LocalGeneration;
use super::local::LoopServer;
use crate::config::Settings;
use crate::http::{Automatic, Problem, Request, Response, limit};
use crate::io_loop::LoopHandle;
use crate::metrics::{InFlight, Metrics};
use crate::pipeline::{Chain, LocalFuture};
use crate::protocol::{Dispatch, Ledger};
use crate::router::{BadPath, Found};

impl Dispatch for LoopServer {
    fn dispatch(self: Rc<Self>, mut request: Request) -> (LocalFuture<Response>, InFlight) {
        let metrics = &self.metrics;
        metrics.requests.add(1);
        let (in_flight, number) = InFlight::enter(metrics);
        let limits = &self.shared.settings.limits;
        let refusal = if number > limits.in_flight as i64 {
            metrics.shed.add(1);
            Some(Problem::OVERLOADED)
        } else if request.head.target().len() > limits.url {
            Some(Problem::URI_TOO_LONG)
        } else {
            None
        };
        let generation = self.generation.borrow();
        let chain = match refusal {
            Some(problem) => refuse(&generation, &mut request, 0, Automatic::Refuse(problem)),
            None => route(&generation, &mut request),
        };
        drop(generation);
        (chain.run(request), in_flight)
    }

    fn refuse(self: Rc<Self>, mut request: Request, problem: Problem) -> LocalFuture<Response> {
        let generation = self.generation();
        refuse(&generation, &mut request, 0, Automatic::Refuse(problem)).run(request)
    }

    fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    fn ledger(&self) -> &Rc<Ledger> {
        &self.ledger
    }

    fn io_loop(&self) -> &LoopHandle {
        &self.io_loop
    }

    fn is_draining(&self) -> bool {
        self.draining.get()
    }
}

impl LoopServer {
    /// Gives `answer` to a request for which no route is looked for, inside the layers of the application.
    pub(super) fn answer(
        self: Rc<Self>,
        mut request: Request,
        answer: Automatic,
    ) -> (LocalFuture<Response>, InFlight) {
        self.metrics.requests.add(1);
        let (in_flight, _) = InFlight::enter(&self.metrics);
        let generation = self.generation();
        (refuse(&generation, &mut request, 0, answer).run(request), in_flight)
    }
}

/// Finds the chain that answers and leaves what it needs in `request.matched`.
fn route(generation: &LocalGeneration, request: &mut Request) -> Rc<Chain> {
    let path = request.head.path();
    if !path.starts_with('/') {
        let answer = if path == "*" && request.head.method() == Method::OPTIONS {
            Automatic::Options(None)
        } else {
            Automatic::Refuse(Problem::BAD_REQUEST)
        };
        return refuse(generation, request, 0, answer);
    }
    match generation.router.find(request.head.method(), path) {
        Ok(Found::Route { route, params }) => {
            let found = &generation.routes[route.0 as usize];
            request.matched.route = Some(route);
            request.matched.params = params;
            request.matched.body_limit = found.body_limit;
            if !limit(&mut request.body, found.body_limit, &generation.metrics) {
                return refuse(generation, request, found.scope, Automatic::Refuse(Problem::BODY_TOO_LARGE));
            }
            found.chain.clone()
        }
        Ok(Found::NotFound { scope, params }) => {
            let scope = scope.0 as usize;
            request.matched.params = params;
            let found = &generation.scopes[scope];
            if found.has_fallback {
                request.matched.body_limit = found.body_limit;
                if !limit(&mut request.body, found.body_limit, &generation.metrics) {
                    return refuse(generation, request, scope, Automatic::Refuse(Problem::BODY_TOO_LARGE));
                }
            }
            found.miss.clone()
        }
        Ok(Found::MethodNotAllowed { scope, allow }) => {
            refuse(generation, request, scope.0 as usize, Automatic::MethodNotAllowed(allow))
        }
        Ok(Found::Options { scope, allow }) => {
            refuse(generation, request, scope.0 as usize, Automatic::Options(Some(allow)))
        }
        Ok(Found::Redirect { mut path, scope }) => {
            if let Some(query) = request.head.query() {
                path.push('?');
                path.push_str(query);
            }
            refuse(generation, request, scope.0 as usize, Automatic::Redirect(path))
        }
        Err(BadPath) => refuse(generation, request, 0, Automatic::Refuse(Problem::BAD_PATH)),
    }
}

fn refuse(generation: &LocalGeneration, request: &mut Request, scope: usize, answer: Automatic) -> Rc<Chain> {
    request.matched.automatic = Some(answer);
    generation.scopes[scope].automatic.clone()
}
