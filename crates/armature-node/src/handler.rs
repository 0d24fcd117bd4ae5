//! `JsHandler`: core's `Handler` over a lane. JavaScript is just one more implementer.

use std::rc::Rc;
use std::sync::Arc;

use armature_bridge::record::{
    self, FLAG_BODY, FLAG_INLINE, FLAG_LENGTH, FLAG_SECURE, FLAG_TLS, METHOD_OTHER,
};
use armature_bridge::{PushError, SlotId};
use armature_core::config::WebSocketSettings;
use armature_core::http::{
    Body, BodyError, Forwarded, Method, Problem, Request, RequestId, RequestPool, Response, SizeHint,
};
use armature_core::io_loop::LoopHandle;
use armature_core::metrics::Counter;
use armature_core::pipeline::{Handler, HandlerFactory, LocalFuture};
use armature_core::protocol::ws::{Deflate, Handshake};

use crate::bridge::answer::{Answer, State};
use crate::bridge::clock;
use crate::bridge::lanes::{LaneEnd, LaneUse};
use crate::bridge::loop_side::LoopSide;
use crate::bridge::socket::Opening;
use crate::stats::Shed;
use crate::wiring::Wiring;

/// Bodies up to this size are read before JavaScript is asked and travel with the request.
const INLINE_BODY: u64 = 64 * 1024;

/// A request whose connection has so many others in progress does not get into the half of a queue that is left for everybody else.
const CROWD: u32 = 16;

/// The methods that have a number; `src/bridge/record.ts` has the same list.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];

/// A route whose requests become WebSockets.
pub struct SocketRoute {
    pub settings: Arc<WebSocketSettings>,
    /// Its method and path: the route of another generation that is called the same takes up its sockets.
    pub route: Arc<str>,
}

/// Builds the handler with number `id` for each loop.
pub struct JsHandlerFactory {
    pub id: u32,
    /// Of the routes.
    pub generation: u32,
    /// The native handler inside the JavaScript middleware.
    pub native: Option<Arc<dyn HandlerFactory>>,
    /// Requests become WebSockets.
    pub socket: Option<SocketRoute>,
    pub wiring: Arc<Wiring>,
}

impl HandlerFactory for JsHandlerFactory {
    fn build(&self, io_loop: &LoopHandle) -> Rc<dyn Handler> {
        let side = self.wiring.side(io_loop);
        Rc::new(JsHandler {
            id: self.id,
            generation: self.generation,
            native: self.native.as_ref().map(|native| native.build(io_loop)),
            socket: self.socket.as_ref().map(|SocketRoute { settings, route }| {
                (Rc::new(WebSocketSettings::clone(settings)), route.clone())
            }),
            deflate: self.deflate(io_loop),
            lanes: side.lanes_of(self.generation).for_handler(),
            side,
            requests: io_loop.local(RequestPool::default),
            wiring: self.wiring.clone(),
        })
    }
}

impl JsHandlerFactory {
    fn deflate(&self, io_loop: &LoopHandle) -> Option<Rc<Deflate>> {
        let settings = self.socket.as_ref()?.settings.deflate.as_ref()?;
        Some(Deflate::new(settings, io_loop))
    }
}

struct JsHandler {
    id: u32,
    generation: u32,
    lanes: Rc<LaneUse>,
    native: Option<Rc<dyn Handler>>,
    socket: Option<(Rc<WebSocketSettings>, Arc<str>)>,
    /// Exists when its messages may be compressed.
    deflate: Option<Rc<Deflate>>,
    side: Rc<LoopSide>,
    requests: Rc<RequestPool>,
    wiring: Arc<Wiring>,
}

impl Handler for JsHandler {
    fn call(self: Rc<Self>, mut request: Request) -> LocalFuture<Response> {
        let short = matches!(request.body.size_hint(), SizeHint::Exact(n) if n > 0 && n <= INLINE_BODY);
        // Who expects a 100 gets it when the handler reads, not before it has decided.
        if !short || request.head.get("expect").is_some() {
            return self.start(request);
        }
        LocalFuture::new(async move {
            match std::mem::take(&mut request.body).collect(INLINE_BODY).await {
                Ok(bytes) => {
                    request.body = Body::Bytes(bytes);
                    self.start(request).await
                }
                Err(error) => refuse(error, &request),
            }
        })
    }
}

