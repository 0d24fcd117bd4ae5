//! hyper's requests into ours, our responses into hyper's.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderValue, Method};
use hyper::body::Incoming;

use super::body::{DRAIN_BYTES, RequestBody, ResponseBody};
use super::state::{Phase, Shutdown, State};
use crate::http::{Body, BodyStream, Head, Peer, Problem, Request, Response, SizeHint, Version};
use crate::pipeline::LocalFuture;
use crate::protocol::Dispatch;

pub(super) struct Service<D> {
    pub server: Rc<D>,
    pub peer: Rc<Peer>,
    pub state: Rc<State>,
}

impl<D: Dispatch + 'static> hyper::service::Service<hyper::Request<Incoming>> for Service<D> {
    type Response = hyper::Response<ResponseBody>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, incoming: hyper::Request<Incoming>) -> Answer {
        let (parts, body) = incoming.into_parts();
        let state = self.state.clone();
        state.phase.set(Phase::Busy);
        state.body_done.set(false);
        state.expects.set(parts.headers.contains_key(http::header::EXPECT));
        let http10 = parts.version == http::Version::HTTP_10;
        let head_only = parts.method == Method::HEAD;
        let head = convert_head(&parts);
        let id = self.server.io_loop().next_request_id();
        let mut request = Request::new(head, Body::Empty, self.peer.clone(), id);
        // The size is that of the message, known before a byte of it has been read.
        let mut size = SizeHint::Exact(0);
        if !http_body::Body::is_end_stream(&body) {
            let timeout = self.server.settings().timeouts.body;
            let stream = RequestBody::new(body, state.clone(), request.context.clone(), timeout);
            size = stream.size_hint();
            request.body = Body::stream(stream);
        }
        *state.request.borrow_mut() = Some(request.context.clone());
        // Whoever gets host or framing wrong may mean another request than a proxy in between does: no second chance.
        let refusal = refusal(&parts);
        let future = match refusal {
            None => self.server.clone().dispatch(request),
            Some(problem) => LocalFuture::ready(problem.response(Some(&request.id))),
        };
        Answer {
            future,
            state,
            drainable: matches!(size, SizeHint::Exact(n) if n <= DRAIN_BYTES),
            http10,
            head_only,
            close: refusal.is_some() || self.server.is_draining(),
        }
    }
}

/// The response to come.
pub(super) struct Answer {
    future: LocalFuture<Response>,
    state: Rc<State>,
    drainable: bool,
    http10: bool,
    head_only: bool,
    close: bool,
}

impl Future for Answer {
    type Output = Result<hyper::Response<ResponseBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let response = std::task::ready!(Pin::new(&mut this.future).poll(cx));
        let close = this.close
            || this.state.shutdown() != Shutdown::Running
            // Whoever waits for a 100 and got an answer instead may send the body or not: nobody can tell.
            || (this.state.unread.get() && (this.state.expects.get() || !this.drainable));
        if close {
            this.state.last.set(true);
        }
        this.state.answering.set(true);
        Poll::Ready(Ok(convert_response(response, this.state.clone(), close, this.http10, this.head_only)))
    }
}

fn convert_head(parts: &http::request::Parts) -> Head {
    let version = if parts.version == http::Version::HTTP_10 { Version::Http10 } else { Version::Http11 };
    let target = match parts.uri.path_and_query() {
        Some(target) if !target.as_str().is_empty() => target.as_str(),
        _ => "/",
    };
    let mut head = Head::new(parts.method.clone(), version, target);
    // RFC 9112 section 3.2.2: the authority of an absolute-form target replaces Host.
    let authority = parts.uri.authority();
    if let Some(authority) = authority {
        head.push("host", authority.as_str().as_bytes());
    }
    for (name, value) in &parts.headers {
        if authority.is_some() && name == http::header::HOST {
            continue;
        }
        head.push(name.as_str(), value.as_bytes());
    }
    head
}

/// What is wrong with a head that hyper lets pass.
fn refusal(parts: &http::request::Parts) -> Option<Problem> {
    if parts.method == Method::CONNECT {
        return Some(Problem::NO_TUNNEL);
    }
    if !has_valid_host(parts) {
        return Some(Problem::BAD_HOST);
    }
    // RFC 9112 section 6.1: other codings would have to be undone, and a repeated `chunked` is an attack.
    let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => None,
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => None,
        _ => Some(Problem::BAD_CODING),
    }
}

/// RFC 9112 section 3.2: exactly one Host field, which HTTP/1.0 may leave out.
fn has_valid_host(parts: &http::request::Parts) -> bool {
    let mut hosts = parts.headers.get_all(http::header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => parts.version == http::Version::HTTP_10,
        (Some(host), None) => {
            is_host(host.as_bytes()) && parts.uri.authority().is_none_or(|a| is_host(a.as_str().as_bytes()))
        }
        (Some(_), Some(_)) => false,
    }
}

/// Whether all characters are those of a registered name, an IP literal or a port (RFC 3986 section 3.2.2).
fn is_host(host: &[u8]) -> bool {
    host.iter().all(|b| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(b))
}

fn convert_response(
    response: Response,
    state: Rc<State>,
    close: bool,
    http10: bool,
    head_only: bool,
) -> hyper::Response<ResponseBody> {
    let Response { status, headers, body } = response;
    let bodiless = head_only || status == 204 || status == 304;
    let unknown = matches!(body.size_hint(), SizeHint::Unknown);
    let mut out = hyper::Response::new(ResponseBody::new(body, state));
    *out.status_mut() = status;
    let fields = out.headers_mut();
    fields.reserve(headers.len() + 1);
    for (name, value) in headers {
        // Framing is this room's business. A length set by hand is kept only where no content follows.
        if name == CONNECTION || name == TRANSFER_ENCODING || (name == CONTENT_LENGTH && !bodiless) {
            continue;
        }
        fields.append(name, value);
    }
    if close || (http10 && unknown && !bodiless) {
        fields.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    out
}
