//! Leaving HTTP: an answer after which the connection speaks another protocol (RFC 9110 section 7.8).
//!
//! Nothing here knows how an HTTP version does it, be it with a 101 or with an extended CONNECT (RFC 8441). A protocol notes
//! what a request asks for with [`Request::note_upgrade`], and gives [`Upgrade::start`] the bytes as a [`Duplex`].

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use http::{HeaderValue, StatusCode};

use super::{Body, Problem, Request, RequestContext, RequestId, Response};
use crate::pipeline::LocalFuture;

/// The bytes of a connection, or of a stream of one, as a protocol hands them over.
pub(crate) trait Duplex {
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
    fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    fn closing(self: Rc<Self>) -> LocalFuture<()>;
}

/// A connection that speaks HTTP no more: what the continuation of [`Response::upgrade`] gets.
///
/// It belongs to its IO loop (`!Send`). All methods take `&self`, so that one future may read while another one writes: one
/// reader and one writer at a time. Nothing is buffered: what was written is on its way, and a peer that takes nothing
/// makes the writer wait. No timeout of HTTP applies any more; the protocol that is spoken has its own.
///
/// The connection ends with the future of the continuation, and every call fails afterwards. The methods are our own, not
/// those of an IO trait of a runtime: no runtime is a part of this API.
pub struct Upgraded {
    io: Rc<dyn Duplex>,
}

impl Upgraded {
    /// Reads what is there into `buf`, which must not be empty, and returns how many bytes that was; 0 when the client has
    /// shut its side down. What it sent right behind its request comes first.
    ///
    /// # Errors
    /// Those of the socket, such as `ConnectionReset`; `NotConnected` when the continuation has ended.
    pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, buf)).await
    }

    /// Writes as much of `bytes` as the socket takes now, at least one, and returns how many that were.
    ///
    /// # Errors
    /// Those of the socket, such as `BrokenPipe`; `NotConnected` when the continuation has ended.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_write(cx, bytes)).await
    }

    /// Writes all of `bytes`, waiting for the peer as often as it has to.
    ///
    /// # Errors
    /// See [`Upgraded::write`]; a part of the bytes may have left then.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write(bytes).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                n => bytes = &bytes[n..],
            }
        }
        Ok(())
    }

    /// Tells the peer that nothing more will be written. Reading goes on.
    ///
    /// # Errors
    /// `NotConnected` when the continuation has ended.
    pub async fn shutdown(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_shutdown(cx)).await
    }

    /// Resolves when the server begins to drain: time to say goodbye, as a WebSocket does with its code 1001. What is left at
    /// the end of the drain period is reset. At once on a server that drains already; any number of futures may wait.
    pub fn closing(&self) -> LocalFuture<()> {
        self.io.clone().closing()
    }

    #[cfg(test)]
    pub(crate) fn over(io: Rc<dyn Duplex>) -> Self {
        Self { io }
    }

    /// The same connection, for whoever writes to it where its future does not.
    pub(crate) fn same(&self) -> Self {
        Self { io: self.io.clone() }
    }

    /// [`Upgraded::read`] for those who poll.
    ///
    /// # Errors
    /// The same.
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io.poll_read(cx, buf)
    }

    /// [`Upgraded::write`] for those who poll.
    ///
    /// # Errors
    /// The same.
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.io.poll_write(cx, bytes)
    }

    /// [`Upgraded::shutdown`] for those who poll.
    ///
    /// # Errors
    /// The same.
    pub fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_shutdown(cx)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upgraded")
    }
}

/// What stands in the place of the content of an answer that leaves HTTP. Made by [`Response::upgrade`].
pub struct Upgrade {
    protocol: HeaderValue,
    serve: Box<dyn FnOnce(Upgraded) -> LocalFuture<()>>,
}

impl Upgrade {
    /// The protocol that is spoken from here on.
    pub fn protocol(&self) -> &HeaderValue {
        &self.protocol
    }

    /// The same; `thing` is dropped when the connection is gone, or does not come to be.
    pub(crate) fn keeping(self, thing: impl Any) -> Self {
        let Self { protocol, serve } = self;
        let serve = Box::new(move |io| {
            let serving = serve(io);
            LocalFuture::new(async move {
                let _thing = thing;
                serving.await;
            })
        });
        Self { protocol, serve }
    }

    /// Runs the continuation.
    pub(crate) fn start(self, io: Rc<dyn Duplex>) -> LocalFuture<()> {
        (self.serve)(Upgraded { io })
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upgrade({:?})", self.protocol)
    }
}

