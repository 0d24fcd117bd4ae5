//! Clients of HTTP/3: one that is well-behaved, and streams for those that are not.

#![allow(dead_code, reason = "each file of tests uses a part")]

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use h3::client::SendRequest;
use http::{HeaderMap, Request, Response};
use quinn::crypto::rustls::QuicClientConfig;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs `work` on a runtime of its own.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, work).await.expect("timed out") })
}

/// A UDP socket of a client that speaks HTTP/3 with `config`.
pub fn endpoint(config: rustls::ClientConfig) -> quinn::Endpoint {
    endpoint_with(config, quinn::TransportConfig::default())
}

pub fn endpoint_with(mut config: rustls::ClientConfig, transport: quinn::TransportConfig) -> quinn::Endpoint {
    config.alpn_protocols = vec![b"h3".to_vec()];
    let crypto = QuicClientConfig::try_from(config).unwrap();
    let mut client = quinn::ClientConfig::new(Arc::new(crypto));
    client.transport_config(Arc::new(transport));
    let mut endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    endpoint.set_default_client_config(client);
    endpoint
}

pub async fn connect(endpoint: &quinn::Endpoint, to: SocketAddr) -> quinn::Connection {
    endpoint.connect(to, "localhost").unwrap().await.unwrap()
}

type Sender = SendRequest<h3_quinn::OpenStreams, Bytes>;

/// A client of the `h3` crate.
pub struct Client {
    pub quic: quinn::Connection,
    pub sender: Sender,
    pub driver: tokio::task::JoinHandle<h3::error::ConnectionError>,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Reply {
    pub head: Response<()>,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn status(&self) -> u16 {
        self.head.status().as_u16()
    }
}

impl Client {
    pub async fn over(quic: quinn::Connection) -> Self {
        let (mut connection, sender) =
            h3::client::new(h3_quinn::Connection::new(quic.clone())).await.unwrap();
        let driver = tokio::spawn(async move { std::future::poll_fn(|cx| connection.poll_close(cx)).await });
        Self { quic, sender, driver }
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(Request::get(uri(path)).body(()).unwrap(), &[], None).await.unwrap()
    }

    pub async fn send(
        &mut self,
        request: Request<()>,
        pieces: &[&[u8]],
        trailers: Option<HeaderMap>,
    ) -> Result<Reply, h3::error::StreamError> {
        let mut stream = self.sender.send_request(request).await?;
        for piece in pieces {
            stream.send_data(Bytes::copy_from_slice(piece)).await?;
        }
        if let Some(trailers) = trailers {
            stream.send_trailers(trailers).await?;
        }
        stream.finish().await?;
        let head = stream.recv_response().await?;
        let mut body = Vec::new();
        while let Some(mut data) = stream.recv_data().await? {
            body.extend_from_slice(&data.copy_to_bytes(data.remaining()));
        }
        let trailers = stream.recv_trailers().await?;
        Ok(Reply { head, body, trailers })
    }
}

pub fn uri(path: &str) -> String {
    format!("https://localhost{path}")
}

/// Appends a varint.
pub fn varint(out: &mut Vec<u8>, value: u64) {
    match value {
        0..0x40 => out.push(value as u8),
        0x40..0x4000 => out.extend_from_slice(&(value as u16 | 0x4000).to_be_bytes()),
        _ => out.extend_from_slice(&(value as u32 | 0x8000_0000).to_be_bytes()),
    }
}

/// A frame.
pub fn frame(kind: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(&mut out, kind);
    varint(&mut out, bytes.len() as u64);
    out.extend_from_slice(bytes);
    out
}

/// A field section, nothing of it compressed.
pub fn section(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = vec![0, 0];
    for (name, value) in fields {
        integer(&mut out, 0x20, 3, name.len());
        out.extend_from_slice(name.as_bytes());
        integer(&mut out, 0, 7, value.len());
        out.extend_from_slice(value.as_bytes());
    }
    out
}

fn integer(out: &mut Vec<u8>, flags: u8, prefix: u32, value: usize) {
    let most = (1 << prefix) - 1;
    if value < most {
        return out.push(flags | value as u8);
    }
    out.push(flags | most as u8);
    let mut left = value - most;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

/// The head of a GET as a frame, and more fields.
pub fn get(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    request("GET", path, more)
}

pub fn request(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let own = [(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path)];
    frame(1, &section(&[&own[..], more].concat()))
}

/// Opens a control stream with settings, and what follows.
pub async fn control(connection: &quinn::Connection, more: &[u8]) -> quinn::SendStream {
    unidirectional(connection, 0, &[&frame(4, &[])[..], more].concat()).await
}

pub async fn unidirectional(connection: &quinn::Connection, kind: u64, bytes: &[u8]) -> quinn::SendStream {
    let mut stream = connection.open_uni().await.unwrap();
    let mut all = Vec::new();
    varint(&mut all, kind);
    all.extend_from_slice(bytes);
    stream.write_all(&all).await.unwrap();
    stream
}

/// Sends `bytes` as a request, with nothing behind them, and reads the answer. `Err` has the code of a reset.
pub async fn exchange(connection: &quinn::Connection, bytes: &[u8]) -> Result<Vec<u8>, u64> {
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    let _ = send.write_all(bytes).await;
    let _ = send.finish();
    match receive.read_to_end(1 << 20).await {
        Ok(bytes) => Ok(bytes),
        Err(quinn::ReadToEndError::Read(quinn::ReadError::Reset(code))) => Err(code.into_inner()),
        Err(error) => panic!("{error:?}"),
    }
}

/// The status of an answer: its head is the first frame, and the status its first field.
pub fn status(answer: &[u8]) -> u16 {
    assert_eq!(answer[0], 1, "{answer:x?}");
    let at = if answer[1] < 0x40 { 2 } else { 3 };
    match answer[at + 2] {
        0xd9 => 200,
        0x5f => std::str::from_utf8(&answer[at + 5..at + 8]).unwrap().parse().unwrap(),
        0xff => match answer[at + 3] {
            0 => 100,
            4 => 400,
            8 => 500,
            other => panic!("{other:x}"),
        },
        other => panic!("{other:x}"),
    }
}

/// The code that the peer closes the connection with.
pub async fn closed(connection: &quinn::Connection) -> u64 {
    match connection.closed().await {
        quinn::ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
        other => panic!("{other:?}"),
    }
}
