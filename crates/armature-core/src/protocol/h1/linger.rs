//! Lingering close: a socket closed with unread input sends a reset, and a reset may destroy the answer on its way.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::connection::{Local, loop_metrics};
use super::encode::{self, Asked};
use crate::http::{Body, Problem};
use crate::io_loop::{LoopHandle, Sleep};
use crate::listener::Stream;
use crate::protocol::control::{Control, Shutdown};

/// Input that is discarded at most before the socket is closed for good.
const LINGER_BYTES: usize = 256 * 1024;
/// Time that lingering takes at most.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// Sends FIN, then discards what the peer still sends until it closes too.
pub(in crate::protocol) struct Linger {
    stream: Stream,
    control: Rc<Control>,
    local: Rc<Local>,
    timer: Sleep,
    discarded: usize,
    /// FIN is on its way.
    ended: bool,
}

impl Linger {
    pub fn new(stream: Stream, control: Rc<Control>, io_loop: &LoopHandle) -> Self {
        let timer = io_loop.sleep();
        timer.reset(LINGER_TIME);
        Self { stream, control, local: Local::of(io_loop), timer, discarded: 0, ended: false }
    }
}

impl Future for Linger {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.control.register(cx.waker());
        if this.timer.poll_fired(cx) || this.control.shutdown() == Shutdown::Now {
            return Poll::Ready(());
        }
        if !this.ended {
            // The end of an encrypted stream may have to wait for room; what the peer sends meanwhile is discarded all the same.
            match this.stream.poll_shutdown(cx) {
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                polled => this.ended = polled.is_ready(),
            }
        }
        let Self { stream, local, discarded, .. } = this;
        local.buffers.with_scratch(|scratch| {
            loop {
                match stream.poll_read(cx, scratch) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(n)) if n > 0 && *discarded < LINGER_BYTES => *discarded += n,
                    Poll::Ready(_) => return Poll::Ready(()),
                }
            }
        })
    }
}

/// Closes a connection that is not served.
pub async fn linger(stream: Stream, io_loop: LoopHandle) {
    let metrics = loop_metrics(&io_loop);
    Linger::new(stream, Control::new(metrics), &io_loop).await;
}

/// A complete response for a peer whose request is not read.
pub(crate) fn last_words(problem: Problem, io_loop: &LoopHandle) -> Vec<u8> {
    let response = problem.response(None);
    let asked = Asked { http10: false, head_only: false };
    let mut out = Vec::with_capacity(512);
    let local = Local::of(io_loop);
    let date = (&local.date, io_loop.now());
    encode::head(&mut out, &response, encode::delimiter(&response, asked), asked, true, date);
    if let Body::Bytes(bytes) = &response.body {
        out.extend_from_slice(bytes);
    }
    out
}
