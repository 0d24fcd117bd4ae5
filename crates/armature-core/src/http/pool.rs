//! Memory of requests that are over, for those to come: one pool for each loop.

use std::cell::RefCell;
use std::rc::Rc;

use super::request::RequestParts;
use super::{Body, Head, Matched, Peer, Request, RequestContext, RequestId};

/// Spare requests, and spare contexts, that a loop keeps; more go back to the allocator.
const SPARE: usize = 256;
/// A head that has grown beyond this many bytes is not kept: a few large ones would make all of them large.
const KEEP_HEAD: usize = 4 * 1024;

/// Spare requests of one loop. Whoever has read a request gives it back with [`RequestPool::recycle`]; one that is only
/// dropped costs the next request an allocation and nothing else.
#[derive(Default)]
pub struct RequestPool {
    #[expect(clippy::vec_box, reason = "a request keeps it as the same box")]
    requests: RefCell<Vec<Box<RequestParts>>>,
    contexts: RefCell<Vec<Rc<RequestContext>>>,
    /// Stands in the spare requests.
    nobody: Rc<RequestContext>,
}

impl RequestPool {
    /// A request with `head`, and a spare head for the next one.
    pub(crate) fn request(&self, head: Head, peer: &Rc<Peer>, id: RequestId) -> (Request, Head) {
        let context = self.contexts.borrow_mut().pop().unwrap_or_default();
        let Some(mut parts) = self.requests.borrow_mut().pop() else {
            let (body, matched) = (Body::Empty, Matched::default());
            return (
                Request::of(RequestParts { head, body, peer: peer.clone(), id, matched, context }),
                Head::default(),
            );
        };
        let spare = std::mem::replace(&mut parts.head, head);
        if !Rc::ptr_eq(&parts.peer, peer) {
            parts.peer = peer.clone();
        }
        parts.id = id;
        parts.context = context;
        (Request(parts), spare)
    }

    /// Takes back a request that nobody needs any more.
    pub fn recycle(&self, request: Request) {
        let mut parts = request.0;
        let mut requests = self.requests.borrow_mut();
        if requests.len() >= SPARE || parts.head.capacity() > KEEP_HEAD {
            return;
        }
        parts.body = Body::Empty;
        parts.matched = Matched::default();
        // The context lives on with those who answer; the spare request must not be one of them.
        parts.context = self.nobody.clone();
        requests.push(parts);
    }

    /// Takes back the context of a request that is over, unless somebody still has it.
    pub(crate) fn recycle_context(&self, mut context: Rc<RequestContext>) {
        let Some(own) = Rc::get_mut(&mut context) else { return };
        own.reset();
        let mut contexts = self.contexts.borrow_mut();
        if contexts.len() < SPARE {
            contexts.push(context);
        }
    }
}
