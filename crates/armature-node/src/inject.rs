//! Injected requests: the whole native pipeline without a socket.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use armature_bridge::{SlotId, record};
use armature_core::http::{Address, Body, Frame, Head, HeaderName, Method, Peer, Request, Version};
use armature_core::io_loop::LoopHandle;
use armature_core::server::Server;
use serde::Deserialize;

use crate::bridge::lane::JsLane;
use crate::error::{JsError, Result, internal};

/// Bytes that may wait in the lane before an answer pauses.
const LANE_BYTES: usize = 4 << 20;
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

    fn request(self, body: Vec<u8>, io_loop: &LoopHandle) -> Request {
        let method = Method::from_bytes(self.method.as_bytes()).unwrap_or(Method::GET);
        let mut head = Head::new(method, Version::Http11, &self.target);
        for (name, value) in &self.headers {
            let value: Vec<u8> = value.chars().map(|c| c as u8).collect();
            head.push(&name.to_ascii_lowercase(), &value);
        }
        let ip = self.ip.parse().unwrap_or(std::net::IpAddr::from([127, 0, 0, 1]));
        let peer = Peer::new(Address::Ip((ip, 0).into()), self.secure);
        let body = if self.has_body { Body::Bytes(body.into()) } else { Body::Empty };
        Request::new(head, body, Rc::new(peer), io_loop.next_request_id())
    }
}

/// Runs `injection`; its answer goes to `lane` under `id`. False when the server has ended.
pub fn start(server: &Server, lane: Arc<JsLane>, id: u32, injection: Injection, body: Vec<u8>) -> bool {
    let slot = SlotId { slot: id, generation: 0 };
    server.inject(
        move |io_loop| injection.request(body, io_loop),
        move |io_loop, answer| {
            let io_loop = io_loop.clone();
            io_loop.clone().spawn(async move {
                let response = answer.await;
                let mut head = Vec::new();
                for (name, value) in response.headers.iter() {
                    for part in [name.as_str().as_bytes(), value.as_bytes()] {
                        head.extend_from_slice(part);
                        head.push(0);
                    }
                }
                let status = u32::from(response.status.as_u16());
                let _ = lane.push(|out| record::data(out, record::Kind::InjectedHead, slot, status, &head));
                let failed = send_body(response.body, &lane, slot, &io_loop).await;
                let _ = lane.push(|out| record::event(out, record::Kind::InjectedEnd, slot, failed.into()));
            });
        },
    )
}

/// True when the body failed.
async fn send_body(mut body: Body, lane: &JsLane, slot: SlotId, io_loop: &LoopHandle) -> bool {
    loop {
        while lane.depth().1 > LANE_BYTES {
            let pause = io_loop.sleep();
            pause.reset(Duration::from_millis(10));
            pause.await;
        }
        match body.frame().await {
            None => return false,
            Some(Err(_)) => return true,
            Some(Ok(Frame::Trailers(_))) => {}
            Some(Ok(Frame::Data(data))) => {
                for piece in data.chunks(PIECE) {
                    if lane.push(|out| record::data(out, record::Kind::InjectedData, slot, 0, piece)).is_err()
                    {
                        return true;
                    }
                }
            }
        }
    }
}