impl Response {
    /// 101: from the end of this answer's head on the connection speaks `protocol` (a name of RFC 9110 section 7.8, such as
    /// `websocket`, with a version behind a `/` if it has one), and `serve` has its bytes.
    ///
    /// Layers see it as any other answer and may add headers; the protocol adds `Upgrade` and `Connection`. It has no
    /// content: whoever replaces [`Response::body`] takes the upgrade back, and has to change the status too.
    ///
    /// The client gets 426 `ARMATURE_UPGRADE_REQUIRED` instead, and `serve` is dropped, when the request did not ask for
    /// `protocol` (see [`Request::asks_for_upgrade`]), or has content that the handler has not read to its end. A panic in
    /// `serve` or its future costs that connection and is counted in `metrics.panics`.
    ///
    /// # Errors
    /// A `protocol` that is none is answered 500 `ARMATURE_INTERNAL`.
    ///
    /// ```
    /// use armature_core::http::{Request, Response};
    ///
    /// async fn shout(request: Request) -> Response {
    ///     let name = request.param(0).unwrap_or("nobody").to_owned();
    ///     Response::upgrade("shout", move |io| async move {
    ///         let _ = io.write_all(name.to_uppercase().as_bytes()).await;
    ///     })
    /// }
    /// ```
    pub fn upgrade<F, Fut>(protocol: &str, serve: F) -> Self
    where
        F: FnOnce(Upgraded) -> Fut + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let protocol = Some(protocol).filter(|name| is_protocol(name));
        let Some(Ok(protocol)) = protocol.map(HeaderValue::from_str) else {
            return Problem::INTERNAL.response(None);
        };
        let serve = Box::new(|io| LocalFuture::new(serve(io)));
        let mut response = Self::new(StatusCode::SWITCHING_PROTOCOLS);
        response.body = Body::Upgrade(Box::new(Upgrade { protocol, serve }));
        response
    }

    /// Whether its status is above 1xx, as that of every answer but an upgrade.
    pub(crate) fn is_final(&self) -> bool {
        self.status.as_u16() >= 200
    }

    /// An answer that is not final, if it leads on to a protocol that the request asks for; else what is answered instead.
    #[cold]
    pub(crate) fn permitted(self, context: &RequestContext, id: Option<&RequestId>) -> Self {
        let asked = |upgrade: &Upgrade| context.asks_for_upgrade(upgrade.protocol.as_bytes());
        match &self.body {
            Body::Upgrade(upgrade) if self.status == StatusCode::SWITCHING_PROTOCOLS && asked(upgrade) => {
                self
            }
            _ => self.without_upgrade(id),
        }
    }

    /// The refusal in place of an upgrade, with what the layers have added; 500 when there is none to refuse.
    pub(crate) fn without_upgrade(self, id: Option<&RequestId>) -> Self {
        let mut refusal = match &self.body {
            Body::Upgrade(upgrade) => Problem::upgrade_required(&upgrade.protocol, id),
            _ => Problem::INTERNAL.response(id),
        };
        let own = std::mem::replace(&mut refusal.headers, self.headers);
        for (name, value) in own {
            refusal.headers.insert(name, value);
        }
        refusal
    }
}

impl Request {
    /// Whether the client asks for `protocol` and the connection can be handed over: only then [`Response::upgrade`] leads to
    /// it. Names are compared without regard to case, versions are a part of them.
    ///
    /// Over HTTP/1 that takes HTTP/1.1, `Connection: upgrade` without `close`, and an `Upgrade` field that lists the
    /// protocol; over HTTP/2 an extended CONNECT with that `:protocol` (RFC 8441), which is known for `websocket` only.
    pub fn asks_for_upgrade(&self, protocol: &str) -> bool {
        self.context.asks_for_upgrade(protocol.as_bytes())
    }

    /// Notes that `protocol` may be spoken on its stream.
    pub(crate) fn note_protocol(&self, protocol: &str) {
        let _ = self.context.upgrade.set(protocol.as_bytes().into());
    }

    /// Notes that the protocols of the request's `Upgrade` fields may be spoken on its connection.
    pub(crate) fn note_upgrade(&self) {
        let protocols = self.head.get_all("upgrade").collect::<Vec<_>>().join(&b","[..]);
        // Once for each request.
        let _ = self.context.upgrade.set(protocols.into_boxed_slice());
    }
}

impl RequestContext {
    fn asks_for_upgrade(&self, protocol: &[u8]) -> bool {
        let Some(protocols) = self.upgrade.get() else { return false };
        protocols.split(|b| *b == b',').any(|listed| {
            let listed = listed.trim_ascii();
            !listed.is_empty() && listed.eq_ignore_ascii_case(protocol)
        })
    }
}

/// `protocol-name ["/" protocol-version]`, both tokens.
fn is_protocol(text: &str) -> bool {
    let is_token = |part: &str| {
        let is_tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        !part.is_empty() && part.bytes().all(is_tchar)
    };
    match text.split_once('/') {
        Some((name, version)) => is_token(name) && is_token(version),
        None => is_token(text),
    }
}

#[cfg(test)]
#[path = "upgrade_tests.rs"]
mod tests;