impl JsHandler {
    fn start(self: Rc<Self>, mut request: Request) -> LocalFuture<Response> {
        let opening = match &self.socket {
            None => None,
            Some((settings, route)) => match self.opening(settings, route, &request) {
                Ok(opening) => Some(opening),
                Err(refusal) => return LocalFuture::ready(refusal),
            },
        };
        let own = match request.peer.origin {
            0 => None,
            // Injected: by a thread whose own handlers are meant, while it serves.
            origin => self.lanes.find(origin),
        };
        let is_bound = own.is_some();
        let Some(lane) = own.or_else(|| self.lanes.choose(|| self.side.io_loop.now())) else {
            return LocalFuture::ready(Problem::CLOSING.response(Some(&request.id)));
        };
        let content_length = request.body.size_hint();
        let (inline, body) = match std::mem::take(&mut request.body) {
            Body::Bytes(bytes) => (Some(bytes), None),
            Body::Empty => (None, None),
            stream => (None, Some(stream)),
        };
        let has_body = inline.is_some() || body.is_some();
        let (context, id) = (request.context.clone(), request.id.clone());
        let Some(slot) = self.side.enter(lane.clone(), context, (id, is_bound), body, opening) else {
            return LocalFuture::ready(shed(&self.wiring.shed.slots, &request));
        };
        let forwarded = Forwarded::resolve(&request, &self.wiring.settings.trust_proxy);
        let method = request.head.method();
        let number = match *method {
            // Nearly all requests; the others are looked for by name.
            Method::GET => 0,
            _ => METHODS.iter().position(|m| *m == method.as_str()).map_or(METHOD_OTHER, |n| n as u8),
        };
        let (sequence, given_id) = match &request.id {
            RequestId::Sequence(n) => (*n, ""),
            RequestId::Given(text) => (0, &**text),
        };
        let remote_ip = &*request.peer.remote_ip;
        let mut flags = 0;
        flags |= if has_body { FLAG_BODY } else { 0 };
        flags |= if inline.is_some() { FLAG_INLINE } else { 0 };
        flags |= if forwarded.secure { FLAG_SECURE } else { 0 };
        let tls = match &request.peer.tls {
            Some(tls) => {
                flags |= FLAG_TLS;
                tls.flat()
            }
            None => &[],
        };
        let content_length = match content_length {
            SizeHint::Exact(n) => {
                flags |= FLAG_LENGTH;
                n
            }
            SizeHint::Unknown => 0,
        };
        let record = record::Request {
            slot,
            handler: self.id,
            routes: self.generation,
            method: number,
            method_name: if number == METHOD_OTHER { method.as_str() } else { "" },
            version: request.head.version() as u8,
            flags,
            id: sequence,
            given_id,
            content_length,
            body_limit: request.matched.body_limit,
            target: request.head.target(),
            path: request.head.path_len(),
            text: request.head.field_text(),
            fields: request.head.field_lengths(),
            params: request.matched.params.iter(request.head.path()),
            ip: forwarded.ip.as_deref().unwrap_or(remote_ip),
            remote_ip: if forwarded.ip.is_some() { remote_ip } else { "" },
            remote_port: request.peer.remote.port(),
            host: forwarded.host.as_deref().unwrap_or(""),
            tls,
            body: inline.as_deref().unwrap_or(&[]),
        };
        let crowds = request.context.beside() >= CROWD;
        if let Err(error) = self.hand_over(&lane, slot, crowds, record) {
            self.side.withdraw(slot);
            let Shed { queue, queue_age, .. } = &*self.wiring.shed;
            return LocalFuture::ready(match error {
                PushError::Full => shed(queue, &request),
                PushError::Late => shed(queue_age, &request),
                PushError::Closed => Problem::CLOSING.response(Some(&request.id)),
            });
        }
        match &self.native {
            None => {
                self.requests.recycle(request);
                LocalFuture::kept(self.side.clone(), slot.to_bits())
            }
            Some(native) => {
                let state = State::Waiting(native.clone(), request);
                LocalFuture::new(Answer { side: self.side.clone(), slot, state })
            }
        }
    }
}

impl JsHandler {
    /// What is needed to make a WebSocket of `request`, or why it cannot become one.
    fn opening(
        &self,
        settings: &Rc<WebSocketSettings>,
        route: &Arc<str>,
        request: &Request,
    ) -> Result<Opening, Response> {
        let forwarded = Forwarded::resolve(request, &self.wiring.settings.trust_proxy);
        let host = forwarded.host.as_deref().or_else(|| request.head.get_str("host"));
        let mut handshake = Handshake::check(request, &settings.origins, host.unwrap_or_default())?;
        let deflate = match &self.deflate {
            None => None,
            Some(deflate) => handshake.deflate(deflate, request)?,
        };
        Ok(Opening { handshake, deflate, settings: settings.clone(), route: route.clone() })
    }

    /// Queues `record` in `lane`, or in another one.
    fn hand_over<'a, P, F>(
        &self,
        lane: &LaneEnd,
        slot: SlotId,
        crowds: bool,
        record: record::Request<'a, P, F>,
    ) -> Result<(), PushError>
    where
        P: ExactSizeIterator<Item = &'a str> + Clone,
        F: ExactSizeIterator<Item = (u32, u32)>,
    {
        // Encoded at most once: a lane that refuses does not ask for it.
        let mut record = Some(record);
        let mut encode = |out: &mut Vec<u8>| {
            if let Some(record) = record.take() {
                record.encode(out);
            }
        };
        if let Ok(number) = lane.lane.push_request(crowds, clock::now, &mut encode) {
            self.side.queued(slot, number);
            return Ok(());
        }
        let mut bytes = Vec::new();
        encode(&mut bytes);
        self.side.reroute(self.lanes.by_load(), &self.lanes, slot, crowds, &bytes)
    }
}

fn shed(limit: &Counter, request: &Request) -> Response {
    limit.add(1);
    Problem::OVERLOADED.response(Some(&request.id))
}

/// The body failed before JavaScript was asked.
fn refuse(error: BodyError, request: &Request) -> Response {
    let problem = match error {
        BodyError::TooLarge => Problem::BODY_TOO_LARGE,
        BodyError::Timeout => Problem::BODY_TIMEOUT,
        BodyError::Malformed | BodyError::Aborted | BodyError::Failed => Problem::BAD_REQUEST,
    };
    problem.response(Some(&request.id))
}
