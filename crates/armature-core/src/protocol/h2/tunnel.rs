//! Another protocol on a stream (RFC 8441): the 200 to an extended CONNECT, and what runs behind it.
//!
//! The stream stays one of its connection: flow control holds a fast peer back, and others go on beside it. No timeout of HTTP
//! applies to it any more, but it ends with its connection.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use ::h2::{RecvStream, SendStream};
use bytes::{Buf, Bytes};

use super::streams::Streams;
use crate::http::{Duplex, RequestContext, Upgrade};
use crate::metrics::Metrics;
use crate::pipeline::LocalFuture;
use crate::protocol::Dispatch;

/// The most of a write that waits for the peer's window; the rest is the writer's.
const PIECE: usize = 64 * 1024;

/// See the module. Ready when the stream needs nobody any more.
pub(super) struct Tunnel {
    future: Option<LocalFuture<()>>,
    wire: Rc<Wire>,
    context: Rc<RequestContext>,
    server: Rc<dyn Dispatch>,
}

impl Tunnel {
    /// Runs the continuation of `upgrade` over both halves of a stream.
    pub fn new(
        upgrade: Upgrade,
        (received, sending): (RecvStream, SendStream<Bytes>),
        context: Rc<RequestContext>,
        streams: Rc<Streams>,
        server: Rc<dyn Dispatch>,
    ) -> Self {
        let metrics = server.metrics();
        metrics.upgrades.add(1);
        metrics.upgraded.enter();
        let halves = Some(Halves { received, early: Bytes::new(), sending });
        let wire = Rc::new(Wire { halves: RefCell::new(halves), ended: Cell::new(false), streams });
        let io = wire.clone();
        let future = LocalFuture::new(async move { upgrade.start(io).await });
        Self { future: Some(future), wire, context, server }
    }

    fn metrics(&self) -> &Metrics {
        self.server.metrics()
    }

    /// The continuation may have panicked, or panic while it is dropped.
    fn end(&mut self) {
        let future = self.future.take();
        if catch_unwind(AssertUnwindSafe(|| drop(future))).is_err() {
            self.metrics().panics.add(1);
        }
    }
}

impl Future for Tunnel {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // Whoever answers the request needs the waker no more.
        this.context.on_cancel(cx.waker());
        if this.context.cancelled().is_some() || this.wire.is_reset(cx) {
            this.end();
            return Poll::Ready(());
        }
        let Some(future) = this.future.as_mut() else { return Poll::Ready(()) };
        match catch_unwind(AssertUnwindSafe(|| Pin::new(future).poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => this.wire.finish(),
            // The peer must not take what it got for all: without an end the stream is reset.
            Err(_) => this.metrics().panics.add(1),
        }
        this.end();
        Poll::Ready(())
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.end();
        self.wire.revoke();
        self.metrics().upgraded.leave();
    }
}

/// The stream in the hands of the continuation.
struct Wire {
    /// Taken back when the continuation has ended.
    halves: RefCell<Option<Halves>>,
    /// Nothing more is written.
    ended: Cell<bool>,
    streams: Rc<Streams>,
}

struct Halves {
    received: RecvStream,
    /// Received, and not read.
    early: Bytes,
    sending: SendStream<Bytes>,
}

impl Wire {
    /// Whether the peer has reset the stream, or the connection is gone.
    fn is_reset(&self, cx: &mut Context<'_>) -> bool {
        let mut halves = self.halves.borrow_mut();
        halves.as_mut().is_none_or(|halves| halves.sending.poll_reset(cx).is_ready())
    }

    /// The orderly end of this side, once.
    fn finish(&self) {
        if let Some(halves) = &mut *self.halves.borrow_mut()
            && !self.ended.replace(true)
        {
            // What fails here fails because the stream is gone.
            let _ = halves.sending.send_data(Bytes::new(), true);
        }
    }

    fn revoke(&self) {
        *self.halves.borrow_mut() = None;
        self.streams.notice.notify_waiters();
    }

    fn with_halves<T>(&self, call: impl FnOnce(&mut Halves) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &mut *self.halves.borrow_mut() {
            Some(halves) => call(halves),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn is_closing(&self) -> bool {
        self.streams.draining.get() || self.halves.borrow().is_none()
    }
}

impl Halves {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        while self.early.is_empty() {
            match ready!(self.received.poll_data(cx)) {
                Some(Ok(data)) => self.early = data,
                Some(Err(_)) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                None => return Poll::Ready(Ok(0)),
            }
        }
        let n = buf.len().min(self.early.len());
        self.early.copy_to_slice(&mut buf[..n]);
        // Whoever reads has room, so the peer may send as much again.
        let released = self.received.flow_control().release_capacity(n);
        Poll::Ready(released.map(|()| n).map_err(|_| io::ErrorKind::ConnectionReset.into()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        let most = bytes.len().min(PIECE);
        self.sending.reserve_capacity(most);
        loop {
            let room = self.sending.capacity().min(most);
            if room > 0 || most == 0 {
                let sent = self.sending.send_data(Bytes::copy_from_slice(&bytes[..room]), false);
                return Poll::Ready(sent.map(|()| room).map_err(|_| broken()));
            }
            match ready!(self.sending.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(Err(broken())),
            }
        }
    }
}

impl Duplex for Wire {
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.with_halves(|halves| halves.poll_read(cx, buf))
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.ended.get() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.with_halves(|halves| halves.poll_write(cx, bytes))
    }

    fn poll_shutdown(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.finish();
        self.with_halves(|_| Poll::Ready(Ok(())))
    }

    fn closing(self: Rc<Self>) -> LocalFuture<()> {
        LocalFuture::new(async move {
            let noticed = self.streams.notice.notified();
            tokio::pin!(noticed);
            noticed.as_mut().enable();
            while !self.is_closing() {
                noticed.as_mut().await;
                noticed.set(self.streams.notice.notified());
                noticed.as_mut().enable();
            }
        })
    }
}
