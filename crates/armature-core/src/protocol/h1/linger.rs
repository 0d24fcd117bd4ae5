//! Lingering close: a socket closed with unread input sends a reset, and a reset may destroy the answer on its way.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use super::connection::last_words;
use crate::http::Problem;
use crate::io_loop::LoopHandle;
use crate::listener::Stream;

/// Input that is discarded at most before the socket is closed for good.
const LINGER_BYTES: usize = 256 * 1024;
/// Time that lingering takes at most.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// Sends FIN, then discards what the peer still sends until it closes too.
pub(super) async fn close(stream: Stream, io_loop: LoopHandle) {
    stream.shutdown_write();
    let timer = io_loop.sleep();
    timer.reset(LINGER_TIME);
    let mut discarded = 0;
    poll_fn(|cx| {
        if timer.poll_fired(cx) {
            return Poll::Ready(());
        }
        let mut buf = [0; 4096];
        loop {
            match stream.poll_read(cx, &mut buf) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(n)) if n > 0 && discarded < LINGER_BYTES => discarded += n,
                Poll::Ready(_) => return Poll::Ready(()),
            }
        }
    })
    .await
}

/// Answers a connection that is not served at all.
pub async fn refuse(stream: Stream, problem: Problem, io_loop: LoopHandle) {
    stream.write_now(&last_words(problem));
    close(stream, io_loop).await;
}
