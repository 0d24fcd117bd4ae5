//! One UDP address: which connection a datagram is for, and whether a new one may begin.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::BytesMut;
use quinn_proto::{ConnectionHandle, DatagramEvent, Incoming, ServerConfig, Transmit};

use super::connection::Connection;
use super::session::Crypto;
use super::settings::{self, Terms};
use super::socket::{self, Socket};
use crate::io_loop::LoopHandle;

/// Batches of datagrams that one poll takes before others have their turn.
const ROUNDS: usize = 16;

/// Whether a connection may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Accept,
    /// Once the peer has shown that it receives what is sent to its address (RFC 9000 section 8.1.2).
    Prove,
    /// It may not, and is told.
    Refuse,
}

/// Who decides about new connections.
pub trait Door {
    /// Somebody at `peer` knocks; `proven` when it is certain that it is there.
    fn knock(&self, peer: SocketAddr, proven: bool) -> Decision;
    /// A connection that was accepted begins its handshake.
    fn enter(&self, connection: Rc<Connection>, proven: bool);
    /// What handshakes are made with from now on.
    fn tls(&self) -> Arc<rustls::ServerConfig>;
}

/// See the module.
pub struct Endpoint {
    shared: Rc<Shared>,
}

/// What an endpoint and its connections share.
pub(super) struct Shared {
    proto: RefCell<quinn_proto::Endpoint>,
    pub socket: Socket,
    connections: RefCell<Vec<Option<Rc<Connection>>>>,
    open: Cell<usize>,
    /// Connections that wait for room in the socket.
    blocked: RefCell<Vec<Waker>>,
    /// The task that polls the endpoint.
    driver: RefCell<Waker>,
    pub io_loop: LoopHandle,
    base: ServerConfig,
    /// What the last connection began with, and the certificates that it is made of.
    current: RefCell<(Arc<rustls::ServerConfig>, Arc<ServerConfig>)>,
}

impl Endpoint {
    /// An endpoint on `socket`, with connections on `terms`.
    ///
    /// # Errors
    /// When descriptors are exhausted, or `tls` is none that QUIC can use.
    pub fn new(
        socket: UdpSocket,
        io_loop: &LoopHandle,
        terms: &Terms,
        tls: Arc<rustls::ServerConfig>,
    ) -> io::Result<Self> {
        let socket = Socket::register(socket, io_loop)?;
        let crypto = Crypto::new(tls.clone()).map_err(io::Error::other)?;
        let base = settings::server(Arc::new(crypto), terms);
        let server = Arc::new(base.clone());
        let allow_mtud = !socket.may_fragment();
        let proto = quinn_proto::Endpoint::new(
            Arc::new(settings::endpoint()),
            Some(server.clone()),
            allow_mtud,
            None,
        );
        let shared = Shared {
            proto: RefCell::new(proto),
            socket,
            connections: RefCell::default(),
            open: Cell::new(0),
            blocked: RefCell::default(),
            driver: RefCell::new(Waker::noop().clone()),
            io_loop: io_loop.clone(),
            base,
            current: RefCell::new((tls, server)),
        };
        Ok(Self { shared: Rc::new(shared) })
    }

    /// Connections that are not over.
    pub fn open(&self) -> usize {
        self.shared.open.get()
    }

