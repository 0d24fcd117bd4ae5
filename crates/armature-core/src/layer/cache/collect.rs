//! A body that is stored while it is sent.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use http::StatusCode;

use super::LocalCache;
use super::decide::Storable;
use super::entry::Entry;
use super::store::Moment;
use crate::http::{Body, BodyError, BodyStream, Frame, Head, Headers, SizeHint};

/// An answer that is stored when its content is complete.
pub(super) struct Pending {
    pub layer: Rc<LocalCache>,
    /// The key of the request, without the fields that the answer varies by.
    pub key: Vec<u8>,
    pub head: Rc<Head>,
    pub status: StatusCode,
    pub headers: Headers,
    pub storable: Storable,
    /// What was known when it was asked for.
    pub moment: Moment,
}

impl Pending {
    /// Stores it with `content`, which is its own. `None` when it is not.
    pub fn store(self, content: Vec<u8>) -> Option<Arc<Entry>> {
        let store = &self.layer.store;
        let content = content.into_boxed_slice().into();
        let rules = &store.options.rules;
        let entry = Arc::new(Entry::new(self.status, &self.headers, content, &self.storable, rules)?);
        let vary = &self.storable.vary;
        store.put(&self.key, &self.head, vary, entry.clone(), self.moment).then(|| {
            self.layer.counters.stored.add(1);
            entry
        })
    }
}

/// Gives the pieces of a body on, and keeps copies of them.
pub(super) struct Collecting {
    body: Body,
    content: Vec<u8>,
    /// Taken when it is stored, or cannot be.
    pending: Option<Pending>,
    /// Bytes that are counted in [`Store::collecting`](super::store::Store::collecting).
    counted: u64,
}

impl Collecting {
    pub fn wrap(body: Body, pending: Pending) -> Body {
        Body::stream(Self { body, content: Vec::new(), pending: Some(pending), counted: 0 })
    }

    fn keep(&mut self, data: &[u8]) {
        let Some(pending) = &self.pending else { return };
        let store = &pending.layer.store;
        let length = data.len() as u64;
        let on_their_way = store.collecting.fetch_add(length, Relaxed) + length;
        self.counted += length;
        if self.counted > store.options.max_entry || on_their_way > store.options.size / 4 {
            self.give_up();
        } else {
            self.content.extend_from_slice(data);
        }
    }

    fn finish(&mut self) {
        let content = std::mem::take(&mut self.content);
        self.uncount();
        if let Some(pending) = self.pending.take() {
            pending.store(content);
        }
    }

    fn give_up(&mut self) {
        self.uncount();
        self.pending = None;
        self.content = Vec::new();
    }

    fn uncount(&mut self) {
        if let Some(pending) = &self.pending {
            pending.layer.store.collecting.fetch_sub(std::mem::take(&mut self.counted), Relaxed);
        }
    }
}

impl BodyStream for Collecting {
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let this = self.get_mut();
        let frame = std::task::ready!(this.body.poll_frame(cx));
        match &frame {
            Some(Ok(Frame::Data(data))) => {
                this.keep(data);
                // Nobody may ask for more.
                if this.body.size_hint() == SizeHint::Exact(0) {
                    this.finish();
                }
            }
            // Trailers are not stored, and without them the answer is another one.
            Some(Ok(Frame::Trailers(_)) | Err(_)) => this.give_up(),
            None => this.finish(),
        }
        Poll::Ready(frame)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        self.uncount();
    }
}
