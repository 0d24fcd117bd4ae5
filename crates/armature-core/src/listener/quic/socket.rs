//! A UDP socket: datagrams in batches, with what the system can do in one call (GSO, GRO, ECN, source addresses).

use std::cell::RefCell;
use std::io::{self, IoSliceMut};
use std::net::UdpSocket;
use std::task::{Context, Poll, ready};

use mio::Interest;
use quinn_proto::EcnCodepoint;
use quinn_udp::{RecvMeta, UdpSocketState};

use crate::io_loop::{Io, LoopHandle};

/// Buffers that one call fills. Each takes what the system has put together of one sender.
const BATCH: usize = 8;
/// The largest that it puts together.
const BUFFER: usize = 64 * 1024;
/// What the system keeps for a loop that is busy, as far as it lets anybody have.
const KERNEL_BUFFER: usize = 2 * 1024 * 1024;
/// Datagrams that one call sends.
const SEGMENTS: usize = 10;

/// See the module.
pub(super) struct Socket {
    io: Io<mio::net::UdpSocket>,
    state: UdpSocketState,
    buffers: RefCell<Vec<Vec<u8>>>,
}

impl Socket {
    /// Registers `socket` with `io_loop`.
    ///
    /// # Errors
    /// When descriptors are exhausted, or the system refuses an option that is needed.
    pub fn register(socket: UdpSocket, io_loop: &LoopHandle) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let state = UdpSocketState::new((&socket).into())?;
        // A system that gives less loses more datagrams under load, and serves all the same.
        let _ = state.set_recv_buffer_size((&socket).into(), KERNEL_BUFFER);
        let _ = state.set_send_buffer_size((&socket).into(), KERNEL_BUFFER);
        let socket = mio::net::UdpSocket::from_std(socket);
        let io = Io::new(socket, Interest::READABLE | Interest::WRITABLE, io_loop.reactor().clone())?;
        Ok(Self { io, state, buffers: RefCell::new(vec![vec![0; BUFFER]; BATCH]) })
    }

    /// Datagrams that one [`Socket::send`] may have.
    pub fn segments(&self) -> usize {
        self.state.max_gso_segments().clamp(1, SEGMENTS)
    }

    /// Whether the path may cut datagrams, so that nobody can learn how long they may be.
    pub fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }

    /// Hands what has arrived to `each`: its sender and more, and its bytes, which are several datagrams of `stride` bytes.
    pub fn poll_receive(
        &self,
        cx: &Context<'_>,
        mut each: impl FnMut(&RecvMeta, &[u8]),
    ) -> Poll<io::Result<()>> {
        ready!(self.io.poll_read_ready(cx));
        let mut buffers = self.buffers.borrow_mut();
        let mut metas = [RecvMeta::default(); BATCH];
        let socket = self.io.source();
        let received = {
            let mut buffers = buffers.iter_mut();
            let mut slices: [IoSliceMut<'_>; BATCH] = std::array::from_fn(|_| {
                IoSliceMut::new(buffers.next().map_or(&mut [][..], Vec::as_mut_slice))
            });
            socket.try_io(|| self.state.recv(socket.into(), &mut slices, &mut metas))
        };
        match received {
            Ok(count) => {
                for (meta, buffer) in metas.iter().zip(buffers.iter()).take(count) {
                    each(meta, &buffer[..meta.len]);
                }
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.io.wait_readable(cx);
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Sends datagrams. False when there is no room; `cx` is for whoever is told when there is again. What cannot be sent for another
    /// reason is lost, as anything may be.
    pub fn send(&self, transmit: &quinn_proto::Transmit, bytes: &[u8], cx: &Context<'_>) -> bool {
        let transmit = quinn_udp::Transmit {
            destination: transmit.destination,
            ecn: transmit.ecn.and_then(|ecn| quinn_udp::EcnCodepoint::from_bits(ecn as u8)),
            contents: &bytes[..transmit.size],
            segment_size: transmit.segment_size,
            src_ip: transmit.src_ip,
        };
        let socket = self.io.source();
        match socket.try_io(|| self.state.send(socket.into(), &transmit)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.io.wait_writable(cx);
                false
            }
            _ => true,
        }
    }

    /// Whether there may be room again.
    pub fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        self.io.poll_write_ready(cx)
    }
}

/// What the network said of congestion on the way.
pub(super) fn ecn(meta: &RecvMeta) -> Option<EcnCodepoint> {
    meta.ecn.and_then(|ecn| EcnCodepoint::from_bits(ecn as u8))
}
