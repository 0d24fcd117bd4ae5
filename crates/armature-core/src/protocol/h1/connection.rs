//! Drives one connection: deadlines, drain, the peer leaving, and how it closes.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;

use super::io::ConnectionIo;
use super::linger;
use super::service::Service;
use super::state::{ConnectionControl, Phase, Shutdown, State};
use crate::http::{CancelReason, Peer, Problem};
use crate::io_loop::ticks;
use crate::listener::Stream;
use crate::protocol::Dispatch;

/// Smallest read buffer that hyper accepts.
const MIN_BUFFER: usize = 8192;

/// How a connection came to its end.
enum End {
    /// hyper is done: the peer closed, keep-alive ended, or it has answered a malformed head.
    Finished,
    /// Nothing was asked for within `timeouts.idle`, or the server drains.
    Quiet,
    /// A head was not complete within `timeouts.header`.
    HeadTimeout,
    /// The peer stopped taking bytes, a response failed, or the server closes now.
    Reset,
}

/// Serves one connection until it closes. `register` receives the server's hold on it before anything is read.
pub async fn serve<D: Dispatch + 'static>(
    stream: Stream,
    peer: Peer,
    server: Rc<D>,
    register: impl FnOnce(ConnectionControl),
) {
    let state = State::new(server.io_loop().clone());
    register(ConnectionControl(state.clone()));
    let limits = &server.settings().limits;
    let service = Service { server: server.clone(), peer: Rc::new(peer), state: state.clone() };
    let io = TokioIo::new(ConnectionIo::new(stream.clone(), state.clone()));
    let connection = http1::Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .max_headers(limits.headers)
        .max_header_size(limits.header)
        .max_buf_size(limits.header.max(MIN_BUFFER))
        .serve_connection(io, service);

    let end = {
        let mut connection = pin!(connection);
        let mut peer_left = pin!(stream.read_closed());
        let mut left = false;
        let deadline = server.io_loop().sleep();
        poll_fn(|cx| {
            state.register(cx.waker());
            loop {
                match state.shutdown() {
                    Shutdown::Now => return Poll::Ready(End::Reset),
                    Shutdown::Drain if state.phase.get() == Phase::Idle || !state.spoke.get() => {
                        return Poll::Ready(End::Quiet);
                    }
                    _ => {}
                }
                // Not `poll_without_shutdown`: that is ready while hyper still holds an answer to a body left unread.
                if connection.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(if state.reset.get() { End::Reset } else { End::Finished });
                }
                if flush(&state, &stream, cx).is_err() {
                    return Poll::Ready(End::Reset);
                }
                if state.shutdown() == Shutdown::Drain && state.phase.get() == Phase::Idle {
                    continue;
                }
                if state.phase.get() == Phase::Busy {
                    left = left || peer_left.as_mut().poll(cx).is_ready();
                    if left {
                        // Each of the requests that were pipelined before hears of it in its turn.
                        state.cancel_request(CancelReason::ClientGone);
                    }
                }
                let Some((tick, end)) = next_deadline(&state, &*server) else {
                    deadline.clear();
                    return Poll::Pending;
                };
                if tick <= state.io_loop.now() {
                    return Poll::Ready(end);
                }
                deadline.reset_at(tick);
                if !deadline.poll_fired(cx) {
                    return Poll::Pending;
                }
            }
        })
        .await
        // The connection, and with it a request in progress, is dropped here.
    };
    finish(end, stream, &state, &*server).await;
}

/// Writes what was written, unless it may wait for the answer to the next request.
fn flush(state: &Rc<State>, stream: &Stream, cx: &mut Context<'_>) -> io::Result<()> {
    if state.output.is_empty() || (state.awaits_answer() && state.output.may_wait(state)) {
        return Ok(());
    }
    match state.output.poll_flush(stream, cx) {
        Poll::Ready(Ok(())) => state.write_stalled.set(None),
        Poll::Ready(Err(error)) => return Err(error),
        Poll::Pending => {
            let since = state.write_stalled.get().unwrap_or_else(|| state.io_loop.now());
            state.write_stalled.set(Some(since));
        }
    }
    Ok(())
}

fn next_deadline<D: Dispatch>(state: &State, server: &D) -> Option<(u64, End)> {
    let timeouts = &server.settings().timeouts;
    let after = |since: u64, wait: Duration| since + ticks(wait);
    if let Some(since) = state.write_stalled.get() {
        return Some((after(since, timeouts.write), End::Reset));
    }
    match state.phase.get() {
        Phase::Busy => None,
        Phase::Idle => Some((after(state.idle_since.get(), timeouts.idle), End::Quiet)),
        Phase::Head(since) => {
            let end = if state.spoke.get() { End::HeadTimeout } else { End::Quiet };
            Some((after(since, timeouts.header), end))
        }
    }
}

async fn finish<D: Dispatch>(end: End, stream: Stream, state: &State, server: &D) {
    let end = match end {
        End::Reset => End::Reset,
        end if flush_rest(state, &stream, server).await => end,
        _ => End::Reset,
    };
    match end {
        End::Reset => stream.reset_on_close(),
        End::HeadTimeout => {
            server.metrics().header_timeouts.add(1);
            stream.write_now(&last_words(Problem::REQUEST_TIMEOUT));
            linger::close(stream, state.io_loop.clone()).await;
        }
        End::Finished | End::Quiet => linger::close(stream, state.io_loop.clone()).await,
    }
}

/// The last answers leave before the connection closes; false when the peer does not take them in time.
async fn flush_rest<D: Dispatch>(state: &State, stream: &Stream, server: &D) -> bool {
    if state.output.is_empty() {
        return true;
    }
    let timer = state.io_loop.sleep();
    timer.reset(server.settings().timeouts.write);
    poll_fn(|cx| {
        state.register(cx.waker());
        match state.output.poll_flush(stream, cx) {
            Poll::Ready(written) => Poll::Ready(written.is_ok()),
            Poll::Pending if state.shutdown() == Shutdown::Now || timer.poll_fired(cx) => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// A complete response for a peer whose request never reached the pipeline.
pub(crate) fn last_words(problem: Problem) -> Vec<u8> {
    use crate::http::Body;
    let response = problem.response(None);
    let body = match response.body {
        Body::Bytes(bytes) => bytes,
        Body::Empty | Body::Stream(_) => bytes::Bytes::new(),
    };
    let mut out = format!(
        "HTTP/1.1 {} {}\r\nconnection: close\r\ncontent-length: {}\r\ndate: {}\r\n",
        response.status.as_u16(),
        response.status.canonical_reason().unwrap_or(""),
        body.len(),
        httpdate::fmt_http_date(std::time::SystemTime::now()),
    )
    .into_bytes();
    for (name, value) in response.headers.iter() {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&body);
    out
}
