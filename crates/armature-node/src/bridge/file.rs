//! Files that a handler in JavaScript names: `src/bridge/file.ts` writes what is read here.

use std::path::PathBuf;
use std::rc::Rc;

use armature_bridge::SlotId;
use armature_core::handler::NamedFile;
use armature_core::http::{Head, Headers, Method, RequestId, StatusCode, Version};
use serde::Deserialize;

use super::loop_side::LoopSide;
use super::slot::Reply;

#[derive(Deserialize)]
struct Spec {
    path: String,
    root: Option<PathBuf>,
    method: String,
    /// Those of the request that say what of the file is asked for.
    fields: Vec<(String, String)>,
}

/// Which file is answered with; `None` when the bytes make no sense.
pub fn read(json: &[u8], status: StatusCode, headers: &Headers, id: RequestId) -> Option<NamedFile> {
    let spec: Spec = serde_json::from_slice(json).ok()?;
    let method = Method::from_bytes(spec.method.as_bytes()).ok()?;
    let mut head = Head::new(method, Version::Http11, "/");
    for (name, value) in &spec.fields {
        head.push(name, value.as_bytes());
    }
    Some(NamedFile { path: spec.path, root: spec.root, status, headers: headers.clone(), head, id })
}

/// Answers `slot` with the file, once its content or the way to it is there.
pub fn send(side: &Rc<LoopSide>, slot: SlotId, named: NamedFile) {
    let (files, side) = (side.files.clone(), side.clone());
    side.io_loop.clone().spawn(async move {
        let response = files.send(named).await;
        let mut slots = side.slots.borrow_mut();
        // Nobody may wait any more, or the thread that named it has ended.
        let Some(entry) = slots.get_mut(slot).filter(|entry| entry.reply.is_none()) else { return };
        entry.reply = Some(Reply::Response(response));
        let waker = entry.waker.take();
        drop(slots);
        if let Some(waker) = waker {
            waker.wake();
        }
    });
}
