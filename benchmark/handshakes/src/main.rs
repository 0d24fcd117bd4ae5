//! `benchmark-handshakes PORT CLIENTS MILLISECONDS`: CLIENTS at a time, on one thread, shake hands in full (TLS 1.3, X25519,
//! TLS_AES_256_GCM_SHA384, no resumption), say goodbye and wait for that of the server; then each comes back as another
//! one. Prints one line of JSON.

mod stranger;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind};

/// When nothing happens for so long, something is lost.
const PATIENCE: Duration = Duration::from_secs(5);

struct Client {
    stream: TcpStream,
    tls: ClientConnection,
    has_said_goodbye: bool,
    begun: Instant,
}

/// What a connection that is being made says to whoever writes or reads too early.
fn is_not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}

impl Client {
    fn new(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let name = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
        let tls = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
        Ok(Self { stream: TcpStream::connect(address)?, tls, has_said_goodbye: false, begun: Instant::now() })
    }

    /// Goes on as far as it can: whether it is over.
    fn go_on(&mut self) -> io::Result<bool> {
        loop {
            while self.tls.wants_write() {
                match self.tls.write_tls(&mut self.stream) {
                    Ok(_) => {}
                    Err(error) if is_not_yet(&error) => return Ok(false),
                    Err(error) => return Err(error),
                }
            }
            if !self.tls.is_handshaking() && !self.has_said_goodbye {
                // The server reads it behind our Finished: it answers when the handshake is over for it as well.
                self.tls.send_close_notify();
                self.has_said_goodbye = true;
                continue;
            }
            match self.tls.read_tls(&mut self.stream) {
                Ok(0) => return self.ended(),
                Ok(_) => {
                    let state = self.tls.process_new_packets().map_err(io::Error::other)?;
                    if state.peer_has_closed() {
                        return self.ended();
                    }
                }
                Err(error) if is_not_yet(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    fn ended(&self) -> io::Result<bool> {
        match self.tls.handshake_kind() {
            Some(HandshakeKind::Full) if self.has_said_goodbye => Ok(true),
            kind => Err(io::Error::other(format!("the server closed a connection; handshake: {kind:?}"))),
        }
    }
}

/// Nanoseconds of CPU time of this process, which has one thread.
fn cpu() -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    text.split(' ').next().and_then(|first| first.parse().ok()).ok_or_else(|| io::Error::other("no CPU time"))
}

fn shake(port: u16, count: usize, duration: Duration) -> io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let config = Arc::new(stranger::config());
    let mut poll = Poll::new()?;
    let start = |poll: &Poll, index: usize| -> io::Result<Client> {
        let mut client = Client::new(address, &config)?;
        poll.registry().register(&mut client.stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        Ok(client)
    };
    let (begin, before) = (Instant::now(), cpu()?);
    let mut clients = (0..count).map(|index| start(&poll, index)).collect::<io::Result<Vec<_>>>()?;
    let mut events = Events::with_capacity(1024);
    let mut took = Vec::new();
    while begin.elapsed() < duration {
        poll.poll(&mut events, Some(PATIENCE))?;
        if events.is_empty() {
            return Err(io::Error::other("nothing happened for 5 s"));
        }
        for event in &events {
            let index = event.token().0;
            let client = &mut clients[index];
            if client.go_on()? {
                took.push(client.begun.elapsed().as_nanos() as u64);
                *client = start(&poll, index)?;
            }
        }
    }
    let (elapsed, spent) = (begin.elapsed().as_micros(), (cpu()? - before) / 1000);
    took.sort_unstable();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).map_or(0.0, |&n| n as f64 / 1e6);
    let (handshakes, p50, p99) = (took.len(), at(0.5), at(0.99));
    Ok(format!(
        "{{\"handshakes\":{handshakes},\"microseconds\":{elapsed},\"cpu\":{spent},\"p50\":{p50},\"p99\":{p99}}}"
    ))
}

fn main() {
    let args: Vec<u64> = std::env::args().skip(1).map(|arg| arg.parse().expect("a number")).collect();
    let [port, count, milliseconds] = args[..] else { panic!("PORT CLIENTS MILLISECONDS") };
    match shake(port as u16, count as usize, Duration::from_millis(milliseconds)) {
        Ok(line) => println!("@@{line}"),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}