    /// Takes in what has arrived. Never ready but for an error, after which nothing can arrive.
    pub fn poll(&self, cx: &mut Context<'_>, door: &impl Door) -> Poll<io::Error> {
        self.shared.driver.borrow_mut().clone_from(cx.waker());
        self.shared.wake_blocked(cx);
        for _ in 0..ROUNDS {
            let now = Instant::now();
            let received = self.shared.socket.poll_receive(cx, |meta, bytes| {
                for datagram in bytes.chunks(meta.stride.max(1)) {
                    self.take(now, meta, datagram, door);
                }
            });
            match received {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => {}
                // What a network says of a datagram that was sent; anybody could have said it.
                Poll::Ready(Err(error)) if is_of_network(&error) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(error),
            }
            if self.shared.io_loop.turn_is_over() {
                break;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn take(&self, now: Instant, meta: &quinn_udp::RecvMeta, datagram: &[u8], door: &impl Door) {
        let mut answer = Vec::new();
        let event = self.shared.proto.borrow_mut().handle(
            now,
            meta.addr,
            meta.dst_ip,
            socket::ecn(meta),
            BytesMut::from(datagram),
            &mut answer,
        );
        match event {
            None => {}
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                if let Some(connection) = self.shared.connection(handle) {
                    connection.take(event);
                }
            }
            Some(DatagramEvent::Response(transmit)) => self.shared.answer(&transmit, &answer),
            Some(DatagramEvent::NewConnection(incoming)) => self.decide(now, incoming, door),
        }
    }

    fn decide(&self, now: Instant, incoming: Incoming, door: &impl Door) {
        let mut answer = Vec::new();
        let proven = incoming.remote_address_validated();
        let decision = door.knock(incoming.remote_address(), proven);
        let mut proto = self.shared.proto.borrow_mut();
        let transmit = match decision {
            Decision::Prove if incoming.may_retry() => proto.retry(incoming, &mut answer).ok(),
            Decision::Prove | Decision::Refuse => Some(proto.refuse(incoming, &mut answer)),
            Decision::Accept => {
                let server = self.shared.server(door.tls());
                match proto.accept(incoming, now, &mut answer, Some(server)) {
                    Ok((handle, state)) => {
                        drop(proto);
                        door.enter(self.shared.begin(handle, state), proven);
                        return;
                    }
                    Err(error) => error.response,
                }
            }
        };
        drop(proto);
        if let Some(transmit) = transmit {
            self.shared.answer(&transmit, &answer);
        }
    }
}

impl Shared {
    /// Hands what a connection says to the endpoint, and back what that answers.
    pub fn tell(
        &self,
        handle: ConnectionHandle,
        event: quinn_proto::EndpointEvent,
    ) -> Option<quinn_proto::ConnectionEvent> {
        let is_over = event.is_drained();
        let answer = self.proto.borrow_mut().handle_event(handle, event);
        if is_over {
            let connection = self.connections.borrow_mut().get_mut(handle.0).and_then(Option::take);
            self.open.set(self.open.get() - usize::from(connection.is_some()));
            // Whoever waits for the last one.
            self.driver.borrow().wake_by_ref();
        }
        answer
    }

    /// Sends what a connection has to say. False when `waker` will be told to try again.
    pub fn send(&self, transmit: &Transmit, bytes: &[u8], waker: &Waker) -> bool {
        let driver = self.driver.borrow();
        let sent = self.socket.send(transmit, bytes, &Context::from_waker(&driver));
        if !sent {
            self.blocked.borrow_mut().push(waker.clone());
            driver.wake_by_ref();
        }
        sent
    }

    /// Sends what nobody would send again: the peer asks again when it is lost.
    fn answer(&self, transmit: &Transmit, bytes: &[u8]) {
        let driver = self.driver.borrow();
        self.socket.send(transmit, bytes, &Context::from_waker(&driver));
    }

    fn wake_blocked(&self, cx: &Context<'_>) {
        if !self.blocked.borrow().is_empty() && self.socket.poll_room(cx).is_ready() {
            self.blocked.take().iter().for_each(Waker::wake_by_ref);
        }
    }

    fn connection(&self, handle: ConnectionHandle) -> Option<Rc<Connection>> {
        self.connections.borrow().get(handle.0).cloned().flatten()
    }

    fn begin(self: &Rc<Self>, handle: ConnectionHandle, state: quinn_proto::Connection) -> Rc<Connection> {
        let connection = Connection::new(self.clone(), handle, state);
        let mut connections = self.connections.borrow_mut();
        if connections.len() <= handle.0 {
            connections.resize(handle.0 + 1, None);
        }
        connections[handle.0] = Some(connection.clone());
        self.open.set(self.open.get() + 1);
        drop(connections);
        self.io_loop.spawn(connection.clone().drive());
        connection
    }

    /// What a connection with `tls` begins with. Tokens are those of the endpoint, whatever the certificates are.
    fn server(&self, tls: Arc<rustls::ServerConfig>) -> Arc<ServerConfig> {
        let mut current = self.current.borrow_mut();
        if !Arc::ptr_eq(&current.0, &tls)
            && let Ok(crypto) = Crypto::new(tls.clone())
        {
            let mut server = self.base.clone();
            server.crypto = Arc::new(crypto);
            *current = (tls, Arc::new(server));
        }
        current.1.clone()
    }
}

fn is_of_network(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable,
    };
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | HostUnreachable | Interrupted | NetworkUnreachable
    )
}
