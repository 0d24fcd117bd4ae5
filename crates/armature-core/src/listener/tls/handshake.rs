//! The handshake of one connection, and what comes of it.

use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::server::{AcceptedAlert, Acceptor};
use rustls::{HandshakeKind, ServerConfig, ServerConnection};

use super::acme::Challenges;
use super::session::{TlsStream, Wire, flush};
use super::{Alpn, TlsInfo};
use crate::io_loop::Sleep;
use crate::listener::Transport;

/// How long a handshake that has begun may take once the server has stopped accepting.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// A connection whose handshake succeeded.
pub struct Secured {
    /// Its bytes.
    pub stream: Rc<TlsStream>,
    /// What was agreed on, and with whom.
    pub info: TlsInfo,
    /// The protocol that begins now.
    pub alpn: Alpn,
    /// An earlier session went on.
    pub resumed: bool,
}

/// Why a handshake failed.
#[derive(Debug)]
pub enum Failed {
    /// Somebody speaks HTTP here, unencrypted.
    PlainHttp,
    /// It did not come to an end in time.
    Late,
    /// The peer broke the protocol, or one side refused what the other offered; the peer has been told.
    Refused(io::Error),
    /// The peer left without a word: a health check that only connects.
    Gone,
    /// The server stopped waiting for the first byte.
    Stopped,
}

/// A handshake in progress.
pub struct Handshake {
    transport: Transport,
    side: Side,
    /// The first byte that came.
    heard: Option<u8>,
}

/// Our side of it.
#[allow(clippy::large_enum_variant, reason = "almost all of them are the larger one")]
enum Side {
    /// What it is made with depends on what the client says first.
    Choosing(Box<Choice>),
    Shaking(ServerConnection),
}

/// What a handshake may be made with.
pub(super) struct Choice {
    pub acceptor: Acceptor,
    /// For authorities.
    pub challenges: Arc<Challenges>,
    /// For everybody else.
    pub usual: Arc<ServerConfig>,
}

impl Handshake {
    /// Begins on `transport`, of which `early` has been read before.
    pub(super) fn new(
        transport: Transport,
        connection: ServerConnection,
        early: &[u8],
    ) -> Result<Self, Failed> {
        Self::begin(transport, Side::Shaking(connection), early)
    }

    /// The same where it is not known yet what with.
    pub(super) fn choosing(transport: Transport, choice: Choice, early: &[u8]) -> Result<Self, Failed> {
        Self::begin(transport, Side::Choosing(Box::new(choice)), early)
    }

    fn begin(transport: Transport, side: Side, mut early: &[u8]) -> Result<Self, Failed> {
        let mut handshake = Self { transport, side, heard: None };
        while !early.is_empty() {
            handshake.take_in(&mut early)?;
        }
        Ok(handshake)
    }

    /// Goes on until it is over. `patience` is for all of it; what has not begun when `stop` comes is not waited for, and what has
    /// begun not for long.
    ///
    /// # Errors
    /// See [`Failed`].
    pub async fn run(
        mut self,
        patience: &Sleep,
        mut stop: Pin<&mut impl Future<Output = ()>>,
        stopping: impl Fn() -> bool,
    ) -> Result<Secured, Failed> {
        let mut stopped = false;
        poll_fn(|cx| {
            if !stopped && (stopping() || stop.as_mut().poll(cx).is_ready()) {
                stopped = true;
                patience.reset(LAST_PATIENCE);
            }
            match self.poll(cx) {
                Poll::Pending if stopped && self.heard.is_none() => Poll::Ready(Err(Failed::Stopped)),
                Poll::Pending if patience.poll_fired(cx) => Poll::Ready(Err(Failed::Late)),
                polled => polled,
            }
        })
        .await?;
        self.finish()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        loop {
            if let Side::Shaking(connection) = &mut self.side {
                let mut wire = Wire { transport: &self.transport, cx: Some(cx) };
                let written = or_pending(flush(connection, &mut wire).map_err(Failed::Refused));
                if !connection.is_handshaking() || matches!(written, Poll::Ready(Err(_))) {
                    return written;
                }
            }
            let transport = self.transport.clone();
            ready!(or_pending(self.take_in(&mut Wire { transport: &transport, cx: Some(cx) })))?;
        }
    }

    /// Reads once, and understands what came.
    fn take_in(&mut self, from: impl Read) -> Result<(), Failed> {
        let mut listening = Listening { from, heard: &mut self.heard };
        let read = match &mut self.side {
            Side::Choosing(choice) => choice.acceptor.read_tls(&mut listening),
            Side::Shaking(connection) => connection.read_tls(&mut listening),
        };
        match read {
            Ok(0) if self.heard.is_none() => return Err(Failed::Gone),
            Ok(0) => return Err(Failed::Refused(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {}
            Err(error) => return Err(Failed::Refused(error)),
        }
        let Err((error, alert)) = self.understand() else { return Ok(()) };
        // No handshake begins with a letter, and every request does.
        if self.heard.is_some_and(|byte| byte.is_ascii_alphabetic()) {
            return Err(Failed::PlainHttp);
        }
        // The alert says why; a peer that does not take it does without.
        let mut wire = Wire { transport: &self.transport, cx: None };
        let _ = match (&mut self.side, alert) {
            (_, Some(mut alert)) => alert.write_all(&mut wire),
            (Side::Shaking(connection), None) => flush(connection, &mut wire),
            (Side::Choosing(_), None) => Ok(()),
        };
        Err(Failed::Refused(io::Error::new(io::ErrorKind::InvalidData, error)))
    }

    /// With what there is to say to the peer, where that is not in the connection.
    fn understand(&mut self) -> Result<(), (rustls::Error, Option<AcceptedAlert>)> {
        let choice = match &mut self.side {
            Side::Shaking(connection) => {
                return connection.process_new_packets().map(drop).map_err(|error| (error, None));
            }
            Side::Choosing(choice) => choice,
        };
        let with_alert = |(error, alert)| (error, Some(alert));
        if let Some(accepted) = choice.acceptor.accept().map_err(with_alert)? {
            let special = choice.challenges.shake_with(&accepted.client_hello());
            let config = special.unwrap_or_else(|| choice.usual.clone());
            self.side = Side::Shaking(accepted.into_connection(config).map_err(with_alert)?);
        }
        Ok(())
    }

    fn finish(self) -> Result<Secured, Failed> {
        let Side::Shaking(connection) = self.side else { return Err(Failed::Gone) };
        let info = TlsInfo::of(&connection, connection.server_name());
        let alpn = Alpn::of(connection.alpn_protocol());
        let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
        Ok(Secured { stream: Rc::new(TlsStream::new(self.transport, connection)), info, alpn, resumed })
    }
}

fn or_pending<T>(result: Result<T, Failed>) -> Poll<Result<T, Failed>> {
    match result {
        Err(Failed::Refused(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

/// Remembers the first byte that comes.
struct Listening<'a, R> {
    from: R,
    heard: &'a mut Option<u8>,
}

impl<R: Read> Read for Listening<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buf)?;
        if n > 0 {
            self.heard.get_or_insert(buf[0]);
        }
        Ok(n)
    }
}
