//! Injected requests: the whole native pipeline without a socket.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use armature_bridge::{SlotId, record};
use armature_core::http::{
    Address, Body, ContentLength, Frame, Head, HeaderName, Method, Peer, Request, Response, Version,
};
use armature_core::io_loop::LoopHandle;
use armature_core::server::Server;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use serde::Deserialize;

use crate::bridge::flow::Flow;
use crate::bridge::lane::JsLane;
use crate::bridge::lanes::LaneSeed;
use crate::error::{JsError, Result, internal};

/// Piece size of an answer; a record must fit JavaScript's buffer.
const PIECE: usize = 64 * 1024;

/// A request as JavaScript describes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Injection {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    ip: String,
    has_body: bool,
    secure: bool,
}

impl Injection {
    pub fn from_json(json: &str) -> Result<Self> {
        let injection: Self = serde_json::from_str(json).map_err(|e| internal(format!("inject: {e}")))?;
        let invalid = |what: &str| {
            JsError::new(
                "ARMATURE_OPTION_INVALID".to_owned(),
                format!("inject: {what}; use what a client could send"),
            )
        };
        Method::from_bytes(injection.method.as_bytes()).map_err(|_| invalid("method is not a token"))?;
        injection.ip.parse::<std::net::IpAddr>().map_err(|_| invalid("ip is not an IP address"))?;
        if !injection.target.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(invalid("the path has characters that must be escaped"));
        }
        for (name, value) in &injection.headers {
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("a header name is not a token"))?;
            if value.chars().any(|c| c.is_control() && c != '\t' || u32::from(c) > 255) {
                return Err(invalid("a header value has characters that no header may have"));
            }
        }
        Ok(injection)
    }

    fn request(self, body: Vec<u8>, origin: u32, io_loop: &LoopHandle) -> Request {
        let method = Method::from_bytes(self.method.as_bytes()).unwrap_or(Method::GET);
        let mut head = Head::new(method, Version::Http11, &self.target);
        for (name, value) in &self.headers {
            let value: Vec<u8> = value.chars().map(|c| c as u8).collect();
            head.push(&name.to_ascii_lowercase(), &value);
        }
        let ip = self.ip.parse().unwrap_or(std::net::IpAddr::from([127, 0, 0, 1]));
        let peer = Peer { origin, ..Peer::new(Address::Ip((ip, 0).into()), self.secure) };
        let body = if self.has_body { Body::Bytes(body.into()) } else { Body::Empty };
        Request::new(head, body, Rc::new(peer), io_loop.next_request_id())
    }
}

/// Where the answer to one injection goes. Whatever becomes of the request, its end is told once.
struct Recipient {
    lane: Arc<JsLane>,
    slot: SlotId,
    complete: bool,
}

impl Recipient {
    /// False when nobody is there any more.
    fn push(&self, kind: record::Kind, value: u32, bytes: &[u8]) -> bool {
        self.lane.push(|out| record::data(out, kind, self.slot, value, bytes)).is_ok()
    }

    fn finish(mut self, complete: bool) {
        self.complete = complete;
    }
}

impl Drop for Recipient {
    fn drop(&mut self) {
        let failed = u32::from(!self.complete);
        let _ = self.lane.push(|out| record::event(out, record::Kind::InjectedEnd, self.slot, failed));
    }
}

/// Injections in progress on a loop, by the lane of whoever made them and its number.
#[derive(Default)]
struct Injections(RefCell<HashMap<Key, Rc<Flow>>>);

type Key = (u32, u32);

struct Entry(Rc<Injections>, Key);

impl Drop for Entry {
    fn drop(&mut self) {
        let flow = self.0.0.borrow_mut().remove(&self.1);
        drop(flow);
    }
}

/// Runs `injection`; its answer goes to `seed`'s lane under `id`, at most `window` bytes ahead of what JavaScript grants. False
/// when the server has ended.
pub fn start(
    server: &Server,
    (io_loop, seed): (u16, &LaneSeed),
    id: u32,
    injection: Injection,
    body: Vec<u8>,
    window: usize,
) -> bool {
    let head_only = injection.method == "HEAD";
    let (origin, key) = (seed.id, (seed.id, id));
    let to = Recipient { lane: seed.lane.clone(), slot: SlotId { slot: id, generation: 0 }, complete: false };
    server.inject(
        io_loop,
        move |io_loop| injection.request(body, origin, io_loop),
        move |io_loop, answer| {
            let injections = io_loop.local(Injections::default);
            let flow = Flow::new(window);
            injections.0.borrow_mut().insert(key, flow.clone());
            let entry = Entry(injections, key);
            io_loop.spawn(async move {
                let _entry = entry;
                let work = async {
                    let mut response = answer.await;
                    frame(&mut response, head_only);
                    to.push(record::Kind::InjectedHead, u32::from(response.status.as_u16()), &head(&response))
                        && send_body(response.body, &to, &flow).await
                };
                // Dropping the work is what tells a handler that nobody waits, before the end of it is announced.
                let complete = flow.until_cancelled(work).await.unwrap_or(false);
                to.finish(complete);
            });
        },
    )
}

/// Looks an injection up on the loop that runs it, unless it is over.
pub fn with_flow(
    server: &Server,
    (io_loop, seed): (u16, &LaneSeed),
    id: u32,
    then: impl FnOnce(&Flow) + Send + 'static,
) {
    let key = (seed.id, id);
    if let Some(remote) = server.remote(io_loop) {
        remote.run(move |io_loop| {
            let flow = io_loop.local(Injections::default).0.borrow().get(&key).cloned();
            if let Some(flow) = flow {
                then(&flow);
            }
        });
    }
}

/// Gives up what a lane that has closed had injected: nobody reads the answers.
pub fn forget(io_loop: &LoopHandle, lane: u32) {
    let injections = io_loop.local(Injections::default);
    let flows: Vec<_> = injections
        .0
        .borrow()
        .iter()
        .filter(|((of, _), _)| *of == lane)
        .map(|(_, flow)| flow.clone())
        .collect();
    for flow in flows {
        flow.cancel();
    }
}

/// Does what a protocol does: frames by length where a length is known, and removes content that cannot be sent. Fields
/// about a connection have no place here.
fn frame(response: &mut Response, head_only: bool) {
    let length = response.content_length(head_only);
    response.headers.remove(&CONNECTION);
    response.headers.remove(&TRANSFER_ENCODING);
    if length != ContentLength::AsSet {
        response.headers.remove(&CONTENT_LENGTH);
    }
    if let ContentLength::Exact(length) = length {
        response.headers.append(CONTENT_LENGTH, length.into());
    }
    if head_only || response.is_bodiless() {
        response.body = Body::Empty;
    }
}

/// Names and values, each with a zero byte behind it.
fn head(response: &Response) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in response.headers.iter() {
        for part in [name.as_str().as_bytes(), value.as_bytes()] {
            head.extend_from_slice(part);
            head.push(0);
        }
    }
    head
}

/// False when the body failed or nobody receives it.
async fn send_body(mut body: Body, to: &Recipient, flow: &Flow) -> bool {
    loop {
        match body.frame().await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(Frame::Trailers(_))) => {}
            Some(Ok(Frame::Data(data))) => {
                for piece in data.chunks(PIECE) {
                    if !flow.has_credit().await || !to.push(record::Kind::InjectedData, 0, piece) {
                        return false;
                    }
                    flow.spend(piece.len());
                }
            }
        }
    }
}
