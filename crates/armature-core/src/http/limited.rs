//! Bodies with at most so many bytes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::{Body, BodyError, BodyStream, Frame, SizeHint};
use crate::metrics::LoopMetrics;

/// False when `body` is known to have more than `limit` bytes; one of unknown length fails when it comes to that. Either is
/// counted in `metrics`.
pub(crate) fn limit(body: &mut Body, limit: u64, metrics: &Arc<LoopMetrics>) -> bool {
    match body.size_hint() {
        SizeHint::Exact(length) if length <= limit => true,
        SizeHint::Exact(_) => {
            metrics.large_bodies.add(1);
            false
        }
        SizeHint::Unknown => {
            let whole = std::mem::take(body);
            *body = Body::stream(Limited { body: whole, left: limit, metrics: metrics.clone() });
            true
        }
    }
}

struct Limited {
    body: Body,
    left: u64,
    metrics: Arc<LoopMetrics>,
}

impl BodyStream for Limited {
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let frame = ready!(self.body.poll_frame(cx));
        if let Some(Ok(Frame::Data(data))) = &frame {
            match self.left.checked_sub(data.len() as u64) {
                Some(left) => self.left = left,
                None => {
                    self.metrics.large_bodies.add(1);
                    self.body = Body::Empty;
                    return Poll::Ready(Some(Err(BodyError::TooLarge)));
                }
            }
        }
        Poll::Ready(frame)
    }
}
