//! Another protocol on the connection (RFC 9110 section 7.8): the 101, and what runs behind it.
//!
//! The connection itself is over by then, with its timers and buffers; what is left is the socket, the bytes that came too
//! early, and the server's hold.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::header::UPGRADE;
use tokio::sync::Notify;

use super::connection::End;
use super::encode::{self, Delimiter};
use super::work::Work;
use crate::http::{Body, Duplex, Response, Upgrade};
use crate::listener::Stream;
use crate::metrics::Metrics;
use crate::pipeline::LocalFuture;
use crate::protocol::control::{Control, Shutdown};
use crate::protocol::date::Date;

/// What goes on once the 101 has left.
pub(super) struct Switch {
    upgrade: Upgrade,
    /// Received behind the request; bounded, as nothing is read on while something waits to be understood.
    early: Bytes,
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Switch({:?}, {} bytes early)", self.upgrade, self.early.len())
    }
}

/// Encodes the 101, which is the last thing that the connection says in HTTP; or the refusal that is answered instead.
pub(super) fn switch(
    work: &mut Work,
    response: Response,
    date: (&Date, u64),
) -> Result<Box<Switch>, Response> {
    let Some(exchange) = work.exchanges.front() else { return Err(response.without_upgrade(None)) };
    // Handlers are watched over by the server; layers that answer by themselves are not.
    let mut response = response.permitted(&exchange.context, None);
    if response.is_final() {
        return Err(response);
    }
    // The other protocol begins behind the content, wherever that is.
    if work.channel.as_ref().is_some_and(|channel| !channel.is_complete()) {
        return Err(response.without_upgrade(None));
    }
    let Body::Upgrade(upgrade) = std::mem::take(&mut response.body) else {
        return Err(response.without_upgrade(None));
    };
    if let Some(channel) = work.channel.take() {
        work.input = channel.take_rest();
    }
    if exchange.owes_continue {
        work.output.gathered().extend_from_slice(encode::CONTINUE);
    }
    response.headers.insert(UPGRADE, upgrade.protocol().clone());
    encode::head(work.output.gathered(), &response, Delimiter::Nothing, exchange.asked, false, date);
    work.exchanges.clear();
    work.told = false;
    Ok(Box::new(Switch { upgrade: *upgrade, early: std::mem::take(&mut work.input).into() }))
}

/// Runs the continuation to its end, or to that of the server.
pub(super) async fn run(switch: Switch, stream: &Stream, control: &Rc<Control>, metrics: &Metrics) -> End {
    metrics.upgrades.add(1);
    let _open = Open::new(metrics);
    let wire = Rc::new(Wire {
        stream: RefCell::new(Some(stream.clone())),
        early: RefCell::new(switch.early),
        control: control.clone(),
        notice: Notify::new(),
    });
    control.set_busy(true);
    let io = wire.clone();
    let upgrade = switch.upgrade;
    let future = LocalFuture::new(async move { upgrade.start(io).await });
    let end = Running { future: Some(future), wire, told: false, metrics }.await;
    control.set_busy(false);
    end
}

/// Counts a connection while it speaks another protocol.
struct Open<'a>(&'a Metrics);

impl<'a> Open<'a> {
    fn new(metrics: &'a Metrics) -> Self {
        metrics.upgraded.enter();
        Self(metrics)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.upgraded.leave();
    }
}

/// The continuation, between the server that may want it to end and the peer.
struct Running<'a> {
    future: Option<LocalFuture<()>>,
    wire: Rc<Wire>,
    /// The continuation knows that the server drains.
    told: bool,
    metrics: &'a Metrics,
}

impl Future for Running<'_> {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let this = &mut *self;
        let control = &this.wire.control;
        control.register(cx.waker());
        match control.shutdown() {
            Shutdown::Now => {
                this.end();
                return Poll::Ready(End::Reset);
            }
            Shutdown::Drain if !this.told => {
                this.told = true;
                this.wire.notice.notify_waiters();
            }
            Shutdown::Drain | Shutdown::Running => {}
        }
        let Some(future) = this.future.as_mut() else { return Poll::Ready(End::Close) };
        let end = match catch_unwind(AssertUnwindSafe(|| Pin::new(future).poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => End::Close,
            Err(_) => {
                this.metrics.panics.add(1);
                // The peer must not take what it got for all.
                End::Reset
            }
        };
        this.end();
        Poll::Ready(end)
    }
}

impl Running<'_> {
    /// The continuation may have panicked, or panic while it is dropped.
    fn end(&mut self) {
        let future = self.future.take();
        if catch_unwind(AssertUnwindSafe(|| drop(future))).is_err() {
            self.metrics.panics.add(1);
        }
        self.wire.revoke();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.wire.revoke();
    }
}

/// The socket in the hands of the continuation.
struct Wire {
    /// Taken back when the continuation has ended: the connection is not kept open by what it left behind.
    stream: RefCell<Option<Stream>>,
    early: RefCell<Bytes>,
    control: Rc<Control>,
    /// Tells that the server drains.
    notice: Notify,
}

impl Wire {
    fn revoke(&self) {
        *self.stream.borrow_mut() = None;
        self.notice.notify_waiters();
    }

    fn with_stream<T>(&self, call: impl FnOnce(&Stream) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &*self.stream.borrow() {
            Some(stream) => call(stream),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn is_closing(&self) -> bool {
        self.control.shutdown() != Shutdown::Running || self.stream.borrow().is_none()
    }
}

impl Duplex for Wire {
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.with_stream(|stream| {
            let mut early = self.early.borrow_mut();
            if early.is_empty() {
                return stream.poll_read(cx, buf);
            }
            let n = buf.len().min(early.len());
            early.copy_to_slice(&mut buf[..n]);
            if early.is_empty() {
                // Lets go of the memory.
                *early = Bytes::new();
            }
            Poll::Ready(Ok(n))
        })
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with_stream(|stream| {
            // Whoever writes to a fast reader would never wait.
            ready!(stream.poll_turn(cx));
            stream.poll_write(cx, bytes)
        })
    }

    fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with_stream(|stream| stream.poll_shutdown(cx))
    }

    fn closing(self: Rc<Self>) -> LocalFuture<()> {
        LocalFuture::new(async move {
            let noticed = self.notice.notified();
            tokio::pin!(noticed);
            noticed.as_mut().enable();
            if !self.is_closing() {
                noticed.await;
            }
        })
    }
}
